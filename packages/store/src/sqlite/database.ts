import { existsSync, statSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { StoreError } from '@castellan/engine'
import { corruptError } from '../errors.ts'

/** What SQLite keeps in a cell of ours. */
export type Value = null | number | string
export type Row = readonly Value[]

/** A prepared statement; rows are arrays, which are read in half the time of objects. */
export interface Statement {
  /** Whether it answers with rows. */
  readonly isReader: boolean
  run(...values: readonly Value[]): void
  get(...values: readonly Value[]): Row | undefined
  all(...values: readonly Value[]): Row[]
  /** Holds a read transaction until it ends or is left: never hand it out. */
  iterate(...values: readonly Value[]): Iterable<Row>
}

export interface DatabaseOptions {
  readonly readOnly?: boolean
  /** How long to wait for another process's lock, in milliseconds. */
  readonly timeoutMs?: number
}

/** One connection. This file is the only one that knows `node:sqlite`, so that another driver can take its place. */
export class Database {
  readonly path: string
  readonly #connection: DatabaseSync

  /** @throws {StoreError} also from every other method, with a code that says what is wrong */
  constructor(path: string, { readOnly = false, timeoutMs = 5000 }: DatabaseOptions = {}) {
    this.path = path
    this.#connection = this.guard(() => connect(path, { readOnly, timeout: timeoutMs }))
  }

  get isTransaction(): boolean {
    return this.#connection.isOpen && this.#connection.isTransaction
  }

  exec(sql: string): void {
    this.guard(() => this.#connection.exec(sql))
  }

  /** The statement throws SQLite's own errors: whoever runs it does so within `guard`. */
  prepare(sql: string): Statement {
    const statement = this.guard(() => this.#connection.prepare(sql))
    statement.setReturnArrays(true)
    return Object.assign(statement as unknown as Statement, { isReader: statement.columns().length > 0 })
  }

  /** The first cell of the first row. */
  read(sql: string, ...values: readonly Value[]): Value | undefined {
    return this.guard(() => this.prepare(sql).get(...values)?.[0])
  }

  /** Runs `work`; what SQLite throws in it comes out as a StoreError. */
  guard<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw this.explain(error)
    }
  }

  /** What an error means for the store; anything that is not SQLite's is handed back as it is. */
  explain(error: unknown): unknown {
    return isSqliteError(error) ? toStoreError(error, this.path) : error
  }

  /** Copies the whole database to a new file, in another thread. */
  async copyTo(target: string): Promise<void> {
    try {
      await backup(this.#connection, target, { rate: 1000 })
    } catch (error) {
      throw isSqliteError(error) ? toStoreError(error, target) : error
    }
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close()
  }
}

function connect(path: string, options: { readOnly: boolean; timeout: number }): DatabaseSync {
  const connection = new DatabaseSync(path, options)
  if (!options.readOnly) return connection
  try {
    connection.exec('PRAGMA user_version')
    return connection
  } catch (error) {
    connection.close()
    if (!isSqliteError(error) || !isFolderClosed(error) || !existsSync(path) || hasLog(path)) throw error
    // SQLite wants to make its side files even to read; where nobody may make any, nobody is writing either.
    return new DatabaseSync(new URL(`${pathToFileURL(path).href}?immutable=1`), options)
  }
}

function isFolderClosed(error: SqliteError): boolean {
  return (
    primary(error) === CANTOPEN || error.errcode === READONLY_DIRECTORY || error.errcode === READONLY_CANTINIT
  )
}

/** Whether there is a write-ahead log with anything in it. */
export function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0
}

interface SqliteError extends Error {
  /** SQLite's extended result code. */
  readonly errcode: number
  readonly errstr: string
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}

function primary(error: SqliteError): number {
  return error.errcode & 0xff
}

const GENERAL = 1
const PERM = 3
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26
const READONLY_CANTINIT = 1288
const READONLY_DIRECTORY = 1544
const IOERR_SHORT_READ = 522
const IOERR_SHMSIZE = 4874
const IOERR_CORRUPTFS = 8458

/** @see https://sqlite.org/rescode.html */
function toStoreError(error: SqliteError, path: string): StoreError {
  const file = `\`${path}\``
  switch (error.errcode) {
    case IOERR_SHORT_READ:
    case IOERR_CORRUPTFS:
      return corruptError(`${file} is damaged: ${error.message}`, error)
    case IOERR_SHMSIZE:
      return fullError(file, error)
  }
  switch (primary(error)) {
    case BUSY:
    case LOCKED:
      return new StoreError(
        'STORE_LOCKED',
        `${file} is in use by another process`,
        'try again when it is done',
        error,
      )
    case FULL:
      return fullError(file, error)
    case PERM:
    case READONLY:
      return new StoreError(
        'STORE_READ_ONLY',
        `${file} cannot be written`,
        'allow this user to write the file and its folder',
        error,
      )
    case CORRUPT:
    case NOTADB:
      return corruptError(`${file} is damaged or no database: ${error.message}`, error)
    case GENERAL:
      // Our statements are right; so a table or a column is not there.
      return corruptError(`${file} lacks what a castellan database has: ${error.message}`, error)
    case CANTOPEN:
      return existsSync(path)
        ? new StoreError(
            'STORE_READ_ONLY',
            `${file} cannot be opened`,
            'allow this user to read and write the file and its folder',
            error,
          )
        : missingError(path, error)
    default:
      return new StoreError(
        'STORE_FAILED',
        `${file}: ${error.message}`,
        'look at the disk and the log of the system',
        error,
      )
  }
}

function fullError(file: string, cause: unknown): StoreError {
  return new StoreError(
    'STORE_FULL',
    `there is no room to write ${file}: nothing of the change was kept`,
    'free some space, then try again',
    cause,
  )
}

export function missingError(path: string, cause?: unknown): StoreError {
  return new StoreError(
    'STORE_MISSING',
    `\`${path}\` does not exist`,
    'correct the path, or make the store first',
    cause,
  )
}
