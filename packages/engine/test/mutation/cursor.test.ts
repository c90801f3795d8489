import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pageOf } from '../../src/cursor.ts'
import type { FactInvalidError } from '../../src/index.ts'
import { errorOf } from '../say.ts'

type Paged = { readonly items: readonly string[]; readonly nextCursor: string | null }

function page(
  items: readonly string[],
  paging: { limit?: number; cursor?: string },
  question: unknown = 'q',
): Paged {
  const page = pageOf(
    question,
    items.map((text) => ({ text })),
    ['text'],
    paging,
  )
  return { ...page, items: page.items.map(({ text }) => text) }
}

function encode(bytes: Uint8Array | string): string {
  return Buffer.from(bytes as string).toString('base64url')
}

/** What is in a cursor. */
function decode(cursor: string | null): [string, string] {
  assert.ok(cursor !== null)
  return JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, string]
}

describe('pages', () => {
  const items = Array.from({ length: 250 }, (_, i) => String(1000 + i))

  test('have 100 items unless asked otherwise, and 1 to 1,000', () => {
    assert.equal(page(items, {}).items.length, 100)
    assert.equal(page(items, { limit: 1 }).items.length, 1)
    assert.equal(page(items, { limit: 1000 }).items.length, 250)
    for (const limit of [0, -1, 1001, 1.5, NaN, Infinity, '5' as unknown as number]) {
      const error = errorOf(() => page(items, { limit }), 'FACT_INVALID')
      assert.equal((error as FactInvalidError).path, 'limit')
    }
  })

  test('end where the list does', () => {
    assert.notEqual(page(items, { limit: 249 }).nextCursor, null)
    assert.equal(page(items, { limit: 250 }).nextCursor, null)
    assert.equal(page([], {}).nextCursor, null)
    const { nextCursor } = page(items, { limit: 200 })
    const rest = page(items, { limit: 50, cursor: nextCursor! })
    assert.deepEqual(rest, { items: items.slice(200), nextCursor: null })
    assert.notEqual(page(items, { limit: 49, cursor: nextCursor! }).nextCursor, null)
  })

  test('go on after their last item, whatever came and went before it', () => {
    for (const limit of [1, 2, 3, 7, 124, 249]) {
      const { nextCursor } = page(items, { limit })
      assert.deepEqual(page(items, { cursor: nextCursor!, limit: 1000 }).items, items.slice(limit))
      const gone = items.filter((_, i) => i !== limit - 1)
      assert.deepEqual(page(gone, { cursor: nextCursor!, limit: 1000 }).items, items.slice(limit))
      assert.deepEqual(page(['0', ...items, '9'], { cursor: nextCursor!, limit: 1000 }).items, [
        ...items.slice(limit),
        '9',
      ])
    }
  })
})

describe('cursors', () => {
  const [mark] = decode(page(['a', 'b'], { limit: 1 }).nextCursor)

  test('hold any text, in letters that need no escaping', () => {
    for (const text of [
      '\u{1f600}~~~???>>>',
      '\u00ff\u00fe\u00fb',
      '\u20ac??>',
      'x'.repeat(500),
      '???~~~',
      '>>>>?',
    ]) {
      const { nextCursor } = page([text, `${text}z`], { limit: 1 })
      assert.match(nextCursor!, /^[A-Za-z0-9_-]+$/)
      assert.deepEqual(decode(nextCursor), [mark, text])
      assert.equal(nextCursor, encode(JSON.stringify([mark, text])))
      assert.deepEqual(page([text, `${text}z`], { cursor: nextCursor }).items, [`${text}z`])
    }
  })

  test('are of their question alone', () => {
    const marks = new Map<string, unknown>()
    const questions = [
      'q',
      'r',
      'qq',
      '',
      ['holders', 'a:b'],
      ['holders', 'a:c'],
      ['holders', 'b:a'],
      ['permissionsOf', 'a', null],
      ['permissionsOf', 'a', 'b'],
      ...Array.from({ length: 2000 }, (_, i) => ['holders', `a:${i}`]),
    ]
    for (const question of questions) {
      const { nextCursor } = page(['a', 'b'], { limit: 1 }, question)
      const [own] = decode(nextCursor)
      assert.equal(marks.get(own), undefined)
      assert.match(own, /^[0-9a-z]{7,11}$/)
      marks.set(own, question)
    }
    const { nextCursor } = page(['a', 'b'], { limit: 1 }, 'r')
    errorOf(() => page(['a', 'b'], { cursor: nextCursor! }), 'CURSOR_MISMATCH')
  })

  test('are refused when they are none', () => {
    for (const bad of [
      'x',
      '',
      '+',
      '=',
      `${encode(JSON.stringify([mark, 'a']))}=`,
      `${encode(JSON.stringify([mark, 'a']))} `,
      ` ${encode(JSON.stringify([mark, 'a']))}`,
      `${encode(JSON.stringify([mark, 'a']))}\n`,
      encode('null'),
      encode('"text"'),
      encode('"xy"'),
      encode('{}'),
      encode(JSON.stringify({ 0: mark, 1: 'a', length: 2 })),
      encode('[]'),
      encode(JSON.stringify([mark])),
      encode(JSON.stringify([mark, 'a', 'b'])),
      encode(JSON.stringify([mark, 1])),
      encode(JSON.stringify([1, 'a'])),
      encode(JSON.stringify([mark, null])),
      encode('[1,2'),
      encode(Uint8Array.from([...Buffer.from(`["${mark}","`), 0xff, ...Buffer.from('"]')])),
    ])
      errorOf(() => page(['a', 'b'], { cursor: bad }), 'CURSOR_INVALID')
    assert.deepEqual(page(['a', 'b'], { cursor: encode(JSON.stringify([mark, 'a'])) }).items, ['b'])
  })
})
