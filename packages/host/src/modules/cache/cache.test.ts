import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheModule } from '../../cell/modules/cache.ts'
import { callerOf, hasCode, makeApp, moduleOf } from '../testing/kit.ts'
import { CACHE_LIMITS, openCache } from './operations.ts'

interface Cache {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown, ttl?: number): Promise<void>
  del(key: string): Promise<void>
  clear(): Promise<void>
}

function kit(limits = CACHE_LIMITS) {
  let now = 0
  const cache = openCache(() => now, limits)
  const of = (id: string): Cache => moduleOf<Cache>(cacheModule, callerOf(cache.operations, makeApp(id)))
  return { cache, of, wait: (ms: number) => (now += ms) }
}

test('what one gets is a copy of what one set', async () => {
  const cache = kit().of('a')
  const value = { list: [1, { deep: null }] }
  await cache.set('k', value)
  value.list.push(2)
  assert.deepEqual(await cache.get('k'), { list: [1, { deep: null }] })
  assert.notEqual(await cache.get('k'), await cache.get('k'))
  assert.equal(await cache.get('none'), null)
  await cache.del('k')
  assert.equal(await cache.get('k'), null)
  await assert.rejects(
    cache.set('k', () => 1),
    TypeError,
  )
})

test('apps with the same key, and names that join to the same text, never meet', async () => {
  const { of } = kit()
  const pairs = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['a:b', 'c'],
    ['a', 'b:c'],
    ['__proto__', 'constructor'],
  ] as const
  for (const [app, key] of pairs) await of(app).set(key, `${app} ${key}`)
  for (const [app, key] of pairs) assert.equal(await of(app).get(key), `${app} ${key}`)
  await of('a').clear()
  assert.equal(await of('a').get('bc'), null)
  assert.equal(await of('ab').get('c'), 'ab c')
})

test('a value is over at the instant its time is', async () => {
  const { of, wait } = kit()
  await of('a').set('k', 1, 2)
  wait(1_999)
  assert.equal(await of('a').get('k'), 1)
  wait(1)
  assert.equal(await of('a').get('k'), null)
})

test('the least recently used make room, in their own app alone', async () => {
  const { of } = kit({ ...CACHE_LIMITS, appLengthMax: 30 })
  await of('b').set('kept', 'x'.repeat(10))
  for (const key of ['1', '2', '3']) await of('a').set(key, 'x'.repeat(7))
  await of('a').get('1')
  await of('a').set('4', 'x'.repeat(7))
  assert.equal(await of('a').get('2'), null)
  assert.equal(await of('a').get('1'), 'xxxxxxx')
  assert.equal(await of('b').get('kept'), 'x'.repeat(10))
})

test('what is too large is refused', async () => {
  const cache = kit({ ...CACHE_LIMITS, valueLengthMax: 10 }).of('a')
  await assert.rejects(cache.set('k', 'x'.repeat(10)), hasCode('CACHE_TOO_LARGE'))
  await assert.rejects(cache.set('k'.repeat(2_000), 1), hasCode('ARGUMENTS'))
  await assert.rejects(cache.set('', 1), hasCode('ARGUMENTS'))
})
