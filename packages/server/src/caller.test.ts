import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Change } from '@castellan/engine'
import { hashSecret, newSecret } from './tokens/secret.ts'
import { serve, START, type Served } from './testing/serve.ts'

/** Each route that asks who calls, with a body that would be answered. */
const ROUTES = [
  ['POST', '/v1/check', { permission: 'a' }],
  ['POST', '/v1/check-each', { checks: [{ permission: 'a' }] }],
  ['POST', '/v1/scan', { permission: 'a' }],
  ['POST', '/v1/explain', { permission: 'a' }],
  ['POST', '/v1/claims', { permission: 'a' }],
  ['POST', '/v1/permissions', {}],
  ['POST', '/v1/holders', { permission: 'a' }],
  ['POST', '/v1/preview', { changes: [] }],
  ['POST', '/v1/changes', { changes: [] }],
  ['POST', '/v1/grants', { holder: 'user:bob', permission: 'a' }],
  ['POST', '/v1/tokens', {}],
  ['GET', '/v1/grants', undefined],
  ['GET', '/v1/grants/x', undefined],
  ['DELETE', '/v1/grants/x', undefined],
] as const

async function statusesOf(
  { call }: Served,
  token: string | undefined,
  headers?: Record<string, string>,
): Promise<string[]> {
  const replies = []
  for (const [method, path, body] of ROUTES) {
    const reply = await call(method, path, {
      ...(token !== undefined && { token }),
      ...(headers && { headers }),
      ...(body && { body }),
    })
    replies.push(reply)
    if (reply.status === 401) {
      assert.equal(reply.headers.get('www-authenticate'), 'Bearer realm="castellan"')
      assert.equal(reply.body.code, 'UNAUTHENTICATED')
    }
  }
  return replies.map(({ status }) => String(status))
}

const all = (status: string) => ROUTES.map(() => status)

