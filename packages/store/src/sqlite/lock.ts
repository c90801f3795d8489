import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { StoreError } from '@castellan/engine'
import { Database } from './database.ts'

export interface Lock {
  release(): void
}

/** How long a second writer waits for the first to leave, in milliseconds: a restart overlaps a little. */
const WAIT_MS = 250

/**
 * Makes this the only writer of a database until it is released or the process ends, however it ends.
 *
 * The lock is one of SQLite's, held on an empty file beside the database. The kernel drops it with the process, so
 * it is never stale; and the database itself stays free to be read and copied by others. Who holds it stands in
 * another file, because a locked one cannot be read everywhere.
 *
 * @param file - the resolved path of the database
 * @throws {StoreError} STORE_LOCKED, naming the process that writes
 */
export function acquireLock(file: string): Lock {
  const holderFile = `${file}-pid`
  const database = openLockFile(`${file}-lock`)
  try {
    // Nothing is ever written in it, so no journal of its own is needed, on the disk or off it.
    database.exec('PRAGMA journal_mode = MEMORY')
    database.exec('BEGIN IMMEDIATE')
  } catch (error) {
    database.close()
    if (!(error instanceof StoreError) || error.code !== 'STORE_LOCKED') throw error
    throw lockedError(file, readHolder(holderFile))
  }
  // It only names the writer to others: where it cannot be written, as on a full disk, the store does without.
  attempt(() => writeFileSync(holderFile, `${process.pid}\n`))
  return {
    release() {
      attempt(() => rmSync(holderFile, { force: true }))
      database.close()
    },
  }
}

function attempt(work: () => void): void {
  try {
    work()
  } catch {
    // Nothing depends on it.
  }
}

function openLockFile(path: string): Database {
  try {
    return new Database(path, { timeoutMs: WAIT_MS })
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'STORE_MISSING') throw error
    throw new StoreError(
      'STORE_READ_ONLY',
      `\`${path}\` cannot be made`,
      'allow this user to write the folder',
      error,
    )
  }
}

/** The holder's process id; undefined in the moment between its taking the lock and saying so. */
function readHolder(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function lockedError(file: string, pid: number | undefined): StoreError {
  const who =
    pid === undefined ? 'another process' : pid === process.pid ? `this process, ${pid}` : `process ${pid}`
  return new StoreError(
    'STORE_LOCKED',
    `\`${file}\` is being written by ${who}`,
    'stop it, or ask it instead: one database has one writer',
  )
}
