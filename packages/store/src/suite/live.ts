import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  StoreError,
  type Change,
  type Commit,
  type CommitDone,
  type Fact,
  type JournalEntry,
  type Receipt,
  type Store,
} from '@castellan/engine'
import { openLive, type Changed, type Live } from '../live.ts'
import { verifyStore } from '../verify.ts'
import type { StorePlace } from './store.ts'

/** What an engine over any store must do. `testStore` runs it too. */
export function testLive(name: string, makePlace: () => StorePlace | Promise<StorePlace>): void {
  testCommitting(`${name}, committing at once`, makePlace, Infinity)
  testCommitting(`${name}, committing aside`, makePlace, 0)
  testAside(name, makePlace)
}

function testCommitting(
  name: string,
  makePlace: () => StorePlace | Promise<StorePlace>,
  holdMsMax: number,
): void {
  /** Runs a test with a live engine over an open store that can be told to fail, and closes both. */
  function within(sentence: string, body: (live: Live, probe: Probe) => Promise<void>): void {
    test(sentence, async () => {
      const place = await makePlace()
      const probe = new Probe(await place.open())
      const live = openLive({ store: probe, holdMsMax })
      try {
        await body(live, probe)
      } finally {
        await live.close()
        await place.remove?.()
      }
    })
  }

  describe(`live engine over ${name}`, () => {
    within('answers by what it was told', async (live) => {
      assert.throws(() => live.engine.check('user:bob', 'a:1'), { code: 'PERMISSION_UNKNOWN' })
      const { revision, results } = await live.change(BASICS)
      assert.equal(revision, 1)
      assert.equal(results.length, BASICS.length)
      assert.equal(live.engine.revision, 1)
      assert.equal(live.engine.check('user:bob', 'a:1:deeper'), true)
      await live.change([{ remove: GRANT }])
      assert.equal(live.engine.check('user:bob', 'a:1'), false)
    })

    within('keeps an answer with the change, made of what the change leads to', async (live) => {
      await live.change(BASICS)
      const wish = (key: string, answer: (changed: Changed) => string) => ({
        receipt: { caller: 'token:t', key, digest: 'd', answer },
      })
      assert.equal(live.receipt('token:t', 'k'), undefined)
      const { revision } = await live.change(
        [{ add: user('zoe') }],
        wish('k', (changed) =>
          JSON.stringify([changed, live.engine.revision, live.engine.fact({ kind: 'user', id: 'zoe' })]),
        ),
      )
      const { answer, digest } = live.receipt('token:t', 'k')!
      assert.equal(digest, 'd')
      assert.deepEqual(JSON.parse(answer), [
        { revision, results: [{ outcome: 'added' }] },
        revision,
        { kind: 'user', id: 'zoe' },
      ])
      // What changes nothing is answered too.
      await live.change(
        [{ add: user('zoe') }],
        wish('same', ({ results }) => String(results[0]?.outcome)),
      )
      assert.equal(live.receipt('token:t', 'same')?.answer, 'unchanged')
      assert.equal(live.engine.revision, revision)
    })

    within('keeps no answer of a change that was not made', async (live, probe) => {
      await live.change(BASICS)
      const wish = (key: string, answer = () => key) => ({
        receipt: { caller: 'token:t', key, digest: 'd', answer },
      })
      const refusal = new Error('not like this')
      const refuse = () => {
        throw refusal
      }
      const outcomes = await Promise.allSettled([
        live.change([{ add: user('one') }], wish('one')),
        live.change([{ add: user('two') }], wish('two', refuse)),
        live.change([{ add: { kind: 'group', id: 'g', owner: 'user:nobody' } }], wish('three')),
        live.change([{ add: user('four') }], wish('four')),
      ])
      assert.deepEqual(outcomes.map(codeOf), ['ok', String(refusal), 'REFERENCE_UNKNOWN', 'ok'])
      assert.deepEqual(
        ['one', 'two', 'three', 'four'].map((key) => live.receipt('token:t', key)?.answer),
        ['one', undefined, undefined, 'four'],
      )
      assert.equal(live.engine.fact({ kind: 'user', id: 'two' }), undefined)
      probe.beforeCommit = () => {
        throw new StoreError('STORE_FULL', 'full', 'make room')
      }
      await assert.rejects(live.change([{ add: user('five') }], wish('five')), { code: 'STORE_FULL' })
      await assert.rejects(live.change([{ add: user('one') }], wish('six')), { code: 'STORE_FULL' })
      assert.deepEqual(
        [live.receipt('token:t', 'five'), live.receipt('token:t', 'six')],
        [undefined, undefined],
      )
      assertAgree(live, probe)
    })

    within('has nothing in the index that is not durable', async (live, probe) => {
      const change = live.change(BASICS)
      assert.equal(live.engine.revision, 0)
      assert.equal(live.engine.fact({ kind: 'user', id: 'alice' }), undefined)
      probe.beforeCommit = () => assert.equal(probe.revision, 0)
      await change
      assert.equal(probe.revision, 1)
    })

    within(
      'makes changes that arrive together durable together, each an entry of its own',
      async (live, probe) => {
        await live.change(BASICS)
        const changes = Array.from({ length: 64 }, (_, i) =>
          live.change([{ add: user(`u${i}`) }], { reason: `${i}` }),
        )
        const answers = await Promise.all(changes)
        assert.deepEqual(probe.groups, [1, 64])
        assert.deepEqual(
          answers.map(({ revision }) => revision),
          Array.from({ length: 64 }, (_, i) => i + 2),
        )
        assert.deepEqual(
          [...live.journal({ from: 1 })].map(({ reason }) => reason),
          Array.from({ length: 64 }, (_, i) => `${i}`),
        )
      },
    )

    within('bounds a group by changes and by facts', async (live, probe) => {
      await live.change(BASICS)
      await Promise.all(Array.from({ length: 1500 }, (_, i) => live.change([{ add: user(`u${i}`) }])))
      await Promise.all(
        Array.from({ length: 25 }, (_, i) =>
          live.change(Array.from({ length: 900 }, (_, j) => ({ add: user(`v${i}.${j}`) }))),
        ),
      )
      assert.deepEqual(probe.groups, [1, 1000, 500, 12, 12, 1])
    })

    within('lets each of a group see those before it', async (live) => {
      await live.change(BASICS)
      const [first, second, third, fourth] = await Promise.all([
        live.change([{ remove: GRANT }]),
        live.change([{ remove: GRANT }]),
        live.change([{ add: GRANT }]),
        live.change([{ add: GRANT }]),
      ])
      assert.deepEqual(
        [first, second, third, fourth].map(({ revision }) => revision),
        [2, 2, 3, 3],
      )
      assert.deepEqual(
        [first, second, third, fourth].map(({ results }) => results[0]?.outcome),
        ['removed', 'absent', 'added', 'unchanged'],
      )
    })

    within('refuses the one of a group that is wrong, and no other', async (live, probe) => {
      await live.change(BASICS)
      const outcomes = await Promise.allSettled([
        live.change([{ add: user('carl') }]),
        live.change([{ add: user('dora') }, { add: { ...GRANT, holder: 'user:nobody' } }]),
        live.change([{ add: user('emil') }], { as: 'user:bob' }),
        live.change([{ add: user('fred') }], { preconditions: { ifAbsent: [{ kind: 'user', id: 'carl' }] } }),
        live.change([{ add: user('gina') }], { reason: '\ud800' }),
        live.change([{ add: user('gina') }], { actor: '\udfff' }),
        live.change([{ add: user('gina') }], { now: Number.NaN }),
        live.change([{ add: user('gina') }]),
      ])
      assert.deepEqual(outcomes.map(codeOf), [
        'ok',
        'REFERENCE_UNKNOWN',
        'FORBIDDEN',
        'PRECONDITION_FAILED',
        'FACT_INVALID',
        'FACT_INVALID',
        'FACT_INVALID',
        'ok',
      ])
      assert.deepEqual(probe.groups, [1, 2])
      assert.deepEqual(userIds(live), ['alice', 'bob', 'carl', 'gina'])
      assertAgree(live, probe)
    })

    within('judges `ifRevision` by what came before, also within the group', async (live, probe) => {
      await live.change(BASICS)
      const now = { preconditions: { ifRevision: 1 } }
      const renew = (quota: number) => live.change([{ add: { ...GRANT, extra: { quota } } }], now)
      assert.deepEqual((await Promise.allSettled([renew(1), renew(2), renew(3)])).map(codeOf), [
        'ok',
        'PRECONDITION_FAILED',
        'PRECONDITION_FAILED',
      ])
      await assert.rejects(renew(4), { code: 'PRECONDITION_FAILED' })
      await live.change([{ add: { ...GRANT, extra: { quota: 5 } } }], { preconditions: { ifRevision: 2 } })
      // Another fact changed meanwhile: that is no obstacle.
      await live.change([{ add: user('carl') }])
      await live.change([{ remove: GRANT }], { preconditions: { ifRevision: 3 } })
      // A fact that was removed since counts as changed.
      await assert.rejects(live.change([{ add: GRANT }], { preconditions: { ifRevision: 3 } }), {
        code: 'PRECONDITION_FAILED',
      })
      assertAgree(live, probe)
    })

    within('takes a whole group back when the store refuses it, and goes on', async (live, probe) => {
      await live.change(BASICS)
      const facts = [...live.engine.facts()]
      probe.beforeCommit = () => {
        throw new StoreError('STORE_FULL', 'no room', 'make some')
      }
      const outcomes = await Promise.allSettled([
        live.change([{ remove: GRANT }]),
        live.change([{ add: user('carl') }, { add: { ...GRANT, holder: 'user:carl' } }]),
        live.change([{ remove: { kind: 'user', id: 'carl' } }]),
        live.change([{ add: GRANT }]),
      ])
      assert.deepEqual(outcomes.map(codeOf), ['STORE_FULL', 'STORE_FULL', 'STORE_FULL', 'STORE_FULL'])
      assert.deepEqual([...live.engine.facts()], facts)
      assert.equal(live.engine.check('user:bob', 'a:1'), true)
      assertAgree(live, probe)
      probe.beforeCommit = undefined
      const { revision } = await live.change([{ add: user('carl') }])
      assert.equal(revision, 2)
      assertAgree(live, probe)
    })

    test('changes what the catalog declared', async () => {
      const place = await makePlace()
      const store = await place.open()
      const live = openLive({ store, holdMsMax, catalog: [{ name: 'b', description: 'declared' }] })
      await live.change([{ add: { kind: 'namespace', name: 'b', description: 'changed' } }])
      assert.deepEqual([...store.load()], [{ kind: 'namespace', name: 'b', description: 'changed' }])
      assert.equal(verifyStore(store).ok, true)
      await live.close()
      await place.remove?.()
    })

    within('writes nothing when nothing changes', async (live, probe) => {
      await live.change(BASICS)
      const { revision, results } = await live.change([{ add: GRANT }])
      assert.equal(revision, 1)
      assert.equal(results[0]?.outcome, 'unchanged')
      assert.deepEqual(probe.groups, [1])
    })

    within('names in the journal who changed what, when and why', async (live) => {
      await live.change(BASICS, { now: 5 })
      await live.change([{ remove: GRANT }], { as: 'user:alice', reason: 'done', now: 7.5 })
      const [, entry] = [...live.journal()]
      assert.equal(entry?.actor, 'user:alice')
      assert.equal(entry?.reason, 'done')
      assert.equal(entry?.time, 7.5)
      assert.deepEqual(entry?.effects, [{ before: GRANT, after: null }])
      assert.equal(live.head, entry?.hash)
      assert.throws(() => live.journal({ from: -1 }), { code: 'FACT_INVALID' })
      assert.throws(() => live.journal({ to: 1.5 }), { code: 'FACT_INVALID' })
    })

    within('is followed from any revision: no entry twice, none left out', async (live) => {
      await live.change(BASICS)
      for (let i = 0; i < 600; i++) void live.change([{ add: user(`early${i}`) }]).catch(assert.fail)
      await live.change([{ add: user('last') }])
      const followers = [0, 1, 300, 601, 602].map((from) => ({
        from,
        seen: take(live.follow({ from }), 1602 - from),
      }))
      for (let i = 0; i < 1000; i++) {
        const change = live.change([{ add: user(`late${i}`) }])
        if (i % 3 === 0) await change
      }
      for (const { from, seen } of followers) {
        const revisions = (await seen).map(({ revision }) => revision)
        assert.deepEqual(
          revisions,
          Array.from({ length: 1602 - from }, (_, i) => from + i + 1),
        )
      }
      assert.deepEqual(await take(live.follow({ from: 0 }), 1602), [...live.journal()])
    })

    within('is followed from the moment that was asked for, not the first entry', async (live) => {
      await live.change(BASICS)
      const follower = live.follow()
      await live.change([{ add: user('carl') }])
      assert.deepEqual(
        (await take(follower, 1)).map(({ revision }) => revision),
        [2],
      )
    })

    within('lets a slow follower be slow, and the others go on', async (live) => {
      await live.change(BASICS)
      const slow = live.follow({ from: 0 })[Symbol.asyncIterator]()
      await slow.next()
      for (let i = 0; i < 20; i++)
        await Promise.all(Array.from({ length: 100 }, (_, j) => live.change([{ add: user(`u${i}.${j}`) }])))
      for (let revision = 2; revision <= 2001; revision++)
        assert.equal((await slow.next()).value?.revision, revision)
      await slow.return?.()
    })

    within('tells followers of nothing that is not durable', async (live, probe) => {
      await live.change(BASICS)
      const follower = live.follow()[Symbol.asyncIterator]()
      const next = follower.next()
      probe.beforeCommit = () => {
        throw new StoreError('STORE_FULL', 'no room', 'make some')
      }
      await assert.rejects(live.change([{ add: user('lost') }]))
      probe.beforeCommit = undefined
      await live.change([{ add: user('kept') }])
      const { value } = await next
      assert.deepEqual(value?.effects, [{ before: null, after: user('kept') }])
      await follower.return?.()
    })

    within('ends a follower by its signal, waiting or not, and leaves no listener behind', async (live) => {
      await live.change(BASICS)
      assert.deepEqual(await take(live.follow({ from: 0, signal: AbortSignal.abort() }), 9), [])
      const stop = new AbortController()
      let listeners = 0
      const { signal } = stop
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
      signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args))
      signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args))
      const seen = take(live.follow({ from: 0, signal }), 9)
      for (let i = 0; i < 5; i++) await live.change([{ add: user(`u${i}`) }])
      assert.ok(listeners <= 1)
      stop.abort()
      assert.ok([5, 6].includes((await seen).length))
      assert.equal(listeners, 0)
    })

    within('refuses to follow from where it has not been', async (live) => {
      await live.change(BASICS)
      for (const [from, code] of [
        [2, 'REVISION_AHEAD'],
        [-1, 'FACT_INVALID'],
        [0.5, 'FACT_INVALID'],
      ] as const) {
        await assert.rejects(take(live.follow({ from }), 1), { code })
      }
    })

    within('finishes what came before it is closed, and refuses what comes after', async (live) => {
      await live.change(BASICS)
      const waiting = take(live.follow(), 9)
      const changes = Array.from({ length: 1200 }, (_, i) => live.change([{ add: user(`u${i}`) }]))
      const closed = live.close()
      const late = assert.rejects(live.change([{ add: user('late') }]), { code: 'STORE_CLOSED' })
      await closed
      await live.close()
      assert.deepEqual(new Set((await Promise.allSettled(changes)).map(codeOf)), new Set(['ok']))
      await late
      assert.ok((await waiting).length <= 9)
      await assert.rejects(take(live.follow({ from: 0 }), 1), { code: 'STORE_CLOSED' })
      assert.throws(() => live.journal(), { code: 'STORE_CLOSED' })
      assert.equal(live.engine.check('user:bob', 'a:1'), true)
    })

    within('stops changing when it cannot take back what the store refused', async (live, probe) => {
      await live.change(BASICS)
      probe.beforeCommit = () => {
        probe.beforeCommit = undefined
        // The store holds it after all: the index, put back, is behind.
        probe.commitAnyway()
        throw new Error('torn')
      }
      await assert.rejects(live.change([{ add: user('carl') }]), /torn/)
      await assert.rejects(live.change([{ add: user('dora') }]), { code: 'STORE_FAILED' })
    })

    test('holds after being opened again what it held before', async () => {
      const place = await makePlace()
      if (!place.isDurable) return await place.remove?.()
      const store = await place.open()
      const live = openLive({ store, holdMsMax })
      await live.change(BASICS)
      await live.change([{ add: user('gone') }, { add: resource('a:2', 'a:1') }])
      await live.change([{ remove: { kind: 'user', id: 'gone' } }, { add: resource('a:0', 'a:2') }])
      const facts = [...live.engine.facts()]
      await live.close()
      const again = openLive({ store: await place.open(), holdMsMax })
      assert.equal(again.engine.revision, 3)
      assert.deepEqual(sorted(again.engine.facts()), sorted(facts))
      assert.equal(again.engine.check('user:bob', 'a:1'), true)
      await assert.rejects(again.change([{ add: user('gone') }]), { code: 'ID_RETIRED' })
      const stale = again.change([{ add: { ...GRANT, extra: { quota: 1 } } }], {
        preconditions: { ifRevision: 0 },
      })
      await assert.rejects(stale, { code: 'PRECONDITION_FAILED' })
      await again.change([{ add: user('new') }])
      assert.equal(again.engine.revision, 4)
      await again.close()
      await place.remove?.()
    })
  })
}

