import type { DatabaseConfig } from '../../package/manifest.ts'
import type { Result, Wire } from './values.ts'

/** Of a database that a server keeps, rather than a file of the app's. */
export type ServerConfig = Extract<DatabaseConfig, { type: 'postgres' | 'mysql' }>

/** One statement, with what goes into it. */
export interface Statement {
  readonly sql: string
  readonly values: readonly Wire[]
  readonly blobs: readonly Uint8Array[]
  /** False when only the count of changed rows is asked for. */
  readonly wantsRows: boolean
}

export interface Outcome extends Result {
  readonly blobs: readonly Uint8Array[]
}

export interface DatabaseLimits {
  /** Longest a statement may run, in milliseconds. */
  readonly statementMsMax: number
  /** Longest a transaction may be open, in milliseconds. It holds others up. */
  readonly transactionMsMax: number
  /** Longest to wait for a connection, or for another transaction to end, in milliseconds. */
  readonly waitMsMax: number
  /** Most rows in one answer. */
  readonly rowsMax: number
  /** Largest answer, in bytes. */
  readonly bytesMax: number
  /** Most transactions that one app has open. */
  readonly transactionsMax: number
  /** Largest that an app's SQLite file may grow, in bytes. */
  readonly fileBytesMax: number
  /** Most connections to one database of one app, whatever its configuration says. */
  readonly connectionsMax: number
}

export const DATABASE_LIMITS: DatabaseLimits = {
  statementMsMax: 10_000,
  transactionMsMax: 30_000,
  waitMsMax: 10_000,
  rowsMax: 50_000,
  bytesMax: 32 * 1024 * 1024,
  transactionsMax: 8,
  fileBytesMax: 1024 * 1024 * 1024,
  connectionsMax: 10,
}

/** A database that one app has, of whichever kind. Errors are {@link OperationError}s that name no host and no secret. */
export interface Database {
  run(statement: Statement): Promise<Outcome>
  begin(): Promise<Transaction>
  close(): Promise<void>
}

/** What ends it, ends it for good: whoever calls it later is told so. */
export interface Transaction {
  run(statement: Statement): Promise<Outcome>
  commit(): Promise<void>
  rollback(): Promise<void>
}