describe('a caller', () => {
  test('without a token, or with one that is none, is nobody on every route', async (t) => {
    const served = await serve(t)
    assert.deepEqual(await statusesOf(served, undefined), all('401'))
    assert.deepEqual(await statusesOf(served, newSecret()), all('401'))
    const token = await served.tokenOf('ed')
    const secret = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
    const headers = [
      `Bearer ${secret}`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Basic ${token}`,
      `Bearer`,
      token,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${hashSecret(token).toString('base64url')}`,
      `Bearer cst_${hashSecret(token).toString('base64url')}`,
      `Bearer ${token.toLowerCase()}`,
    ]
    for (const authorization of headers) {
      const reply = await served.call('POST', '/v1/check', {
        headers: { authorization },
        body: { permission: 'a' },
      })
      assert.equal(reply.status, 401, authorization)
    }
    for (const authorization of [`Bearer ${token}`, `bearer  ${token} `]) {
      const reply = await served.call('POST', '/v1/check', {
        headers: { authorization },
        body: { permission: 'a' },
      })
      assert.equal(reply.status, 200, authorization)
    }
  })

  const ends: readonly { name: string; end: (id: string) => Change }[] = [
    { name: 'it is removed', end: (id) => ({ remove: { kind: 'token', id } }) },
    { name: 'it is suspended', end: (id) => ({ add: { kind: 'suspension', of: `token:${id}` } }) },
    { name: 'its user is suspended', end: () => ({ add: { kind: 'suspension', of: 'user:bob' } }) },
    { name: 'its user is removed', end: () => ({ remove: { kind: 'user', id: 'bob' } }) },
    {
      name: 'its expiry is moved into the past',
      end: (id) => ({
        add: { kind: 'token', id, issuer: 'user:bob', full: true, expiresAt: new Date(START).toISOString() },
      }),
    },
  ]
  for (const { name, end } of ends) {
    test(`is nobody at the next request once ${name}`, async (t) => {
      const served = await serve(t)
      const token = await served.tokenOf('bob')
      const id = served.tokens.find(hashSecret(token))!
      assert.equal((await statusesOf(served, token)).includes('401'), false)
      await served.change(end(id))
      assert.deepEqual(await statusesOf(served, token), all('401'))
    })
  }

  test('is itself again when resumed', async (t) => {
    const { call, change, tokenOf } = await serve(t)
    const token = await tokenOf('bob')
    const status = async () => (await call('POST', '/v1/check', { token, body: { permission: 'a' } })).status
    await change({ add: { kind: 'suspension', of: 'user:bob' } })
    assert.equal(await status(), 401)
    await change({ remove: { kind: 'suspension', of: 'user:bob' } })
    assert.equal(await status(), 200)
  })

  test('is over at the instant of expiry', async (t) => {
    const { call, clock, tokenOf } = await serve(t)
    const token = await tokenOf('bob', { full: true, expiresAt: new Date(START + 1000).toISOString() })
    const status = async () => (await call('POST', '/v1/check', { token, body: { permission: 'a' } })).status
    clock.now = START + 999
    assert.equal(await status(), 200)
    clock.now = START + 1000
    assert.equal(await status(), 401)
  })

  test('with the token of an app is nobody when the app, the user or the two of them are suspended', async (t) => {
    const served = await serve(t)
    const { call, change, tokenOf } = served
    await change(
      { add: { kind: 'app', id: 'editor', owner: 'user:ed' } },
      { add: { kind: 'grant', issuer: 'user:ed', holder: 'user:ed/app:editor', permission: 'a', extra: {} } },
    )
    const token = await tokenOf('ed', { issuer: 'user:ed/app:editor', full: false, permissions: ['a:b'] })
    const check = async () => call('POST', '/v1/check', { token, body: { permission: 'a:b' } })
    assert.equal((await check()).body.allowed, true)
    for (const party of ['app:editor', 'user:ed']) {
      await change({ add: { kind: 'suspension', of: party } })
      assert.equal((await check()).status, 401, party)
      await change({ remove: { kind: 'suspension', of: party } })
    }
    assert.equal((await check()).body.allowed, true)
  })

  test('whose token is taken away while the body is under way is refused', async (t) => {
    const { change, tokenOf, tokens, address } = await serve(t)
    for (const path of ['/v1/check', '/v1/explain']) {
      const token = await tokenOf('bob')
      const id = tokens.find(hashSecret(token))!
      let release = (): void => {}
      const gate = new Promise<void>((resolve) => (release = resolve))
      async function* body(): AsyncGenerator<Uint8Array> {
        yield new TextEncoder().encode('{"permission":')
        await gate
        yield new TextEncoder().encode('"user:bob"}')
      }
      const answer = fetch(address + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: ReadableStream.from(body()),
        duplex: 'half',
      })
      await new Promise((resolve) => setTimeout(resolve, 50))
      await change({ remove: { kind: 'token', id } })
      release()
      assert.equal((await answer).status, 401, path)
    }
  })
})

describe('POST /v1/tokens', () => {
  test('makes a token for whoever may state facts, shows it once and keeps no more than its hash', async (t) => {
    const { ask, call, logged, live } = await serve(t)
    const made = await ask('root', '/v1/tokens', {
      issuer: 'user:ed',
      permissions: ['a:b'],
      expiresAt: '2027-01-01T00:00:00Z',
    })
    assert.equal(made.status, 201, made.text)
    assert.match(made.body.token, /^cst_[A-Za-z0-9_-]{43}$/)
    const check = async (permission: string) =>
      (await call('POST', '/v1/check', { token: made.body.token, body: { permission } })).body.allowed
    assert.deepEqual([await check('a:b'), await check('a')], [true, false])
    const kept = JSON.stringify([...live.journal()]) + logged.join('')
    assert.equal(kept.includes(made.body.token), false)
    assert.equal(kept.includes('cst_'), false)
  })

  test('is not for tokens of others, and leaves no hash behind when refused', async (t) => {
    const { ask, tokens, tokenOf } = await serve(t)
    await tokenOf('bob')
    await ask('bob', '/v1/check', { permission: 'a' })
    const [put, remove] = [t.mock.method(tokens, 'put'), t.mock.method(tokens, 'remove')]
    const refused = await ask('bob', '/v1/tokens', { issuer: 'user:ed', full: true })
    assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:facts'])
    assert.equal(put.mock.callCount(), 1)
    assert.equal(remove.mock.calls.at(-1)!.arguments[0], put.mock.calls[0]!.arguments[0])
  })
})
