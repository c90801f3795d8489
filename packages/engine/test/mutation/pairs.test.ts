import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NONE } from '../../src/columns.ts'
import { Pairs } from '../../src/pairs.ts'

test('pairs are each there once, found again, and in the order they came', () => {
  const row = fc.oneof(fc.nat(40), fc.nat(2 ** 31 - 1), fc.constant(-2))
  fc.assert(
    fc.property(fc.array(fc.tuple(row, row), { maxLength: 500 }), (added) => {
      const pairs = new Pairs()
      const places = new Map<string, number>()
      for (const [left, right] of added) {
        const key = `${left} ${right}`
        assert.equal(pairs.find(left, right), places.get(key) ?? NONE)
        if (!places.has(key)) places.set(key, places.size)
        assert.equal(pairs.add(left, right), places.get(key))
        assert.equal(pairs.size, places.size)
      }
      const listed = Array.from(
        { length: pairs.size },
        (_, place) => `${pairs.left[place]} ${pairs.right[place]}`,
      )
      assert.deepEqual(listed, [...places.keys()])
      for (const [key, place] of places) {
        const [left, right] = key.split(' ').map(Number)
        assert.equal(pairs.find(left!, right!), place)
        assert.equal(pairs.find(right!, left!), places.get(`${right} ${left}`) ?? NONE)
      }
    }),
  )
})

test('neighbouring rows do not fall together', () => {
  const pairs = new Pairs()
  const start = performance.now()
  for (let left = 0; left < 300; left++) for (let right = 0; right < 1000; right++) pairs.add(left, right * 2)
  assert.equal(pairs.size, 300_000)
  assert.ok(performance.now() - start < 5000, `${performance.now() - start} ms`)
})
