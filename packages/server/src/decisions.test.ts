import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serve } from './testing/serve.ts'

describe('POST /v1/check', () => {
  test('answers what the engine answers, with the revision it has seen', async (t) => {
    const { ask, live } = await serve(t)
    const cases = [
      { body: { actor: 'user:alice', permission: 'a:b:c' }, allowed: true },
      { body: { actor: 'user:alice', permission: 'a' }, allowed: false },
      { body: { actor: 'user:bob', permission: 'a:b' }, allowed: false },
      { body: { actor: 'user:alice', permissions: ['a', 'a:b'] }, allowed: true },
      { body: { actor: 'user:alice', permissions: [] }, allowed: false },
      { body: { actor: 'user:nobody', permission: 'a' }, allowed: false },
      { body: { actor: 'system', permission: 'a' }, allowed: true },
    ]
    for (const { body, allowed } of cases) {
      const reply = await ask('service', '/v1/check', body)
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(reply.body, { allowed, revision: live.engine.revision })
      assert.equal(reply.headers.get('content-type'), 'application/json')
      assert.equal(reply.headers.get('content-length'), String(reply.text.length))
    }
  })

  test('asks about the caller when no actor is named: the user of a full token, else the token', async (t) => {
    const { ask, call, tokenOf } = await serve(t)
    assert.equal((await ask('alice', '/v1/check', { permission: 'a:b' })).body.allowed, true)
    assert.equal((await ask('bob', '/v1/check', { permission: 'a:b' })).body.allowed, false)
    const scoped = await tokenOf('alice', { full: false, permissions: ['a:b:c'] })
    const check = async (permission: string) =>
      (await call('POST', '/v1/check', { token: scoped, body: { permission } })).body.allowed
    assert.deepEqual([await check('a:b:c'), await check('a:b')], [true, false])
  })

  test('lets nobody ask about others without castellan:check', async (t) => {
    const { ask, call, tokenOf } = await serve(t)
    const refused = await ask('alice', '/v1/check', { actor: 'user:bob', permission: 'a' })
    assert.equal(refused.status, 403)
    assert.equal(refused.body.code, 'FORBIDDEN')
    assert.equal(refused.body.permission, 'castellan:check')
    assert.equal((await ask('alice', '/v1/check', { actor: 'user:alice', permission: 'a' })).status, 200)
    assert.equal((await ask('service', '/v1/check', { actor: 'user:bob', permission: 'a' })).status, 200)
    const scoped = await tokenOf('alice', { full: false })
    assert.equal(
      (await call('POST', '/v1/check', { token: scoped, body: { actor: 'user:alice', permission: 'a' } }))
        .status,
      403,
    )
  })

  test('waits for no revision that is not there', async (t) => {
    const { ask, live } = await serve(t)
    await ask('alice', '/v1/check', { permission: 'a' })
    const revision = live.engine.revision
    assert.equal((await ask('alice', '/v1/check', { permission: 'a', atLeast: revision })).status, 200)
    const ahead = await ask('alice', '/v1/check', { permission: 'a', atLeast: revision + 1 })
    assert.deepEqual([ahead.status, ahead.body.code], [409, 'REVISION_AHEAD'])
  })

  test('names what is wrong with a permission or an actor', async (t) => {
    const { ask } = await serve(t)
    const cases = [
      { body: { permission: 'a::b' }, status: 400, code: 'PERMISSION_INVALID', position: 2 },
      { body: { permission: 'aa:b' }, status: 400, code: 'PERMISSION_UNKNOWN' },
      { body: { actor: 'ed', permission: 'a' }, status: 400, code: 'ACTOR_INVALID' },
      {
        body: { permissions: Array.from({ length: 1_001 }, () => 'a') },
        status: 422,
        code: 'LIMIT_EXCEEDED',
        limit: 'permissionsMax',
      },
    ]
    for (const { body, ...wanted } of cases) {
      const reply = await ask('service', '/v1/check', body)
      assert.equal(reply.headers.get('content-type'), 'application/problem+json')
      for (const [name, value] of Object.entries(wanted))
        assert.equal(reply.body[name], value, `${name} of ${reply.text.slice(0, 200)}`)
      assert.notEqual(reply.body.hint, '')
    }
  })

  test('sees a revoke in the check after it', async (t) => {
    const { ask, change } = await serve(t)
    for (let i = 0; i < 20; i++) {
      assert.equal((await ask('alice', '/v1/check', { permission: 'a:b' })).body.allowed, true)
      await change({ remove: { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' } })
      assert.equal((await ask('alice', '/v1/check', { permission: 'a:b' })).body.allowed, false)
      await change({
        add: { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b', extra: {} },
      })
    }
  })
})

describe('POST /v1/check-each', () => {
  test('answers each question by itself, in order', async (t) => {
    const { ask, live } = await serve(t)
    const checks = [
      { actor: 'user:alice', permission: 'a:b' },
      { actor: 'user:bob', permission: 'a:b' },
      { permission: 'castellan:check' },
      { actor: 'user:ed', permission: 'a' },
    ]
    const { body } = await ask('service', '/v1/check-each', { checks })
    assert.deepEqual(body, {
      results: [true, false, true, true].map((allowed) => ({ allowed })),
      revision: live.engine.revision,
    })
    assert.deepEqual((await ask('service', '/v1/check-each', { checks: [] })).body.results, [])
  })

  test('takes 1,000 questions and no more', async (t) => {
    const { ask } = await serve(t)
    const checks = (count: number) => ({
      checks: Array.from({ length: count }, (_, i) => ({ actor: `user:u${i}`, permission: 'a' })),
    })
    const full = await ask('service', '/v1/check-each', checks(1_000))
    assert.equal(full.body.results.length, 1_000)
    const over = await ask('service', '/v1/check-each', checks(1_001))
    assert.deepEqual(
      [over.status, over.body.code, over.body.limit],
      [422, 'LIMIT_EXCEEDED', 'permissionsMax'],
    )
  })

  test('says which question is at fault', async (t) => {
    const { ask } = await serve(t)
    const malformed = await ask('service', '/v1/check-each', {
      checks: [{ permission: 'a' }, { permission: 'a' }, { permission: 'a:' }],
    })
    assert.deepEqual([malformed.body.code, malformed.body.path], ['PERMISSION_INVALID', 'checks[2]'])
    const others = await ask('alice', '/v1/check-each', {
      checks: [{ permission: 'a' }, { actor: 'user:bob', permission: 'a' }],
    })
    assert.deepEqual([others.status, others.body.path], [403, 'checks[1]'])
  })
})
