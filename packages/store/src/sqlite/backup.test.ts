import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Store } from '@castellan/engine'
import { startChild } from '../../test/child.ts'
import { makeFolder } from '../../test/folder.ts'
import { SAMPLES, Script } from '../suite/script.ts'
import { backup, openSqliteReader, openSqliteStore, restore } from './index.ts'

describe('backup', () => {
  test('copies a store that is being written, as it was at one revision', async () => {
    using folder = makeFolder()
    const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
    const script = new Script()
    grow(store, script, 300)
    const copies: Promise<{ revision: number; head: string }>[] = []
    for (let i = 0; i < 5; i++) {
      copies.push(backup(store, join(folder.path, `copy${i}.db`)))
      grow(store, script, 20)
      await new Promise(setImmediate)
    }
    const writing = new AbortController()
    const all = Promise.all(copies).finally(() => writing.abort())
    while (!writing.signal.aborted) {
      grow(store, script, 5)
      await new Promise(setImmediate)
    }
    for (const [i, { revision, head }] of (await all).entries()) {
      assert.equal(revision, 300 + 20 * i)
      const reader = openSqliteReader({ path: join(folder.path, `copy${i}.db`) })
      assert.deepEqual(reader.verify({ head, revision }), { ok: true, revision, head })
      reader.close()
    }
    const { revision, head } = store
    store.close()
    const reader = openSqliteReader({ path: join(folder.path, 'castellan.db') })
    assert.deepEqual(reader.verify({ head: (await all)[2]?.head }), { ok: true, revision, head })
    reader.close()
  })

  test('copies what another process is writing', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    await using child = startChild('kill-child.ts', [path, 'x'])
    await child.nextLine()
    for (let i = 0; i < 30; i++) await child.nextLine()
    const { revision, head } = await backup(path, join(folder.path, 'copy.db'))
    await child.nextLine()
    await child.kill()
    assert.ok(revision > 10)
    const reader = openSqliteReader({ path: join(folder.path, 'copy.db') })
    assert.deepEqual(reader.verify({ head, revision }), { ok: true, revision, head })
    reader.close()
  })

  test('does not hold the thread', async () => {
    using folder = makeFolder()
    const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
    const script = new Script()
    const extra = { text: 'x'.repeat(10_000) }
    for (let i = 0; i < 40; i++) {
      const grants = Array.from(
        { length: 100 },
        (_, j) =>
          ({ kind: 'grant', issuer: 'system', holder: `user:${i}`, permission: `a:${j}`, extra }) as const,
      )
      store.commit([script.add(...grants)])
    }
    // Counted rather than timed: a busy machine is slow, but it does not stop turning.
    let turns = 0
    const copied = new AbortController()
    const copy = backup(store, join(folder.path, 'copy.db')).finally(() => copied.abort())
    for (; !copied.signal.aborted; turns++) await new Promise(setImmediate)
    await copy
    store.close()
    assert.ok(turns > 100, `${turns} turns`)
  })

  test('makes one plain file, which can be read where nothing can be written', async () => {
    using folder = makeFolder()
    const { copy } = await makePair(folder.path)
    assert.deepEqual(
      readdirSync(folder.path).filter((name) => name.startsWith('copy')),
      ['copy.db'],
    )
    const header = readFileSync(copy).subarray(18, 20)
    assert.deepEqual([...header], [1, 1], 'no write-ahead log')
    chmodSync(copy, 0o444)
    const reader = openSqliteReader({ path: copy })
    assert.equal(reader.verify().ok, true)
    reader.close()
  })

  test('overwrites only when asked, and never what it copies or what is being written', async () => {
    using folder = makeFolder()
    const { path, copy } = await makePair(folder.path)
    const before = readFileSync(copy)
    await assert.rejects(backup(path, copy), { code: 'STORE_FAILED', message: /exists already/ })
    assert.deepEqual(readFileSync(copy), before)
    symlinkSync(path, join(folder.path, 'link.db'))
    for (const target of [path, join(folder.path, 'link.db')]) {
      await assert.rejects(backup(path, target, { overwrite: true }), {
        code: 'STORE_FAILED',
        message: /over itself/,
      })
    }
    const other = await openSqliteStore({ path: join(folder.path, 'other.db') })
    await assert.rejects(backup(path, other.path, { overwrite: true }), { code: 'STORE_LOCKED' })
    other.close()
    const store = await openSqliteStore({ path })
    store.commit([{ ...new Script().add({ kind: 'user', id: 'later' }), revision: store.revision + 1 }])
    const { revision } = await backup(store, copy, { overwrite: true })
    store.close()
    const reader = openSqliteReader({ path: copy })
    assert.deepEqual([reader.revision, revision], [4, 4])
    reader.close()
  })

  test('makes a file for its owner alone, and leaves others who may read what it replaces', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const store = await openSqliteStore({ path })
    const target = join(folder.path, 'copy.db')
    const mode = (file: string): number => statSync(file).mode & 0o777
    await backup(store, target)
    if (process.platform !== 'win32') assert.equal(mode(target), 0o600)
    chmodSync(target, 0o640)
    await backup(store, target, { overwrite: true })
    if (process.platform !== 'win32') assert.equal(mode(target), 0o640)
    store.close()
    chmodSync(path, 0o600)
    await restore(target, path, { overwrite: true })
    if (process.platform !== 'win32') assert.equal(mode(path), 0o600)
  })

  test('says what is missing', async () => {
    using folder = makeFolder()
    const target = join(folder.path, 'copy.db')
    await assert.rejects(backup(join(folder.path, 'none.db'), target), { code: 'STORE_MISSING' })
    const { path } = await makePair(folder.path)
    await assert.rejects(backup(path, join(folder.path, 'no', 'copy.db')), { code: 'STORE_MISSING' })
    assert.equal(existsSync(target.replace('copy.db', 'no')), false)
  })
})

