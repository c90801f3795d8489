import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { describe, test, type TestContext } from 'node:test'
import { serve, type Served } from '../../server/src/testing/serve.ts'
import { connect, type CastellanClient } from './connect.ts'
import { CastellanProblem } from './errors.ts'
import { listen } from './testing/listen.ts'

interface Setting {
  readonly served: Served
  readonly service: CastellanClient
  readonly as: (user: string) => Promise<CastellanClient>
}

async function setUp(t: TestContext): Promise<Setting> {
  const served = await serve(t)
  const as = async (user: string) => connect({ server: served.address, token: await served.tokenOf(user) })
  return { served, service: await as('service'), as }
}

describe('a client of a server', () => {
  test('checks one permission, or any of several', async (t) => {
    const { service } = await setUp(t)
    assert.equal(await service.check('user:alice', 'a:b'), true)
    assert.equal(await service.check('user:bob', 'a:b'), false)
    assert.equal(await service.check('user:alice', ['a:x', 'a:b:c']), true)
    assert.equal(await service.check('user:alice', ['a:x', 'a:y']), false)
    assert.equal(await service.check('user:alice', []), false)
  })

  test('answers several questions in their order', async (t) => {
    const { service } = await setUp(t)
    const ask = (actor: string) => ({ actor: `user:${actor}`, permission: 'a:b' })
    assert.deepEqual(await service.checkEach(['bob', 'alice', 'ed'].map(ask)), [false, true, true])
    assert.deepEqual(await service.checkEach([]), [])
  })

  test('explains an answer', async (t) => {
    const { service } = await setUp(t)
    const { allowed, graph } = await service.explain('user:alice', 'a:b')
    assert.equal(allowed, true)
    assert.ok(graph.nodes.some((node) => node.actor === 'user:ed'))
    const { allowed: isBob, brokenLinks } = await service.explain('user:bob', 'a:b')
    assert.equal(isBob, false)
    assert.ok(brokenLinks !== undefined)
  })

  test('grants and revokes, and remembers no answer', async (t) => {
    const { service, as } = await setUp(t)
    const ed = await as('ed')
    assert.equal(await service.check('user:bob', 'a:c'), false)
    const granted = await ed.grant({ holder: 'user:bob', permission: 'a:c', reason: 'bob helps' })
    assert.deepEqual(
      { outcome: granted.outcome, effective: granted.effective },
      { outcome: 'added', effective: true },
    )
    assert.equal(await service.check('user:bob', 'a:c', { atLeast: granted.revision }), true)
    const { revoked } = await ed.revoke(granted.id, { reason: 'he is done', onDependants: 'refuse' })
    assert.equal(revoked, 1)
    assert.equal(await service.check('user:bob', 'a:c'), false)
    assert.equal((await ed.revoke(granted.id)).revoked, 0)
  })

  test('changes facts under preconditions', async (t) => {
    const { as } = await setUp(t)
    const root = await as('root')
    const zoe = { kind: 'user', id: 'zoe' } as const
    const { results } = await root.change([{ add: zoe }], { preconditions: { ifAbsent: [zoe] } })
    assert.deepEqual(results, [{ outcome: 'added' }])
    await assert.rejects(root.change([{ add: zoe }], { preconditions: { ifAbsent: [zoe] } }), {
      name: 'CastellanProblem',
      code: 'PRECONDITION_FAILED',
      status: 412,
    })
  })

  test('has a change done once under a key', async (t) => {
    const { served, as } = await setUp(t)
    const root = await as('root')
    const add = { kind: 'user', id: 'zoe' } as const
    const first = await root.change([{ add }], { idempotencyKey: 'zoe-1' })
    const { revision } = served.live.engine
    assert.deepEqual(await root.change([{ add }], { idempotencyKey: 'zoe-1' }), first)
    assert.equal(served.live.engine.revision, revision)
  })

  test('asks for the revision it is told, or the highest it has seen', async (t) => {
    const { served, service } = await setUp(t)
    await assert.rejects(service.check('user:alice', 'a:b', { atLeast: 1_000 }), { code: 'REVISION_AHEAD' })
    const sent: unknown[] = []
    const client = connect({
      server: served.address,
      token: await served.tokenOf('service'),
      fetch: (url, request) => {
        sent.push(JSON.parse(request.body ?? 'null'))
        return fetch(url, request)
      },
    })
    await client.check('user:alice', 'a:b')
    await client.check('user:alice', 'a:b', { atLeast: 'seen' })
    const question = { actor: 'user:alice', permission: 'a:b' }
    assert.deepEqual(sent, [question, { ...question, atLeast: served.live.engine.revision }])
  })

  test('throws what the server refuses, as it said so', async (t) => {
    const { as } = await setUp(t)
    const bob = await as('bob')
    await assert.rejects(bob.check('user:alice', 'a:b'), (error) => {
      assert.ok(error instanceof CastellanProblem)
      assert.equal(error.code, 'FORBIDDEN')
      assert.equal(error.status, 403)
      assert.equal(error.permission, 'castellan:check')
      assert.equal(error.message, error.detail)
      assert.ok(error.hint.length > 0 && error.requestId.length > 0)
      return true
    })
  })

  test('throws when the token is not known', async (t) => {
    const { served } = await setUp(t)
    const stranger = connect({ server: served.address, token: `cst_${'x'.repeat(43)}` })
    await assert.rejects(stranger.check('user:alice', 'a:b'), { code: 'UNAUTHENTICATED', status: 401 })
  })

  test('never asks about its own user for want of an actor', async (t) => {
    const { as } = await setUp(t)
    // Of whoever calls, the server would say yes.
    const ed = await as('ed')
    for (const actor of [undefined, null, '', 7, ['user:bob']]) {
      await assert.rejects(ed.check(actor as string, 'a:b'), TypeError)
      await assert.rejects(ed.checkEach([{ actor: actor as string, permission: 'a:b' }]), TypeError)
      await assert.rejects(ed.explain(actor as string, 'a:b'), TypeError)
    }
  })

  test('is about a permission that somebody named', async () => {
    const sent: string[] = []
    const client = connect({
      server: 'http://127.0.0.1',
      token: 'x',
      fetch: async (url) => {
        sent.push(url)
        throw new Error('nothing is to be sent')
      },
    })
    for (const name of [undefined, null, '', 1]) {
      const permission = name as string
      await assert.rejects(client.check('user:alice', permission), TypeError)
      await assert.rejects(client.check('user:alice', ['a:b', permission]), TypeError)
      await assert.rejects(client.checkEach([{ actor: 'user:alice', permission }]), TypeError)
      await assert.rejects(client.explain('user:alice', permission), TypeError)
    }
    assert.deepEqual(sent, [])
  })

  test('does not take a path for the id of a grant', async (t) => {
    const { as } = await setUp(t)
    const root = await as('root')
    for (const id of ['', '.', '..', '../users/ed', 'a/b', 'a?b', undefined])
      await assert.rejects(root.revoke(id as string), TypeError)
  })

  test('keeps the path of a server behind a proxy', async (t) => {
    const paths: (string | undefined)[] = []
    const address = await listen(t, ({ url }, response) => {
      paths.push(url)
      response.end('{"allowed":true,"revision":1}')
    })
    for (const server of [`${address}/auth`, `${address}/auth/`, new URL('/auth/', address)])
      await connect({ server, token: 'secret' }).check('user:alice', 'a:b')
    assert.deepEqual(paths, ['/auth/v1/check', '/auth/v1/check', '/auth/v1/check'])
  })
})

