import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bearers } from './caller.ts'
import { serve } from './testing/serve.ts'
import { MemoryTokenSecrets } from './tokens/memory.ts'
import { hashSecret, newSecret } from './tokens/secret.ts'

/** Secrets of `a` and `b`, and how often a hash was looked up. */
function make() {
  const tokens = new MemoryTokenSecrets()
  const secrets = { a: newSecret(), b: newSecret() }
  for (const [id, secret] of Object.entries(secrets)) tokens.put(id, hashSecret(secret))
  let looked = 0
  const find = tokens.find.bind(tokens)
  tokens.find = (hash) => (looked++, find(hash))
  return { tokens, secrets, bearers: new Bearers(tokens), looked: () => looked }
}

const header = (secret: string) => `Bearer ${secret}`

describe('the token of a request', () => {
  test('is looked up once a connection', () => {
    const { bearers, secrets, looked } = make()
    const [one, other] = [{}, {}]
    for (let i = 0; i < 3; i++) assert.equal(bearers.identify(one, header(secrets.a)), 'a')
    assert.equal(looked(), 1)
    assert.equal(bearers.identify(other, header(secrets.a)), 'a')
    assert.equal(looked(), 2)
  })

  test('is never that of another request of the connection', () => {
    const { bearers, secrets } = make()
    const connection = {}
    for (let i = 0; i < 3; i++) {
      assert.equal(bearers.identify(connection, header(secrets.a)), 'a')
      assert.equal(bearers.identify(connection, header(secrets.b)), 'b')
      for (const wrong of [
        undefined,
        '',
        'Bearer',
        header(newSecret()),
        `${header(secrets.a)}x`,
        secrets.a,
      ]) {
        assert.throws(() => bearers.identify(connection, wrong), { code: 'UNAUTHENTICATED' })
      }
    }
  })

  test('is looked up again when any secret was put or removed', () => {
    const { bearers, secrets, tokens } = make()
    const connection = {}
    assert.equal(bearers.identify(connection, header(secrets.a)), 'a')
    const renewed = newSecret()
    tokens.put('a', hashSecret(renewed))
    assert.throws(() => bearers.identify(connection, header(secrets.a)), { code: 'UNAUTHENTICATED' })
    assert.equal(bearers.identify(connection, header(renewed)), 'a')
    tokens.remove('a')
    assert.throws(() => bearers.identify(connection, header(renewed)), { code: 'UNAUTHENTICATED' })
    assert.equal(bearers.identify(connection, header(secrets.b)), 'b')
    tokens.close()
    assert.throws(() => bearers.identify(connection, header(secrets.b)), { code: 'UNAUTHENTICATED' })
  })

  test('is remembered of some callers of a connection, and found of all', () => {
    const { bearers, tokens, looked } = make()
    const secrets = Array.from({ length: 40 }, newSecret)
    for (const [i, secret] of secrets.entries()) tokens.put(`t${i}`, hashSecret(secret))
    const connection = {}
    for (let round = 0; round < 2; round++) {
      for (const [i, secret] of secrets.entries())
        assert.equal(bearers.identify(connection, header(secret)), `t${i}`)
    }
    assert.equal(looked(), 40 + 24)
  })

  test('dies on an open connection with its secret', async (t) => {
    const { call, tokenOf, tokens } = await serve(t)
    const token = await tokenOf('bob')
    const status = async () => (await call('POST', '/v1/check', { token, body: { permission: 'a' } })).status
    assert.deepEqual([await status(), await status()], [200, 200])
    tokens.put(tokens.find(hashSecret(token))!, hashSecret(newSecret()))
    assert.equal(await status(), 401)
  })
})
