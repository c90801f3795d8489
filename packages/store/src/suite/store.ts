import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  FACT_KINDS,
  factKey,
  keyParts,
  type Commit,
  type Fact,
  type FactKey,
  type KeyParts,
  type Receipt,
  type Store,
  type Stretch,
} from '@castellan/engine'
import { GENESIS, verifyJournal } from '../journal.ts'
import { kindNumber, nameOf, RETIRING } from '../keys.ts'
import { verifyStore } from '../verify.ts'
import { testLive } from './live.ts'
import { makeChance, SAMPLES, Script } from './script.ts'

/** Where one store keeps what it is given. Each test asks for a new one. */
export interface StorePlace {
  /** Opens the store; again, after it was closed, with what it held. */
  open(): Store | Promise<Store>
  /** Whether it outlives `close`. */
  readonly isDurable: boolean
  /** Takes everything away when a test is done; the store is closed by then. */
  remove?(): void | Promise<void>
}

/**
 * What every store must do. Call it in a test file, for your own store as for ours:
 *
 * ```ts
 * testStore('mine', () => ({ open: () => openMine(newFolder()), isDurable: true }))
 * ```
 */
export function testStore(name: string, makePlace: () => StorePlace | Promise<StorePlace>): void {
  /** Runs a test with an open store and its place, and closes both. */
  function within(sentence: string, body: (store: Store, place: StorePlace) => void | Promise<void>): void {
    test(sentence, async () => {
      const place = await makePlace()
      const store = await place.open()
      try {
        await body(store, place)
      } finally {
        store.close()
        await place.remove?.()
      }
    })
  }

  describe(`store ${name}`, () => {
    within('holds nothing at first', (store) => {
      assert.equal(store.revision, 0)
      assert.equal(store.head, GENESIS)
      assert.deepEqual([...store.load()], [])
      assert.deepEqual([...store.loadRetired()], [])
      assert.deepEqual([...store.journal(0)], [])
      assert.equal(store.changedAt({ kind: 'user', id: 'alice' }), 0)
    })

    within('keeps every kind of fact as it was given', (store) => {
      store.commit([new Script().add(...SAMPLES.toReversed())])
      assert.deepEqual([...store.load()].map(plain), inOrder(SAMPLES))
    })

    within('keeps the order of the keys in `extra`', (store) => {
      const extra = { b: 1, a: { d: 2, c: 3 } }
      store.commit([new Script().add(grant('a:1', extra))])
      const [fact] = store.load()
      assert.equal(fact?.kind === 'grant' && JSON.stringify(fact.extra), JSON.stringify(extra))
    })

    within('loads kinds in order and keys by code point', (store) => {
      // U+FF5E comes before U+1F600, though its UTF-16 unit is the greater one.
      const permissions = ['a:\u{1f600}', 'a:\uff5e', 'a:~', 'a:Z', 'a:z', 'a:é', 'a', 'a:1', 'a:10', 'a:2']
      const script = new Script()
      store.commit([script.add(...permissions.map((permission) => grant(permission)))])
      store.commit([
        script.add({ kind: 'user', id: 'b' }, { kind: 'user', id: 'B' }, { kind: 'user', id: 'a' }),
      ])
      const loaded = [...store.load()].map((fact) => (fact.kind === 'grant' ? fact.permission : nameOf(fact)))
      const users = ['B', 'a', 'b'].map((id) => nameOf({ kind: 'user', id }))
      const sorted = ['a', 'a:1', 'a:10', 'a:2', 'a:Z', 'a:z', 'a:~', 'a:é', 'a:\uff5e', 'a:\u{1f600}']
      assert.deepEqual(loaded, [...users, ...sorted])
    })

    within('knows when a fact changed last, also after it was removed', (store) => {
      const script = new Script()
      const [alice, bob] = [user('alice'), user('bob')]
      store.commit([script.add(alice, grant('a:1')), script.add(bob)])
      assert.deepEqual(
        [alice, bob, grant('a:1')].map((fact) => store.changedAt(factKey(fact))),
        [1, 2, 1],
      )
      store.commit([script.add(grant('a:1', { quota: 5 }))])
      assert.equal(store.changedAt(factKey(grant('a:1'))), 3)
      store.commit([script.remove(factKey(grant('a:1')))])
      assert.equal(store.changedAt(factKey(grant('a:1'))), 4)
      store.commit([script.add(grant('a:1'))])
      assert.equal(store.changedAt(factKey(grant('a:1'))), 5)
      assert.deepEqual([...store.load()].map(plain), [alice, bob, grant('a:1')])
      assert.equal(store.changedAt({ kind: 'group', id: 'alice' }), 0)
    })

    within('tells keys apart that would look alike when joined', (store) => {
      const facts: Fact[] = [
        { kind: 'grant', issuer: 'user:a', holder: 'user:b/app:c', permission: 'a', extra: {} },
        { kind: 'grant', issuer: 'user:a', holder: 'user:b', permission: 'app:c:a', extra: {} },
        { kind: 'member', group: 'a', member: 'user:b' },
        { kind: 'group', id: 'a', owner: 'system' },
        { kind: 'app', id: 'a', owner: 'system' },
      ]
      store.commit([new Script().add(...facts)])
      assert.deepEqual([...store.load()].map(plain), inOrder(facts))
    })

    within('keeps removed ids from being made again, and forgets removed links', (store) => {
      const script = new Script()
      store.commit([script.add(...SAMPLES), script.remove(...SAMPLES.toReversed().map(factKey))])
      const retired = SAMPLES.filter(({ kind }) => RETIRING.has(kind)).map(factKey)
      assert.deepEqual(names(store.loadRetired()), names(retired))
      assert.deepEqual([...store.load()], [])
    })

    within('keeps names that objects already have', (store) => {
      const ids = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', 'prototype']
      const extra = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as {
        readonly [key: string]: number
      }
      const facts = [...ids.map(user), ...ids.map((id) => grant(`a:${id}`, extra))]
      const script = new Script()
      store.commit([script.add(...facts)])
      assert.deepEqual(
        [...store.load()].map((fact) => JSON.stringify(plain(fact))).sort(),
        facts.map((fact) => JSON.stringify(fact)).sort(),
      )
      store.commit([script.remove({ kind: 'user', id: '__proto__' })])
      assert.deepEqual([...store.loadRetired()], [{ kind: 'user', id: '__proto__' }])
      assert.equal(({} as { polluted?: boolean }).polluted, undefined)
      assert.equal(verifyStore(store).ok, true)
    })

    within('keeps every character that an id, a permission and a text may have', (store) => {
      const legal = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+=~-'
      const facts = [
        user(legal),
        user('x'.repeat(256)),
        user('.'),
        {
          kind: 'user',
          id: 'named',
          name: '\u0000 "quoted" \\ \u2028 \u{1f468}\u200d\u{1f469} e\u0301 \u05d0 \ufeff',
        } as const,
        grant('a:percent% quote\' double" semi; dash-- \\C \\\\ '),
        grant(`a:e\u0301`),
        grant(`a:\u00e9`),
        grant(`a:${'\u{1f600}'.repeat(200)}`),
        grant('a:text', { '': '\u0000\ud83d', '\u{1f600}': '\u{10ffff}' }),
      ]
      const script = new Script()
      const commit = script.commit(
        facts.map((add) => ({ add })),
        "why; -- '\u0000\u{1f600}",
      )
      store.commit([commit])
      assert.deepEqual([...store.load()].map(plain), inOrder(facts))
      assert.deepEqual(plain([...store.journal(0)][0]?.effects), commit.effects)
      for (const fact of facts) assert.equal(store.changedAt(factKey(fact)), 1)
      assert.equal(verifyStore(store).ok, true)
    })

    within('keeps the largest `extra`', (store) => {
      const extra = { text: 'é'.repeat(8000), list: Array.from({ length: 50 }, (_, i) => i) }
      const script = new Script()
      store.commit([script.add(grant('a:1', extra))])
      assert.deepEqual([...store.load()].map(plain), [grant('a:1', extra)])
    })

    within('keeps a commit of 1,000 changes and a group of 1,000 commits', (store) => {
      const script = new Script()
      store.commit([script.add(...Array.from({ length: 1000 }, (_, i) => user(`u${i}`)))])
      store.commit(Array.from({ length: 1000 }, (_, i) => script.add(grant(`a:${i}`))))
      assert.equal(store.revision, 1001)
      assert.deepEqual([...store.load()].map(plain), inOrder(script.facts()))
      assert.deepEqual(verifyStore(store), { ok: true, revision: 1001, head: store.head })
    })

    within('reads as many facts as there are, wherever its pages end', (store) => {
      const script = new Script()
      const users = Array.from({ length: 4000 }, (_, i) => user(`u${i}`))
      const grants = Array.from({ length: 2001 }, (_, i) => grant(`a:${i % 7}:${i}`))
      store.commit([
        script.add(...users),
        script.add(...grants),
        script.add({ kind: 'app', id: 'a', owner: 'system' }),
      ])
      assert.deepEqual([...store.load()].map(plain), inOrder(script.facts()))
      store.commit([script.remove(...users.slice(0, 2000).map(factKey))])
      assert.equal([...store.loadRetired()].length, 2000)
      store.commit([script.remove(...users.slice(2000).map(factKey))])
      assert.deepEqual(names(store.loadRetired()), names(users.map(factKey)))
      assert.deepEqual([...store.load()].map(plain), inOrder(script.facts()))
    })

    within('keeps the journal: every commit, in order, by ranges', (store) => {
      const script = new Script()
      for (let i = 0; i < 600; i++)
        store.commit([script.commit([{ add: user(`u${i}`) }], i % 2 ? `reason ${i}` : null)])
      const entries = [...store.journal(0)].map(plain)
      assert.deepEqual(
        entries.map(({ previous: _previous, hash: _hash, ...commit }) => commit),
        script.commits,
      )
      assert.deepEqual([...store.journal(0, 0)], [])
      assert.deepEqual([...store.journal(597)].map(plain), entries.slice(597))
      assert.deepEqual([...store.journal(250, 520)].map(plain), entries.slice(250, 520))
      assert.deepEqual([...store.journal(599, 9999)].map(plain), entries.slice(599))
      assert.deepEqual([...store.journal(600)], [])
      assert.deepEqual([...store.journal(700, 800)], [])
      const back = (from: number, to?: number) => [...store.journal(from, to, true)].map(plain)
      assert.deepEqual(back(0), entries.toReversed())
      assert.deepEqual(back(250, 520), entries.slice(250, 520).toReversed())
      assert.deepEqual(back(599, 9999), entries.slice(599))
      assert.deepEqual(back(600), [])
    })

    within(
      'looks at facts in stretches, as many keys at a time as it is told, removed ones included',
      (store) => {
        const script = new Script()
        const ids = Array.from({ length: 40 }, (_, i) => `u${String(i).padStart(2, '0')}`)
        const facts = [...ids.map(user), ...SAMPLES]
        store.commit([script.add(...facts.toReversed())])
        store.commit([script.remove(...ids.filter((_, i) => i % 4 === 1).map((id) => factKey(user(id))))])
        for (const count of [1, 3, 7, 1000]) {
          const found = FACT_KINDS.flatMap((kind) => collect(store, kind, count))
          assert.deepEqual(found.map(plain), inOrder(script.facts()), `by ${count}`)
        }
        const stretch = store.stretch('user', ['u05', '', ''], 3)
        assert.deepEqual(stretch.facts.map(plain), [user('u06'), user('u07')])
        assert.deepEqual(stretch.next, ['u08', '', ''])
        assert.deepEqual(store.stretch('user', ['u01x', '', ''], 1).facts.map(plain), [user('u02')])
        assert.deepEqual(store.stretch('user', ['v', '', ''], 5), { facts: [], next: undefined })
      },
    )

    within('looks at keys of several parts from any place between them', (store) => {
      const members = ['group:b', 'user:a', 'user:b', 'user:\u{1f600}', 'user:\uff5e']
      const facts = ['g', 'ga', 'h'].flatMap((group) =>
        members.map((member): Fact => ({ kind: 'member', group, member })),
      )
      store.commit([new Script().add(...facts)])
      const from = (group: string, member: string) =>
        store.stretch('member', [group, member, ''], 2).facts.map((fact) => keyParts(fact).slice(0, 2))
      assert.deepEqual(from('g', ''), [
        ['g', 'group:b'],
        ['g', 'user:a'],
      ])
      assert.deepEqual(from('g', 'user:b2'), [
        ['g', 'user:\uff5e'],
        ['g', 'user:\u{1f600}'],
      ])
      assert.deepEqual(from('g', 'user:\u{1f600}'), [
        ['g', 'user:\u{1f600}'],
        ['ga', 'group:b'],
      ])
    })

    within('reads the journal in pages when entries are large', (store) => {
      const script = new Script()
      const text = 'x'.repeat(16_000)
      const commits = Array.from({ length: 30 }, (_, i) =>
        script.add(...Array.from({ length: 20 }, (_, j) => grant(`a:${i}:${j}`, { text }))),
      )
      for (const commit of commits) store.commit([commit])
      assert.deepEqual(
        [...store.journal(3)].map(({ revision }) => revision),
        commits.slice(3).map(({ revision }) => revision),
      )
      assert.deepEqual(
        [...store.journal(3, 29, true)].map(({ revision }) => revision),
        commits
          .slice(3, 29)
          .map(({ revision }) => revision)
          .toReversed(),
      )
    })

    within('commits while its journal is being read', (store) => {
      const script = new Script()
      store.commit(Array.from({ length: 600 }, (_, i) => script.add(user(`u${i}`))))
      const seen: number[] = []
      for (const { revision } of store.journal(0)) {
        seen.push(revision)
        if (revision % 100 === 0) store.commit([script.add(user(`later${revision}`))])
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 600 }, (_, i) => i + 1),
      )
      assert.equal(store.revision, 606)
    })

    within('chains its journal', (store) => {
      const script = new Script()
      store.commit([script.add(...SAMPLES)])
      const first = store.head
      store.commit([script.remove({ kind: 'suspension', of: 'app:viewer' })])
      const entries = [...store.journal(0)]
      assert.equal(entries[0]?.previous, GENESIS)
      assert.equal(entries[0]?.hash, first)
      assert.equal(entries[1]?.previous, first)
      assert.equal(entries[1]?.hash, store.head)
      assert.deepEqual(verifyJournal(entries, { head: first, revision: 2 }), {
        ok: true,
        revision: 2,
        head: store.head,
      })
    })

    within('hashes as every store does', (store) => {
      store.commit([new Script().add(...SAMPLES)])
      assert.equal(store.head, HEAD_OF_SAMPLES)
    })

    within('keeps nothing of a group that fails in the middle', (store) => {
      const script = new Script()
      store.commit([script.add(user('before'))])
      const { head } = store
      const good = script.add(user('one'), grant('a:1'))
      const poisoned = {
        ...script.add(user('two')),
        get time(): number {
          throw new Error('poison')
        },
      }
      const next = script.add(user('three'))
      assert.throws(() => store.commit([good, poisoned, next]), /poison/)
      assert.equal(store.revision, 1)
      assert.equal(store.head, head)
      assert.deepEqual([...store.load()], [user('before')])
      assert.equal([...store.journal(0)].length, 1)
      assert.equal(store.changedAt({ kind: 'user', id: 'one' }), 0)
      store.commit([good])
      assert.equal(store.revision, 2)
      assert.deepEqual(verifyStore(store), { ok: true, revision: 2, head: store.head })
    })

    within('refuses a commit that does not follow on the last', (store) => {
      const script = new Script()
      const commits = [script.add(user('a')), script.add(user('b')), script.add(user('c'))] as const
      assert.throws(() => store.commit([commits[1]]), /invariant/)
      assert.throws(() => store.commit([commits[0], commits[2]]), /invariant/)
      store.commit([commits[0]])
      assert.throws(() => store.commit([commits[0]]), /invariant/)
      assert.deepEqual([...store.load()], [user('a')])
      store.commit([])
      assert.equal(store.revision, 1)
    })

    within('is what a plain model is, after random commits', (store) => {
      const script = randomScript(7, 400)
      for (let i = 0; i < script.commits.length;) {
        const size = 1 + (i % 5)
        store.commit(script.commits.slice(i, i + size))
        i += size
      }
      assertEqualsScript(store, script)
    })

    within('commits aside, where it can, what it commits at once', async (store) => {
      if (store.commitAside === undefined) return
      const script = randomScript(13, 60)
      for (let i = 0; i < script.commits.length;) {
        const group = script.commits.slice(i, i + 1 + (i % 4))
        const before = [store.revision, store.head, [...store.journal(0)].length]
        const committed = commitAside(store, group)
        assert.deepEqual([store.revision, store.head, [...store.journal(0, i + 9)].length], before)
        assert.throws(() => store.commit(group), /invariant/)
        assert.throws(() => store.commitAside?.(group, () => {}), /invariant/)
        assert.throws(() => [...store.load()], /invariant/)
        await committed
        i += group.length
        assert.equal(store.revision, i)
        if (i < script.commits.length && i % 3 === 0) store.commit([script.commits[i++]!])
      }
      assertEqualsScript(store, script)
    })

    within('shows stretches without the group that it commits aside', async (store) => {
      if (store.commitAside === undefined) return
      const script = randomScript(17, 200)
      const kinds = [...new Set(SAMPLES.map(({ kind }) => kind))]
      const look = () =>
        kinds.map((kind) => {
          const facts: Fact[] = []
          let from: KeyParts | undefined = ['', '', '']
          while (from !== undefined) {
            const stretch: Stretch = store.stretch(kind, from, 3)
            facts.push(...stretch.facts)
            from = stretch.next
          }
          return facts.map(plain)
        })
      for (let i = 0; i < script.commits.length; i += 4) {
        const before = look()
        const committed = commitAside(store, script.commits.slice(i, i + 4))
        assert.deepEqual(look(), before)
        // Standing still for long enough: the disk has it, and nobody was told.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15)
        assert.deepEqual(look(), before)
        await committed
      }
      assert.deepEqual(look().flat(), inOrder(script.facts()).map(plain))
    })

    within(
      'keeps receipts with the commits of their group, or alone, one for each caller and key',
      async (store) => {
        const script = new Script()
        assert.equal(store.receipt('token:a', 'k'), undefined)
        store.commit(
          [script.add(user('a'))],
          [receipt('token:a', 'k', 1), receipt('token:a', '__proto__', 1)],
        )
        store.commit([], [receipt('token:b', 'k', 2), receipt('token:a"', '","k', 2)])
        assert.deepEqual([store.revision, [...store.journal(0)].length], [1, 1])
        const keys = [
          ['token:a', 'k', 1],
          ['token:a', '__proto__', 1],
          ['token:b', 'k', 2],
          ['token:a"', '","k', 2],
        ] as const
        for (const [caller, key, time] of keys)
          assert.deepEqual(store.receipt(caller, key), receipt(caller, key, time))
        for (const [caller, key] of [
          ['token:a', 'K'],
          ['token:c', 'k'],
          ['', ''],
        ] as const)
          assert.equal(store.receipt(caller, key), undefined)
        store.commit([], [receipt('token:a', 'k', 3)])
        assert.equal(store.receipt('token:a', 'k')?.time, 3)
        if (store.commitAside === undefined) return
        await commitAside(store, [script.add(user('b'))], [receipt('token:a', 'aside', 4)])
        await commitAside(store, [], [receipt('token:a', 'alone', 5)])
        assert.deepEqual(
          [store.receipt('token:a', 'aside')?.time, store.receipt('token:a', 'alone')?.time],
          [4, 5],
        )
        assert.equal(store.revision, 2)
      },
    )

    within('keeps as many receipts as it should and no more, and none for ever', (store) => {
      const kept = (from: number, count: number, time: number) =>
        Array.from({ length: count }, (_, i) => receipt('token:a', `k${from + i}`, time))
      for (let i = 0; i < 10; i++) store.commit([], kept(i * 10_000, 10_000, 1))
      store.commit([], [receipt('token:a', 'k0', 2), ...kept(100_000, 5, 2)])
      // The first came again, and so is not among the oldest.
      assert.equal(store.receipt('token:a', 'k0')?.time, 2)
      assert.deepEqual(
        ['k1', 'k5', 'k6', 'k99999', 'k100004'].map((key) => store.receipt('token:a', key)?.time),
        [undefined, undefined, 1, 1, 2],
      )
      const day = 86_400_000
      for (let i = 0; i < 3; i++) store.commit([], [receipt('token:a', `late${i}`, day + 2)])
      // Two days later a few of the old ones go with each that comes.
      assert.equal(store.receipt('token:a', 'k6'), undefined)
      assert.equal(store.receipt('token:a', 'late2')?.time, day + 2)
    })

    within('calls back about a group that it is closed over', (store) => {
      if (store.commitAside === undefined) return
      const answers: [unknown, number][] = []
      store.commitAside([new Script().add(user('a'))], (error) => answers.push([error, store.revision]))
      store.close()
      assert.deepEqual(answers, [[undefined, 1]])
    })

    within('is closed for good', (store) => {
      store.commit([new Script().add(user('a'))])
      store.close()
      store.close()
      const calls = [
        () => store.commit([]),
        ...(store.commitAside === undefined ? [] : [() => store.commitAside?.([], () => {})]),
        () => [...store.load()],
        () => [...store.loadRetired()],
        () => store.changedAt({ kind: 'user', id: 'a' }),
        () => [...store.journal(0)],
        () => store.stretch('user', ['', '', ''], 1),
        () => store.receipt('token:a', 'k'),
      ]
      for (const call of calls) assert.throws(call, { code: 'STORE_CLOSED' })
    })

    within('holds after being opened again what it held before', async (store, place) => {
      if (!place.isDurable) return
      const script = randomScript(11, 300)
      store.commit(script.commits, [receipt('token:a', 'k', 1)])
      const { head } = store
      const entries = [...store.journal(0)].map(plain)
      store.close()
      const again = await place.open()
      try {
        assert.equal(again.head, head)
        assert.deepEqual(again.receipt('token:a', 'k'), receipt('token:a', 'k', 1))
        assert.deepEqual([...again.journal(0)].map(plain), entries)
        assertEqualsScript(again, script)
        again.commit([script.add(user('after'))])
        assertEqualsScript(again, script)
      } finally {
        again.close()
      }
    })
  })

  testLive(name, makePlace)
}

