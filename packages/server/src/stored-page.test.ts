import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compareText, type Fact, type KeyParts } from '@castellan/engine'
import { openLive, openMemoryStore } from '@castellan/store'
import { storedList, storedPage, type StoredList } from './stored-page.ts'

async function liveOf(facts: readonly Fact[], removed: readonly Fact[] = []) {
  const live = openLive({ store: openMemoryStore() })
  await live.change(facts.map((add) => ({ add })))
  await live.change(removed.map((remove) => ({ remove: remove as never })))
  return live
}

const user = (id: string): Fact => ({ kind: 'user', id })
const users = (isIn?: (key: KeyParts) => boolean): StoredList<string> =>
  storedList({ kind: 'user', from: ['', '', ''], ...(isIn && { isIn }), view: ({ id }) => id })

function collect(
  live: Awaited<ReturnType<typeof liveOf>>,
  lists: readonly StoredList<string>[],
  limit: number,
): string[][] {
  const pages: string[][] = []
  let cursor: string | null = null
  do {
    const page: { items: readonly string[]; nextCursor: string | null } = storedPage(
      live,
      lists,
      { q: 1 },
      {
        limit,
        ...(cursor !== null && { cursor }),
      },
    )
    assert.ok(page.items.length <= limit)
    pages.push([...page.items])
    cursor = page.nextCursor
  } while (cursor !== null)
  return pages
}

describe('a page of the store', () => {
  test('is what sorting the whole list would give, removed ones and what is not stored included', async () => {
    const ids = fc.uniqueArray(fc.stringMatching(/^[a-cX~]{1,4}$/), { minLength: 1, maxLength: 120 })
    const chosen = fc.tuple(ids, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 5 }))
    await fc.assert(
      fc.asyncProperty(chosen, async ([names, limit, nth]) => {
        const stored = names.filter((_, i) => i % nth !== 0)
        const removed = stored.filter((_, i) => i % 3 === 0)
        const live = await liveOf(stored.map(user), removed.map(user))
        const besides = names.filter((_, i) => i % nth === 0).map(user)
        const found = collect(live, [{ ...users(), besides }], limit).flat()
        assert.deepEqual(found, names.filter((name) => !removed.includes(name)).sort(compareText))
        await live.close()
      }),
      { numRuns: 60 },
    )
  })

  test('ends where the list ends, and goes on with the next list', async () => {
    const live = await liveOf([
      ...['a1', 'a2', 'b1', 'b2', 'c'].map(user),
      { kind: 'group', id: 'g', owner: 'system' },
    ])
    const beginning = (letter: string): StoredList<string> => ({
      ...users(([id]) => id.startsWith(letter)),
      from: [letter, '', ''],
    })
    const groups = storedList({ kind: 'group', from: ['', '', ''], view: ({ id }) => `group ${id}` })
    assert.deepEqual(collect(live, [beginning('b')], 5), [['b1', 'b2']])
    assert.deepEqual(collect(live, [beginning('b')], 1), [['b1'], ['b2']])
    assert.deepEqual(collect(live, [beginning('a'), groups, beginning('c')], 2), [
      ['a1', 'a2'],
      ['group g', 'c'],
    ])
    assert.deepEqual(collect(live, [beginning('x')], 5), [[]])
    assert.deepEqual(collect(live, [], 5), [[]])
  })

  test('looks at so many keys and no more, however little the filter lets through', async () => {
    const live = await liveOf(Array.from({ length: 900 }, (_, i) => user(`u${String(i).padStart(5, '0')}`)))
    let looked = 0
    const counting = {
      ...live,
      stretch: (...[kind, from, count]: Parameters<typeof live.stretch>) => {
        looked += count
        // As if the store were a hundred times as large: it begins anew.
        const { facts, next } = live.stretch(kind, from, count)
        return { facts, next: next ?? (['', '', ''] as const) }
      },
    }
    const none = storedList<'user', string>({ kind: 'user', from: ['', '', ''], view: () => undefined })
    const page = storedPage(counting as never, [none], { q: 1 }, { limit: 10 })
    assert.deepEqual(page.items, [])
    assert.ok(page.nextCursor !== null)
    assert.ok(looked >= 10_000 && looked <= 11_000, `${looked} keys`)
  })

  test('lists what was there throughout exactly once, whatever comes and goes in between', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `u${String(i).padStart(2, '0')}`)
    const live = await liveOf(ids.map(user))
    const first = storedPage(live, [users()], { q: 1 }, { limit: 10 })
    await live.change([
      { remove: { kind: 'user', id: 'u10' } },
      { remove: { kind: 'user', id: 'u03' } },
      { add: { kind: 'user', id: 'u00a' } },
      { add: { kind: 'user', id: 'u10a' } },
    ])
    const rest = storedPage(live, [users()], { q: 1 }, { limit: 100, cursor: first.nextCursor! })
    const found = [...first.items, ...rest.items]
    for (const id of ids.filter((id) => id !== 'u10' && id !== 'u03'))
      assert.equal(found.filter((each) => each === id).length, 1, id)
    assert.ok(rest.items.includes('u10a'))
  })

  test('refuses cursors of other questions and forged ones, and lets none out of its list', async () => {
    const live = await liveOf(['a', 'b', 'c'].map(user))
    const list = [users(([id]) => id >= 'b')]
    const cursorOf = (question: object) =>
      storedPage(live, [users()], question, { limit: 1 }).nextCursor ?? ''
    const open = (cursor: string) => storedPage(live, list, { q: 1 }, { limit: 9, cursor })
    assert.throws(() => open(cursorOf({ q: 2 })), { code: 'CURSOR_MISMATCH' })
    assert.throws(() => open('x'), { code: 'CURSOR_INVALID' })
    const [mark] = JSON.parse(Buffer.from(cursorOf({ q: 1 }), 'base64url').toString()) as [string]
    const forged = (key: unknown) =>
      Buffer.from(JSON.stringify([mark, typeof key === 'string' ? key : JSON.stringify(key)])).toString(
        'base64url',
      )
    for (const key of [
      'x',
      [0, 'a'],
      [1, 'a', '', ''],
      [-1, 'a', '', ''],
      ['0', 'a', '', ''],
      [0, 1, '', ''],
      {},
    ])
      assert.throws(() => open(forged(key)), { code: 'CURSOR_INVALID' }, JSON.stringify(key))
    assert.deepEqual(open(forged([0, 'a', '', ''])).items, [])
    assert.deepEqual(open(forged([0, 'b', 'x', ''])).items, ['c'])
  })
})
