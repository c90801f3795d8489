import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Fact } from '@castellan/engine'
import { asking } from '../testing/asking.ts'
import { serve, type Loose } from '../testing/serve.ts'

const DRIVE = 'fs:00000000-0000-4000-8000-000000000001'
const NOTES = 'fs:00000000-0000-4000-8000-000000000002'
const PLAN = 'fs:00000000-0000-4000-8000-000000000003'

const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'demo' },
  { kind: 'namespace', name: 'ab', description: 'another' },
  ...['ed', 'bob', 'alice', 'service', 'root'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'resource', permission: DRIVE, owner: 'user:ed', name: 'Drive' },
  { kind: 'resource', permission: NOTES, owner: 'user:ed', parent: DRIVE, name: 'notes.txt' },
  { kind: 'resource', permission: PLAN, owner: 'user:alice', parent: DRIVE },
  { kind: 'resource', permission: 'a', owner: 'user:ed' },
  { kind: 'resource', permission: 'a:1', owner: 'user:ed' },
  { kind: 'resource', permission: String.raw`a:x\Cy/z %é`, owner: 'user:bob' },
  { kind: 'resource', permission: 'ab', owner: 'user:bob' },
  ...['castellan:check', 'castellan:facts', 'castellan:journal'].map((permission): Fact => ({
    kind: 'grant',
    issuer: 'system',
    holder: 'user:root',
    permission,
    extra: {},
  })),
]

const strings = (reply: { body: Loose }): string[] =>
  reply.body.items.map(({ permission }: Loose) => permission)

