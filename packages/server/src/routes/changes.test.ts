import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openLive, openMemoryStore } from '@castellan/store'
import { serve, START, type Loose } from '../testing/serve.ts'

describe('POST /v1/changes', () => {
  test('is one commit, in the name of the token, with its reason', async (t) => {
    const { ask, live } = await serve(t)
    const before = live.engine.revision
    const reply = await ask('root', '/v1/changes', {
      changes: [
        { add: { kind: 'user', id: 'carl', name: null } },
        { add: { kind: 'grant', issuer: 'user:ed', holder: 'user:carl', permission: 'a:b', extra: {} } },
        { add: { kind: 'user', id: 'bob' } },
        { remove: { kind: 'member', group: 'cool_group', member: 'user:alice' } },
        { remove: { kind: 'user', id: 'nobody' } },
      ],
      reason: 'a new colleague',
    })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(
      reply.body.results.map(({ outcome }: Loose) => outcome),
      ['added', 'added', 'unchanged', 'removed', 'absent'],
    )
    const [entry] = [...live.journal({ from: reply.body.revision - 1 })]
    assert.equal(reply.body.revision, before + 2, 'one for the token, one for the changes')
    assert.match(entry!.actor, /^token:/)
    assert.equal(entry!.reason, 'a new colleague')
    assert.equal(entry!.effects.length, 3)
  })

  test('is all or nothing', async (t) => {
    const { ask, live } = await serve(t)
    const reply = await ask('root', '/v1/changes', {
      changes: [
        { add: { kind: 'user', id: 'carl' } },
        { add: { kind: 'member', group: 'cool_group', member: 'user:dora' } },
      ],
    })
    assert.deepEqual([reply.status, reply.body.code], [422, 'REFERENCE_UNKNOWN'])
    assert.equal(live.engine.fact({ kind: 'user', id: 'carl' }), undefined)
  })

  test('takes authority for each', async (t) => {
    const { ask } = await serve(t)
    const user = { add: { kind: 'user', id: 'x' } }
    const refused = await ask('alice', '/v1/changes', { changes: [user] })
    assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:facts'])
    const member = { add: { kind: 'member', group: 'cool_group', member: 'user:bob' } }
    assert.equal((await ask('alice', '/v1/changes', { changes: [member] })).status, 403)
    assert.equal((await ask('fred', '/v1/changes', { changes: [member] })).status, 200)
  })

  test('holds to its preconditions', async (t) => {
    const { ask, live } = await serve(t)
    await ask('root', '/v1/check', { permission: 'a' })
    const seen = live.engine.revision
    const rename = (name: string, preconditions: object) =>
      ask('root', '/v1/changes', { changes: [{ add: { kind: 'user', id: 'bob', name } }], preconditions })
    assert.equal((await rename('Bob', { ifRevision: seen })).status, 200)
    const late = await rename('Rob', { ifRevision: seen })
    assert.deepEqual([late.status, late.body.code], [412, 'PRECONDITION_FAILED'])
    assert.equal((await rename('Rob', { ifAbsent: [{ kind: 'user', id: 'bob' }] })).status, 412)
    assert.equal((await rename('Rob', { ifPresent: [{ kind: 'user', id: 'carl' }] })).status, 412)
    assert.equal((await rename('Rob', { ifPresent: [{ kind: 'user', id: 'bob' }] })).status, 200)
    assert.equal(
      (await rename('Rob', { ifPresent: [{ kind: 'user', id: 'b b' }] })).body.code,
      'FACT_INVALID',
    )
  })

  const wrong = [
    { body: {}, path: 'changes' },
    { body: { changes: [{ add: { kind: 'user', id: 'x', now: 1 } }] }, path: 'changes[0].add.now' },
    { body: { changes: [{ add: { kind: 'wizard', id: 'x' } }] }, path: 'changes[0].add.kind' },
    {
      body: { changes: [{ add: { kind: 'user', id: 'x' }, remove: { kind: 'user', id: 'x' } }] },
      code: 'BODY_INVALID',
    },
    { body: { changes: [{}] }, code: 'BODY_INVALID' },
    {
      body: { changes: [{ add: { kind: 'user', id: 'x y' } }] },
      path: 'changes[0].add.id',
      code: 'FACT_INVALID',
    },
    { body: { changes: [], now: START }, path: 'now' },
    { body: { changes: [], as: 'system' }, path: 'as' },
    { body: { changes: [], actor: 'system' }, path: 'actor' },
    {
      body: '{"changes":[{"add":{"kind":"user","id":"x","__proto__":{}}}]}',
      path: 'changes[0].add.__proto__',
    },
    {
      body: { changes: Array.from({ length: 1_001 }, () => ({ remove: { kind: 'user', id: 'x' } })) },
      code: 'LIMIT_EXCEEDED',
      status: 422,
    },
  ]
  for (const { body, path, code, status = 400 } of wrong) {
    test(`refuses ${JSON.stringify(body).slice(0, 80)}`, async (t) => {
      const { ask } = await serve(t)
      const reply = await ask('root', '/v1/changes', body)
      assert.equal(reply.status, status, reply.text)
      if (path !== undefined) assert.equal(reply.body.path, path, reply.text)
      if (code !== undefined) assert.equal(reply.body.code, code, reply.text)
    })
  }

  test('forgets the secret of a token that it removes', async (t) => {
    const { ask, call, tokenOf, live, tokens } = await serve(t)
    await ask('root', '/v1/check', { permission: 'a' })
    const token = await tokenOf('bob')
    const id = [...live.engine.facts('token')].map((fact) => (fact.kind === 'token' ? fact.id : '')).at(-1)!
    const removed: string[] = []
    t.mock.method(tokens, 'remove', (tokenId: string) => removed.push(tokenId))
    assert.equal(
      (await ask('root', '/v1/changes', { changes: [{ remove: { kind: 'token', id } }] })).status,
      200,
    )
    assert.deepEqual(removed, [id])
    // Its hash is still there, since the table was kept from forgetting it: what counts is the fact.
    assert.equal((await call('POST', '/v1/check', { token, body: { permission: 'a' } })).status, 401)
  })
})

describe('GET /healthz', () => {
  test('is open, and turns 503 when the store can take no changes any more', async (t) => {
    const live = openLive({ store: openMemoryStore(), now: () => START })
    const { call, logged } = await serve(t, { live })
    const well = await call('GET', '/healthz')
    assert.deepEqual([well.status, well.body], [200, { status: 'ok', revision: 0 }])
    const head = await call('HEAD', '/healthz')
    assert.deepEqual([head.status, head.text], [200, ''])
    await live.close()
    const broken = await call('GET', '/healthz')
    assert.deepEqual([broken.status, broken.body], [503, { status: 'failed' }])
    assert.match(logged.join(''), /not healthy/)
  })
})
