import { fromWire, toWire, type Result } from '../../modules/db/values.ts'
import type { CellModule, ModuleContext } from '../module.ts'
import { asText } from './values.ts'

/** Databases of the app, by the names in its `app.json`. Values travel apart from the statement, always. */
export const dbModule: CellModule = { name: 'db', key: 'db', make: makeDb }

type Row = Record<string, unknown>

interface Session {
  query(sql: unknown, params: unknown): Promise<Row[]>
  execute(sql: unknown, params: unknown): Promise<number>
}

function makeDb(context: ModuleContext): object {
  const sessionOf = (database: unknown): Session =>
    open(context, asText(database, 'the name of the database'))
  const query = async (database: unknown, sql: unknown, params?: unknown): Promise<Row[]> =>
    withCount(await sessionOf(database).query(sql, params))
  return {
    query: Object.assign(query, {
      one: async (database: unknown, sql: unknown, params?: unknown) =>
        (await sessionOf(database).query(sql, params))[0] ?? null,
      many: (database: unknown, sql: unknown, params?: unknown) => sessionOf(database).query(sql, params),
    }),
    execute: (database: unknown, sql: unknown, params?: unknown) => sessionOf(database).execute(sql, params),
    transaction: (database: unknown, work: unknown) =>
      transact(context, asText(database, 'the name of the database'), work),
  }
}

async function transact(context: ModuleContext, database: string, work: unknown): Promise<unknown> {
  if (typeof work !== 'function') throw new TypeError('a transaction needs a function')
  const { value: transaction } = await context.call('db.begin', { database })
  const session = open(context, database, transaction)
  const query = async (sql: unknown, params?: unknown): Promise<Row[]> =>
    withCount(await session.query(sql, params))
  const client = {
    query: Object.assign(query, {
      one: async (sql: unknown, params?: unknown) => (await session.query(sql, params))[0] ?? null,
      many: (sql: unknown, params?: unknown) => session.query(sql, params),
    }),
    execute: (sql: unknown, params?: unknown) => session.execute(sql, params),
  }
  let result: unknown
  try {
    result = await (work as (client: object) => unknown)(client)
  } catch (error) {
    // The app's own error is the one to know of, whatever becomes of the rollback: the host rolls back in any case.
    await context.call('db.rollback', { transaction }).catch(() => undefined)
    throw error
  }
  await context.call('db.commit', { transaction })
  return result
}

function open(context: ModuleContext, database: string, transaction?: unknown): Session {
  const ask = async (op: string, sql: unknown, params: unknown): Promise<[Result, readonly Uint8Array[]]> => {
    if (params !== undefined && params !== null && !Array.isArray(params))
      throw new TypeError('the parameters must be a list')
    const blobs: Uint8Array[] = []
    const values = ((params ?? []) as unknown[]).map((value) => toWire(value, blobs))
    const inside = transaction === undefined ? {} : { transaction }
    const args = { database, ...inside, sql: asText(sql, 'the statement'), values }
    const answer = await context.call(op, args, blobs)
    return [answer.value as Result, answer.blobs]
  }
  return {
    async query(sql, params) {
      const [{ columns, rows }, blobs] = await ask('db.query', sql, params)
      return rows.map((row) => {
        const object: Row = {}
        for (const [index, name] of columns.entries()) {
          const value = fromWire(row[index] ?? null, blobs, (bytes) => context.Buffer.from(bytes))
          // Defined, so that a column called `__proto__` is one like any other.
          Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
        }
        return object
      })
    },
    async execute(sql, params) {
      return (await ask('db.execute', sql, params))[0].count
    },
  }
}

/** Some apps read `result.rows`, others the list itself. Neither shows when it is sent as JSON. */
function withCount(rows: Row[]): Row[] {
  return Object.defineProperties(rows, { rows: { value: rows }, rowCount: { value: rows.length } })
}