describe('/v1/resources', () => {
  test('are declared by who may state facts, shown, given away, renamed, moved and deleted', async (t) => {
    const served = await serve(t, { facts: FACTS })
    const ask = asking(served)
    const made = await ask('root', 'POST', '/v1/resources', {
      permission: 'a:2',
      owner: 'user:ed',
      name: 'two',
    })
    assert.deepEqual(
      [made.status, made.headers.get('location'), made.body],
      [
        201,
        '/v1/resources/a%3A2',
        {
          resource: { permission: 'a:2', owner: 'user:ed', name: 'two' },
          revision: served.live.engine.revision,
        },
      ],
    )
    assert.deepEqual((await ask('ed', 'GET', '/v1/resources/a:2')).body.resource, made.body.resource)
    const patch = async (body: object) =>
      (await ask('ed', 'PATCH', '/v1/resources/a%3A2', body)).body.resource
    assert.deepEqual(await patch({ name: null, parent: 'a:1' }), {
      permission: 'a:2',
      owner: 'user:ed',
      parent: 'a:1',
    })
    assert.deepEqual(await patch({ name: '2' }), {
      permission: 'a:2',
      owner: 'user:ed',
      parent: 'a:1',
      name: '2',
    })
    assert.deepEqual(await patch({ parent: null }), { permission: 'a:2', owner: 'user:ed', name: '2' })
    assert.deepEqual(await patch({ owner: 'user:bob' }), { permission: 'a:2', owner: 'user:bob', name: '2' })
    // Beneath `a`, which is still his.
    assert.deepEqual((await ask('ed', 'DELETE', '/v1/resources/a:2?reason=done')).body.revoked, 0)
    assert.equal((await ask('ed', 'GET', '/v1/resources/a:2')).status, 404)
    assert.equal((await ask('root', 'POST', '/v1/resources', { permission: 'a:2' })).body.code, 'ID_RETIRED')
  })

  test('are declared once, and not given away by being declared again', async (t) => {
    const served = await serve(t, { facts: FACTS })
    const ask = asking(served)
    const taken = await ask('root', 'POST', '/v1/resources', { permission: 'a', owner: 'user:root' })
    assert.deepEqual([taken.status, taken.body.code], [409, 'ID_TAKEN'])
    assert.equal((await ask('root', 'GET', '/v1/resources/a')).body.resource.owner, 'user:ed')
  })

  test('are deleted with everything in them only where that is asked', async (t) => {
    const ask = asking(await serve(t, { facts: FACTS }))
    const refused = await ask('ed', 'DELETE', `/v1/resources/${DRIVE}`)
    assert.deepEqual([refused.status, refused.body.code, refused.body.total], [409, 'HAS_CHILDREN', 2])
    assert.equal((await ask('ed', 'DELETE', `/v1/resources/${DRIVE}?recursive=false`)).status, 409)
    assert.equal((await ask('ed', 'DELETE', `/v1/resources/${DRIVE}?recursive=yes`)).status, 400)
    assert.equal((await ask('ed', 'DELETE', `/v1/resources/${DRIVE}?recursive=true`)).status, 200)
    assert.equal((await ask('alice', 'GET', `/v1/resources/${PLAN}`)).status, 404)
  })

  test('are named by any string there is, percent-encoded', async (t) => {
    const ask = asking(await serve(t, { facts: FACTS }))
    const permission = String.raw`a:x\Cy/z %é`
    const path = `/v1/resources/${encodeURIComponent(permission)}`
    assert.equal((await ask('bob', 'GET', path)).body.resource.permission, permission)
    assert.deepEqual((await ask('bob', 'PATCH', path, { name: 'odd' })).body.resource.name, 'odd')
    assert.equal((await ask('ed', 'GET', '/v1/resources/a:%25')).body.code, 'RESOURCE_UNKNOWN')
    for (const [text, code] of [
      ['a%3A%5Cx', 'PERMISSION_INVALID'],
      ['a%3A', 'PERMISSION_INVALID'],
      ['nope', 'PERMISSION_UNKNOWN'],
      ['a:%FF', 'REQUEST_INVALID'],
    ] as const)
      assert.equal((await ask('ed', 'GET', `/v1/resources/${text}`)).body.code, code, text)
  })

  test('are found by path by who may see them, and by nobody else', async (t) => {
    const ask = asking(await serve(t, { facts: FACTS }))
    const path = encodeURIComponent('fs:/Drive/notes.txt')
    assert.equal((await ask('ed', 'GET', `/v1/resources/${path}`)).body.resource.permission, NOTES)
    const hidden = await ask('bob', 'GET', `/v1/resources/${path}`)
    const missing = await ask('bob', 'GET', `/v1/resources/${encodeURIComponent('fs:/Drive/nothing')}`)
    assert.equal(hidden.status, 404)
    assert.deepEqual({ ...hidden.body, requestId: '' }, { ...missing.body, requestId: '' })
    const moved = await ask('ed', 'PATCH', `/v1/resources/${path}`, { name: 'new.txt' })
    assert.deepEqual([moved.body.resource.permission, moved.body.resource.parent], [NOTES, DRIVE])
  })

  test('are changed by two at once without either being forgotten', async (t) => {
    const served = await serve(t, { facts: FACTS })
    const ask = asking(served)
    await ask('ed', 'GET', '/v1/me')
    const patches = await Promise.all([
      ask('ed', 'PATCH', '/v1/resources/a:1', { name: 'one' }),
      ask('ed', 'PATCH', '/v1/resources/a:1', { parent: 'a' }),
      ask('ed', 'PATCH', '/v1/resources/a:1', { owner: 'user:bob' }),
    ])
    assert.deepEqual(
      patches.map(({ status }) => status),
      [200, 200, 200],
    )
    assert.deepEqual((await ask('root', 'GET', '/v1/resources/a:1')).body.resource, {
      permission: 'a:1',
      owner: 'user:bob',
      parent: 'a',
      name: 'one',
    })
  })

  test('take access from dependants only where that is allowed', async (t) => {
    const served = await serve(t, { facts: FACTS })
    const ask = asking(served)
    await served.change({
      add: { kind: 'grant', issuer: 'user:bob', holder: 'user:alice', permission: 'ab:x', extra: {} },
    })
    const given = { owner: 'user:ed', onDependants: 'refuse' }
    const refused = await ask('bob', 'PATCH', '/v1/resources/ab', given)
    assert.deepEqual([refused.status, refused.body.code], [409, 'DEPENDANTS'])
    assert.ok(refused.body.lost.some(({ actor }: Loose) => actor === 'user:alice'))
    assert.equal((await ask('bob', 'DELETE', '/v1/resources/ab?onDependants=allow')).body.revoked, 1)
  })

  test('say what is wrong with a change', async (t) => {
    const ask = asking(await serve(t, { facts: FACTS }))
    const cases = [
      { path: 'a:1', body: {}, status: 400, code: 'BODY_INVALID' },
      { path: 'a:1', body: { owner: null }, status: 400, code: 'BODY_INVALID' },
      { path: 'a:1', body: { permission: 'a:2' }, status: 400, code: 'BODY_INVALID' },
      { path: 'a:1', body: { owner: 'user:nobody' }, status: 422, code: 'REFERENCE_UNKNOWN' },
      { path: 'a', body: { parent: 'a' }, status: 409, code: 'TREE_INVALID' },
      { path: NOTES, body: { name: 'a/b' }, status: 400, code: 'FACT_INVALID' },
      { path: NOTES, body: { parent: 'a' }, status: 400, code: 'FACT_INVALID' },
      { path: NOTES, body: { parent: null }, status: 403, code: 'FORBIDDEN' },
    ]
    for (const { path, body, status, code } of cases) {
      const reply = await ask('ed', 'PATCH', `/v1/resources/${path}`, body)
      assert.deepEqual([reply.status, reply.body.code], [status, code], `${path} ${JSON.stringify(body)}`)
    }
  })
})

