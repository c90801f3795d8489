import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JournalEntry } from '@castellan/engine'
import fc from 'fast-check'
import { canonicalJson } from './canonical.ts'
import { chainCommits, GENESIS, hashEntry, verifyJournal } from './journal.ts'
import { Script } from './suite/script.ts'

function makeJournal(length: number, tag = ''): JournalEntry[] {
  const script = new Script()
  for (let i = 0; i < length; i++) script.add({ kind: 'user', id: `u${tag}${i}` })
  return chainCommits({ revision: 0, head: GENESIS }, script.commits).map(({ commit, previous, hash }) => ({
    ...commit,
    previous,
    hash,
  }))
}

/** Hashes everything from `start` on anew, as one would who can write the file and knows the code. */
function rehash(entries: readonly JournalEntry[], start: number): JournalEntry[] {
  const out = entries.slice(0, start)
  for (const entry of entries.slice(start)) {
    const previous = out.at(-1)?.hash ?? GENESIS
    out.push({ ...entry, previous, hash: hashEntry(previous, entry).hash })
  }
  return out
}

const journal = makeJournal(5)
const [, , third, fourth, fifth] = journal as [
  JournalEntry,
  JournalEntry,
  JournalEntry,
  JournalEntry,
  JournalEntry,
]

describe('verifyJournal', () => {
  test('follows a whole journal to its end', () => {
    assert.deepEqual(verifyJournal(journal), { ok: true, revision: 5, head: fifth.hash })
    assert.deepEqual(verifyJournal([]), { ok: true, revision: 0, head: GENESIS })
  })

  const changes: { name: string; change: Partial<JournalEntry> }[] = [
    { name: 'time', change: { time: third.time + 1 } },
    { name: 'actor', change: { actor: 'user:other' } },
    { name: 'reason', change: { reason: '' } },
    { name: 'effects', change: { effects: [] } },
    { name: 'hash', change: { hash: fourth.hash } },
  ]
  for (const { name, change } of changes) {
    test(`finds an entry whose ${name} was changed`, () => {
      const found = verifyJournal(journal.with(2, { ...third, ...change }))
      assert.deepEqual(pick(found), { ok: false, revision: 3, problem: 'changed' })
    })
  }

  const breaks: { name: string; entries: readonly JournalEntry[]; revision: number; problem: string }[] = [
    { name: 'a missing entry', entries: journal.toSpliced(2, 1), revision: 3, problem: 'missing' },
    { name: 'a missing first entry', entries: journal.slice(1), revision: 1, problem: 'missing' },
    { name: 'a gap', entries: journal.toSpliced(1, 3), revision: 2, problem: 'missing' },
    {
      name: 'an entry that comes twice',
      entries: journal.toSpliced(2, 0, third),
      revision: 4,
      problem: 'rewritten',
    },
    {
      name: 'entries out of order',
      entries: journal.with(2, fourth).with(3, third),
      revision: 3,
      problem: 'missing',
    },
    {
      name: 'an entry that was changed and hashed anew',
      entries: journal.with(2, rehash(journal.with(2, { ...third, actor: 'user:x' }), 2)[2] as JournalEntry),
      revision: 4,
      problem: 'rewritten',
    },
    {
      name: 'a missing entry whose followers were numbered anew',
      entries: [...journal.slice(0, 2), { ...fourth, revision: 3 }, { ...fifth, revision: 4 }],
      revision: 3,
      problem: 'rewritten',
    },
  ]
  for (const { name, entries, revision, problem } of breaks) {
    test(`finds ${name}`, () => {
      assert.deepEqual(pick(verifyJournal(entries)), { ok: false, revision, problem })
    })
  }

  test('accepts the head of the end and of any earlier entry', () => {
    for (const head of [GENESIS, third.hash, fifth.hash, fifth.hash.toUpperCase()]) {
      assert.equal(verifyJournal(journal, { head }).ok, true)
    }
  })

  test('finds a cut tail by the head or the revision, and by nothing else', () => {
    const cut = journal.slice(0, 4)
    assert.equal(verifyJournal(cut).ok, true)
    assert.deepEqual(pick(verifyJournal(cut, { head: fifth.hash })), {
      ok: false,
      revision: 5,
      problem: 'cut',
    })
    assert.deepEqual(pick(verifyJournal(cut, { revision: 5 })), { ok: false, revision: 5, problem: 'cut' })
    assert.deepEqual(pick(verifyJournal([], { head: fifth.hash })), {
      ok: false,
      revision: 1,
      problem: 'cut',
    })
  })

  test('finds a tail that was rewritten and hashed anew by the head', () => {
    const rewritten = rehash(journal.with(3, { ...fourth, actor: 'user:x' }), 3)
    assert.equal(verifyJournal(rewritten).ok, true)
    assert.equal(verifyJournal(rewritten, { head: fifth.hash }).ok, false)
    assert.equal(verifyJournal(rewritten, { head: third.hash }).ok, true)
    assert.equal(verifyJournal([...rewritten, ...makeJournal(9).slice(5)], { head: fifth.hash }).ok, false)
  })

  test('goes on from where an earlier check ended', () => {
    const after = { revision: 3, head: third.hash }
    assert.deepEqual(verifyJournal(journal.slice(3), { after }), { ok: true, revision: 5, head: fifth.hash })
    assert.equal(verifyJournal(makeJournal(5, 'x').slice(3), { after }).ok, false)
  })
})

describe('canonicalJson', () => {
  test('says the same of equal values, whatever the order of their keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value)
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
        assert.equal(canonicalJson(JSON.parse(text)), text)
        assert.equal(canonicalJson(turned(value)), text)
      }),
    )
  })

  const texts: readonly (readonly [unknown, string])[] = [
    [{ b: 1, a: [null, true, 'é\u0007'] }, '{"a":[null,true,"é\\u0007"],"b":1}'],
    [{ '\u{1f600}': 1, '\uff5e': 2 }, '{"\u{1f600}":1,"\uff5e":2}'],
    [{ 10: 1, 9: 2 }, '{"10":1,"9":2}'],
    [{ a: undefined, b: 1e21, c: -0, d: 0.1 }, '{"b":1e+21,"c":0,"d":0.1}'],
    [JSON.parse('{"__proto__":{"z":1,"y":2}}'), '{"__proto__":{"y":2,"z":1}}'],
  ]
  for (const [value, text] of texts) {
    test(`writes ${text}`, () => assert.equal(canonicalJson(value), text))
  }
})

test('two entries that differ anywhere have different hashes', () => {
  const base = { revision: 1, time: 12, actor: 'user:a', reason: 'b', effects: [] }
  const others = [
    { ...base, revision: 11, time: 2 },
    { ...base, actor: 'user:a","b' },
    { ...base, actor: 'user:a"', reason: ',"b' },
    { ...base, reason: null },
    { ...base, reason: 'null' },
  ]
  const hashes = [base, ...others].map((entry) => hashEntry(GENESIS, entry).hash)
  assert.equal(new Set([...hashes, hashEntry('1'.repeat(64), base).hash]).size, 7)
})

/** The same value with the keys of every object the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, turned(member)]),
  )
}

function pick(found: object): object {
  const { message: _message, ...rest } = found as { message?: string }
  return rest
}
