import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import mysql from 'mysql2/promise'
import type { AppHandle } from '../../broker/app-handle.ts'
import { dbModule } from '../../cell/modules/db.ts'
import type { DatabaseConfig } from '../../package/manifest.ts'
import { callerOf, hasCode, makeApp, moduleOf } from '../testing/kit.ts'
import { DATABASE_LIMITS } from './database.ts'
import { openDatabases } from './operations.ts'

type Row = Record<string, unknown>
interface Session {
  query: ((...args: unknown[]) => Promise<Row[] & { rows: Row[] }>) & {
    one(...args: unknown[]): Promise<Row>
    many(...args: unknown[]): Promise<Row[]>
  }
  execute(...args: unknown[]): Promise<number>
}
interface Db extends Session {
  transaction<T>(name: string, work: (client: Session) => Promise<T>): Promise<T>
}

const limits = {
  ...DATABASE_LIMITS,
  statementMsMax: 1_500,
  transactionMsMax: 1_500,
  waitMsMax: 800,
  rowsMax: 1_000,
  bytesMax: 1_000_000,
}
const databases = openDatabases(limits)
after(() => databases.close())

function appWith(id: string, config: DatabaseConfig): AppHandle {
  return { ...makeApp(id), databases: new Map([[config.name, config]]) }
}

function dbOf(app: AppHandle, cell = { ended: new AbortController().signal }): Db {
  return moduleOf(dbModule, callerOf(databases.operations, app, { cell }))
}

const POSTGRES = {
  host: '127.0.0.1',
  port: 5432,
  user: 'postgres',
  password: 'postgres',
  database: 'postgres',
}
const MYSQL = { host: '127.0.0.1', port: 3306, user: 'root', password: '', database: 'mysql' }
const schema = `castellan_${process.pid}`

const hasPostgres = await answers(async () => {
  const client = new pg.Client({ ...POSTGRES, connectionTimeoutMillis: 2_000 })
  await client.connect()
  await client.query(`CREATE SCHEMA ${schema}`)
  await client.end()
})
const hasMysql = await answers(async () => {
  const connection = await mysql.createConnection({ ...MYSQL, connectTimeout: 2_000 })
  await connection.query(`CREATE DATABASE ${schema}`)
  await connection.end()
})
after(async () => {
  if (hasPostgres) {
    const client = new pg.Client(POSTGRES)
    await client.connect()
    await client.query(`DROP SCHEMA ${schema} CASCADE`)
    await client.end()
  }
  if (hasMysql) {
    const connection = await mysql.createConnection(MYSQL)
    await connection.query(`DROP DATABASE ${schema}`)
    await connection.end()
  }
})

async function answers(probe: () => Promise<void>): Promise<boolean> {
  try {
    await probe()
    return true
  } catch {
    return false
  }
}

const KINDS = [
  {
    kind: 'sqlite',
    isThere: true,
    config: { type: 'sqlite', name: 'main', file: 'data/main.sqlite' } as DatabaseConfig,
    table: 't',
    bytes: 'BLOB',
    endless: 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c',
    many: 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000) SELECT x FROM c',
    large: 'SELECT zeroblob(8000000) AS x',
    duplicate: 'SQLITE_CONSTRAINT_PRIMARYKEY',
  },
  {
    kind: 'postgres',
    isThere: hasPostgres,
    config: { ...POSTGRES, type: 'postgres', name: 'main', connectionsMax: 3 } as DatabaseConfig,
    table: `${schema}.t`,
    bytes: 'bytea',
    endless: 'SELECT pg_sleep(60)',
    many: 'SELECT * FROM generate_series(1, 2000)',
    large: "SELECT repeat('x', 8000000)",
    duplicate: '23505',
  },
  {
    kind: 'mysql',
    isThere: hasMysql,
    config: { ...MYSQL, type: 'mysql', name: 'main', database: schema, connectionsMax: 3 } as DatabaseConfig,
    table: 't',
    bytes: 'LONGBLOB',
    endless: 'SELECT benchmark(1000000000000, md5(1))',
    many: 'SELECT seq FROM seq_1_to_2000',
    large: "SELECT repeat('x', 8000000)",
    duplicate: 'ER_DUP_ENTRY',
  },
] as const