/** The head after one commit of all samples: whoever changes what is hashed breaks every journal there is. */
const HEAD_OF_SAMPLES = '3b7451e68c175bdca5efa8b47d77067378dc322197544e57a2a09a13d69437d4'

function commitAside(store: Store, group: readonly Commit[], receipts?: readonly Receipt[]): Promise<void> {
  return new Promise((resolve, reject) => {
    store.commitAside!(group, (error) => (error === undefined ? resolve() : reject(error)), receipts)
  })
}

function receipt(caller: string, key: string, time: number): Receipt {
  return { caller, key, digest: `digest of ${key}`, answer: JSON.stringify({ revision: time }), time }
}

function assertEqualsScript(store: Store, script: Script): void {
  assert.equal(store.revision, script.revision)
  assert.deepEqual([...store.load()].map(plain), inOrder(script.facts()))
  assert.deepEqual(
    names(store.loadRetired()),
    names(script.removed().filter(({ kind }) => RETIRING.has(kind))),
  )
  for (const key of [...script.facts().map(factKey), ...script.removed()]) {
    assert.equal(store.changedAt(key), script.changedAt(key))
  }
  assert.deepEqual(verifyStore(store), { ok: true, revision: store.revision, head: store.head })
}

/** Adds, alters and removes facts from a small world, so that keys meet again and again. */
function randomScript(seed: number, commits: number): Script {
  const chance = makeChance(seed)
  const script = new Script()
  while (script.revision < commits) {
    const changes = new Map<string, { add: Fact } | { remove: FactKey }>()
    for (let i = chance(4); i >= 0; i--) {
      const fact = randomFact(chance)
      const present = script.facts().some((other) => nameOf(other) === nameOf(fact))
      changes.set(nameOf(fact), present && chance(2) === 0 ? { remove: factKey(fact) } : { add: fact })
    }
    script.commit([...changes.values()], chance(3) === 0 ? null : `because ${chance(100)}`)
  }
  return script
}

