import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openEngine, type Engine } from '@castellan/engine'
import { backup, openLive, openSqliteReader, openSqliteStore, type SqliteReader } from '@castellan/store'
import { codeOf } from '../exit.ts'
import type { Io } from '../io.ts'
import type { Ground, GroundDatabase } from './direct.ts'

/**
 * A database as it is now, without keeping others from writing it: what only reads needs no lock.
 *
 * @throws {StoreError} STORE_MISSING, STORE_CORRUPT, STORE_NEWER
 */
export function openSnapshot(io: Io, path: string, place: string): Ground {
  // Closed once it is loaded: while a reader is open, what others write piles up in the log.
  const engine = reading(path, (reader) => engineOf(reader, io))
  return { place, engine, database: databaseOf(path), close: () => undefined }
}

/**
 * A database to change.
 *
 * @throws {StoreError} STORE_LOCKED, naming the process that writes it
 */
export async function openWritable(
  io: Io,
  path: string,
  place: string,
  { create }: { readonly create: boolean },
): Promise<Ground> {
  const live = openLive({ store: await openSqliteStore({ path, create }), now: io.now })
  return {
    place,
    engine: live.engine,
    change: (changes, options) => live.change(changes, options),
    database: {
      ...databaseOf(path),
      async createToken(wish, options) {
        const { issueToken, openSqliteTokenSecrets } = await import('@castellan/server')
        const tokens = openSqliteTokenSecrets({ path: join(dirname(path), TOKENS_FILE) })
        try {
          return await issueToken({ live, tokens }, wish, options)
        } finally {
          tokens.close()
        }
      },
    },
    scratch: () => reading(path, (reader) => engineOf(reader, io)),
    close: () => live.close(),
  }
}

/**
 * The process that writes a database, if any. Looked up, not tried: trying would wait a quarter of a second for a
 * lock that a server never gives up.
 */
export function findWriter(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(`${path}-pid`, 'utf8'), 10)
    process.kill(pid, 0)
    return pid
  } catch (error) {
    // Someone else's process cannot be signalled, and is there.
    return codeOf(error) === 'EPERM' ? -1 : undefined
  }
}

function engineOf(reader: SqliteReader, io: Io): Engine {
  return openEngine({
    facts: reader.load(),
    verified: true,
    retired: reader.loadRetired(),
    revision: reader.revision,
    now: io.now,
  })
}

function databaseOf(path: string): GroundDatabase {
  return {
    path,
    *facts() {
      const reader = openSqliteReader({ path })
      try {
        yield* reader.load()
      } finally {
        reader.close()
      }
    },
    *journal(from, to) {
      const reader = openSqliteReader({ path })
      try {
        yield* reader.journal(from, Math.min(to ?? reader.revision, reader.revision))
      } finally {
        reader.close()
      }
    },
    verify: (head) => reading(path, (reader) => reader.verify({ head })),
    backup: (file) => backup(path, file, { overwrite: true }),
    fresh: (from) =>
      reading(path, (reader) => [...reader.journal(from, Math.min(reader.revision, from + FRESH_ENTRIES))]),
  }
}

/** Reads a database as it is at this moment, and lets go of it. */
function reading<Result>(path: string, read: (reader: SqliteReader) => Result): Result {
  const reader = openSqliteReader({ path })
  try {
    return read(reader)
  } finally {
    reader.close()
  }
}

/** Where the server looks for the hashes of secrets: beside the database. */
const TOKENS_FILE = 'tokens.db'

/** Entries read at a time by who watches: an import writes ten thousand facts in each. */
const FRESH_ENTRIES = 64
