import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  invariant,
  StoreError,
  type Commit,
  type CommitDone,
  type Fact,
  type FactKey,
  type FactKind,
  type JournalEntry,
  type KeyParts,
  type Receipt,
  type Store,
  type StoreSize,
  type Stretch,
} from '@castellan/engine'
import { closedError, corruptError } from '../errors.ts'
import { chainCommits, type JournalPosition } from '../journal.ts'
import { Aside } from './aside.ts'
import { Database, hasLog, missingError, type Statement } from './database.ts'
import { checkHeader, READABLE_VERSION, SCHEMA_VERSION } from './header.ts'
import { acquireLock, type Lock } from './lock.ts'
import { resolveFile, syncFolder } from './paths.ts'
import { Reading, withoutCommits } from './reading.ts'
import { STATEMENTS } from './statements.ts'
import { rowsOf, Writing, type Rows } from './writing.ts'

export interface SqliteStoreOptions {
  /** The database file. Its folder must exist. */
  readonly path: string
  /** Make the database when there is none. Default true. */
  readonly create?: boolean
}

/** A store in one SQLite file, with one writer. */
export interface SqliteStore extends Store {
  /** The file, resolved. */
  readonly path: string
}

/**
 * Opens a database for writing, and makes it when there is none. A database that is refused is left exactly as it is.
 *
 * @throws {StoreError} STORE_LOCKED when another writes it, STORE_MISSING, STORE_READ_ONLY, STORE_FULL,
 *   STORE_CORRUPT, STORE_NEWER, JOURNAL_BROKEN
 */
export function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  return openWith(options, (path) => new Aside(path))
}