function randomFact(chance: (limit: number) => number): Fact {
  const id = `n${chance(8)}`
  const sample = SAMPLES[chance(SAMPLES.length)] as Fact
  switch (sample.kind) {
    case 'namespace':
      return { ...sample, name: id }
    case 'resource':
      return { ...sample, permission: `a:${id}` }
    case 'member':
      return { ...sample, group: id }
    case 'grant':
      return { ...sample, permission: `a:${id}` }
    case 'suspension':
      return { ...sample, of: `user:${id}` }
    default:
      return { ...sample, id }
  }
}

function user(id: string): Fact {
  return { kind: 'user', id }
}

function grant(permission: string, extra: Extract<Fact, { kind: 'grant' }>['extra'] = {}): Fact {
  return { kind: 'grant', issuer: 'user:alice', holder: 'user:bob', permission, extra }
}

function collect(store: Store, kind: Fact['kind'], count: number): Fact[] {
  const found: Fact[] = []
  let from: KeyParts | undefined = ['', '', '']
  while (from !== undefined) {
    const stretch: Stretch = store.stretch(kind, from, count)
    assert.ok(stretch.facts.length <= count)
    found.push(...stretch.facts)
    from = stretch.next
  }
  return found
}

function inOrder(facts: readonly Fact[]): Fact[] {
  return FACT_KINDS.flatMap((kind) =>
    facts.filter((fact) => fact.kind === kind).sort((a, b) => Buffer.compare(bytes(a), bytes(b))),
  )
}

/** Keys in UTF-8, whose order is that of the code points; no part holds a zero. */
function bytes(fact: Fact): Buffer {
  const [, ...parts] = JSON.parse(nameOf(fact)) as string[]
  return Buffer.from(parts.join('\0'))
}

function names(keys: Iterable<FactKey>): string[] {
  return [...keys]
    .sort((a, b) => kindNumber(a.kind) - kindNumber(b.kind))
    .map(nameOf)
    .sort()
}

/** As JSON has it, so that what a store adds for itself (frozen or bare objects) does not count. */
function plain<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value
}
