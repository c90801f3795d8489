import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serve, type Loose } from '../testing/serve.ts'
import { asking } from '../testing/asking.ts'

const ids = (reply: { body: Loose }): string[] => reply.body.items.map(({ id }: Loose) => id)
const members = (reply: { body: Loose }): string[] => reply.body.items.map(({ member }: Loose) => member)

describe('/v1/groups', () => {
  test('are made by anyone, in their own name, with their first members', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const made = await ask('bob', 'POST', '/v1/groups', {
      id: 'team',
      members: ['user:alice', 'group:cool_group'],
    })
    assert.deepEqual(
      [made.status, made.headers.get('location'), made.body],
      [
        201,
        '/v1/groups/team',
        { group: { id: 'team', owner: 'user:bob' }, revision: served.live.engine.revision },
      ],
    )
    assert.deepEqual(members(await ask('bob', 'GET', '/v1/groups/team/members')), [
      'group:cool_group',
      'user:alice',
    ])
    assert.equal((await ask('bob', 'POST', '/v1/groups', { id: 'x', owner: 'user:ed' })).status, 403)
    assert.equal((await ask('root', 'POST', '/v1/groups', { id: 'x', owner: 'user:ed' })).status, 201)
    const unknown = await ask('bob', 'POST', '/v1/groups', {
      id: 'half',
      members: ['user:alice', 'user:nobody'],
    })
    assert.deepEqual([unknown.status, unknown.body.code], [422, 'REFERENCE_UNKNOWN'])
    assert.match(unknown.body.detail, /nobody/)
    assert.equal((await ask('root', 'GET', '/v1/groups/half')).status, 404)
  })

  test('are made once, and not changed by being made again', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    for (const user of ['fred', 'bob', 'root']) {
      const taken = await ask(user, 'POST', '/v1/groups', { id: 'cool_group' })
      assert.deepEqual([taken.status, taken.body.code], [409, 'ID_TAKEN'], user)
    }
    assert.equal((await ask('bob', 'POST', '/v1/groups', { id: 'admin' })).body.code, 'ID_TAKEN')
    assert.deepEqual(served.live.engine.fact({ kind: 'group', id: 'cool_group' }), {
      kind: 'group',
      id: 'cool_group',
      owner: 'user:fred',
    })
    await ask('fred', 'DELETE', '/v1/groups/cool_group')
    assert.equal((await ask('fred', 'POST', '/v1/groups', { id: 'cool_group' })).body.code, 'ID_RETIRED')
  })

  test('go to another owner, who then has the say over them', async (t) => {
    const ask = asking(await serve(t))
    const given = await ask('fred', 'PATCH', '/v1/groups/cool_group', {
      owner: 'user:bob',
      reason: 'leaving',
    })
    assert.deepEqual(given.body.group, { id: 'cool_group', owner: 'user:bob' })
    assert.equal((await ask('fred', 'DELETE', '/v1/groups/cool_group')).status, 404)
    const deleted = await ask('bob', 'DELETE', '/v1/groups/cool_group')
    assert.deepEqual([deleted.status, deleted.body.revoked], [200, 1])
    assert.equal(
      (await ask('root', 'PATCH', '/v1/groups/admin', { owner: 'user:bob' })).body.code,
      'BUILT_IN',
    )
    assert.equal((await ask('root', 'DELETE', '/v1/groups/user')).body.code, 'BUILT_IN')
  })

  test('take members all together or none, and say how many were new', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const path = '/v1/groups/cool_group/members'
    assert.equal((await ask('fred', 'POST', path, { members: ['user:alice', 'user:bob'] })).body.added, 1)
    const half = await ask('fred', 'POST', path, { members: ['user:ed', 'user:nobody'] })
    assert.deepEqual([half.status, half.body.code], [422, 'REFERENCE_UNKNOWN'])
    assert.deepEqual(members(await ask('fred', 'GET', path)), ['user:alice', 'user:bob'])
    const wrong = await ask('fred', 'POST', path, { members: ['alice'] })
    assert.deepEqual([wrong.status, wrong.body.code, wrong.body.path], [400, 'FACT_INVALID', 'member'])
  })

  test('lose members who are taken out or leave, and nobody else', async (t) => {
    const ask = asking(await serve(t))
    const path = '/v1/groups/cool_group/members'
    await ask('fred', 'POST', path, { members: ['user:bob', 'user:ed'] })
    assert.equal((await ask('bob', 'DELETE', `${path}/user:ed`)).status, 403)
    assert.deepEqual((await ask('bob', 'DELETE', `${path}/me`)).body.removed, 1)
    assert.equal((await ask('bob', 'GET', '/v1/groups/cool_group')).status, 404)
    assert.equal((await ask('fred', 'DELETE', `${path}/user%3Aed?reason=done`)).body.removed, 1)
    assert.equal((await ask('fred', 'DELETE', `${path}/user:ed`)).body.removed, 0)
    assert.deepEqual(members(await ask('fred', 'GET', path)), ['user:alice'])
    // fred's own membership is no condition of owning it.
    assert.equal((await ask('fred', 'DELETE', `${path}/me`)).body.removed, 0)
    const kept = await ask('fred', 'DELETE', `${path}/user:alice?onDependants=refuse`)
    assert.deepEqual([kept.status, kept.body.code], [409, 'DEPENDANTS'])
  })

  test('show a member only themselves', async (t) => {
    const ask = asking(await serve(t))
    const path = '/v1/groups/cool_group/members'
    await ask('fred', 'POST', path, { members: ['user:bob'] })
    assert.deepEqual(members(await ask('bob', 'GET', path)), ['user:bob'])
    assert.deepEqual((await ask('bob', 'GET', `${path}/me`)).body.member, 'user:bob')
    const hidden = await ask('bob', 'GET', `${path}/user:alice`)
    const missing = await ask('bob', 'GET', `${path}/user:ed`)
    assert.deepEqual([hidden.status, hidden.body.code], [404, 'MEMBER_UNKNOWN'])
    assert.deepEqual({ ...hidden.body, requestId: '' }, { ...missing.body, requestId: '' })
    assert.equal((await ask('fred', 'GET', `${path}/user:alice`)).status, 200)
  })

  test('with many members are read in pages', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const users = Array.from({ length: 25 }, (_, i) => `m${String(i).padStart(2, '0')}`)
    await served.change(
      ...users.flatMap((id) => [
        { add: { kind: 'user', id } as const },
        { add: { kind: 'member', group: 'cool_group', member: `user:${id}` } as const },
      ]),
    )
    const found: string[] = []
    let cursor: string | null = null
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`
      const { body } = await ask('fred', 'GET', `/v1/groups/cool_group/members?limit=10${query}`)
      found.push(...members({ body }))
      cursor = body.nextCursor
    } while (cursor !== null)
    assert.deepEqual(found, ['user:alice', ...users.map((id) => `user:${id}`)])
    const { body } = await ask('fred', 'GET', '/v1/groups/cool_group/members?limit=1')
    await served.change({ add: { kind: 'group', id: 'other', owner: 'user:fred' } })
    const other = await ask('fred', 'GET', `/v1/groups/other/members?cursor=${body.nextCursor}`)
    assert.equal(other.body.code, 'CURSOR_MISMATCH')
  })

  test('of everyone has every user as a member, and is left by nobody', async (t) => {
    const ask = asking(await serve(t))
    const everyone = ['alice', 'bob', 'ed', 'fred', 'root', 'service'].map((id) => `user:${id}`)
    assert.equal(
      (await ask('root', 'POST', '/v1/groups/user/members', { members: ['group:cool_group'] })).status,
      200,
    )
    assert.deepEqual(members(await ask('root', 'GET', '/v1/groups/user/members')), [
      'group:cool_group',
      ...everyone,
    ])
    const first = (await ask('root', 'GET', '/v1/groups/user/members?limit=3')).body
    assert.deepEqual(members({ body: first }), ['group:cool_group', 'user:alice', 'user:bob'])
    const rest = await ask('root', 'GET', `/v1/groups/user/members?limit=9&cursor=${first.nextCursor}`)
    assert.deepEqual(members(rest), everyone.slice(2))
    assert.deepEqual(members(await ask('bob', 'GET', '/v1/groups/user/members')), ['user:bob'])
    assert.equal((await ask('bob', 'GET', '/v1/groups/user/members/me')).status, 200)
    assert.equal((await ask('root', 'GET', '/v1/groups/user/members/user:alice')).status, 200)
    assert.equal((await ask('root', 'GET', '/v1/groups/user/members/user:nobody')).status, 404)
    assert.equal((await ask('bob', 'DELETE', '/v1/groups/user/members/me')).body.code, 'BUILT_IN')
  })
})

describe('GET /v1/groups', () => {
  test('lists all of them, the built-in ones in their place', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change(
      { add: { kind: 'group', id: 'cooler', owner: 'user:bob' } },
      { add: { kind: 'member', group: 'cooler', member: 'group:cool_group' } },
    )
    const all = ['admin', 'cool_group', 'cooler', 'developer', 'guest', 'user']
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/groups')), all)
    const first = (await ask('root', 'GET', '/v1/groups?limit=4')).body
    assert.deepEqual(ids({ body: first }), all.slice(0, 4))
    assert.deepEqual(
      ids(await ask('root', 'GET', `/v1/groups?limit=4&cursor=${first.nextCursor}`)),
      all.slice(4),
    )
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/groups?prefix=cool')), ['cool_group', 'cooler'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/groups?owner=user:fred')), ['cool_group'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/groups?owner=system&prefix=g')), ['guest'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/groups?member=group:cool_group')), ['cooler'])
    assert.deepEqual(ids(await ask('service', 'GET', '/v1/groups?member=user:alice')), ['cool_group', 'user'])
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/groups?member=user:alice&owner=user:fred')), [
      'cool_group',
    ])
    assert.equal((await ask('root', 'GET', '/v1/groups?owner=fred')).body.code, 'ACTOR_INVALID')
  })

  test('lists what one owns or is in, directly or not, and tells nobody who else is', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change(
      { add: { kind: 'group', id: 'outer', owner: 'user:bob' } },
      { add: { kind: 'member', group: 'outer', member: 'group:cool_group' } },
      { add: { kind: 'group', id: 'secret', owner: 'user:bob' } },
    )
    assert.deepEqual(ids(await ask('alice', 'GET', '/v1/groups')), ['cool_group', 'outer', 'user'])
    assert.deepEqual(ids(await ask('fred', 'GET', '/v1/groups')), ['cool_group', 'user'])
    assert.deepEqual(ids(await ask('bob', 'GET', '/v1/groups')), ['outer', 'secret', 'user'])
    assert.deepEqual(ids(await ask('alice', 'GET', '/v1/groups?owner=user:bob')), ['outer'])
    assert.deepEqual(ids(await ask('alice', 'GET', '/v1/groups?member=user:alice')), ['cool_group', 'user'])
    // fred owns the group that alice is in, bob does not.
    assert.deepEqual(ids(await ask('fred', 'GET', '/v1/groups?member=user:alice')), ['cool_group'])
    assert.deepEqual(ids(await ask('bob', 'GET', '/v1/groups?member=user:alice')), [])
    const scoped = await served.tokenOf('alice', { full: false, permissions: [] })
    assert.deepEqual(ids(await served.call('GET', '/v1/groups', { token: scoped })), [])
    assert.equal((await served.call('GET', '/v1/groups/cool_group', { token: scoped })).status, 404)
  })
})