/** @param makeAside - the thread of its own; tests give one that fails */
export async function openWith(
  { path, create = true }: SqliteStoreOptions,
  makeAside: (path: string) => Aside,
): Promise<SqliteStore> {
  const file = resolveFile(path)
  if (!create && !existsSync(file)) throw missingError(file)
  const lock = acquireLock(file)
  try {
    if (existsSync(file)) inspect(file)
    else await make(file)
    return await openLocked(file, lock, makeAside(file))
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Looks at a database through a connection that cannot change it, not even by tidying up after a crash. */
function inspect(file: string): void {
  if (statSync(file).size === 0) {
    throw corruptError(`\`${file}\` is empty: castellan never leaves a database so`)
  }
  const database = new Database(file, { readOnly: true })
  try {
    if (checkHeader(database) >= READABLE_VERSION) new Reading(database).checkedLast()
  } finally {
    database.close()
  }
}

/** Makes an empty database aside and moves it into place, so that there is never half a one. */
async function make(file: string): Promise<void> {
  if (hasLog(file)) {
    throw new StoreError(
      'STORE_CORRUPT',
      `\`${file}\` is gone, but its write-ahead log \`${file}-wal\` is there`,
      'put the database back beside it, or delete the log to begin anew',
    )
  }
  const { migrate } = await import('./schema.ts')
  const draft = `${file}-new`
  remove(draft)
  const database = new Database(draft)
  try {
    database.exec('PRAGMA synchronous = FULL')
    await migrate(database, 0)
  } catch (error) {
    database.close()
    remove(draft)
    throw error
  }
  database.close()
  renameSync(draft, file)
  syncFolder(dirname(file))
}

/** Removes a database with all that SQLite may have left beside it. */
export function remove(file: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
}

async function openLocked(file: string, lock: Lock, aside: Aside): Promise<SqliteStore> {
  const database = new Database(file)
  try {
    configure(database)
    const version = checkHeader(database)
    if (version < SCHEMA_VERSION) {
      const { migrate } = await import('./schema.ts')
      await migrate(database, version)
    }
    return new Writer(database, lock, aside)
  } catch (error) {
    database.close()
    throw error
  }
}

/** What makes a commit durable when it returns, and keeps the log short. */
export function configure(database: Database): void {
  const mode = database.read('PRAGMA journal_mode = WAL')
  if (mode !== 'wal') {
    throw new StoreError(
      'STORE_FAILED',
      `\`${database.path}\` stays in journal mode ${mode}`,
      'put it on a local disk',
    )
  }
  // A commit returns when it is on the disk, on macOS too, where an ordinary sync stops at the drive's own memory.
  database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
  // Pages in memory: 64 MB. What a log keeps on disk after a large import: 64 MB.
  database.exec('PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864')
  // Pages that a log holds before they are moved into the database: 16 MB. Those that change often are moved once for
  // all, and opening after a crash still reads no more than this.
  database.exec('PRAGMA wal_autocheckpoint = 4096')
  database.exec('PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF')
  // A file that may only be read opens like any other, and even begins to write: changing something tells.
  database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${SCHEMA_VERSION}; ROLLBACK`)
}

class Writer implements SqliteStore {
  readonly path: string
  readonly #database: Database
  readonly #lock: Lock
  readonly #reading: Reading
  readonly #writing: Writing
  readonly #aside: Aside
  readonly #receipt: Statement
  #last: JournalPosition
  /** The group that is with the other thread: on the disk already or not. */
  #underWay: readonly Commit[] | undefined
  #isClosed = false

  constructor(database: Database, lock: Lock, aside: Aside) {
    this.path = database.path
    this.#database = database
    this.#lock = lock
    this.#reading = new Reading(database)
    this.#writing = new Writing(database)
    this.#aside = aside
    this.#receipt = database.prepare(STATEMENTS.receipt)
    this.#last = this.#reading.checkedLast()
  }

  get revision(): number {
    return this.#last.revision
  }

  get head(): string {
    return this.#last.head
  }

  load(): Iterable<Fact> {
    this.#assertOpen()
    return this.#reading.facts(this.#unchanged())
  }

  stretch(kind: FactKind, from: KeyParts, count: number): Stretch {
    this.#assertOpen()
    const stretch = this.#reading.stretch(kind, from, count)
    return this.#underWay === undefined ? stretch : withoutCommits(stretch, kind, from, this.#underWay)
  }

  loadRetired(): Iterable<FactKey> {
    this.#assertOpen()
    return this.#reading.retired(this.#unchanged())
  }

  commit(commits: readonly Commit[], receipts: readonly Receipt[] = []): void {
    this.#assertOpen()
    invariant(this.#underWay === undefined, 'a group is committed while another is under way')
    const { rows, last } = this.#chain(commits, receipts)
    if (commits.length === 0 && receipts.length === 0) return
    this.#writing.commit(rows)
    this.#last = last
  }

  commitAside(commits: readonly Commit[], done: CommitDone, receipts: readonly Receipt[] = []): void {
    this.#assertOpen()
    const { rows, last } = this.#chain(commits, receipts)
    this.#aside.commit(rows, (outcome) => {
      this.#underWay = undefined
      const { error, ms } =
        outcome.kind === 'left' ? this.#writeLeft(rows, last) : { error: undefined, ...outcome }
      if (error === undefined) this.#last = last
      done(error, ms)
    })
    this.#underWay = commits
  }

  receipt(caller: string, key: string): Receipt | undefined {
    this.#assertOpen()
    const row = this.#database.guard(() => this.#receipt.get(caller, key))
    if (row === undefined) return undefined
    const [digest, answer, time] = row as readonly [string, string, number]
    return { caller, key, digest, answer, time }
  }

  changedAt(key: FactKey): number {
    this.#assertOpen()
    return this.#reading.changedAt(key)
  }

  journal(from: number, to = this.revision, isNewestFirst = false): Iterable<JournalEntry> {
    this.#assertOpen()
    // The disk may be ahead by the group under way.
    const end = Math.min(to, this.revision)
    return this.#reading.entries(from, end, isNewestFirst, () => this.#assertOpen())
  }

  probe(isThorough: boolean): void {
    this.#assertOpen()
    invariant(this.#underWay === undefined, 'the store is probed while a group is under way')
    // Whatever is written to a file that has no name any more is gone with this process.
    if (!existsSync(this.path)) throw missingError(this.path)
    try {
      // Only changing something tells; that the number is the one that stands there already, SQLite does not look at.
      this.#database.exec(
        `BEGIN IMMEDIATE; PRAGMA user_version = ${SCHEMA_VERSION}; ${isThorough ? 'COMMIT' : 'ROLLBACK'}`,
      )
    } finally {
      // What failed may have been undone already. Should it come to life in the log after all, it changes nothing.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    }
  }

  size(): StoreSize {
    const bytesOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
    return { bytes: bytesOf(this.path), logBytes: bytesOf(`${this.path}-wal`) }
  }

  close(): void {
    if (this.#isClosed) return
    this.#aside.close()
    this.#isClosed = true
    this.#database.close()
    this.#lock.release()
  }

  #chain(commits: readonly Commit[], receipts: readonly Receipt[]): { rows: Rows; last: JournalPosition } {
    const chained = chainCommits(this.#last, commits)
    const end = chained.at(-1)
    const last = end === undefined ? this.#last : { revision: end.commit.revision, head: end.hash }
    return { rows: rowsOf(chained, receipts), last }
  }

  /** A thread that ended left its group whole or not there: SQLite shows nobody what is not on the disk. */
  #writeLeft(rows: Rows, last: JournalPosition): { error: Error | undefined; ms: number } {
    const start = performance.now()
    let error: Error | undefined
    try {
      // Receipts alone leave no trace in the journal, and can be written twice.
      if (rows.entries.length === 0 || this.#reading.last().head !== last.head) this.#writing.commit(rows)
    } catch (reason) {
      error = reason as Error
    }
    return { error, ms: performance.now() - start }
  }

  /** Facts are read in pages: a commit between two of them would mix two revisions. */
  #unchanged(): () => void {
    const { revision } = this
    return () => {
      this.#assertOpen()
      invariant(
        this.revision === revision && this.#underWay === undefined,
        'facts were changed while they were being loaded',
      )
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}
