import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hashSecret } from '../tokens/secret.ts'
import { asking } from '../testing/asking.ts'
import { serve, type Loose, type Served } from '../testing/serve.ts'

const ids = (reply: { body: Loose }): string[] => reply.body.items.map(({ id }: Loose) => id)

/** A token of someone, its secret and its id. */
async function tokenOf(served: Served, user: string, permissions?: readonly string[]) {
  const secret = await served.tokenOf(user, permissions && { full: false, permissions })
  return { secret, id: served.tokens.find(hashSecret(secret))! }
}

describe('/v1/tokens', () => {
  test('are shown without their secrets to whoever made them', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const issuer = 'user:bob'
    const expiresAt = '2027-01-01T00:00:00Z'
    const made = await ask('root', 'POST', '/v1/tokens', { issuer, permissions: ['a:b'], expiresAt })
    const { id, token } = made.body
    assert.equal(made.headers.get('location'), `/v1/tokens/${id}`)
    const read = await ask('bob', 'GET', `/v1/tokens/${id}`)
    assert.deepEqual(read.body.token, {
      id,
      issuer,
      full: false,
      expiresAt: '2027-01-01T00:00:00.000Z',
      suspended: false,
    })
    const list = await ask('bob', 'GET', '/v1/tokens')
    assert.equal(list.body.items.length, 2)
    for (const { text } of [read, list]) {
      assert.ok(!text.includes(token.slice(4)))
      assert.ok(!text.includes(hashSecret(token).toString('hex')))
    }
  })

  test('open nothing while they are suspended, and again when they are resumed', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const { secret, id } = await tokenOf(served, 'bob', ['a:b'])
    const status = async () => (await served.call('GET', '/v1/me', { token: secret })).status
    const suspended = await ask('bob', 'POST', `/v1/tokens/${id}/suspend`, { reason: 'lost' })
    assert.deepEqual([suspended.status, suspended.body.token.suspended], [200, true])
    assert.equal(await status(), 401)
    assert.equal((await ask('bob', 'GET', `/v1/tokens/${id}`)).body.token.suspended, true)
    assert.equal((await ask('bob', 'POST', `/v1/tokens/${id}/resume`)).body.token.suspended, false)
    assert.equal(await status(), 200)
  })

  test('are gone with their hashes when they are deleted, and their ids stay used', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const { secret, id } = await tokenOf(served, 'bob', ['a:b'])
    const deleted = await ask('bob', 'DELETE', `/v1/tokens/${id}?reason=done`)
    assert.deepEqual([deleted.status, deleted.body.revoked], [200, 1])
    assert.equal(served.tokens.find(hashSecret(secret)), undefined)
    assert.equal((await served.call('GET', '/v1/me', { token: secret })).status, 401)
    const again = await ask('bob', 'DELETE', `/v1/tokens/${id}`)
    assert.deepEqual([again.status, again.body.code], [404, 'TOKEN_UNKNOWN'])
  })

  test('end with the app they were made through, hash and all', async (t) => {
    const served = await serve(t)
    await served.change({ add: { kind: 'app', id: 'editor', owner: 'system' } })
    const ask = asking(served)
    const secret = await served.tokenOf('x', {
      issuer: 'user:alice/app:editor',
      full: false,
      permissions: [],
    })
    assert.equal(ids(await ask('alice', 'GET', '/v1/tokens')).length, 2)
    await ask('root', 'POST', '/v1/changes', { changes: [{ remove: { kind: 'app', id: 'editor' } }] })
    assert.equal(served.tokens.find(hashSecret(secret)), undefined)
    assert.equal(ids(await ask('alice', 'GET', '/v1/tokens')).length, 1)
  })

  test('of one issuer are no other’s to see, suspend or end', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const bobs = await tokenOf(served, 'bob', ['a:b'])
    const missing = await ask('alice', 'GET', '/v1/tokens/nothing')
    for (const [method, path] of [
      ['GET', `/v1/tokens/${bobs.id}`],
      ['POST', `/v1/tokens/${bobs.id}/suspend`],
      ['DELETE', `/v1/tokens/${bobs.id}`],
    ] as const) {
      const hidden = await ask('alice', method, path)
      assert.deepEqual(
        [hidden.status, { ...hidden.body, requestId: '' }],
        [404, { ...missing.body, requestId: '' }],
      )
    }
    assert.equal((await ask('alice', 'GET', '/v1/tokens?issuer=user:bob')).status, 403)
    assert.deepEqual(ids(await ask('alice', 'GET', '/v1/tokens')).includes(bobs.id), false)
  })

  test('of a scoped kind see and end themselves and no others', async (t) => {
    const served = await serve(t)
    const first = await tokenOf(served, 'bob', ['a:b'])
    const second = await tokenOf(served, 'bob', ['a:b'])
    const call = (method: string, path: string) => served.call(method, path, { token: first.secret })
    assert.deepEqual(ids(await call('GET', '/v1/tokens')), [first.id])
    assert.equal((await call('GET', '/v1/tokens?issuer=user:bob')).status, 403)
    assert.equal((await call('GET', `/v1/tokens/${second.id}`)).status, 404)
    assert.equal((await call('POST', `/v1/tokens/${first.id}/suspend`)).status, 403)
    assert.equal((await call('DELETE', `/v1/tokens/${first.id}`)).status, 200)
    assert.equal((await call('GET', '/v1/tokens')).status, 401)
  })

  test('are listed in order and in pages, all of them or of one issuer', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    const made = []
    for (let i = 0; i < 9; i++) made.push((await tokenOf(served, i % 2 === 0 ? 'bob' : 'alice', ['a:b'])).id)
    const bobs = made.filter((_, i) => i % 2 === 0).sort()
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/tokens?issuer=user:bob')), bobs)
    assert.deepEqual(ids(await ask('root', 'GET', '/v1/tokens?issuer=user:ed')), [])
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page: string = `/v1/tokens?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
      const { body } = await ask('root', 'GET', page)
      found.push(...ids({ body }))
      cursor = body.nextCursor
    } while (cursor !== null)
    assert.deepEqual(found, [...found].sort())
    for (const id of made) assert.ok(found.includes(id))
    assert.equal(found.length, 10)
  })
})
