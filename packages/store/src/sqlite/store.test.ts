import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Fact, Store } from '@castellan/engine'
import { makeFolder } from '../../test/folder.ts'
import { openPatientStore } from '../../test/patient.ts'
import { openLive } from '../live.ts'
import { Script, testStore } from '../suite/index.ts'
import { verifyStore } from '../verify.ts'
import { Database } from './database.ts'
import { openSqliteReader, openSqliteStore, restore } from './index.ts'
import { configure } from './store.ts'

for (const [name, open] of [
  ['sqlite', (path: string) => openSqliteStore({ path })],
  ['sqlite with its thread from the beginning', openPatientStore],
] as const) {
  testStore(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'castellan-store-'))
    return {
      open: () => open(join(folder, 'castellan.db')),
      isDurable: true,
      remove: () => rmSync(folder, { recursive: true }),
    }
  })
}

describe('a commit', () => {
  test('is on the disk when it returns, on every platform', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    ;(await openSqliteStore({ path })).close()
    const database = new Database(path)
    configure(database)
    const settings = ['journal_mode', 'synchronous', 'fullfsync', 'checkpoint_fullfsync'].map((name) =>
      database.read(`PRAGMA ${name}`),
    )
    database.close()
    assert.deepEqual(settings, ['wal', 2, 1, 1])
  })

  test('that fails within the transaction takes all of its group back', async () => {
    using folder = makeFolder()
    const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
    const script = new Script()
    store.commit([script.add({ kind: 'user', id: 'before' })])
    const good = script.add({ kind: 'user', id: 'one' })
    // Not a number can be hashed but not kept: the database itself refuses it, half way.
    const bad = { ...script.add({ kind: 'user', id: 'two' }), time: Number.NaN }
    const next = script.add({ kind: 'user', id: 'three' })
    for (let i = 0; i < 3; i++) assert.throws(() => store.commit([good, bad, next]), { code: 'STORE_FAILED' })
    assert.deepEqual([...store.load()], [{ kind: 'user', id: 'before' }])
    store.commit([good])
    assert.deepEqual(verifyStore(store), { ok: true, revision: 2, head: store.head })
    store.close()
  })
})

/** What the log may hold before it is moved into the database, and some. What is written here is far more. */
const LOG_BYTES_MAX = 20_000_000

describe('the write-ahead log', () => {
  test('is not held back by journals and facts that were read in part', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const store = await openSqliteStore({ path })
    const script = new Script()
    grow(store, script, 500)
    const journals = Array.from({ length: 10 }, () => store.journal(0)[Symbol.iterator]())
    for (const journal of journals) journal.next()
    const facts = store.load()[Symbol.iterator]()
    facts.next()
    grow(store, script, 3000)
    assert.ok(statSync(`${path}-wal`).size < LOG_BYTES_MAX, `${statSync(`${path}-wal`).size} bytes`)
    assert.throws(() => Array.from({ length: 9999 }, () => facts.next()), /while they were being loaded/)
    store.close()
  })

  test('is not held back by a follower that stands still', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const live = openLive({ store: await openSqliteStore({ path }) })
    await live.change([
      { add: { kind: 'namespace', name: 'a', description: 'things' } },
      { add: { kind: 'user', id: 'bob' } },
    ])
    const grant = { kind: 'grant', issuer: 'system', holder: 'user:bob', extra: { text: 'x'.repeat(4000) } }
    const follower = live.follow({ from: 0 })[Symbol.asyncIterator]()
    await follower.next()
    for (let i = 0; i < 60; i++) {
      const changes = Array.from({ length: 50 }, (_, j) => ({
        add: { ...grant, permission: `a:${i}:${j}` } as Fact,
      }))
      await Promise.all(changes.map((change) => live.change([change])))
    }
    assert.ok(statSync(`${path}-wal`).size < LOG_BYTES_MAX, `${statSync(`${path}-wal`).size} bytes`)
    assert.equal((await follower.next()).value?.revision, 2)
    await live.close()
  })
})

test('a receipt is forgotten a day later', async () => {
  using folder = makeFolder()
  const clock = { now: 1_000 }
  const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
  const live = openLive({ store, now: () => clock.now })
  const receipt = { caller: 'token:t', key: 'k', digest: 'd', answer: () => 'a' }
  await live.change([{ add: { kind: 'user', id: 'ann' } }], { receipt })
  clock.now += 86_399_999
  assert.equal(live.receipt('token:t', 'k')?.answer, 'a')
  clock.now += 1
  assert.equal(live.receipt('token:t', 'k'), undefined)
  await live.close()
})

describe('a database of the first schema', () => {
  /** As it was before there were receipts. */
  async function makeFirst(path: string): Promise<string> {
    const store = await openSqliteStore({ path })
    const script = new Script()
    store.commit([script.add({ kind: 'user', id: 'ann' }), script.add({ kind: 'user', id: 'ben' })])
    const { head } = store
    store.close()
    const database = new Database(path)
    database.exec('DROP TABLE receipts; PRAGMA user_version = 1')
    database.close()
    return head
  }

  test('is read as it is', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const head = await makeFirst(path)
    const reader = openSqliteReader({ path })
    assert.deepEqual(reader.verify(), { ok: true, revision: 2, head })
    reader.close()
  })

  test('is renewed when it is opened for writing, with all that it holds', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const head = await makeFirst(path)
    const store = await openSqliteStore({ path })
    assert.deepEqual(verifyStore(store), { ok: true, revision: 2, head })
    store.commit([], [{ caller: 'token:t', key: 'k', digest: 'd', answer: 'a', time: 1 }])
    assert.equal(store.receipt('token:t', 'k')?.answer, 'a')
    store.close()
  })

  test('is restored from a backup', async () => {
    using folder = makeFolder()
    const [old, path] = [join(folder.path, 'old.db'), join(folder.path, 'castellan.db')]
    const head = await makeFirst(old)
    assert.deepEqual(await restore(old, path), { revision: 2, head })
    const store = await openSqliteStore({ path })
    assert.equal(store.receipt('token:t', 'k'), undefined)
    store.close()
  })
})

describe('a reader', () => {
  test('sees one moment, whatever is written meanwhile', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const store = await openSqliteStore({ path })
    const script = new Script()
    grow(store, script, 20)
    const reader = openSqliteReader({ path })
    grow(store, script, 20)
    assert.deepEqual(
      [reader.revision, [...reader.load()].length, [...reader.journal(0)].length],
      [20, 20, 20],
    )
    assert.deepEqual(reader.verify(), { ok: true, revision: 20, head: reader.head })
    assert.equal(reader.changedAt({ kind: 'user', id: 'u30' }), 0)
    reader.close()
    reader.close()
    assert.throws(() => reader.verify(), { code: 'STORE_CLOSED' })
    assert.throws(() => [...reader.load()], { code: 'STORE_CLOSED' })
    const later = openSqliteReader({ path })
    assert.equal(later.revision, 40)
    later.close()
    store.close()
  })
})

function grow(store: Store, script: Script, commits: number): void {
  for (let i = 0; i < commits; i++) {
    store.commit([script.add({ kind: 'user', id: `u${script.revision}`, name: 'x'.repeat(500) })])
  }
}
