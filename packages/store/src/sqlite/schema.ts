import { invariant } from '@castellan/engine'
import { Kysely, sql, SqliteDialect, type SqliteDatabase, type Transaction } from 'kysely'
import type { Database, Value } from './database.ts'
import { APPLICATION_ID, SCHEMA_VERSION } from './header.ts'

/**
 * Brings the schema up to this version, in one transaction.
 *
 * @param from - the version it has; 0 for an empty database
 */
export async function migrate(database: Database, from: number): Promise<void> {
  invariant(MIGRATIONS.length === SCHEMA_VERSION, 'the schema version counts the migrations')
  const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database: forKysely(database) }) })
  await kysely.transaction().execute(async (transaction) => {
    for (const migration of MIGRATIONS.slice(from)) await migration(transaction.schema)
    await sql`pragma application_id = ${sql.lit(APPLICATION_ID)}`.execute(transaction)
    await sql`pragma user_version = ${sql.lit(SCHEMA_VERSION)}`.execute(transaction)
  })
}

/** Kysely expects better-sqlite3, which takes parameters as one list. */
function forKysely(database: Database): SqliteDatabase {
  return {
    close: () => undefined,
    prepare: (sql) => {
      const statement = database.prepare(sql)
      return {
        reader: statement.isReader,
        all: (values) => database.guard(() => statement.all(...(values as Value[]))),
        run: (values) => {
          database.guard(() => statement.run(...(values as Value[])))
          return { changes: 0, lastInsertRowid: 0 }
        },
        iterate: () => {
          throw new Error('migrations read no streams')
        },
      }
    },
  }
}

/** Each takes the schema from one version to the next. What was released is never edited: add another. */
const MIGRATIONS: readonly ((schema: Transaction<unknown>['schema']) => Promise<void>)[] = [
  async function factsAndJournal(schema) {
    await schema
      .createTable('facts')
      // The kind's place in FACT_KINDS, then the parts of the key: reading by primary key is reading in load order.
      .addColumn('kind', 'integer', (column) => column.notNull())
      .addColumn('k1', 'text', (column) => column.notNull())
      .addColumn('k2', 'text', (column) => column.notNull())
      .addColumn('k3', 'text', (column) => column.notNull())
      // What the key does not say, as JSON, '' when it says all; null when the fact was removed.
      .addColumn('body', 'text')
      .addColumn('revision', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('facts_key', ['kind', 'k1', 'k2', 'k3'])
      .modifyEnd(sql`without rowid, strict`)
      .execute()
    await schema
      .createIndex('facts_removed')
      .on('facts')
      .columns(['kind', 'k1'])
      .where(sql.ref('body'), 'is', null)
      .execute()
    await schema
      .createTable('journal')
      .addColumn('revision', 'integer', (column) => column.primaryKey())
      // Milliseconds; a clock may give parts of one.
      .addColumn('time', 'real', (column) => column.notNull())
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('reason', 'text')
      .addColumn('effects', 'text', (column) => column.notNull())
      .addColumn('previous', 'text', (column) => column.notNull())
      .addColumn('hash', 'text', (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute()
  },
  async function receipts(schema) {
    await schema
      .createTable('receipts')
      // Grows with each: the lowest is the oldest.
      .addColumn('number', 'integer', (column) => column.primaryKey())
      .addColumn('caller', 'text', (column) => column.notNull())
      .addColumn('key', 'text', (column) => column.notNull())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('answer', 'text', (column) => column.notNull())
      .addColumn('time', 'real', (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute()
    await schema.createIndex('receipts_key').unique().on('receipts').columns(['caller', 'key']).execute()
  },
]
