import { closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { StoreError } from '@castellan/engine'
import { isSameHash, selectorOf, type TokenSecrets } from './secret.ts'

/** Hashes kept in memory, so that a busy token costs no query. About 200 bytes each. */
const CACHED_MAX = 10_000
const BUSY_MS = 5_000
const VERSION = 1

export interface SqliteTokenSecretsOptions {
  readonly path: string
}

/** Opens, or makes, the database of token hashes: a file only its owner can read. @throws {StoreError} */
export function openSqliteTokenSecrets({ path }: SqliteTokenSecretsOptions): TokenSecrets {
  try {
    // SQLite gives its side files the mode of the main one.
    if (!existsSync(path)) closeSync(openSync(path, 'ax', 0o600))
    return new SqliteTokenSecrets(new DatabaseSync(path), path)
  } catch (error) {
    throw error instanceof StoreError ? error : storeError(path, error)
  }
}

interface Row {
  readonly token: string
  readonly hash: Uint8Array
}

class SqliteTokenSecrets implements TokenSecrets {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #find: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  /** Only what is in the table; every write forgets what it touches. */
  readonly #cache = new Map<string, readonly Row[]>()
  #version = 0

  constructor(database: DatabaseSync, path: string) {
    this.#database = database
    this.#path = path
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`)
    migrate(database, path)
    this.#find = database.prepare('SELECT token, hash FROM token_secret WHERE selector = ?')
    this.#put = database.prepare(
      'INSERT OR REPLACE INTO token_secret (token, selector, hash) VALUES (?, ?, ?)',
    )
    this.#remove = database.prepare('DELETE FROM token_secret WHERE token = ?')
  }

  get version(): number {
    return this.#version
  }

  find(hash: Buffer): string | undefined {
    const selector = selectorOf(hash)
    const rows = this.#cache.get(selector) ?? this.#load(selector)
    return rows.find((row) => isSameHash(row.hash, hash))?.token
  }

  put(tokenId: string, hash: Buffer): void {
    this.#guarded(() => this.#put.run(tokenId, selectorOf(hash), hash))
    this.#forget()
  }

  remove(tokenId: string): void {
    this.#guarded(() => this.#remove.run(tokenId))
    this.#forget()
  }

  close(): void {
    this.#forget()
    if (this.#database.isOpen) this.#database.close()
  }

  #forget(): void {
    this.#version++
    this.#cache.clear()
  }

  #load(selector: string): readonly Row[] {
    const rows = this.#guarded(() => this.#find.all(selector)) as unknown as readonly Row[]
    // Strangers' guesses are not kept: they would push out those who are known.
    if (rows.length > 0) {
      if (this.#cache.size >= CACHED_MAX) this.#cache.clear()
      this.#cache.set(selector, rows)
    }
    return rows
  }

  #guarded<Result>(run: () => Result): Result {
    try {
      return run()
    } catch (error) {
      throw storeError(this.#path, error)
    }
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (version > VERSION) {
    throw new StoreError(
      'STORE_NEWER',
      `\`${path}\` was written by a newer version`,
      'use the version that wrote it, or a newer one',
    )
  }
  if (version === VERSION) return
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS token_secret (
      token TEXT PRIMARY KEY,
      selector TEXT NOT NULL,
      hash BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS token_secret_selector ON token_secret (selector);
    PRAGMA user_version = ${VERSION};
    COMMIT`)
}

function storeError(path: string, cause: unknown): StoreError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new StoreError(
    'STORE_FAILED',
    `\`${path}\`: ${message}`,
    'check that the folder is there and can be written',
    cause,
  )
}
