import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  keyParts,
  invariant,
  StoreError,
  type Commit,
  type Fact,
  type FactKey,
  type FactKind,
  type JournalEntry,
  type KeyParts,
  type Store,
  type Stretch,
} from '@castellan/engine'
import { closedError, corruptError } from '../errors.ts'
import { chainCommits, type ChainedCommit, type JournalPosition } from '../journal.ts'
import { kindNumber } from '../keys.ts'
import { Database, hasLog, missingError, type Statement } from './database.ts'
import { checkHeader, SCHEMA_VERSION } from './header.ts'
import { acquireLock, type Lock } from './lock.ts'
import { resolveFile, syncFolder } from './paths.ts'
import { Reading } from './reading.ts'
import { toBody } from './rows.ts'
import { STATEMENTS } from './statements.ts'

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
export async function openSqliteStore({ path, create = true }: SqliteStoreOptions): Promise<SqliteStore> {
  const file = resolveFile(path)
  if (!create && !existsSync(file)) throw missingError(file)
  const lock = acquireLock(file)
  try {
    if (existsSync(file)) inspect(file)
    else await make(file)
    return await openLocked(file, lock)
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
    if (checkHeader(database) === SCHEMA_VERSION) new Reading(database).checkedLast()
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

async function openLocked(file: string, lock: Lock): Promise<SqliteStore> {
  const database = new Database(file)
  try {
    configure(database)
    const version = checkHeader(database)
    if (version < SCHEMA_VERSION) {
      const { migrate } = await import('./schema.ts')
      await migrate(database, version)
    }
    return new Writer(database, lock)
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
  database.exec('PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF')
  // A file that may only be read opens like any other, and even begins to write: changing something tells.
  database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${SCHEMA_VERSION}; ROLLBACK`)
}

class Writer implements SqliteStore {
  readonly path: string
  readonly #database: Database
  readonly #lock: Lock
  readonly #reading: Reading
  readonly #begin: Statement
  readonly #end: Statement
  readonly #putFact: Statement
  readonly #putEntry: Statement
  #last: JournalPosition
  #isClosed = false

  constructor(database: Database, lock: Lock) {
    this.path = database.path
    this.#database = database
    this.#lock = lock
    this.#reading = new Reading(database)
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#end = database.prepare('COMMIT')
    this.#putFact = database.prepare(STATEMENTS.putFact)
    this.#putEntry = database.prepare(STATEMENTS.putEntry)
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
    return this.#reading.stretch(kind, from, count)
  }

  loadRetired(): Iterable<FactKey> {
    this.#assertOpen()
    return this.#reading.retired(this.#unchanged())
  }

  commit(commits: readonly Commit[]): void {
    this.#assertOpen()
    const chained = chainCommits(this.#last, commits)
    const end = chained.at(-1)
    if (end === undefined) return
    try {
      this.#begin.run()
      for (const one of chained) this.#write(one)
      this.#end.run()
    } catch (error) {
      const explained = this.#database.explain(error)
      this.#rollBack(explained)
      throw explained
    }
    this.#last = { revision: end.commit.revision, head: end.hash }
  }

  changedAt(key: FactKey): number {
    this.#assertOpen()
    return this.#reading.changedAt(key)
  }

  journal(from: number, to = this.revision, isNewestFirst = false): Iterable<JournalEntry> {
    this.#assertOpen()
    return this.#reading.entries(from, to, isNewestFirst, () => this.#assertOpen())
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#database.close()
    this.#lock.release()
  }

  #write({ commit, previous, effects, hash }: ChainedCommit): void {
    const { revision } = commit
    for (const { before, after } of commit.effects) {
      const fact = after ?? before
      const [k1, k2, k3] = keyParts(fact)
      this.#putFact.run(kindNumber(fact.kind), k1, k2, k3, after === null ? null : toBody(after), revision)
    }
    this.#putEntry.run(revision, commit.time, commit.actor, commit.reason, effects, previous, hash)
  }

  /** SQLite rolls some failures back by itself and leaves others open. */
  #rollBack(reason: unknown): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      // When the sync itself failed, the commit may stand whole in the log, and would come to life with the next
      // start: emptying the log takes it away. With a full disk there is never a whole one.
      if (reason instanceof StoreError && reason.code === 'STORE_FAILED') {
        this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      }
    } catch {
      // The first error says why.
    }
  }

  /** Facts are read in pages: a commit between two of them would mix two revisions. */
  #unchanged(): () => void {
    const { revision } = this
    return () => {
      this.#assertOpen()
      invariant(this.revision === revision, 'facts were changed while they were being loaded')
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}