for (const { kind, isThere, config, table, bytes, endless, many, large, duplicate } of KINDS) {
  describe(kind, { skip: isThere ? false : `no ${kind} server answers on this machine` }, () => {
    const app = appWith(`${kind}-app`, config)
    const db = dbOf(app)

    test('a row comes back as it was given, with either way of naming parameters', async () => {
      await db.execute('main', `CREATE TABLE ${table} (id VARCHAR(36) PRIMARY KEY, n INTEGER, b ${bytes})`)
      assert.equal(
        await db.execute('main', `INSERT INTO ${table} VALUES ($1, $2, $3)`, ['a', 5, Buffer.from('hi')]),
        1,
      )
      assert.equal(
        await db.execute('main', `INSERT INTO ${table} VALUES (?, ?, ?)`, ['b', null, undefined]),
        1,
      )
      const row = await db.query.one('main', `SELECT * FROM ${table} WHERE n = $2 AND id = $1`, ['a', 5])
      assert.deepEqual(row, { id: 'a', n: 5, b: Buffer.from('hi') })
      assert.equal(await db.query.one('main', `SELECT * FROM ${table} WHERE id = 'none'`), null)
      assert.equal((await db.query('main', `SELECT * FROM ${table}`)).rows.length, 2)
      assert.equal(await db.execute('main', `UPDATE ${table} SET n = 7`), 2)
      assert.equal(await db.execute('main', `DELETE FROM ${table}`), 2)
    })

    test('a parameter is never part of the statement', async () => {
      const hostile = `'; DROP TABLE ${table}; --`
      await db.execute('main', `INSERT INTO ${table} (id, n) VALUES ($1, 1)`, [hostile])
      assert.equal(
        (await db.query.many('main', `SELECT id FROM ${table} WHERE id = $1`, [hostile])).length,
        1,
      )
      assert.equal(await db.execute('main', `DELETE FROM ${table} WHERE id = $1`, [hostile]), 1)
    })

    test('a call runs one statement', async () => {
      await assert.rejects(db.execute('main', `DELETE FROM ${table}; DROP TABLE ${table}`))
      assert.deepEqual(await db.query.many('main', `SELECT id FROM ${table}`), [])
    })

    test('a transaction that throws leaves nothing, one that returns leaves all', async () => {
      await db.transaction('main', async (client) => {
        await client.execute(`INSERT INTO ${table} (id) VALUES ($1)`, ['kept'])
        assert.equal((await client.query.many(`SELECT id FROM ${table}`)).length, 1)
      })
      await assert.rejects(
        db.transaction('main', async (client) => {
          await client.execute(`INSERT INTO ${table} (id) VALUES ($1)`, ['lost'])
          await client.execute(`INSERT INTO ${table} (id) VALUES ($1)`, ['kept'])
        }),
        hasCode(duplicate),
      )
      assert.deepEqual(await db.query.many('main', `SELECT id FROM ${table}`), [{ id: 'kept' }])
    })

    test('while a transaction is open, a read outside it sees what was there before', async () => {
      await db.transaction('main', async (client) => {
        await client.execute(`INSERT INTO ${table} (id) VALUES ($1)`, ['new'])
        assert.equal((await db.query.many('main', `SELECT id FROM ${table}`)).length, 1)
        await client.execute(`DELETE FROM ${table} WHERE id = $1`, ['new'])
      })
    })

    test('a transaction ends with the cell that began it, and no other cell can use it', async () => {
      const ending = new AbortController()
      const call = callerOf(databases.operations, app, { cell: { ended: ending.signal } })
      const other = callerOf(databases.operations, app)
      const { value: transaction } = await call('db.begin', { database: 'main' })
      const insert = {
        database: 'main',
        transaction,
        sql: `INSERT INTO ${table} (id) VALUES ('ghost')`,
        values: [],
      }
      await call('db.execute', insert)
      await assert.rejects(other('db.execute', insert), hasCode('DB_TRANSACTION'))
      await assert.rejects(other('db.commit', { transaction }), hasCode('DB_TRANSACTION'))
      ending.abort()
      await assert.rejects(call('db.commit', { transaction }), hasCode('DB_TRANSACTION'))
      assert.deepEqual(await db.query.many('main', `SELECT id FROM ${table}`), [{ id: 'kept' }])
    })

    test('a transaction that is left open ends by itself', async () => {
      const call = callerOf(databases.operations, app)
      const { value: transaction } = await call('db.begin', { database: 'main' })
      const sql = `INSERT INTO ${table} (id) VALUES ('late')`
      await call('db.execute', { database: 'main', transaction, sql, values: [] })
      await new Promise((resolve) => setTimeout(resolve, limits.transactionMsMax + 200))
      await assert.rejects(call('db.commit', { transaction }), hasCode('DB_TRANSACTION'))
      assert.equal(await db.execute('main', `UPDATE ${table} SET n = 1`), 1)
    })

    test('a statement that does not end is stopped, and the next one runs', async () => {
      const start = performance.now()
      await assert.rejects(db.query('main', endless), hasCode('DB_TIMEOUT'))
      assert.ok(performance.now() - start < 5_000)
      assert.equal((await db.query.many('main', `SELECT id FROM ${table}`)).length, 1)
    })

    test('an answer with too many rows or bytes is refused', async () => {
      await assert.rejects(db.query('main', many), hasCode('DB_TOO_MANY_ROWS'))
      await assert.rejects(db.query('main', large), hasCode('DB_TOO_LARGE'))
      assert.equal((await db.query.many('main', `SELECT id FROM ${table}`)).length, 1)
    })

    test('a statement cannot begin a transaction that the next one would be in', async () => {
      await assert.rejects(db.execute('main', 'BEGIN'))
      assert.equal((await db.query.many('main', `SELECT id FROM ${table}`)).length, 1)
    })

    test('a parameter that was not given is an error', async () => {
      await assert.rejects(db.query('main', `SELECT id FROM ${table} WHERE id = $2`, ['a']))
    })

    test('another app has no database by that name', async () => {
      const other = dbOf(makeApp(`${kind}-other`))
      await assert.rejects(other.query('main', 'SELECT 1'), hasCode('DB_UNKNOWN'))
    })
  })
}

