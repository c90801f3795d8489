import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { printGrantId } from '../grant-id.ts'
import { serve, type Loose } from '../testing/serve.ts'

const GRANT = {
  holder: 'user:bob',
  permission: 'a:b:c',
  extra: { n: 1 },
  expiresAt: '2027-01-01T00:00:00Z',
  reason: 'asked',
}

describe('POST /v1/grants', () => {
  test('makes a grant in the name of the caller, updates it, and says so', async (t) => {
    const { ask, call, tokenOf, live } = await serve(t)
    const made = await ask('fred', '/v1/grants', GRANT)
    const id = printGrantId({ kind: 'grant', issuer: 'user:fred', holder: 'user:bob', permission: 'a:b:c' })
    assert.deepEqual(
      [made.status, made.body],
      [201, { id, outcome: 'added', effective: true, revision: live.engine.revision }],
    )
    assert.equal(made.headers.get('location'), `/v1/grants/${id}`)
    const token = await tokenOf('fred')
    const read = await call('GET', `/v1/grants/${id}`, { token })
    assert.deepEqual(read.body, {
      grant: { id, issuer: 'user:fred', ...GRANT, expiresAt: '2027-01-01T00:00:00.000Z' },
      revision: live.engine.revision,
    })
    assert.equal((await ask('bob', '/v1/check', { permission: 'a:b:c' })).body.allowed, true)

    const again = await ask('fred', '/v1/grants', { ...GRANT, extra: { n: 2 } })
    assert.deepEqual([again.status, again.body.outcome], [200, 'updated'])
    assert.deepEqual(
      (await ask('fred', '/v1/grants', { ...GRANT, extra: { n: 2 } })).body.outcome,
      'unchanged',
    )
    assert.deepEqual((await call('GET', `/v1/grants/${id}`, { token })).body.grant.extra, { n: 2 })
  })

  test('says when a grant has no effect', async (t) => {
    const { ask } = await serve(t)
    assert.equal(
      (await ask('bob', '/v1/grants', { holder: 'user:alice', permission: 'a:z' })).body.effective,
      false,
    )
  })

  test('grants in nobody else’s name', async (t) => {
    const { ask } = await serve(t)
    const refused = await ask('bob', '/v1/grants', { issuer: 'user:ed', holder: 'user:bob', permission: 'a' })
    assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:facts'])
    const allowed = await ask('root', '/v1/grants', {
      issuer: 'user:ed',
      holder: 'user:bob',
      permission: 'a',
    })
    assert.equal(allowed.status, 201)
  })

  test('lets a scoped token grant only what it manages', async (t) => {
    const { call, tokenOf } = await serve(t)
    const scoped = await tokenOf('ed', { full: false, permissions: ['a:b', 'manage:a:b'] })
    const grant = (permission: string) =>
      call('POST', '/v1/grants', { token: scoped, body: { holder: 'user:bob', permission } })
    assert.equal((await grant('a:b:c')).status, 201)
    assert.deepEqual([(await grant('a:z')).status, (await grant('a:z')).body.permission], [403, 'manage:a:z'])
  })

  test('names what is unknown or wrong', async (t) => {
    const { ask } = await serve(t)
    const cases = [
      { body: { holder: 'user:nobody', permission: 'a' }, status: 422, code: 'REFERENCE_UNKNOWN' },
      {
        body: { holder: 'nobody', permission: 'a' },
        status: 400,
        code: 'FACT_INVALID',
        path: 'changes[0].add.holder',
      },
      { body: { holder: 'user:ed', permission: 'a' }, status: 400, code: 'FACT_INVALID', path: 'holder' },
      { body: { permission: 'a' }, status: 400, code: 'BODY_INVALID', path: 'holder' },
      {
        body: { holder: 'user:bob', permission: 'a', extra: [] },
        status: 400,
        code: 'BODY_INVALID',
        path: 'extra',
      },
      {
        body: { holder: 'user:bob', permission: 'a', extra: { a: 'x'.repeat(16_384) } },
        status: 422,
        code: 'LIMIT_EXCEEDED',
      },
    ]
    for (const { body, ...wanted } of cases) {
      const reply = await ask('ed', '/v1/grants', body)
      for (const [name, value] of Object.entries(wanted)) assert.equal(reply.body[name], value, reply.text)
    }
  })
})

