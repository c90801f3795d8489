import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hashSecret } from '../tokens/secret.ts'
import { asking } from '../testing/asking.ts'
import { serve, type Loose } from '../testing/serve.ts'

describe('/v1/users', () => {
  test('makes, shows, renames, suspends, resumes and removes a user', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const made = await ask('root', 'POST', '/v1/users', { id: 'zoe', name: 'Zoe', reason: 'hired' })
    const { revision } = served.live.engine
    assert.deepEqual(
      [made.status, made.body, made.headers.get('location')],
      [201, { user: { id: 'zoe', name: 'Zoe', suspended: false }, revision }, '/v1/users/zoe'],
    )
    assert.deepEqual((await ask('root', 'GET', '/v1/users/zoe')).body, made.body)
    assert.equal([...served.live.journal({ from: revision - 1 })][0]?.reason, 'hired')

    const patched = await ask('root', 'PATCH', '/v1/users/zoe', { name: 'Zoë' })
    assert.deepEqual(patched.body, {
      user: { id: 'zoe', name: 'Zoë', suspended: false },
      revision: revision + 1,
    })
    assert.deepEqual((await ask('root', 'PATCH', '/v1/users/zoe', { name: null })).body.user, {
      id: 'zoe',
      suspended: false,
    })

    await served.change({
      add: { kind: 'grant', issuer: 'user:ed', holder: 'user:zoe', permission: 'a:x', extra: {} },
    })
    const check = () => ask('service', 'POST', '/v1/check', { actor: 'user:zoe', permission: 'a:x' })
    assert.equal((await check()).body.allowed, true)
    const suspended = await ask('root', 'POST', '/v1/users/zoe/suspend', { reason: 'holiday' })
    assert.deepEqual([suspended.status, suspended.body.user.suspended], [200, true])
    assert.equal((await check()).body.allowed, false)
    assert.equal((await ask('root', 'GET', '/v1/users/zoe')).body.user.suspended, true)
    const resumed = await ask('root', 'POST', '/v1/users/zoe/resume')
    assert.deepEqual([resumed.status, resumed.body.user.suspended], [200, false])
    assert.equal((await check()).body.allowed, true)

    const removed = await ask('root', 'DELETE', '/v1/users/zoe?reason=left')
    assert.deepEqual([removed.status, removed.body.revoked], [200, 1])
    assert.equal((await ask('root', 'GET', '/v1/users/zoe')).status, 404)
    assert.equal((await ask('root', 'DELETE', '/v1/users/zoe')).status, 404)
    assert.equal((await ask('root', 'POST', '/v1/users', { id: 'zoe' })).body.code, 'ID_RETIRED')
  })

  test('makes nobody twice, and changes nobody by making', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const before = served.live.engine.revision
    const again = await ask('root', 'POST', '/v1/users', { id: 'ed', name: 'Mallory' })
    assert.deepEqual([again.status, again.body.code], [409, 'ID_TAKEN'])
    assert.deepEqual(served.live.engine.fact({ kind: 'user', id: 'ed' }), { kind: 'user', id: 'ed' })
    // The two tokens of who asks, and no more.
    assert.equal(served.live.engine.revision, before + 1)
    const refused = await ask('bob', 'POST', '/v1/users', { id: 'ed' })
    assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:facts'])
  })

  test('says what is in the way of removing one', async (t) => {
    const ask = asking(await serve(t))
    const used = await ask('root', 'DELETE', '/v1/users/ed')
    assert.deepEqual(
      [used.status, used.body.code, used.body.items, used.body.total],
      [409, 'IN_USE', ['a'], 1],
    )
    const leads = await ask('root', 'DELETE', '/v1/users/fred')
    assert.deepEqual(leads.body.items, ['group:cool_group'])
  })

  test('refuses to take access from dependants where that is asked', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change(
      { add: { kind: 'user', id: 'zoe' } },
      { add: { kind: 'grant', issuer: 'user:ed', holder: 'user:zoe', permission: 'a:y', extra: {} } },
      { add: { kind: 'grant', issuer: 'user:zoe', holder: 'user:bob', permission: 'a:y', extra: {} } },
      { add: { kind: 'grant', issuer: 'user:bob', holder: 'user:alice', permission: 'a:y', extra: {} } },
    )
    const refused = await ask('root', 'DELETE', '/v1/users/zoe?onDependants=refuse')
    assert.deepEqual([refused.status, refused.body.code], [409, 'DEPENDANTS'])
    assert.deepEqual(refused.body.lost, [{ actor: 'user:alice', permission: 'a:y' }])
    assert.equal((await ask('root', 'DELETE', '/v1/users/zoe')).body.revoked, 2)
  })

  test('takes the secrets of a removed user’s tokens with them', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change({ add: { kind: 'user', id: 'zoe' } })
    const token = await served.tokenOf('zoe')
    assert.equal((await served.call('GET', '/v1/me', { token })).status, 200)
    assert.ok(served.tokens.find(hashSecret(token)) !== undefined)
    await ask('root', 'DELETE', '/v1/users/zoe')
    assert.equal(served.tokens.find(hashSecret(token)), undefined)
    assert.equal((await served.call('GET', '/v1/me', { token })).status, 401)
  })

  test('names what is wrong', async (t) => {
    const ask = asking(await serve(t))
    const cases = [
      { path: '/v1/users', body: { id: 'a b' }, status: 400, code: 'FACT_INVALID', at: 'id' },
      { path: '/v1/users', body: { id: 'x', name: '' }, status: 400, code: 'FACT_INVALID', at: 'name' },
      {
        path: '/v1/users',
        body: { id: 'x', owner: 'system' },
        status: 400,
        code: 'BODY_INVALID',
        at: 'owner',
      },
      { path: '/v1/users', body: {}, status: 400, code: 'BODY_INVALID', at: 'id' },
    ]
    for (const { path, body, status, code, at } of cases) {
      const reply = await ask('root', 'POST', path, body)
      assert.deepEqual([reply.status, reply.body.code, reply.body.path], [status, code, at], reply.text)
    }
    for (const path of ['/v1/users/a%20b', '/v1/users/%2F', '/v1/users/__proto__', '/v1/users/%00'])
      assert.deepEqual([path, (await ask('root', 'GET', path)).body.code], [path, 'USER_UNKNOWN'])
    assert.equal((await ask('root', 'GET', '/v1/users/%zz')).body.code, 'REQUEST_INVALID')
    assert.equal((await ask('root', 'GET', '/v1/users/ed?atLeast=9999')).body.code, 'REVISION_AHEAD')
    assert.equal((await ask('root', 'GET', '/v1/users?atLeast=9999')).body.code, 'REVISION_AHEAD')
    assert.equal((await ask('root', 'GET', '/v1/users?limit=0')).status, 400)
    assert.equal((await ask('root', 'GET', '/v1/users?limit=1001')).status, 400)
  })
})

