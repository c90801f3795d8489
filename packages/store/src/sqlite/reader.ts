import { existsSync, statSync } from 'node:fs'
import { StoreError, type Fact, type FactKey, type JournalEntry } from '@castellan/engine'
import { closedError, corruptError } from '../errors.ts'
import type { JournalPosition, Verification, VerifyOptions } from '../journal.ts'
import { verifyStore, type StoreReader } from '../verify.ts'
import { Database, missingError } from './database.ts'
import { checkHeader, READABLE_VERSION } from './header.ts'
import { resolveFile } from './paths.ts'
import { Reading } from './reading.ts'

/**
 * A database as it was at one moment, for whoever may not write it: backups, checks, other processes. The writer goes
 * on meanwhile, but its log grows until this is closed.
 */
export interface SqliteReader extends StoreReader {
  readonly path: string
  /** Verifies the file itself and then all that `verifyStore` does. */
  verify(options?: VerifyOptions): Verification
  /** Copies what this reader sees to a new file, in another thread. */
  copyTo(target: string): Promise<void>
}

/** @throws {StoreError} STORE_MISSING, STORE_CORRUPT, STORE_NEWER */
export function openSqliteReader({ path }: { readonly path: string }): SqliteReader {
  const file = resolveFile(path)
  if (!existsSync(file)) throw missingError(file)
  if (statSync(file).size === 0) throw corruptError(`\`${file}\` is empty`)
  const database = new Database(file, { readOnly: true })
  try {
    // The first read fixes the moment; everything after it sees the same.
    database.exec('BEGIN')
    if (checkHeader(database) < READABLE_VERSION) throw olderError(file)
    return new Reader(database)
  } catch (error) {
    database.close()
    throw error
  }
}

class Reader implements SqliteReader {
  readonly path: string
  readonly #database: Database
  readonly #reading: Reading
  readonly #last: JournalPosition
  #isClosed = false

  constructor(database: Database) {
    this.path = database.path
    this.#database = database
    this.#reading = new Reading(database)
    this.#last = this.#reading.last()
  }

  get revision(): number {
    return this.#last.revision
  }

  get head(): string {
    return this.#last.head
  }

  load(): Iterable<Fact> {
    return this.#reading.facts(() => this.#assertOpen())
  }

  loadRetired(): Iterable<FactKey> {
    return this.#reading.retired(() => this.#assertOpen())
  }

  changedAt(key: FactKey): number {
    this.#assertOpen()
    return this.#reading.changedAt(key)
  }

  journal(from: number, to = this.revision, isNewestFirst = false): Iterable<JournalEntry> {
    return this.#reading.entries(from, to, isNewestFirst, () => this.#assertOpen())
  }

  verify(options: VerifyOptions = {}): Verification {
    this.#assertOpen()
    const damage = this.#database.read('PRAGMA integrity_check(1)')
    if (damage !== 'ok') return { ok: false, revision: 0, problem: 'file', message: String(damage) }
    const keys = Number(this.#database.read('SELECT count(*) FROM facts'))
    return verifyStore(this, { ...options, keys })
  }

  async copyTo(target: string): Promise<void> {
    this.#assertOpen()
    await this.#database.copyTo(target)
  }

  close(): void {
    this.#isClosed = true
    this.#database.close()
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}

function olderError(file: string): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `\`${file}\` has an older schema`,
    'open it for writing once, which renews it',
  )
}
