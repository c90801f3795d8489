import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openEngine } from '@castellan/engine'
import { asking } from '../testing/asking.ts'
import { serve, START } from '../testing/serve.ts'

describe('GET /v1/me', () => {
  test('says whom a token stands for and what of Castellan it holds', async (t) => {
    const served = await serve(t)
    await served.change({ add: { kind: 'user', id: 'root', name: 'Root' } })
    const ask = asking(served)
    const { body } = await ask('root', 'GET', '/v1/me')
    const [token] = [...served.live.engine.tokensWhere({ issuer: 'user:root' })]
    assert.deepEqual(body, {
      actor: `token:${token!.id}`,
      self: 'user:root',
      issuer: 'user:root',
      full: true,
      name: 'Root',
      functions: ['castellan:facts', 'castellan:grants'],
      revision: served.live.engine.revision,
    })
    assert.deepEqual((await ask('bob', 'GET', '/v1/me')).body.functions, [])
  })

  test('says of a scoped token that it is itself, and when it ends', async (t) => {
    const served = await serve(t)
    const expiresAt = new Date(START + 60_000).toISOString()
    const wish = { full: false, permissions: ['castellan:check', 'a:b'], expiresAt }
    const token = await served.tokenOf('service', wish)
    const { body } = await served.call('GET', '/v1/me', { token })
    assert.equal(body.self, body.actor)
    assert.deepEqual(
      [body.issuer, body.full, body.expiresAt, body.functions],
      ['user:service', false, expiresAt, ['castellan:check']],
    )
  })
})

describe('GET /v1/namespaces', () => {
  test('lists what is declared, and says what is built in', async (t) => {
    const ask = asking(await serve(t))
    const { body } = await ask('bob', 'GET', '/v1/namespaces')
    const names = body.items.map(({ name }: { name: string }) => name)
    assert.deepEqual(
      names,
      [
        ...openEngine()
          .catalog()
          .map(({ name }) => name),
        'a',
      ].sort(),
    )
    assert.deepEqual(body.items[0], { name: 'a', description: 'demo', builtIn: false })
    const fs = body.items.find(({ name }: { name: string }) => name === 'fs')
    assert.deepEqual([fs.builtIn, fs.modes], [true, ['see', 'list', 'read', 'write']])
    const first = (await ask('bob', 'GET', '/v1/namespaces?limit=2')).body
    const second = await ask('bob', 'GET', `/v1/namespaces?limit=2&cursor=${first.nextCursor}`)
    assert.deepEqual([...first.items, ...second.body.items], body.items.slice(0, 4))
  })
})

describe('GET /v1/rules', () => {
  test('lists the rules in force, one’s own after those built in', async (t) => {
    const rule = { id: 'my-rule', kind: 'exploder', doc: 'mine', explode: () => [] } as const
    const served = await serve(t, { engine: { rules: [rule] } })
    const { body } = await asking(served)('bob', 'GET', '/v1/rules')
    assert.deepEqual(body.items.slice(0, -1), openEngine().rules())
    assert.deepEqual(body.items.at(-1), { id: 'my-rule', kind: 'exploder', doc: 'mine', builtIn: false })
    assert.deepEqual([body.nextCursor, body.revision], [null, served.live.engine.revision])
  })
})