describe('GET /v1/resources', () => {
  test('lists all of them, or those of a namespace, to who may see all', async (t) => {
    const ask = asking(await serve(t, { facts: FACTS }))
    const odd = String.raw`a:x\Cy/z %é`
    const all = ['a', 'a:1', odd, 'ab', DRIVE, NOTES, PLAN]
    assert.deepEqual(strings(await ask('root', 'GET', '/v1/resources')), all)
    assert.deepEqual(strings(await ask('root', 'GET', '/v1/resources?namespace=a')), ['a', 'a:1', odd])
    assert.deepEqual(strings(await ask('root', 'GET', '/v1/resources?namespace=kv')), [])
    assert.deepEqual(strings(await ask('root', 'GET', '/v1/resources?owner=user:bob')), [odd, 'ab'])
    assert.deepEqual(strings(await ask('root', 'GET', '/v1/resources?owner=user:bob&namespace=ab')), ['ab'])
    for (const query of ['', 'namespace=a&', 'owner=user:ed&']) {
      const found: string[] = []
      let cursor: string | null = null
      do {
        const page: string = `/v1/resources?${query}limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
        const { body } = await ask('root', 'GET', page)
        found.push(...strings({ body }))
        cursor = body.nextCursor
      } while (cursor !== null)
      assert.deepEqual(found, strings(await ask('root', 'GET', `/v1/resources?${query}`)), query)
    }
  })

  test('lists one’s own, and what lies in a folder that one may see', async (t) => {
    const served = await serve(t, { facts: FACTS })
    const ask = asking(served)
    assert.deepEqual(strings(await ask('alice', 'GET', '/v1/resources')), [PLAN])
    assert.deepEqual(strings(await ask('alice', 'GET', '/v1/resources?owner=user:alice')), [PLAN])
    assert.deepEqual(strings(await ask('ed', 'GET', '/v1/resources?namespace=fs')), [DRIVE, NOTES])
    assert.deepEqual(strings(await ask('ed', 'GET', `/v1/resources?parent=${DRIVE}`)), [NOTES, PLAN])
    assert.deepEqual(strings(await ask('ed', 'GET', '/v1/resources?parent=fs:/Drive')), [NOTES, PLAN])
    assert.deepEqual(strings(await ask('ed', 'GET', `/v1/resources?parent=${DRIVE}&owner=user:alice`)), [
      PLAN,
    ])
    for (const query of ['owner=user:ed', 'owner=user:nobody', 'owner=user:ed&namespace=a']) {
      const refused = await ask('bob', 'GET', `/v1/resources?${query}`)
      assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:facts'], query)
    }
    const hidden = await ask('bob', 'GET', `/v1/resources?parent=${DRIVE}`)
    const missing = await ask('bob', 'GET', '/v1/resources?parent=fs:00000000-0000-4000-8000-00000000000f')
    assert.equal(hidden.body.code, 'RESOURCE_UNKNOWN')
    assert.deepEqual({ ...hidden.body, requestId: '' }, { ...missing.body, requestId: '' })
    await served.change({
      add: { kind: 'grant', issuer: 'user:ed', holder: 'user:bob', permission: `${DRIVE}:see`, extra: {} },
    })
    assert.deepEqual(strings(await ask('bob', 'GET', `/v1/resources?parent=${DRIVE}`)), [NOTES, PLAN])
    for (const permission of [NOTES, PLAN])
      assert.equal((await ask('bob', 'GET', `/v1/resources/${permission}`)).status, 200)
  })

  test('lists nothing to a token that was given nothing', async (t) => {
    const served = await serve(t, { facts: FACTS })
    const token = await served.tokenOf('ed', { full: false, permissions: [`${DRIVE}:list`] })
    const list = async (query: string) => served.call('GET', `/v1/resources${query}`, { token })
    assert.deepEqual(strings(await list('')), [])
    assert.equal((await list('?owner=user:ed')).status, 403)
    assert.deepEqual(strings(await list(`?parent=${DRIVE}`)), [NOTES, PLAN])
    assert.equal((await list('?parent=a')).status, 404)
  })
})
