import mysql from 'mysql2/promise'
import { OperationError } from '../../broker/operation.ts'
import type { Database, DatabaseLimits, Outcome, ServerConfig, Statement, Transaction } from './database.ts'
import { prepare } from './sql.ts'
import { fromWire, toWire, type Wire } from './values.ts'

/** `SERVER_STATUS_IN_TRANS` of the protocol. */
const IN_TRANSACTION = 1

/** A server, through a few connections of this app's own. Statements are prepared: one each, and no value in its text. */
export class MysqlDatabase implements Database {
  readonly #pool: mysql.Pool
  readonly #limits: DatabaseLimits
  readonly #name: string

  constructor(config: ServerConfig, limits: DatabaseLimits) {
    this.#limits = limits
    this.#name = config.name
    this.#pool = mysql.createPool({
      host: config.host,
      port: config.port,
      user: config.user,
      password: config.password,
      database: config.database,
      connectionLimit: Math.min(config.connectionsMax, limits.connectionsMax),
      queueLimit: 1_000,
      maxIdle: 1,
      idleTimeout: 10_000,
      connectTimeout: limits.waitMsMax,
      multipleStatements: false,
      // Or a server could ask for any file of the host.
      flags: ['-LOCAL_FILES'],
      supportBigNumbers: true,
      rowsAsArray: true,
    })
  }

  async run(statement: Statement): Promise<Outcome> {
    const connection = await this.#connect()
    let isUsable = false
    try {
      const outcome = await this.#send(connection, statement)
      if (outcome.isInTransaction) throw noTransactions()
      isUsable = true
      return outcome
    } catch (error) {
      isUsable = error instanceof OperationError && error.code.startsWith('ER_')
      throw error
    } finally {
      leave(connection, isUsable)
    }
  }

  async begin(): Promise<Transaction> {
    const connection = await this.#connect()
    let isOpen = true
    const end = async (how: 'commit' | 'rollback'): Promise<void> => {
      if (!isOpen) throw ended()
      isOpen = false
      let isUsable = false
      try {
        await connection[how]()
        isUsable = true
      } catch (error) {
        throw this.#told(error)
      } finally {
        leave(connection, isUsable)
      }
    }
    try {
      await connection.beginTransaction()
    } catch (error) {
      leave(connection, false)
      throw this.#told(error)
    }
    return {
      run: (statement) => (isOpen ? this.#send(connection, statement) : Promise.reject(ended())),
      commit: () => end('commit'),
      rollback: () => end('rollback'),
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #connect(): Promise<mysql.PoolConnection> {
    const { promise, reject } = Promise.withResolvers<never>()
    const taking = this.#pool.getConnection()
    const timer = setTimeout(() => reject(new Error('late')), this.#limits.waitMsMax)
    try {
      return await Promise.race([taking, promise])
    } catch {
      taking.then(
        (connection) => connection.release(),
        () => undefined,
      )
      throw new OperationError('DB_UNREACHABLE', `the database \`${this.#name}\` cannot be reached`)
    } finally {
      clearTimeout(timer)
    }
  }

  async #send(
    connection: mysql.PoolConnection,
    statement: Statement,
  ): Promise<Outcome & { readonly isInTransaction: boolean }> {
    const { sql, order } = prepare('mysql', statement.sql, statement.values.length)
    const values = order.map((index) =>
      toMysql(fromWire(statement.values[index] ?? null, statement.blobs, bufferOf)),
    )
    const limits = this.#limits
    const raw = connection.connection as unknown as Raw
    let why: OperationError | undefined
    const stop = (error: OperationError): void => {
      why ??= error
      this.#cancel(raw.threadId)
      connection.destroy()
    }
    let bytes = 0
    const count = (chunk: Uint8Array): void => {
      bytes += chunk.length
      if (bytes > 2 * limits.bytesMax)
        stop(new OperationError('DB_TOO_LARGE', `more than ${limits.bytesMax} bytes`))
    }
    const late = Promise.withResolvers<never>()
    late.promise.catch(() => undefined)
    const timer = setTimeout(() => {
      stop(new OperationError('DB_TIMEOUT', `the statement took longer than ${limits.statementMsMax} ms`))
      late.reject(why)
    }, limits.statementMsMax)
    raw.stream.on('data', count)
    try {
      const [result, fields] = await Promise.race([
        connection.execute(sql, values as mysql.ExecuteValues),
        late.promise,
      ])
      if (why !== undefined) throw why
      const blobs: Uint8Array[] = []
      if (!Array.isArray(result)) {
        return {
          columns: [],
          rows: [],
          count: result.affectedRows,
          blobs,
          isInTransaction: (result.serverStatus & IN_TRANSACTION) !== 0,
        }
      }
      const found = result as unknown as unknown[][]
      if (found.length > limits.rowsMax)
        throw new OperationError('DB_TOO_MANY_ROWS', `more than ${limits.rowsMax} rows`)
      const rows: Wire[][] = statement.wantsRows
        ? found.map((row) => row.map((value) => toWire(value, blobs)))
        : []
      return { columns: fields.map(({ name }) => name), rows, count: 0, blobs, isInTransaction: false }
    } catch (error) {
      throw why ?? this.#told(error)
    } finally {
      clearTimeout(timer)
      raw.stream.off('data', count)
    }
  }

  #cancel(threadId: number): void {
    this.#pool.query(`KILL ${threadId}`).catch(() => undefined)
  }

  #told(error: unknown): unknown {
    if (error instanceof OperationError || error instanceof TypeError) return error
    if (
      error instanceof Error &&
      'code' in error &&
      'sqlMessage' in error &&
      String(error.code).startsWith('ER_')
    )
      return new OperationError(String(error.code), String(error.sqlMessage))
    return new OperationError('DB_UNREACHABLE', `the connection to the database \`${this.#name}\` was lost`)
  }
}

interface Raw {
  readonly threadId: number
  readonly stream: {
    on(event: 'data', listener: (chunk: Uint8Array) => void): void
    off(event: 'data', listener: (chunk: Uint8Array) => void): void
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A whole number as text: the driver sends numbers as doubles, which a LIMIT does not take. */
function toMysql(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return JSON.stringify(value)
  return value
}

function leave(connection: mysql.PoolConnection, isUsable: boolean): void {
  if (isUsable) connection.release()
  else connection.destroy()
}

function ended(): OperationError {
  return new OperationError('DB_TRANSACTION', 'the transaction is over')
}

function noTransactions(): OperationError {
  return new OperationError('DB_TRANSACTION', 'a statement cannot begin a transaction: use `db.transaction`')
}