describe('GET /v1/grants', () => {
  test('lists what the caller made or holds, and everything to castellan:grants', async (t) => {
    const { call, tokenOf, live } = await serve(t)
    const list = async (user: string, query: string) =>
      call('GET', `/v1/grants${query}`, { token: await tokenOf(user) })
    const permissions = (reply: { body: Loose }) =>
      reply.body.items.map((item: Loose) => `${item.issuer} ${item.holder} ${item.permission}`)
    assert.deepEqual(permissions(await list('fred', '?issuer=user:fred')), ['user:fred group:cool_group a:b'])
    assert.deepEqual(permissions(await list('fred', '?holder=user:fred')), ['user:ed user:fred a:b'])
    assert.deepEqual(permissions(await list('fred', '?holder=group:cool_group')), [
      'user:fred group:cool_group a:b',
    ])
    assert.deepEqual(permissions(await list('ed', '?permission=a:b')), [
      'user:ed user:fred a:b',
      'user:fred group:cool_group a:b',
    ])
    assert.deepEqual(permissions(await list('ed', '?permission=a')), [])
    const all = await list('root', '')
    assert.equal(all.body.items.length, 5)
    assert.equal(all.body.revision, live.engine.revision)
    for (const query of [
      '',
      '?issuer=user:fred',
      '?holder=user:ed',
      '?permission=a:b',
      '?holder=group:cool_group',
      '?issuer=system',
    ]) {
      const refused = await list('bob', query)
      assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:grants'], query)
    }
  })

  test('pages through every grant exactly once, whatever is made and revoked in between', async (t) => {
    const { call, tokenOf, change } = await serve(t)
    const permissions = Array.from({ length: 25 }, (_, i) => `a:p${String(i).padStart(2, '0')}`)
    const grant = (permission: string) =>
      ({ kind: 'grant', issuer: 'user:ed', holder: 'user:bob', permission, extra: {} }) as const
    await change(...permissions.toReversed().map((permission) => ({ add: grant(permission) })))
    const token = await tokenOf('ed')
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page: string = `/v1/grants?issuer=user:ed&holder=user:bob&limit=4${cursor === null ? '' : `&cursor=${cursor}`}`
      const { body } = await call('GET', page, { token })
      assert.ok(body.items.length <= 4)
      found.push(...body.items.map((item: Loose) => item.permission))
      cursor = body.nextCursor
      if (found.length === 4)
        await change({ remove: grant('a:p01') }, { add: grant('a:p00x') }, { add: grant('a:p99') })
    } while (cursor !== null)
    assert.deepEqual(found, [...permissions, 'a:p99'])

    const { body } = await call('GET', '/v1/grants?issuer=user:ed&limit=2', { token })
    const other = await call('GET', `/v1/grants?issuer=user:ed&holder=user:bob&cursor=${body.nextCursor}`, {
      token,
    })
    assert.deepEqual([other.status, other.body.code], [400, 'CURSOR_MISMATCH'])
    for (const bad of ['x', 'e30', 'W10', btoa('["a"]'), btoa('[1,2]')]) {
      const reply = await call('GET', `/v1/grants?issuer=user:ed&cursor=${encodeURIComponent(bad)}`, {
        token,
      })
      assert.deepEqual([reply.status, reply.body.code], [400, 'CURSOR_INVALID'])
    }
  })

  const queries = [
    { query: 'issuer=user:ed&limit=0', code: 'FACT_INVALID' },
    { query: 'issuer=user:ed&limit=1001', code: 'FACT_INVALID' },
    { query: 'limit=-1', code: 'QUERY_INVALID' },
    { query: 'limit=1e3', code: 'QUERY_INVALID' },
    { query: 'limit=1&limit=2', code: 'QUERY_INVALID' },
    { query: 'now=1', code: 'QUERY_INVALID' },
    { query: '__proto__=1', code: 'QUERY_INVALID' },
    { query: 'issuer=%ff', code: 'QUERY_INVALID' },
    { query: 'issuer=%', code: 'QUERY_INVALID' },
    { query: 'issuer=x', code: 'ACTOR_INVALID' },
    { query: 'permission=a:', code: 'PERMISSION_INVALID' },
    { query: 'permission=zzz', code: 'PERMISSION_UNKNOWN' },
  ]
  for (const { query, code } of queries) {
    test(`refuses ?${query}`, async (t) => {
      const { call, tokenOf } = await serve(t)
      for (const user of ['root', 'ed']) {
        const reply = await call('GET', `/v1/grants?${query}`, { token: await tokenOf(user) })
        assert.deepEqual([reply.status, reply.body.code], [400, code], reply.text)
      }
    })
  }
})

