import { chmodSync, closeSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StoreError } from '@castellan/engine'
import { corruptError, journalBrokenError } from '../errors.ts'
import type { JournalPosition } from '../journal.ts'
import { Database } from './database.ts'
import { acquireLock } from './lock.ts'
import { resolveFile, syncFolder } from './paths.ts'
import { openSqliteReader, type SqliteReader } from './reader.ts'
import { remove } from './store.ts'

export interface BackupOptions {
  /** Replace what is at the target. Default false. */
  readonly overwrite?: boolean
}

export interface RestoreOptions extends BackupOptions {
  /** The head that the backup was made with, when it was kept: then a backup that was rewritten is found. */
  readonly head?: string
}

/**
 * Copies a database as it is at this moment, while its writer goes on, in this process or another. The target is
 * whole or not there: keep what is returned elsewhere, and no later change of the copy goes unseen.
 *
 * @param source - an open store, or the path of a database
 * @returns the copy's last revision and the hash of that entry
 * @throws {StoreError} also when something is at the target and `overwrite` was not asked
 */
export async function backup(
  source: string | { readonly path: string },
  target: string,
  { overwrite = false }: BackupOptions = {},
): Promise<JournalPosition> {
  const file = resolveFile(target)
  const reader = openSqliteReader({ path: typeof source === 'string' ? source : source.path })
  try {
    if (reader.path === file) throw sameError(file)
    if (!existsSync(file)) await copy(reader, file)
    else if (overwrite) await copyOver(reader, file)
    else throw existsError(file)
    return { revision: reader.revision, head: reader.head }
  } finally {
    reader.close()
  }
}

/**
 * Puts a backup in the place of a database, after verifying all of it: the file, the chain of the journal, and that
 * the facts are those the journal leads to.
 *
 * @returns the last revision and the hash of that entry
 * @throws {StoreError} JOURNAL_BROKEN or STORE_CORRUPT when the backup is not whole, STORE_LOCKED while a writer has the
 *   target; then the target is as it was
 */
export async function restore(
  source: string,
  target: string,
  { overwrite = false, head }: RestoreOptions = {},
): Promise<JournalPosition> {
  const file = resolveFile(target)
  const reader = openSqliteReader({ path: source })
  try {
    if (reader.path === file) throw sameError(file)
    if (existsSync(file) && !overwrite) throw existsError(file)
    const found = reader.verify({ head })
    if (!found.ok) {
      const message = `\`${source}\` is not whole: ${found.message}`
      throw found.problem === 'file' ? corruptError(message) : journalBrokenError(message)
    }
    await copyOver(reader, file)
    return { revision: found.revision, head: found.head }
  } finally {
    reader.close()
  }
}

async function copyOver(reader: SqliteReader, file: string): Promise<void> {
  const lock = acquireLock(file)
  try {
    if (existsSync(file)) settle(file)
    await copy(reader, file)
  } finally {
    lock.release()
  }
}

const PRIVATE = 0o600

/** Copies aside and moves the whole copy into place. */
async function copy(reader: SqliteReader, file: string): Promise<void> {
  const draft = `${file}-${process.pid}-new`
  remove(draft)
  try {
    // Made first, so that at no moment anyone can read it who could not read what it replaces: nobody but its owner.
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? PRIVATE
    closeSync(openSync(draft, 'wx', PRIVATE))
    await reader.copyTo(draft)
    await finish(draft)
    chmodSync(draft, mode & 0o777)
    renameSync(draft, file)
  } catch (error) {
    remove(draft)
    throw error
  }
  syncFolder(dirname(file))
}

/** Makes the copy one plain file that can be read from anywhere, and sees it on the disk. */
async function finish(draft: string): Promise<void> {
  const database = new Database(draft)
  try {
    database.exec('PRAGMA journal_mode = DELETE')
  } finally {
    database.close()
  }
  const handle = await open(draft, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Moves what is in the write-ahead log of a database into the database: after that, the log can be taken away at any
 * moment, and what stands there is either the old database, whole, or the new one. A log left beside a new database
 * would be applied to it.
 */
function settle(file: string): void {
  try {
    const database = new Database(file)
    try {
      const isBusy = database.read('PRAGMA wal_checkpoint(TRUNCATE)') !== 0
      if (isBusy)
        throw new StoreError(
          'STORE_LOCKED',
          `\`${file}\` is being read by another process`,
          'try again when it is done',
        )
    } finally {
      database.close()
    }
  } catch (error) {
    // What cannot be read any more has nothing to lose.
    if (!(error instanceof StoreError) || error.code !== 'STORE_CORRUPT') throw error
  }
  for (const end of ['-journal', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
}

function sameError(file: string): StoreError {
  return new StoreError('STORE_FAILED', `\`${file}\` cannot be copied over itself`, 'name another file')
}

function existsError(file: string): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `\`${file}\` exists already`,
    'name another file, or ask for it to be overwritten',
  )
}
