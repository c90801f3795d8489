import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Paging } from '@castellan/engine'
import { pageOf } from './page.ts'

interface Page {
  readonly items: readonly string[]
  readonly nextCursor: string | null
}

test('pages hold what sorting the whole list would give, in any order of the items', () => {
  const keys = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 60 })
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 7 }), (items, limit) => {
      const found: string[] = []
      let cursor: string | null = null
      do {
        const paging: Paging = cursor === null ? { limit } : { limit, cursor }
        const page: Page = pageOf(
          items,
          (item) => item,
          (item) => item,
          { q: 1 },
          paging,
        )
        assert.ok(page.items.length <= limit)
        found.push(...page.items)
        cursor = page.nextCursor
      } while (cursor !== null)
      assert.deepEqual(
        found,
        items.toSorted((a, b) => (a < b ? -1 : 1)),
      )
    }),
  )
})
