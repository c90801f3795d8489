import { existsSync, readFileSync } from 'node:fs'
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
  const reader = openSqliteReader({ path })
  try {
    return {
      place,
      engine: engineOf(reader, io),
      database: databaseOf(path, reader),
      close: () => reader.close(),
    }
  } catch (error) {
    reader.close()
    throw error
  }
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
      ...databaseOf(path, undefined),
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
    scratch() {
      const reader = openSqliteReader({ path })
      try {
        return engineOf(reader, io)
      } finally {
        reader.close()
      }
    },
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

function databaseOf(path: string, snapshot: SqliteReader | undefined): GroundDatabase {
  return {
    path,
    *journal(from, to) {
      const reader = snapshot ?? openSqliteReader({ path })
      try {
        yield* reader.journal(from, to === undefined ? reader.revision : Math.min(to, reader.revision))
      } finally {
        if (reader !== snapshot) reader.close()
      }
    },
    verify(head) {
      const reader = openSqliteReader({ path })
      try {
        return reader.verify({ head })
      } finally {
        reader.close()
      }
    },
    backup: (file) => backup(path, file, { overwrite: true }),
    fresh(from) {
      if (!existsSync(path)) return []
      const reader = openSqliteReader({ path })
      try {
        return [...reader.journal(from, Math.min(reader.revision, from + FRESH_ENTRIES))]
      } finally {
        reader.close()
      }
    },
  }
}

/** Where the server looks for the hashes of secrets: beside the database. */
const TOKENS_FILE = 'tokens.db'

/** Entries read at a time by who watches: an import writes ten thousand facts in each. */
const FRESH_ENTRIES = 64
