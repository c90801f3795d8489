import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { makeFolder } from '../../test/folder.ts'
import { Database } from './database.ts'
import { openSqliteStore } from './index.ts'
import { STATEMENTS } from './statements.ts'

describe('every statement that runs while serving finds its rows by a key', () => {
  for (const [name, sql] of Object.entries(STATEMENTS)) {
    test(name, async () => {
      using folder = makeFolder()
      const path = join(folder.path, 'castellan.db')
      ;(await openSqliteStore({ path })).close()
      const database = new Database(path)
      const plan = database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row[3]))
      database.close()
      assert.deepEqual(
        plan.filter((step) => /SCAN|TEMP B-TREE|AUTOMATIC/.test(step)),
        [],
      )
      if (sql.startsWith('SELECT')) assert.match(plan.join('\n'), PLANS[name] ?? /never/)
    })
  }
})

/** The index that each read is meant to use, so that none slips to a worse one. */
const PLANS: Readonly<Record<string, RegExp>> = {
  changedAt: /SEARCH facts USING PRIMARY KEY \(kind=\? AND k1=\? AND k2=\? AND k3=\?\)/,
  facts1: /SEARCH facts USING PRIMARY KEY \(kind=\? AND k1>\?\)/,
  facts2: /SEARCH facts USING PRIMARY KEY \(kind=\? AND \(k1,k2\)>\(\?,\?\)\)/,
  facts3: /SEARCH facts USING PRIMARY KEY \(kind=\? AND \(k1,k2,k3\)>\(\?,\?,\?\)\)/,
  places: /SEARCH facts USING PRIMARY KEY \(kind=\? AND \(k1,k2,k3\)>\(\?,\?,\?\)\)/,
  removed: /SEARCH facts USING INDEX facts_removed \(kind=\? AND k1>\?\)/,
  receipt: /SEARCH receipts USING INDEX receipts_key \(caller=\? AND key=\?\)/,
  entries: /SEARCH journal USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)/,
  entriesBack: /SEARCH journal USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)/,
  last: /SEARCH journal USING INTEGER PRIMARY KEY \(rowid=\?\)/,
}
