import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parsePublicUrl } from '../public-url.ts'
import { serve } from '../testing/serve.ts'
import { WELL_KNOWN } from './metadata.ts'

describe('the metadata', () => {
  test('name where the server listens, whatever host a request names', async (t) => {
    const { raw, call, address } = await serve(t)
    const { body } = await call('GET', WELL_KNOWN)
    assert.equal(body.policy_decision_point, address)
    assert.equal(body.access_evaluation_endpoint, `${address}/access/v1/evaluation`)
    for (const header of [
      'Host: evil.example',
      'Host: x\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example',
    ]) {
      const answer = await raw(`GET ${WELL_KNOWN} HTTP/1.1\r\n${header}\r\nConnection: close\r\n\r\n`)
      assert.match(answer, /^HTTP\/1\.1 200/)
      assert.ok(answer.includes(`"policy_decision_point":"${address}"`))
      assert.doesNotMatch(answer, /evil/)
    }
  })

  test('can be kept for a while, and be asked for without a token', async (t) => {
    const { call } = await serve(t)
    const { headers } = await call('GET', WELL_KNOWN)
    assert.equal(headers.get('cache-control'), 'public, max-age=3600')
    assert.equal((await call('HEAD', WELL_KNOWN)).status, 200)
    assert.equal((await call('POST', WELL_KNOWN, { body: {} })).status, 405)
  })

  test('are beneath the path of the public URL, and beneath no other', async (t) => {
    const { call } = await serve(t, { publicUrl: 'https://a.example/tenant1' })
    assert.equal(
      (await call('GET', `${WELL_KNOWN}/tenant1`)).body.policy_decision_point,
      'https://a.example/tenant1',
    )
    assert.equal((await call('GET', WELL_KNOWN)).body.policy_decision_point, 'https://a.example/tenant1')
    for (const path of ['/tenant2', '/tenant1/x', '/%2E%2E'])
      assert.equal((await call('GET', WELL_KNOWN + path)).status, 404, path)
  })
})

describe('a public URL', () => {
  const accepted = {
    'https://pdp.example.com': 'https://pdp.example.com',
    'https://pdp.example.com/': 'https://pdp.example.com',
    'HTTPS://PDP.example.com:443/Tenant/': 'https://pdp.example.com/Tenant',
    'http://127.0.0.1:7070': 'http://127.0.0.1:7070',
    'https://[::1]:8443/a/b': 'https://[::1]:8443/a/b',
  }
  for (const [text, url] of Object.entries(accepted))
    test(`${text} is ${url}`, () => assert.equal(parsePublicUrl(text), url))

  for (const text of [
    '',
    'pdp.example.com',
    '//pdp.example.com',
    '/access',
    'ftp://pdp.example.com',
    'javascript:alert(1)',
    'https://',
    'https://pdp.example.com?',
    'https://pdp.example.com/?a=1',
    'https://pdp.example.com/#a',
    'https://user:password@pdp.example.com',
    'https://user@pdp.example.com',
  ]) {
    test(`is none: ${text}`, () => {
      assert.throws(() => parsePublicUrl(text), { code: 'SETTINGS_INVALID', path: 'publicUrl' })
    })
  }

  test('that is none stops a server from being made', async (t) => {
    await assert.rejects(serve(t, { publicUrl: 'pdp.example.com' }), { code: 'SETTINGS_INVALID' })
  })
})
