import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bareId, parseExpiry, parseSince } from './plan.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

describe('parseExpiry', () => {
  const cases = [
    { text: '30s', at: '2026-01-01T00:00:30.000Z' },
    { text: '90m', at: '2026-01-01T01:30:00.000Z' },
    { text: '12h', at: '2026-01-01T12:00:00.000Z' },
    { text: '7d', at: '2026-01-08T00:00:00.000Z' },
    { text: '2w', at: '2026-01-15T00:00:00.000Z' },
    { text: '2027-01-01T00:00:00Z', at: '2027-01-01T00:00:00Z' },
    { text: 'tomorrow', at: 'tomorrow' },
  ]
  for (const { text, at } of cases) {
    test(`takes \`${text}\` for ${at}`, () => {
      assert.equal(parseExpiry(text, NOW), at)
    })
  }
})

test('parseSince takes an instant, or a span before now', () => {
  assert.equal(parseSince('7d', NOW), Date.parse('2025-12-25T00:00:00Z'))
  assert.equal(parseSince('2025-06-01T00:00:00Z', NOW), Date.parse('2025-06-01T00:00:00Z'))
  assert.throws(() => parseSince('yesterday', NOW), { code: 'USAGE', hint: /7d/ })
})

describe('bareId', () => {
  test('takes the kind away where it is said', () => {
    assert.equal(bareId('group', 'group:team'), 'team')
    assert.equal(bareId('group', 'team'), 'team')
    assert.equal(bareId('user', 'group:team'), 'group:team')
  })
})