describe('connect', () => {
  const server = 'http://127.0.0.1:7070'
  const cases: readonly { name: string; options: Parameters<typeof connect>[0] }[] = [
    { name: 'an address that is none', options: { server: 'castellan', token: 'secret' } },
    { name: 'an address of a file', options: { server: 'file:///etc', token: 'secret' } },
    { name: 'an address with a password', options: { server: 'http://a:b@127.0.0.1', token: 'secret' } },
    { name: 'an address with a query', options: { server: `${server}/?a=b`, token: 'secret' } },
    { name: 'no token', options: { server, token: '' } },
    { name: 'a token with a line end', options: { server, token: 'secret\r\nX: y' } },
    { name: 'no time', options: { server, token: 'secret', timeoutMs: 0 } },
    { name: 'a time that no timer takes', options: { server, token: 'secret', timeoutMs: Infinity } },
  ]
  for (const { name, options } of cases) {
    test(`refuses ${name}, and does not print the token`, () => {
      assert.throws(
        () => connect(options),
        (error) => error instanceof TypeError && !inspect(error).includes('secret'),
      )
    })
  }

  test('gives a client that does not show its token', () => {
    assert.ok(
      !inspect(connect({ server, token: 'secret' }), { depth: 9, showHidden: true }).includes('secret'),
    )
  })
})
