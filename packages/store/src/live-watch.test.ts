import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { StoreError, type Change, type Store } from '@castellan/engine'
import { makeFolder } from '../test/folder.ts'
import { findSmallDisk } from '../test/small-disk.ts'
import { openLive, type CommittedGroup, type Live } from './live.ts'
import { openMemoryStore } from './memory/index.ts'
import { openSqliteStore } from './sqlite/index.ts'

const user = (id: string): Change => ({ add: { kind: 'user', id } })

function live(t: TestContext, store: Store = openMemoryStore()): Live {
  const opened = openLive({ store })
  t.after(() => opened.close())
  return opened
}

describe('who watches a live engine', () => {
  test('is told of each group that became durable, until they have enough', async (t) => {
    const watched = live(t)
    const groups: CommittedGroup[] = []
    const stop = watched.watchCommits((group) => groups.push(group))
    await Promise.all(['a', 'b', 'c', 'c'].map((id) => watched.change([user(id)])))
    await watched.change([user('a')])
    await watched.change([user('d')])
    assert.deepEqual(
      groups.map(({ commits }) => commits),
      [3, 1],
    )
    for (const { ms } of groups) assert.ok(ms >= 0 && ms < 5_000)
    stop()
    await watched.change([user('e')])
    assert.equal(groups.length, 2)
  })

  test('is not told of what was refused', async (t) => {
    const store = openMemoryStore()
    const watched = live(t, store)
    let told = 0
    watched.watchCommits(() => told++)
    t.mock.method(store, 'commit', () => {
      throw new StoreError('STORE_FULL', 'full', 'make room')
    })
    await assert.rejects(watched.change([user('a')]), { code: 'STORE_FULL' })
    await assert.rejects(
      watched.change([{ remove: { kind: 'user', id: 'nobody' }, recursive: true }, user('')]),
    )
    assert.equal(told, 0)
  })

  test('sees which revision is durable', async (t) => {
    const watched = live(t)
    assert.equal(watched.durableRevision, 0)
    await watched.change([user('a')])
    assert.equal(watched.durableRevision, 1)
  })
})

describe('a probe', () => {
  test('holds over a store that works, and changes nothing', async (t) => {
    using folder = makeFolder()
    const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
    const probed = live(t, store)
    await probed.change([user('a')])
    const { head } = probed
    const { bytes, logBytes } = probed.size()!
    assert.ok(bytes > 0 && logBytes > 0)
    for (let i = 0; i < 100; i++) await probed.probe()
    assert.equal(probed.head, head)
    assert.deepEqual(probed.size(), { bytes, logBytes }, 'nothing was written')
    assert.equal(live(t).size(), undefined)
    await live(t).probe()
    await probed.close()
    await assert.rejects(probed.probe(), { code: 'STORE_CLOSED' })
  })

  test('holds while groups are committed in another thread, and each of them is told of', async (t) => {
    using folder = makeFolder()
    const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
    const probed = openLive({ store, holdMsMax: 0 })
    t.after(() => probed.close())
    const groups: CommittedGroup[] = []
    probed.watchCommits((group) => groups.push(group))
    for (let i = 0; i < 30; i++) {
      const changes = [0, 1, 2].map((j) => probed.change([user(`u${i}-${j}`)]))
      await Promise.all([probed.probe(), ...changes, probed.probe()])
    }
    assert.equal(
      groups.reduce((sum, { commits }) => sum + commits, 0),
      90,
    )
    assert.equal(probed.durableRevision, probed.engine.revision)
  })

  test('fails over a file that is gone, though the process could still write to it', async (t) => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const probed = live(t, await openSqliteStore({ path }))
    rmSync(path)
    await assert.rejects(probed.probe(), { code: 'STORE_MISSING' })
  })

  const skip = !canMount() && 'no disk can be mounted here'

  test('fails over a disk that was full at the last commit, until there is room', { skip }, async (t) => {
    using disk = findSmallDisk(2_000_000)
    assert.ok(disk)
    const probed = live(t, await openSqliteStore({ path: join(disk.path, 'castellan.db') }))
    const ballast = join(disk.path, 'ballast')
    await probed.probe()
    fill(ballast)
    const facts = Array.from({ length: 500 }, (_, i) => user(`u${i}`))
    await assert.rejects(probed.change(facts), { code: 'STORE_FULL' })
    for (let i = 0; i < 3; i++) await assert.rejects(probed.probe(), { code: 'STORE_FULL' })
    rmSync(ballast)
    await probed.probe()
    await probed.change(facts)
    assert.equal(probed.durableRevision, 1)
  })
})

function canMount(): boolean {
  using disk = findSmallDisk(1_000_000)
  return disk !== undefined
}

function fill(file: string): void {
  for (let size = 2_000_000; size >= 1; size = Math.floor(size / 2)) {
    try {
      writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // It is as full as it can be with pieces of this size.
    }
  }
}