describe('sqlite', () => {
  const config = { type: 'sqlite', name: 'main', file: 'data/main.sqlite' } as const
  const app = appWith('sqlite-walls', config)
  const db = dbOf(app)

  for (const sql of [
    "ATTACH DATABASE '/tmp/x.sqlite' AS other",
    'DETACH DATABASE main',
    "VACUUM INTO '/tmp/x.sqlite'",
    "SELECT load_extension('/tmp/x.so')",
    'PRAGMA writable_schema = ON',
    'PRAGMA trusted_schema = ON',
    'PRAGMA max_page_count = 1000000000',
    "PRAGMA temp_store_directory = '/tmp'",
    'SELECT * FROM pragma_database_list',
    'CREATE VIRTUAL TABLE v USING dbstat',
    "SELECT fts3_tokenizer('simple')",
    'BEGIN',
    'SAVEPOINT a',
  ]) {
    test(`refuses ${sql}`, async () => {
      await assert.rejects(db.query('main', sql))
    })
  }

  test('two apps with the same names have their own', async () => {
    const other = dbOf(appWith('sqlite-walls2', config))
    await db.execute('main', 'CREATE TABLE mine (x)')
    await assert.rejects(other.query('main', 'SELECT * FROM mine'))
  })

  test('a file of the package is where it starts, and the package stays as it is', async () => {
    const source = appWith('source', config)
    await dbOf(source).execute('main', 'CREATE TABLE packaged (x)')
    await dbOf(source).execute('main', "INSERT INTO packaged VALUES ('from the package')")
    await databases.release('source')
    const { readFileSync } = await import('node:fs')
    const file = readFileSync(`${source.dataFolder}/db/data%2Fmain.sqlite`)
    const packaged = makeApp('packaged', { 'box/data/main.sqlite': file })
    const target = { ...packaged, databases: new Map([['main', config]]) }
    assert.deepEqual(await dbOf(target).query.one('main', 'SELECT * FROM packaged'), {
      x: 'from the package',
    })
    await dbOf(target).execute('main', 'DELETE FROM packaged')
    assert.deepEqual(readFileSync(`${target.packageFolder}/box/data/main.sqlite`), file)
  })

  for (const file of [
    '../outside.sqlite',
    '/../outside.sqlite',
    'a\0b',
    'a//b',
    '%2e%2e/x',
    '',
    'file:x?mode=rwc',
  ]) {
    test(`a file called ${JSON.stringify(file)} is refused or stays inside`, async () => {
      const { existsSync, readdirSync } = await import('node:fs')
      const hostile = appWith(`sqlite-${Buffer.from(file).toString('hex')}`, { ...config, file })
      await dbOf(hostile)
        .execute('main', 'CREATE TABLE t (x)')
        .catch(() => undefined)
      assert.ok(!existsSync(`${hostile.dataFolder}/outside.sqlite`))
      assert.deepEqual(
        readdirSync(hostile.dataFolder).filter((name) => name !== 'db'),
        [],
      )
    })
  }

  test('a sort that needs too much memory ends, and nothing else does', async () => {
    const sql =
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT randomblob(1000000) FROM c ORDER BY 1'
    await assert.rejects(
      db.query('main', sql),
      (error) => hasCode('DB_TOO_LARGE')(error) || hasCode('DB_TIMEOUT')(error),
    )
    assert.deepEqual(await db.query.one('main', 'SELECT 1 AS one'), { one: 1 })
  })

  test('a column called `__proto__` is one like any other', async () => {
    const row = await db.query.one('main', 'SELECT 1 AS "__proto__"')
    assert.deepEqual(Object.keys(row), ['__proto__'])
    assert.equal(Object.getPrototypeOf(row), Object.prototype)
  })
})
