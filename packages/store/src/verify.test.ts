import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Fact, Store } from '@castellan/engine'
import { openMemoryStore } from './memory/index.ts'
import { SAMPLES, Script } from './suite/script.ts'
import { verifyStore, type StoreReader } from './verify.ts'

const bob: Fact = { kind: 'user', id: 'bob', name: 'Bob' }

function makeStore(): Store {
  const store = openMemoryStore()
  const script = new Script()
  store.commit([
    script.add(...SAMPLES),
    script.add({ kind: 'user', id: 'carl' }),
    script.remove({ kind: 'user', id: 'carl' }),
  ])
  return store
}

/** A store as it would be after someone edited what is under it. */
function edited(store: Store, edits: Partial<StoreReader>): StoreReader {
  return {
    revision: store.revision,
    head: store.head,
    load: () => store.load(),
    loadRetired: () => store.loadRetired(),
    changedAt: (key) => store.changedAt(key),
    journal: (from, to) => store.journal(from, to),
    close: () => store.close(),
    ...edits,
  }
}

describe('verifyStore', () => {
  const store = makeStore()
  const facts = [...store.load()]

  test('finds nothing wrong with a store that nobody touched', () => {
    assert.deepEqual(verifyStore(edited(store, {})), { ok: true, revision: 3, head: store.head })
  })

  const cases: { name: string; edits: Partial<StoreReader>; message: RegExp }[] = [
    {
      name: 'a fact that was added by hand',
      edits: { load: () => [...facts, { kind: 'user', id: 'mallory' }] },
      message: /mallory.*in no entry/,
    },
    {
      name: 'a fact that was altered by hand',
      edits: {
        load: () =>
          facts.map((fact) => (fact.kind === 'user' && fact.id === 'bob' ? { ...bob, name: 'Eve' } : fact)),
      },
      message: /bob.*not what the journal says/,
    },
    { name: 'a fact that was deleted by hand', edits: { load: () => facts.slice(1) }, message: /not there/ },
    {
      name: 'a removed fact that came back',
      edits: { load: () => [...facts, { kind: 'user', id: 'carl' }], loadRetired: () => [] },
      message: /carl.*in no entry/,
    },
    { name: 'an id that may be made again', edits: { loadRetired: () => [] }, message: /not there/ },
    {
      name: 'an id that was retired by hand',
      edits: { loadRetired: () => [{ kind: 'user', id: 'bob' }] },
      message: /bob.*never removed/,
    },
    { name: 'a wrong moment of change', edits: { changedAt: () => 2 }, message: /last changed in entry/ },
  ]
  for (const { name, edits, message } of cases) {
    test(`finds ${name}`, () => {
      const found = verifyStore(edited(store, edits))
      assert.equal(found.ok, false)
      assert.equal(!found.ok && found.problem, 'facts')
      assert.match(found.ok ? '' : found.message, message)
    })
  }

  test('finds a revision that the journal does not reach', () => {
    const found = verifyStore(edited(store, { revision: 4 }))
    assert.equal(!found.ok && found.problem, 'cut')
  })

  test('finds an entry that changes what was not there', () => {
    const script = new Script()
    const other = openMemoryStore()
    other.commit([
      script.add(bob),
      { ...script.add({ ...bob, name: 'Rob' }), effects: [{ before: { ...bob, name: 'Eve' }, after: bob }] },
    ])
    const found = verifyStore(other)
    assert.match(found.ok ? '' : found.message, /entry 2 changes.*not so before/)
  })
})
