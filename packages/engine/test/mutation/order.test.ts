import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareText } from '../../src/index.ts'
import { firstInOrder } from '../../src/order.ts'

test('the first so many are those of the whole list put in order', () => {
  const text = fc.oneof(fc.constantFrom('a', 'a:b', 'a-b', 'A'), fc.string({ unit: 'binary', maxLength: 3 }))
  const item = fc.record({ permission: text, actor: text })
  const compare = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): number =>
    compareText(a['permission']!, b['permission']!) || compareText(a['actor']!, b['actor']!)
  fc.assert(
    fc.property(
      fc.uniqueArray(item, {
        maxLength: 200,
        selector: (each) => JSON.stringify([each.permission, each.actor]),
      }),
      fc.integer({ min: 1, max: 30 }),
      fc.option(item, { nil: undefined }),
      (items, count, after) => {
        const expected = items
          .toSorted(compare)
          .filter((each) => after === undefined || compare(each, after) > 0)
          .slice(0, count)
        assert.deepEqual(firstInOrder(items, ['permission', 'actor'], count, after), expected)
        const fromTheEnd = items.toSorted(compare).toReversed()
        assert.deepEqual(firstInOrder(fromTheEnd, ['permission', 'actor'], count, after), expected)
      },
    ),
    { numRuns: 300 },
  )
})

test('what comes late is not lost between the first of those that came early', () => {
  // Steps of 37 through a hundred, so that early and late ones mix.
  const items = Array.from({ length: 100 }, (_, i) => ({ id: String((i * 37) % 100).padStart(2, '0') }))
  for (const count of [1, 2, 3, 10, 49, 50, 51, 100, 200])
    assert.deepEqual(
      firstInOrder(items, ['id'], count).map(({ id }) => Number(id)),
      Array.from({ length: Math.min(count, 100) }, (_, i) => i),
    )
})