describe('one grant', () => {
  const key = { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' } as const
  const path = `/v1/grants/${printGrantId(key)}`

  test('looks the same to a stranger whether it exists or not', async (t) => {
    const { call, tokenOf } = await serve(t)
    const absent = `/v1/grants/${printGrantId({ ...key, permission: 'a:zz' })}`
    const replies = [path, absent, '/v1/grants/zzz', '/v1/grants/e30'].map(async (each) =>
      call('GET', each, { token: await tokenOf('bob') }),
    )
    const [first, ...others] = (await Promise.all(replies)).map(({ status, body }) => ({
      status,
      body: { ...body, requestId: '' },
    }))
    assert.equal(first!.status, 404)
    assert.equal(first!.body.code, 'GRANT_UNKNOWN')
    for (const other of others) assert.deepEqual(other, first)
    for (const user of ['ed', 'fred', 'root'])
      assert.equal((await call('GET', path, { token: await tokenOf(user) })).status, 200, user)
  })

  test('is revoked by its issuer, its holder, whoever manages it, and nobody else', async (t) => {
    const { call, tokenOf, change, live } = await serve(t)
    for (const user of ['ed', 'fred', 'root']) {
      const reply = await call('DELETE', path, { token: await tokenOf(user) })
      assert.deepEqual(
        [reply.status, reply.body],
        [200, { revoked: 1, revision: live.engine.revision }],
        user,
      )
      await change({ add: { ...key, extra: {} } })
    }
    const refused = await call('DELETE', path, { token: await tokenOf('bob') })
    assert.deepEqual([refused.status, refused.body.permission], [403, 'manage:a:b'])
  })

  test('that is gone is no error to revoke, and no commit', async (t) => {
    const { call, tokenOf, live } = await serve(t)
    const token = await tokenOf('ed')
    await call('DELETE', path, { token })
    const revision = live.engine.revision
    assert.deepEqual((await call('DELETE', path, { token })).body, { revoked: 0, revision })
    assert.deepEqual((await call('DELETE', '/v1/grants/nonsense', { token })).body, { revoked: 0, revision })
  })

  test('is kept when dependants are to be spared', async (t) => {
    const { call, tokenOf } = await serve(t)
    const token = await tokenOf('ed')
    const refused = await call('DELETE', `${path}?onDependants=refuse`, { token })
    assert.deepEqual(
      [refused.status, refused.body.code, refused.body.lost],
      [409, 'DEPENDANTS', [{ actor: 'user:alice', permission: 'a:b' }]],
    )
    assert.equal(refused.body.total, 1)
    assert.equal((await call('GET', path, { token })).status, 200)
    assert.equal((await call('DELETE', `${path}?onDependants=maybe`, { token })).status, 400)
    assert.equal((await call('DELETE', `${path}?onDependants=allow&reason=over`, { token })).body.revoked, 1)
  })
})

test('a path that the caller may not see leads to none of their grants', async (t) => {
  const { call, tokenOf, live } = await serve(t)
  const grant = { issuer: 'user:bob', holder: 'user:alice', permission: 'fs:x' }
  await live.change([
    { add: { kind: 'resource', permission: 'fs:x', owner: 'user:ed', name: 'secret' } },
    { add: { kind: 'grant', ...grant, extra: {} } },
  ])
  const token = await tokenOf('bob')
  const list = (permission: string) =>
    call('GET', `/v1/grants?issuer=user:bob&permission=${permission}`, { token })
  assert.equal((await list('fs:x')).body.items.length, 1)
  for (const path of ['fs:/secret', 'fs:/nothing']) {
    const id = printGrantId({ kind: 'grant', ...grant, permission: path })
    assert.deepEqual((await list(path)).body.items, [], path)
    assert.equal((await call('GET', `/v1/grants/${id}`, { token })).status, 404, path)
  }
})