/** What holds while a group is with another thread; of a store that has none the test makes as if it had. */
function testAside(name: string, makePlace: () => StorePlace | Promise<StorePlace>): void {
  function within(sentence: string, body: (live: Live, probe: Probe) => Promise<void>): void {
    test(sentence, async () => {
      const place = await makePlace()
      const probe = new Probe(await place.open())
      const live = openLive({ store: probe, holdMsMax: 0 })
      try {
        await live.change(BASICS)
        await body(live, probe)
      } finally {
        await live.close()
        await place.remove?.()
      }
    })
  }

  describe(`live engine over ${name}, while a group is committed aside`, () => {
    within('answers from what was there before, until all of it is', async (live, probe) => {
      const answered: string[] = []
      const revoke = live.change([{ remove: GRANT }]).then(() => answered.push('revoked'))
      const add = live.change([{ add: user('carl') }]).then(() => answered.push('added'))
      await probe.nextGroup()
      assert.deepEqual(answered, [])
      assert.equal(live.engine.revision, 1)
      assert.equal(live.engine.check('user:bob', 'a:1'), true)
      assert.equal(live.engine.fact({ kind: 'user', id: 'carl' }), undefined)
      assert.throws(() => live.engine.check('user:bob', 'a:1', { atLeast: 2 }), { code: 'REVISION_AHEAD' })
      assert.equal([...live.journal()].length, 1)
      assert.equal([...live.journal({ to: 3 })].length, 1)
      assert.equal(live.head, [...live.journal()][0]?.hash)
      await Promise.all([revoke, add])
      assert.deepEqual(answered, ['revoked', 'added'])
      assert.equal(live.engine.check('user:bob', 'a:1', { atLeast: 3 }), false)
      assertAgree(live, probe)
    })

    within('makes all of it visible in the turn in which any of it is', async (live, probe) => {
      const changes = [{ remove: GRANT }, { add: user('carl') }, { add: { ...GRANT, holder: 'user:carl' } }]
      const made = changes.map((change) => live.change([change]))
      const follower = live.follow()[Symbol.asyncIterator]()
      const entry = await follower.next()
      assert.equal(entry.value?.revision, 2)
      // Whoever is told of the first entry finds everything up to it answered by, and here more.
      assert.equal(live.engine.revision, 4)
      assert.deepEqual(
        (await Promise.all(made)).map(({ revision }) => revision),
        [2, 3, 4],
      )
      await follower.return?.()
      assertAgree(live, probe)
    })

    within('keeps what comes meanwhile for the next, judged by what this one did', async (live, probe) => {
      const first = live.change([{ remove: GRANT }])
      await probe.nextGroup()
      const late = Promise.allSettled([
        live.change([{ remove: GRANT }]),
        live.change([{ add: GRANT }], { preconditions: { ifRevision: 1 } }),
        live.change([{ add: user('bob') }, { add: user('carl') }]),
      ])
      await first
      const [absent, stale, added] = await late
      assert.equal(absent.status === 'fulfilled' && absent.value.results[0]?.outcome, 'absent')
      assert.equal(codeOf(stale), 'PRECONDITION_FAILED')
      assert.equal(added.status === 'fulfilled' && added.value.revision, 3)
      assert.deepEqual(probe.groups, [1, 1, 1])
      assertAgree(live, probe)
    })

    within('tells nobody of it, not even whom it is the reason to refuse', async (live, probe) => {
      const answered: string[] = []
      const unmet = { preconditions: { ifPresent: [GRANT] } }
      const both = [
        live.change([{ remove: GRANT }]).finally(() => answered.push('revoked')),
        live.change([{ add: user('carl') }], unmet).finally(() => answered.push('refused')),
      ]
      const settled = Promise.allSettled(both)
      await probe.nextGroup()
      await new Promise((resolve) => process.nextTick(resolve))
      assert.deepEqual(answered, [])
      assert.deepEqual((await settled).map(codeOf), ['ok', 'PRECONDITION_FAILED'])
      assert.deepEqual(answered, ['revoked', 'refused'])
    })

    within('finishes it, and what waits behind it, before it is closed', async (live, probe) => {
      const first = live.change([{ add: user('carl') }])
      await probe.nextGroup()
      const second = live.change([{ add: user('dora') }])
      const closed = live.close()
      await assert.rejects(live.change([{ add: user('emil') }]), { code: 'STORE_CLOSED' })
      await Promise.all([first, second, closed, live.close()])
      assert.deepEqual(userIds(live), ['alice', 'bob', 'carl', 'dora'])
    })
  })

  test('commits aside only while commits take long', async () => {
    const place = await makePlace()
    const probe = new Probe(await place.open())
    const live = openLive({ store: probe, holdMsMax: 20 })
    const add = async (id: string, msAtLeast = 0) => {
      probe.msAtLeast = msAtLeast
      await live.change([{ add: user(id) }])
    }
    for (let i = 0; i < 4; i++) await add(`quick${i}`)
    assert.equal(probe.asides, 0)
    for (let i = 0; i < 3; i++) await add(`slow${i}`, 400)
    assert.ok(probe.asides >= 1 && probe.asides <= 2)
    for (let i = 0; i < 200; i++) await add(`again${i}`)
    const { asides } = probe
    assert.ok(asides < 100)
    for (let i = 0; i < 10; i++) await add(`still${i}`)
    assert.equal(probe.asides, asides)
    await live.close()
    await place.remove?.()
  })
}

