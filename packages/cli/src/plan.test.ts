import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bareId, parseExpiry } from './plan.ts'

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

describe('bareId', () => {
  test('takes the kind away where it is said', () => {
    assert.equal(bareId('group', 'group:team'), 'team')
    assert.equal(bareId('group', 'team'), 'team')
    assert.equal(bareId('user', 'group:team'), 'group:team')
  })
})