describe('GET /v1/users', () => {
  const ids = (reply: { body: Loose }): string[] => reply.body.items.map(({ id }: Loose) => id)

  test('lists everyone, by id, prefix and name, in pages', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change(
      ...['fritz', 'Fred2', 'freda'].map((id) => ({ add: { kind: 'user', id, name: 'F' } as const })),
      { add: { kind: 'user', id: 'other', name: 'freda' } },
    )
    const all = ['Fred2', 'alice', 'bob', 'ed', 'fred', 'freda', 'fritz', 'other', 'root', 'service']
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/users')), all)
    assert.deepEqual(ids(await ask('service', 'GET', '/v1/users?prefix=fr')), ['fred', 'freda', 'fritz'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/users?prefix=fred')), ['fred', 'freda'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/users?name=F')), ['Fred2', 'freda', 'fritz'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/users?name=freda')), ['other'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/users?name=ed')), ['ed'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/users?prefix=%20')), [])
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page: string = `/v1/users?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`
      const { body } = await ask('root', 'GET', page)
      found.push(...ids({ body }))
      cursor = body.nextCursor
    } while (cursor !== null)
    assert.deepEqual(found, all)
    const { body } = await ask('root', 'GET', '/v1/users?limit=1')
    const other = await ask('root', 'GET', `/v1/users?limit=1&prefix=f&cursor=${body.nextCursor}`)
    assert.equal(other.body.code, 'CURSOR_MISMATCH')
  })

  test('lists nobody but oneself to everyone else, and to a scoped token nobody at all', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    assert.deepEqual((await ask('bob', 'GET', '/v1/users')).body.items, [{ id: 'bob', suspended: false }])
    assert.deepEqual(ids(await ask('bob', 'GET', '/v1/users?prefix=al')), [])
    assert.deepEqual(ids(await ask('bob', 'GET', '/v1/users?name=bob')), ['bob'])
    const scoped = await served.tokenOf('bob', { full: false, permissions: [] })
    assert.deepEqual(ids(await served.call('GET', '/v1/users', { token: scoped })), [])
    assert.equal((await served.call('GET', '/v1/users/bob', { token: scoped })).status, 404)
  })

  test('gives a scoped service token what `castellan:check` opens, and nothing to change', async (t) => {
    const served = await serve(t)
    const token = await served.tokenOf('service', { full: false, permissions: ['castellan:check'] })
    const call = async (method: string, path: string, body?: unknown) =>
      (await served.call(method, path, { token, ...(body !== undefined && { body }) })).status
    assert.equal(await call('POST', '/v1/check', { actor: 'user:alice', permission: 'a:b' }), 200)
    assert.equal(await call('GET', '/v1/users/alice'), 200)
    assert.equal(await call('GET', '/v1/groups/cool_group/members'), 200)
    assert.equal(await call('GET', '/v1/tokens'), 200)
    assert.equal(await call('GET', '/v1/resources'), 200)
    assert.equal(await call('PATCH', '/v1/users/alice', { name: 'x' }), 403)
    assert.equal(await call('DELETE', '/v1/users/alice'), 403)
    assert.equal(await call('POST', '/v1/users/alice/suspend'), 403)
    assert.equal(await call('POST', '/v1/groups', { id: 'mine' }), 403)
    assert.equal(await call('DELETE', '/v1/groups/cool_group'), 403)
    assert.equal(await call('DELETE', '/v1/resources/a'), 403)
    assert.equal(await call('POST', '/v1/grants', { holder: 'user:bob', permission: 'castellan:check' }), 403)
    assert.equal(await call('POST', '/v1/tokens', {}), 403)
    assert.equal(await call('POST', '/v1/holders', { permission: 'a:b' }), 403)
  })
})
