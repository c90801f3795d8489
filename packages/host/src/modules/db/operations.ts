import { z } from 'zod'
import {
  OperationError,
  type Answer,
  type Call,
  type CallingCell,
  type Operation,
} from '../../broker/operation.ts'
import type { Helper } from '../helper/helper.ts'
import { operation } from '../operation.ts'
import {
  DATABASE_LIMITS,
  type Database,
  type DatabaseLimits,
  type Outcome,
  type Transaction,
} from './database.ts'
import { MysqlDatabase } from './mysql.ts'
import { PostgresDatabase } from './postgres.ts'
import { SqliteDatabase, sqliteHelper } from './sqlite.ts'
import type { Wire } from './values.ts'

export interface Databases {
  readonly operations: readonly Operation[]
  /** Ends what an app has open, so that its files may be moved. It opens again by itself. */
  release(appId: string): Promise<void>
  close(): Promise<void>
}

const wire: z.ZodType<Wire> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.strictObject({ b: z.int().min(0) }),
    z.strictObject({ d: z.number().nullable() }),
    z.strictObject({ n: z.enum(['NaN', 'Infinity', '-Infinity']) }),
    z.strictObject({ i: z.string().regex(/^-?\d{1,40}$/) }),
    z.strictObject({ l: z.array(wire).max(100_000) }),
    z.strictObject({ j: z.string() }),
  ]),
)
const name = z.string().min(1).max(128)
const statement = z.strictObject({
  database: name,
  /** Of the transaction that it belongs to. */
  transaction: z.int().min(1).optional(),
  sql: z
    .string()
    .min(1)
    .max(1024 * 1024),
  values: z.array(wire).max(32_766),
})
const ending = z.strictObject({ transaction: z.int().min(1) })

type Ask = z.infer<typeof statement>

/** What one app has open. */
interface Opened {
  readonly databases: Map<string, Database>
  readonly transactions: Map<number, Open>
  helper: Helper | undefined
}

interface Open {
  readonly cell: CallingCell
  readonly database: string
  readonly transaction: Transaction
  /** Ends it for whatever reason it should not go on. */
  readonly drop: () => Promise<void>
}

export function openDatabases(limits: DatabaseLimits = DATABASE_LIMITS): Databases {
  const apps = new Map<string, Opened>()
  let count = 0

  function openedOf(call: Call<unknown>): Opened {
    let opened = apps.get(call.app.id)
    if (opened === undefined) {
      opened = { databases: new Map(), transactions: new Map(), helper: undefined }
      apps.set(call.app.id, opened)
    }
    return opened
  }

  function databaseOf(call: Call<unknown>, name: string): Database {
    const config = call.app.databases.get(name)
    if (config === undefined)
      throw new OperationError('DB_UNKNOWN', `no database \`${name}\` is set up for the app`)
    const opened = openedOf(call)
    // The configuration is part of the key: a new one, as after an upgrade, opens another.
    const key = JSON.stringify([config, config.type === 'sqlite' ? call.app.dataFolder : ''])
    let database = opened.databases.get(key)
    if (database === undefined) {
      switch (config.type) {
        case 'sqlite':
          opened.helper ??= sqliteHelper()
          database = new SqliteDatabase(call.app, config.file, opened.helper, limits)
          break
        case 'postgres':
          database = new PostgresDatabase(config, limits)
          break
        case 'mysql':
          database = new MysqlDatabase(config, limits)
      }
      opened.databases.set(key, database)
    }
    return database
  }

  async function run(call: Call<Ask>, wantsRows: boolean): Promise<Answer> {
    const { database, transaction, sql, values } = call.args
    const asked = { sql, values, blobs: call.blobs, wantsRows }
    if (transaction === undefined) return answerOf(await databaseOf(call, database).run(asked))
    const open = transactionOf(call, transaction)
    if (open.database !== database) throw isOver()
    return answerOf(await open.transaction.run(asked))
  }

  function transactionOf(call: Call<unknown>, id: number): Open {
    const open = apps.get(call.app.id)?.transactions.get(id)
    // Another cell's is none of its business, not even another cell of the same app.
    if (open === undefined || open.cell !== call.cell) throw isOver()
    return open
  }

  async function begin(call: Call<{ database: string }>): Promise<Answer> {
    const { transactions } = openedOf(call)
    if (transactions.size >= limits.transactionsMax)
      throw new OperationError('DB_BUSY', `the app has ${limits.transactionsMax} transactions open`)
    const database = databaseOf(call, call.args.database)
    count += 1
    const id = count
    // Taken before it is there, so that many at once cannot pass the bound together.
    const place: { open?: Open } = {}
    const { ended } = call.cell
    const drop = async (): Promise<void> => {
      ended.removeEventListener('abort', onEnd)
      clearTimeout(timer)
      transactions.delete(id)
      await place.open?.transaction.rollback().catch(() => undefined)
    }
    const onEnd = (): void => void drop()
    const timer = setTimeout(onEnd, limits.transactionMsMax).unref()
    const pending: Transaction = { run: refuse, commit: refuse, rollback: refuse }
    transactions.set(id, { cell: call.cell, database: call.args.database, transaction: pending, drop })
    try {
      const transaction = await database.begin()
      place.open = { cell: call.cell, database: call.args.database, transaction, drop }
      if (ended.aborted || call.signal.aborted || !transactions.has(id)) throw isOver()
      ended.addEventListener('abort', onEnd)
      transactions.set(id, place.open)
      return { value: id }
    } catch (error) {
      await drop()
      throw error
    }
  }

  async function end(call: Call<{ transaction: number }>, how: 'commit' | 'rollback'): Promise<Answer> {
    const open = transactionOf(call, call.args.transaction)
    try {
      await open.transaction[how]()
    } finally {
      await open.drop()
    }
    return { value: null }
  }

  async function release(appId: string): Promise<void> {
    const opened = apps.get(appId)
    apps.delete(appId)
    if (opened === undefined) return
    await Promise.all([...opened.transactions.values()].map(({ drop }) => drop()))
    await Promise.all([...opened.databases.values()].map((database) => database.close()))
    await opened.helper?.close()
  }

  return {
    operations: [
      operation({ op: 'db.query', key: 'db', shape: statement, run: (call: Call<Ask>) => run(call, true) }),
      operation({
        op: 'db.execute',
        key: 'db',
        shape: statement,
        run: (call: Call<Ask>) => run(call, false),
      }),
      operation({ op: 'db.begin', key: 'db', shape: z.strictObject({ database: name }), run: begin }),
      operation({ op: 'db.commit', key: 'db', shape: ending, run: (call) => end(call, 'commit') }),
      operation({ op: 'db.rollback', key: 'db', shape: ending, run: (call) => end(call, 'rollback') }),
    ],
    release,
    close: async () => {
      await Promise.all([...apps.keys()].map(release))
    },
  }
}

function answerOf({ columns, rows, count, blobs }: Outcome): Answer {
  return { value: { columns, rows, count }, blobs }
}

function refuse(): Promise<never> {
  return Promise.reject(isOver())
}

function isOver(): OperationError {
  return new OperationError('DB_TRANSACTION', 'the transaction is over')
}
