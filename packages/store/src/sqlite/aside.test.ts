import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Commit } from '@castellan/engine'
import { startChild } from '../../test/child.ts'
import { makeFolder } from '../../test/folder.ts'
import { openPatientStore } from '../../test/patient.ts'
import { findSmallDisk } from '../../test/small-disk.ts'
import { chainCommits, GENESIS } from '../journal.ts'
import { Script } from '../suite/script.ts'
import { verifyStore } from '../verify.ts'
import { Aside, type AsideOptions, type Outcome } from './aside.ts'
import { openSqliteStore, openWith, type SqliteStore } from './store.ts'
import { rowsOf, type Rows } from './writing.ts'

describe('a thread that commits', () => {
  test('leaves a group when it ends by itself, and the next group gets another thread', async () => {
    const aside = new Aside('nowhere', patient('process.exit(3)'))
    assert.equal((await commit(aside, ROWS)).kind, 'left')
    assert.equal((await commit(aside, ROWS)).kind, 'left')
    aside.close()
  })

  test('is not started again and again where threads end by themselves', async () => {
    const aside = new Aside('nowhere', patient('process.exit(3)'))
    const outcomes: Outcome[] = []
    for (let i = 0; i < 5; i++) outcomes.push(await commit(aside, ROWS))
    const reasons = outcomes.map((outcome) => outcome.kind === 'left' && String(outcome.reason))
    assert.deepEqual(reasons, [
      ...Array.from({ length: 3 }, () => 'undefined'),
      ...Array.from({ length: 2 }, () => 'Error: threads that commit end by themselves here'),
    ])
    aside.close()
  })

  test('that may not be started leaves its group, in a later turn', async () => {
    const aside = new Aside('nowhere', { program: new URL('https://castellan.example/thread.js') })
    let isSameTurn = true
    const outcome = new Promise<Outcome>((resolve) =>
      aside.commit(ROWS, (found) => {
        assert.equal(isSameTurn, false)
        resolve(found)
      }),
    )
    isSameTurn = false
    assert.equal((await outcome).kind, 'left')
    aside.commit(ROWS, (found) => assert.equal(found.kind, 'left'))
    aside.close()
  })

  test('says why it could not begin', async () => {
    using folder = makeFolder()
    const aside = new Aside(join(folder.path, 'no', 'castellan.db'), { isPatient: true })
    const outcome = await commit(aside, ROWS)
    assert.equal(outcome.kind === 'left' && (outcome.reason as Error).message.includes('castellan.db'), true)
    aside.close()
  })

  test('that is only starting leaves its groups, and takes them once it is ready', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    ;(await openSqliteStore({ path })).close()
    const aside = new Aside(path)
    const outcomes = [await commit(aside, ROWS)]
    for (let tries = 0; outcomes.at(-1)?.kind === 'left' && tries < 1000; tries++) {
      await pause(10)
      outcomes.push(await commit(aside, ROWS))
    }
    assert.equal(outcomes[0]?.kind, 'left')
    assert.equal(outcomes.at(-1)?.kind, 'durable')
    aside.close()
  })

  test('takes one group at a time', async () => {
    const aside = new Aside('nowhere', patient('setTimeout(() => process.exit(), 50)'))
    const first = commit(aside, ROWS)
    assert.throws(() => aside.commit(ROWS, () => assert.fail()), /invariant/)
    await first
    aside.close()
  })

  test('is waited for no longer than it lives', async () => {
    const outcomes: Outcome[] = []
    const aside = new Aside(
      'nowhere',
      patient(`
        import { workerData } from 'node:worker_threads'
        process.on('exit', () => { workerData.closed[0] = 1; Atomics.notify(workerData.closed, 0) })
        setTimeout(() => process.exit(), 50)`),
    )
    aside.commit(ROWS, (outcome) => outcomes.push(outcome))
    aside.close()
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['left'],
    )
    aside.close()
  })
})

describe('a store whose thread ends in the middle', () => {
  // Each ends instead of answering: one before it wrote anything, one when all of it was on the disk.
  const cases = [
    { name: 'writes the group itself', breaks: 'before' },
    { name: 'finds the group on the disk', breaks: 'after' },
  ]
  for (const { name, breaks } of cases) {
    test(`${name}, and goes on`, async () => {
      using folder = makeFolder()
      const broken = new URL(`../../test/broken-thread.ts?${breaks}`, import.meta.url)
      const path = join(folder.path, 'castellan.db')
      const store = await openWith({ path }, (file) => new Aside(file, { program: broken, isPatient: true }))
      const script = new Script()
      for (const id of ['alice', 'bob']) await commitTo(store, script.add({ kind: 'user', id }))
      assert.deepEqual(verifyStore(store), { ok: true, revision: 2, head: store.head })
      store.close()
    })
  }
})

test('a group committed aside keeps its program going until it is done, and no longer', async () => {
  using folder = makeFolder()
  await using child = startChild('aside.ts', [join(folder.path, 'castellan.db')])
  assert.equal(await child.nextLine(), 'durable 1')
  // It neither closed the store nor ended by itself.
  assert.equal((await Array.fromAsync(child.lines)).length, 0)
})

test(
  'a full disk refuses a group committed aside, and takes it when there is room',
  { skip: isWithoutSmallDisk() && 'no disk can be mounted here' },
  async () => {
    using disk = findSmallDisk(1_000_000)
    assert.ok(disk)
    const store = await openPatientStore(join(disk.path, 'castellan.db'))
    const script = new Script()
    await commitTo(store, script.add({ kind: 'user', id: 'before' }))
    const description = 'x'.repeat(2_000_000)
    const large = script.add({ kind: 'namespace', name: 'n', description })
    await assert.rejects(commitTo(store, large), { name: 'StoreError', code: 'STORE_FULL', hint: /free/ })
    assert.deepEqual(verifyStore(store), { ok: true, revision: 1, head: store.head })
    await commitTo(store, { ...large, effects: [{ before: null, after: { kind: 'user', id: 'after' } }] })
    assert.deepEqual(verifyStore(store), { ok: true, revision: 2, head: store.head })
    store.close()
  },
)

const ROWS: Rows = rowsOf(
  chainCommits({ revision: 0, head: GENESIS }, [new Script().add({ kind: 'user', id: 'alice' })]),
)

function patient(program: string): AsideOptions {
  return { isPatient: true, program: new URL(`data:text/javascript,${encodeURIComponent(program)}`) }
}

function commit(aside: Aside, rows: Rows): Promise<Outcome> {
  return new Promise((resolve) => aside.commit(rows, resolve))
}

function commitTo(store: SqliteStore, commit: Commit): Promise<void> {
  return new Promise((resolve, reject) => {
    store.commitAside!([commit], (error) => (error === undefined ? resolve() : reject(error)))
  })
}

function isWithoutSmallDisk(): boolean {
  using disk = findSmallDisk(1_000_000)
  return disk === undefined
}