/** A store in front of the one tested: counts its groups, and fails or takes its time when told to. */
class Probe implements Store {
  readonly groups: number[] = []
  /** Of those, the ones that were committed aside. */
  asides = 0
  beforeCommit: (() => void) | undefined
  /** How long a commit takes at least. */
  msAtLeast = 0
  #nextGroup = Promise.withResolvers<void>()
  readonly #store: Store
  #commits: readonly Commit[] = []
  #receipts: readonly Receipt[] = []

  constructor(store: Store) {
    this.#store = store
  }

  get revision(): number {
    return this.#store.revision
  }

  get head(): string {
    return this.#store.head
  }

  commit(commits: readonly Commit[], receipts: readonly Receipt[] = []): void {
    this.#commits = commits
    this.#receipts = receipts
    this.beforeCommit?.()
    this.commitAnyway()
    this.groups.push(commits.length)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.msAtLeast)
  }

  commitAside(commits: readonly Commit[], done: CommitDone, receipts: readonly Receipt[] = []): void {
    this.#commits = commits
    this.#receipts = receipts
    this.asides++
    this.beforeCommit?.()
    this.groups.push(commits.length)
    const store = this.#store
    const counted: CommitDone = (error, ms) => done(error, Math.max(ms, this.msAtLeast))
    if (store.commitAside !== undefined) store.commitAside(commits, counted, receipts)
    else {
      setImmediate(() => {
        this.commitAnyway()
        counted(undefined, 0)
      })
    }
    this.#nextGroup.resolve()
    this.#nextGroup = Promise.withResolvers()
  }

  /** When the next group was handed over to be committed aside: it is not yet done then. */
  nextGroup(): Promise<void> {
    return this.#nextGroup.promise
  }

  commitAnyway(): void {
    this.#store.commit(this.#commits, this.#receipts)
  }

  load(): ReturnType<Store['load']> {
    return this.#store.load()
  }

  stretch(...args: Parameters<Store['stretch']>): ReturnType<Store['stretch']> {
    return this.#store.stretch(...args)
  }

  loadRetired(): ReturnType<Store['loadRetired']> {
    return this.#store.loadRetired()
  }

  receipt(...args: Parameters<Store['receipt']>): ReturnType<Store['receipt']> {
    return this.#store.receipt(...args)
  }

  changedAt(...args: Parameters<Store['changedAt']>): number {
    return this.#store.changedAt(...args)
  }

  journal(...args: Parameters<Store['journal']>): Iterable<JournalEntry> {
    return this.#store.journal(...args)
  }

  close(): void {
    this.#store.close()
  }
}

