import pg from 'pg'
import { OperationError } from '../../broker/operation.ts'
import type { Database, DatabaseLimits, Outcome, ServerConfig, Statement, Transaction } from './database.ts'
import { prepare } from './sql.ts'
import { fromWire, toWire, type Wire } from './values.ts'

/** A server, through a few connections of this app's own. Statements use the extended protocol: one each, never a script. */
export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool
  readonly #limits: DatabaseLimits
  readonly #name: string

  constructor(config: ServerConfig, limits: DatabaseLimits) {
    this.#limits = limits
    this.#name = config.name
    this.#pool = new pg.Pool({
      host: config.host,
      port: config.port,
      user: config.user,
      database: config.database,
      // A function, because an empty password makes the driver look for one in the environment and in a file.
      password: () => config.password,
      max: Math.min(config.connectionsMax, limits.connectionsMax),
      idleTimeoutMillis: 10_000,
      connectionTimeoutMillis: limits.waitMsMax,
      statement_timeout: limits.statementMsMax,
      idle_in_transaction_session_timeout: limits.transactionMsMax,
      application_name: 'castellan app',
      allowExitOnIdle: true,
    })
    // A connection that is cut says so here as well as to the statement on it; unheard, it would end the host.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  async run(statement: Statement): Promise<Outcome> {
    const client = await this.#connect()
    let isUsable = false
    try {
      const outcome = await this.#send(client, statement)
      // Whoever has the connection next must not find themselves in somebody's transaction.
      if (client.getTransactionStatus() !== 'I') throw noTransactions()
      isUsable = true
      return outcome
    } catch (error) {
      isUsable = isOfStatement(error) && client.getTransactionStatus() === 'I'
      throw error
    } finally {
      client.release(!isUsable)
    }
  }

  async begin(): Promise<Transaction> {
    const client = await this.#connect()
    let isOpen = true
    const end = async (sql: string): Promise<void> => {
      if (!isOpen) throw ended()
      isOpen = false
      let isUsable = false
      try {
        const wasFailed = client.getTransactionStatus() === 'E'
        await this.#control(client, sql)
        isUsable = client.getTransactionStatus() === 'I'
        // The server answers a COMMIT of a failed transaction with a rollback, and no error.
        if (sql === 'COMMIT' && wasFailed)
          throw new OperationError('DB_TRANSACTION', 'the transaction had failed')
      } finally {
        client.release(!isUsable)
      }
    }
    try {
      await this.#control(client, 'BEGIN')
    } catch (error) {
      client.release(true)
      throw error
    }
    return {
      run: async (statement) => {
        if (!isOpen) throw ended()
        const outcome = await this.#send(client, statement)
        if (client.getTransactionStatus() === 'I') throw noTransactions()
        return outcome
      },
      commit: () => end('COMMIT'),
      rollback: () => end('ROLLBACK'),
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect()
    } catch {
      throw new OperationError('DB_UNREACHABLE', `the database \`${this.#name}\` cannot be reached`)
    }
  }

  #control(client: pg.PoolClient, sql: string): Promise<Outcome> {
    return this.#send(client, { sql, values: [], blobs: [], wantsRows: false })
  }

  async #send(client: pg.PoolClient, statement: Statement): Promise<Outcome> {
    const { sql, order } = prepare('postgres', statement.sql, statement.values.length)
    const values = order.map((index) =>
      fromWire(statement.values[index] ?? null, statement.blobs, (bytes) =>
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ),
    )
    const guard = new Guard(client, this.#limits, () => this.#cancel(client))
    const blobs: Uint8Array[] = []
    const rows: Wire[][] = []
    try {
      const query = new pg.Query({
        text: sql,
        values,
        rowMode: 'array',
        queryMode: 'extended',
      } as pg.QueryConfig)
      const result = await new Promise<pg.QueryResult>((resolve, reject) => {
        query.on('row', (row: unknown) => {
          if (!statement.wantsRows || guard.why !== undefined) return
          rows.push((row as unknown[]).map((value) => toWire(value, blobs)))
          if (rows.length > this.#limits.rowsMax) guard.stop('rows')
        })
        query.on('end', (result: unknown) => resolve(result as pg.QueryResult))
        query.on('error', reject)
        client.query(query)
      })
      if (guard.why !== undefined) throw guard.error()
      return { columns: result.fields.map(({ name }) => name), rows, count: result.rowCount ?? 0, blobs }
    } catch (error) {
      if (guard.why !== undefined) throw guard.error()
      throw this.#told(error)
    } finally {
      guard.end()
    }
  }

  /** Asks the server to stop, on another connection: closing this one alone would leave it at work. */
  #cancel(client: pg.PoolClient): void {
    const { processID } = client as unknown as { processID: number }
    this.#pool.query('SELECT pg_cancel_backend($1)', [processID]).catch(() => undefined)
  }

  #told(error: unknown): unknown {
    if (error instanceof OperationError || error instanceof TypeError) return error
    if (isOfServer(error)) {
      if (error.code === '57014') return new OperationError('DB_TIMEOUT', 'the statement took too long')
      return new OperationError(error.code, error.message)
    }
    return new OperationError('DB_UNREACHABLE', `the connection to the database \`${this.#name}\` was lost`)
  }
}

/** Bounds one statement: its time, and what comes back for it. */
class Guard {
  why: 'time' | 'rows' | 'bytes' | undefined
  readonly #limits: DatabaseLimits
  readonly #stream: CountedStream
  readonly #cancel: () => void
  readonly #timer: NodeJS.Timeout
  #bytes = 0

  constructor(client: pg.PoolClient, limits: DatabaseLimits, cancel: () => void) {
    this.#limits = limits
    this.#cancel = cancel
    this.#stream = (client as unknown as { connection: { stream: CountedStream } }).connection.stream
    this.#stream.on('data', this.#count)
    // Later than the server's own bound, for an app that has lifted that one.
    this.#timer = setTimeout(() => this.stop('time'), limits.statementMsMax + 500)
  }

  readonly #count = (chunk: Uint8Array): void => {
    this.#bytes += chunk.length
    // Twice, since what is read as text is shorter on its way on.
    if (this.#bytes > 2 * this.#limits.bytesMax) this.stop('bytes')
  }

  stop(why: 'time' | 'rows' | 'bytes'): void {
    if (this.why !== undefined) return
    this.why = why
    this.#cancel()
    this.#stream.destroy()
  }

  error(): OperationError {
    switch (this.why) {
      case 'rows':
        return new OperationError('DB_TOO_MANY_ROWS', `more than ${this.#limits.rowsMax} rows`)
      case 'bytes':
        return new OperationError('DB_TOO_LARGE', `more than ${this.#limits.bytesMax} bytes`)
      default:
        return new OperationError(
          'DB_TIMEOUT',
          `the statement took longer than ${this.#limits.statementMsMax} ms`,
        )
    }
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#stream.off('data', this.#count)
  }
}

interface CountedStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  off(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  destroy(): unknown
}

function isOfServer(error: unknown): error is Error & { readonly code: string } {
  return (
    error instanceof Error &&
    'severity' in error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code)
  )
}

function isOfStatement(error: unknown): boolean {
  return (
    error instanceof OperationError &&
    !['DB_UNREACHABLE', 'DB_TOO_LARGE', 'DB_TOO_MANY_ROWS'].includes(error.code)
  )
}

function ended(): OperationError {
  return new OperationError('DB_TRANSACTION', 'the transaction is over')
}

function noTransactions(): OperationError {
  return new OperationError(
    'DB_TRANSACTION',
    'a statement cannot begin or end a transaction: use `db.transaction`',
  )
}
