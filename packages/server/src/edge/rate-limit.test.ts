import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RateLimit } from './rate-limit.ts'

describe('a rate limit', () => {
  test('lets a burst through, then one at a time, and says how long to wait', () => {
    const limit = new RateLimit({ perSecond: 10, burst: 3 })
    assert.deepEqual(
      [0, 0, 0].map(() => limit.take('a', 1_000)),
      [0, 0, 0],
    )
    assert.equal(Math.round(limit.take('a', 1_000)), 100)
    assert.equal(Math.round(limit.take('a', 1_050)), 50)
    assert.equal(limit.take('a', 1_100), 0)
    assert.equal(Math.round(limit.take('a', 1_100)), 100)
    assert.equal(limit.take('b', 1_100), 0, 'another caller has a bucket of their own')
    assert.deepEqual(
      [0, 0, 0].map(() => limit.take('a', 9_000)),
      [0, 0, 0],
    )
    assert.ok(limit.take('a', 9_000) > 0, 'a pause fills it no further than a burst')
  })

  test('takes a rate of less than one a second', () => {
    const limit = new RateLimit({ perSecond: 0.1, burst: 1 })
    assert.equal(limit.take('a', 0), 0)
    assert.equal(limit.take('a', 0), 10_000)
    assert.equal(limit.take('a', 10_000), 0)
  })

  test('is off at a rate of 0, and remembers nobody', () => {
    const limit = new RateLimit({ perSecond: 0, burst: 1 })
    assert.equal(limit.isOn, false)
    for (let i = 0; i < 100; i++) assert.equal(limit.take(String(i), 0), 0)
    assert.equal(limit.size, 0)
  })

  test('remembers no more callers than it may, and forgets those first who lose nothing by it', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1 })
    limit.take('idle', 0)
    limit.take('busy', 100_000)
    for (let i = 0; i < 65_534; i++) limit.take(`early ${i}`, 100_000)
    assert.equal(limit.size, 65_536)
    limit.take('one more', 100_000)
    assert.equal(limit.size, 65_536)
    assert.ok(limit.take('busy', 100_000) > 0, 'it was the idle one that was forgotten')
    for (let i = 0; i < 200_000; i++) limit.take(`flood ${i}`, 100_000)
    assert.equal(limit.size, 65_536)
    assert.ok(limit.take('flood 199999', 100_000) > 0)
  })

  test('lets nobody have more than a burst and their rate, at whatever times they come', () => {
    fc.assert(
      fc.property(
        fc.record({
          perSecond: fc.double({ min: 0.01, max: 1_000, noNaN: true }),
          burst: fc.integer({ min: 1, max: 20 }),
          gaps: fc.array(fc.double({ min: 0, max: 2_000, noNaN: true }), { maxLength: 200 }),
        }),
        ({ perSecond, burst, gaps }) => {
          const limit = new RateLimit({ perSecond, burst })
          const taken: number[] = []
          let now = 0
          for (const gap of gaps) {
            now += gap
            const waitMs = limit.take('a', now)
            if (waitMs === 0) taken.push(now)
            else assert.equal(limit.take('a', now + waitMs) === 0 || waitMs < 1e-5, true)
            if (waitMs > 0) taken.push((now += waitMs))
          }
          for (const [from, start] of taken.entries())
            for (const [to, end] of taken.entries())
              if (to >= from) assert.ok(to - from + 1 <= burst + ((end - start) / 1_000) * perSecond + 1e-6)
        },
      ),
      { numRuns: 200 },
    )
  })
})