const GRANT = {
  kind: 'grant',
  issuer: 'user:alice',
  holder: 'user:bob',
  permission: 'a:1',
  extra: {},
} as const

const BASICS: readonly Change[] = [
  { add: { kind: 'namespace', name: 'a', description: 'things' } },
  { add: user('alice') },
  { add: user('bob') },
  { add: { kind: 'resource', permission: 'a:1', owner: 'user:alice' } },
  { add: GRANT },
]

function user(id: string): Fact {
  return { kind: 'user', id }
}

function resource(permission: string, parent: string): Fact {
  return { kind: 'resource', permission, owner: 'user:alice', parent }
}

function userIds(live: Live): string[] {
  return [...live.engine.facts('user')].flatMap((fact) => (fact.kind === 'user' ? fact.id : [])).sort()
}

/** The index, the facts on the disk and the journal say the same. */
function assertAgree(live: Live, store: Store): void {
  assert.equal(live.engine.revision, store.revision)
  assert.deepEqual(sorted(live.engine.facts()), sorted(store.load()))
  assert.equal(verifyStore(store).ok, true)
}

function sorted(facts: Iterable<Fact>): string[] {
  return [...facts]
    .map((fact) => JSON.stringify(Object.entries(fact).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort()
}

function codeOf(outcome: PromiseSettledResult<unknown>): string {
  if (outcome.status === 'fulfilled') return 'ok'
  const { code } = outcome.reason as { code?: string }
  return code ?? String(outcome.reason)
}

/** The first `count` entries, or all when it ends before. */
async function take(entries: AsyncIterable<JournalEntry>, count: number): Promise<JournalEntry[]> {
  const taken: JournalEntry[] = []
  if (count === 0) return taken
  for await (const entry of entries) {
    taken.push(entry)
    if (taken.length === count) break
  }
  return taken
}
