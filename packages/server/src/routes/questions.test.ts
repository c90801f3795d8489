import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  claimsAnswer,
  explainAnswer,
  holdersAnswer,
  permissionsAnswer,
  previewAnswer,
  scanAnswer,
} from '@castellan/protocol'
import { serve, type Loose } from '../testing/serve.ts'

const FILE = 'fs:24729b88-a4c5-4990-ad4e-272b87895732'

describe('POST /v1/scan', () => {
  test('gives the reading of the documentation, times aside', async (t) => {
    const { ask } = await serve(t, {
      facts: [
        { kind: 'user', id: 'admin' },
        { kind: 'user', id: 'ed3' },
        { kind: 'resource', permission: FILE, owner: 'user:admin' },
        { kind: 'grant', issuer: 'user:admin', holder: 'user:ed3', permission: `${FILE}:read`, extra: {} },
      ],
    })
    const { body } = await ask('ed3', '/v1/scan', { actor: 'user:ed3', permissions: [`${FILE}:read`] })
    scanAnswer.parse(body)
    const withoutTimes = (nodes: Loose[]): Loose[] =>
      nodes.map(({ reading, ...node }: Loose) => {
        delete node.value
        return { ...node, ...(reading && { reading: withoutTimes(reading) }) }
      })
    const explode = { $: 'explode', from: `${FILE}:read`, to: [`${FILE}:read`, `${FILE}:write`, FILE, 'fs'] }
    const option = (permission: string) => ({
      $: 'option',
      permission,
      source: 'implied',
      by: 'is-owner',
      data: {},
    })
    assert.deepEqual(withoutTimes(body.reading), [
      explode,
      {
        $: 'path',
        via: 'user',
        has_terminal: true,
        permission: `${FILE}:read`,
        data: {},
        holder_username: 'ed3',
        issuer_username: 'admin',
        reading: [explode, option(`${FILE}:read`), option(`${FILE}:write`), option(FILE), { $: 'time' }],
      },
      { $: 'time' },
    ])
  })
})

describe('POST /v1/explain', () => {
  test('draws the pathway, and says what would mend a denial', async (t) => {
    const { ask } = await serve(t)
    const allowed = explainAnswer.parse(
      (await ask('service', '/v1/explain', { actor: 'user:alice', permission: 'a:b' })).body,
    )
    assert.equal(allowed.allowed, true)
    assert.deepEqual(allowed.graph.nodes[0], { id: 0, actor: 'user:alice', permission: 'a:b', options: [] })
    const denied = explainAnswer.parse(
      (await ask('service', '/v1/explain', { actor: 'user:bob', permission: 'a:b' })).body,
    )
    assert.equal(denied.allowed, false)
  })

  test('hides links that the caller is no party to', async (t) => {
    const { ask } = await serve(t)
    const { body } = await ask('alice', '/v1/explain', { permission: 'a:b' })
    assert.equal(body.allowed, true)
    const shown = JSON.stringify(body)
    assert.equal(shown.includes('user:ed'), false, shown)
    assert.equal(shown.includes('hidden'), true, shown)
  })
})

describe('who may ask', () => {
  const bodies = {
    '/v1/scan': { actor: 'user:bob', permissions: ['a'] },
    '/v1/explain': { actor: 'user:bob', permission: 'a' },
    '/v1/claims': { actor: 'user:bob', permission: 'a' },
    '/v1/permissions': { actor: 'user:bob' },
    '/v1/check': { actor: 'user:bob', permission: 'a' },
    '/v1/check-each': { checks: [{ actor: 'user:bob', permission: 'a' }] },
  }
  for (const [path, body] of Object.entries(bodies)) {
    test(`${path} about others takes castellan:check, about oneself nothing`, async (t) => {
      const { ask, call } = await serve(t)
      const refused = await ask('alice', path, body)
      assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:check'])
      assert.equal((await ask('bob', path, body)).status, 200)
      assert.equal((await ask('service', path, body)).status, 200)
      assert.equal((await call('POST', path, { body })).status, 401)
    })
  }

  for (const [path, body] of Object.entries({
    '/v1/holders': { permission: 'a:b' },
    '/v1/preview': {
      changes: [{ remove: { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' } }],
    },
  })) {
    test(`${path} takes manage: of the permission`, async (t) => {
      const { ask } = await serve(t)
      const refused = await ask('alice', path, body)
      assert.deepEqual([refused.status, refused.body.permission], [403, 'manage:a:b'])
      assert.equal((await ask('ed', path, body)).status, 200)
    })
  }
})

describe('lists', () => {
  test('holders are paged', async (t) => {
    const { call, tokenOf } = await serve(t)
    const token = await tokenOf('ed')
    const found: string[] = []
    let cursor = ''
    do {
      const { body } = await call('POST', `/v1/holders?limit=1${cursor}`, {
        token,
        body: { permission: 'a:b' },
      })
      holdersAnswer.parse(body)
      found.push(...body.items.map((item: Loose) => item.actor))
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
    } while (cursor !== '')
    assert.deepEqual(
      found.filter((actor) => !actor.startsWith('token:')),
      ['user:alice', 'user:ed', 'user:fred'],
    )
    assert.equal(found.length, 4, 'ed’s full token holds it too')
  })

  test('permissions lie beneath the prefix or cover it', async (t) => {
    const { ask } = await serve(t)
    const { body } = await ask('alice', '/v1/permissions', { prefix: 'a' })
    permissionsAnswer.parse(body)
    assert.deepEqual(
      body.items.map((item: Loose) => item.permission),
      ['a:b'],
    )
  })

  test('claims come by pathway', async (t) => {
    const { ask } = await serve(t)
    const { body } = await ask('alice', '/v1/claims', { permission: 'a:b' })
    assert.deepEqual(claimsAnswer.parse(body).pathways, [[{}, { limit: 1 }]])
  })

  test('a preview tells who loses, and changes nothing', async (t) => {
    const { ask, live } = await serve(t)
    await ask('ed', '/v1/check', { permission: 'a' })
    const revision = live.engine.revision
    const { body } = await ask('ed', '/v1/preview', {
      changes: [{ remove: { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' } }],
    })
    previewAnswer.parse(body)
    assert.deepEqual(body.lost, [
      { actor: 'user:alice', permission: 'a:b' },
      { actor: 'user:fred', permission: 'a:b' },
    ])
    assert.deepEqual(body.counts, { lost: 2, gained: 0, kept: 0 })
    assert.equal(live.engine.revision, revision)
    assert.equal((await ask('alice', '/v1/check', { permission: 'a:b' })).body.allowed, true)
  })
})
