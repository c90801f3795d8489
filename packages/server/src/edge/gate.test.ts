import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newSecret } from '../tokens/secret.ts'
import { serve } from '../testing/serve.ts'

const QUESTION = { permission: 'a:b' }

async function statuses(count: number, send: () => Promise<{ status: number }>): Promise<number[]> {
  const seen = []
  for (let i = 0; i < count; i++) seen.push((await send()).status)
  return seen
}

function of(status: number, seen: readonly number[]): number {
  return seen.filter((one) => one === status).length
}

/** One route in front of the framework, and one behind. */
const PATHS = ['/v1/check', '/v1/explain']

describe('a rate limit of tokens', () => {
  for (const path of PATHS) {
    test(`holds for ${path}, each token for itself`, async (t) => {
      const served = await serve(t, {
        limits: { rateLimitTokenPerSecond: 0.01, rateLimitTokenBurst: 3 },
      })
      const { call, tokenOf } = served
      const [one, other] = [await tokenOf('alice'), await tokenOf('alice')]
      const send = (token: string) => call('POST', path, { token, body: QUESTION })
      assert.deepEqual(await statuses(5, () => send(one)), [200, 200, 200, 429, 429])
      assert.deepEqual(await statuses(3, () => send(other)), [200, 200, 200])
      const refused = await send(one)
      assert.equal(refused.body.code, 'RATE_LIMITED')
      assert.match(refused.body.hint, /Retry-After/)
      const wait = Number(refused.headers.get('retry-after'))
      assert.ok(wait > 90 && wait <= 100, String(wait))
    })
  }

  test('is off by default', async (t) => {
    const { ask } = await serve(t)
    const seen = await statuses(700, () => ask('alice', '/v1/check', QUESTION))
    assert.equal(of(200, seen), 700)
  })
})

test('a rate limit of addresses holds for whoever sends from there, whatever they send', async (t) => {
  const { call, tokenOf } = await serve(t, {
    limits: { rateLimitAddressPerSecond: 0.01, rateLimitAddressBurst: 4 },
  })
  const token = await tokenOf('alice')
  assert.equal((await call('POST', '/v1/check', { token, body: QUESTION })).status, 200)
  assert.equal((await call('POST', '/v1/explain', { token, body: QUESTION })).status, 200)
  assert.equal((await call('GET', '/v1/nowhere')).status, 404)
  assert.equal((await call('POST', '/v1/check', { body: QUESTION })).status, 401)
  for (const path of PATHS)
    assert.equal((await call('POST', path, { token, body: QUESTION })).body.code, 'RATE_LIMITED')
})

describe('a stranger', () => {
  const limits = { rateLimitAnonymousPerSecond: 0.01, rateLimitAnonymousBurst: 5 }

  for (const path of PATHS) {
    test(`is told to wait after some wrong tokens (${path}), and locks nobody out`, async (t) => {
      const { call, tokenOf } = await serve(t, { limits })
      const token = await tokenOf('alice')
      const guess = () => call('POST', path, { token: newSecret(), body: QUESTION })
      assert.deepEqual(await statuses(7, guess), [401, 401, 401, 401, 401, 429, 429])
      const refused = await guess()
      assert.equal(refused.body.code, 'RATE_LIMITED')
      assert.ok(Number(refused.headers.get('retry-after')) > 90)
      // From the same address, at the same moment.
      const seen = await statuses(50, () => call('POST', path, { token, body: QUESTION }))
      assert.equal(of(200, seen), 50)
      for (const probe of ['/healthz', '/readyz'])
        assert.equal(of(200, await statuses(20, () => call('GET', probe))), 20, probe)
    })
  }

  test('with a token that was taken away is one as well', async (t) => {
    const { call, tokenOf, live, change } = await serve(t, { limits })
    const token = await tokenOf('alice')
    const [fact] = live.engine.facts('token')
    await change({ remove: { kind: 'token', id: (fact as { id: string }).id } })
    const seen = await statuses(7, () => call('POST', '/v1/check', { token, body: QUESTION }))
    assert.deepEqual(seen, [401, 401, 401, 401, 401, 429, 429])
  })

  test('may read what is open to all as often as that', async (t) => {
    const { call } = await serve(t, { limits })
    assert.deepEqual(await statuses(6, () => call('GET', '/openapi.json')), [200, 200, 200, 200, 200, 429])
  })

  test('who is refused for something else is told that', async (t) => {
    const { ask } = await serve(t, { limits })
    const seen = await statuses(20, () => ask('alice', '/v1/check', { permission: 'a::b' }))
    assert.equal(of(400, seen), 20)
  })

  test('shares no limit with others behind a proxy that is trusted', async (t) => {
    const { call } = await serve(t, { limits: { ...limits, trustedProxies: '127.0.0.1' } })
    const from = (address: string) =>
      statuses(6, () =>
        call('POST', '/v1/check', { headers: { 'x-forwarded-for': address }, body: QUESTION }),
      )
    assert.deepEqual(await from('203.0.113.1'), [401, 401, 401, 401, 401, 429])
    assert.deepEqual(await from('203.0.113.2'), [401, 401, 401, 401, 401, 429])
    assert.deepEqual(await from('spoofed, 203.0.113.1'), Array(6).fill(429))
  })
})

test('what is limited is counted by what it was limited by', async (t) => {
  const { ask, call, change, tokenOf } = await serve(t, {
    limits: {
      rateLimitTokenPerSecond: 0.01,
      rateLimitTokenBurst: 1,
      rateLimitAddressPerSecond: 0.01,
      rateLimitAddressBurst: 7,
      rateLimitAnonymousPerSecond: 0.01,
      rateLimitAnonymousBurst: 1,
    },
  })
  const permission = 'castellan:metrics'
  await change({ add: { kind: 'grant', issuer: 'system', holder: 'user:bob', permission, extra: {} } })
  const token = await tokenOf('bob')
  assert.deepEqual(await statuses(4, () => ask('alice', '/v1/check', QUESTION)), [200, 429, 429, 429])
  assert.deepEqual(await statuses(2, () => call('POST', '/v1/check', { body: QUESTION })), [401, 429])
  const { text } = await call('GET', '/metrics', { token })
  assert.match(text, /castellan_rate_limited_total\{by="token"\} 3/)
  assert.match(text, /castellan_rate_limited_total\{by="anonymous"\} 1/)
  assert.match(text, /castellan_rate_limited_total\{by="address"\} 0/)
  assert.match(text, /castellan_problems_total\{code="RATE_LIMITED"\} 4/)
  assert.equal((await call('GET', '/healthz')).status, 429)
})