describe('restore', () => {
  test('brings back what was there, and the store goes on from it', async () => {
    using folder = makeFolder()
    const { copy, head } = await makePair(folder.path)
    const target = join(folder.path, 'back.db')
    assert.deepEqual(await restore(copy, target, { head }), { revision: 3, head })
    const store = await openSqliteStore({ path: target })
    assert.equal(store.head, head)
    assert.deepEqual([...store.loadRetired()], [{ kind: 'user', id: 'gone' }])
    store.commit([{ ...new Script().add({ kind: 'user', id: 'next' }), revision: 4 }])
    store.close()
  })

  test('overwrites only when asked, and then takes the old log away with the old database', async () => {
    using folder = makeFolder()
    const { copy, head } = await makePair(folder.path)
    const target = join(folder.path, 'target.db')
    await using child = startChild('kill-child.ts', [target, 'x'])
    for (let i = 0; i < 30; i++) await child.nextLine()
    await assert.rejects(restore(copy, target, { overwrite: true }), { code: 'STORE_LOCKED' })
    await child.kill()
    assert.ok(existsSync(`${target}-wal`))
    await assert.rejects(restore(copy, target), { code: 'STORE_FAILED', message: /exists already/ })
    await restore(copy, target, { overwrite: true })
    assert.equal(existsSync(`${target}-wal`), false)
    const store = await openSqliteStore({ path: target })
    assert.deepEqual([store.revision, store.head], [3, head])
    assert.deepEqual([...store.load()].length, SAMPLES.length)
    store.close()
  })

  test('replaces a database that is beyond reading', async () => {
    using folder = makeFolder()
    const { copy, head } = await makePair(folder.path)
    const target = join(folder.path, 'target.db')
    writeFileSync(target, 'noise'.repeat(5000))
    writeFileSync(`${target}-wal`, 'noise')
    await restore(copy, target, { overwrite: true })
    assert.equal(existsSync(`${target}-wal`), false)
    const store = await openSqliteStore({ path: target })
    assert.equal(store.head, head)
    store.close()
  })

  const damages: { name: string; sql: string; code: string }[] = [
    {
      name: 'a fact',
      sql: `UPDATE facts SET body = '{"name":"Eve"}' WHERE k1 = 'bob'`,
      code: 'JOURNAL_BROKEN',
    },
    {
      name: 'an entry',
      sql: `UPDATE journal SET actor = 'user:eve' WHERE revision = 1`,
      code: 'JOURNAL_BROKEN',
    },
    { name: 'a table', sql: 'DROP TABLE journal', code: 'STORE_CORRUPT' },
    { name: 'the schema version', sql: 'PRAGMA user_version = 99', code: 'STORE_NEWER' },
  ]
  for (const { name, sql, code } of damages) {
    test(`refuses a backup in which ${name} was changed, and leaves the target alone`, async () => {
      using folder = makeFolder()
      const { copy, path } = await makePair(folder.path)
      const database = new DatabaseSync(copy)
      database.exec(sql)
      database.close()
      const before = readFileSync(path)
      await assert.rejects(restore(copy, path, { overwrite: true }), { code })
      await assert.rejects(restore(copy, join(folder.path, 'new.db')), { code })
      assert.deepEqual(readFileSync(path), before)
      assert.equal(existsSync(join(folder.path, 'new.db')), false)
    })
  }

  test('refuses a backup that is whole but not the one whose head was kept', async () => {
    using folder = makeFolder()
    const { copy } = await makePair(folder.path)
    const target = join(folder.path, 'back.db')
    await assert.rejects(restore(copy, target, { head: 'f'.repeat(64) }), { code: 'JOURNAL_BROKEN' })
    assert.equal(existsSync(target), false)
  })
})

/** A closed store of three commits, and a backup of it. */
async function makePair(folder: string): Promise<{ path: string; copy: string; head: string }> {
  const path = join(folder, 'castellan.db')
  const copy = join(folder, 'copy.db')
  const store = await openSqliteStore({ path })
  const script = new Script()
  store.commit([
    script.add(...SAMPLES),
    script.add({ kind: 'user', id: 'gone' }),
    script.remove({ kind: 'user', id: 'gone' }),
  ])
  const { head } = await backup(store, copy)
  store.close()
  return { path, copy, head }
}

function grow(store: Store, script: Script, commits: number): void {
  for (let i = 0; i < commits; i++)
    store.commit([script.add({ kind: 'user', id: `u${script.revision}`, name: 'x'.repeat(500) })])
}
