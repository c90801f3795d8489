import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '../edge/log.ts'
import { newSecret } from '../tokens/secret.ts'
import { serve } from '../testing/serve.ts'
import { DecisionLog } from './decision-log.ts'

/** What is looked for in everything that is written. */
const WORD = randomBytes(12).toString('hex')

describe('the log', () => {
  test('has one line for each request, with what an operator looks for', async (t) => {
    const { call, tokenOf, logged, live } = await serve(t)
    const token = await tokenOf('alice')
    const [fact] = live.engine.facts('token')
    const headers = { 'x-request-id': 'mine' }
    await call('POST', '/v1/check', { token, headers, body: { permission: 'a:b' } })
    await call('POST', '/v1/explain', { token, headers, body: { permission: 'a::b' } })
    await call('GET', '/v1/grants/x?atLeast=1', { token, headers })
    await call('GET', '/nowhere', { headers })
    await call('POST', '/v1/check', { headers, body: {} })
    await sleep(50)
    const lines = logged
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'request')
      .map(({ level, requestId, method, route, status, tokenId, code, ms }) => {
        assert.equal(typeof ms, 'number')
        assert.deepEqual([level, requestId], [20, 'mine'])
        return { method, route, status, tokenId, code }
      })
    const { id: tokenId } = fact as { id: string }
    assert.deepEqual(lines, [
      { method: 'POST', route: '/v1/check', status: 200, tokenId, code: undefined },
      { method: 'POST', route: '/v1/explain', status: 400, tokenId, code: 'PERMISSION_INVALID' },
      { method: 'GET', route: '/v1/grants/{id}', status: 404, tokenId, code: 'GRANT_UNKNOWN' },
      { method: 'GET', route: 'none', status: 404, tokenId: undefined, code: 'NOT_FOUND' },
      { method: 'POST', route: '/v1/check', status: 401, tokenId: undefined, code: 'UNAUTHENTICATED' },
    ])
  })

  test('has them at the level that is set, or not at all', async (t) => {
    for (const [accessLogLevel, count] of [
      ['info', 1],
      ['debug', 0],
      ['off', 0],
    ] as const) {
      const lines: string[] = []
      const log = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
      const { ask } = await serve(t, { log, accessLogLevel })
      await ask('alice', '/v1/check', { permission: 'a:b' })
      assert.equal(lines.length, count, accessLogLevel)
    }
  })

  test('holds nothing that a caller sent, wherever it was sent, but ids of ours and of requests', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'castellan-secrets-'))
    t.after(() => rmSync(dir, { recursive: true, force: true }))
    const lines: string[] = []
    const log = createLogger({ level: 'trace', destination: { write: (line) => void lines.push(line) } })
    const path = join(dir, 'decisions.jsonl')
    const decisionLog = new DecisionLog({ path, sample: 1, bytesMax: 1e9, filesMax: 1, now: Date.now, log })
    const { call, raw, tokenOf, live, tokens, server } = await serve(t, { log, decisionLog })
    const token = await tokenOf('root')
    const [unknown, other] = [newSecret(), newSecret()]
    const permission = 'castellan:check'
    await live.change([
      { add: { kind: 'grant', issuer: 'system', holder: 'user:root', permission, extra: {} } },
    ])
    const fail = t.mock.method(live, 'change', () => {
      throw new TypeError(`it broke with ${token} and ${unknown}`)
    })
    await call('POST', '/v1/changes', { token, body: { changes: [] } })
    fail.mock.restore()
    const bodies = [
      { permission: `a:${unknown}` },
      { permission: unknown },
      { permission: 'a:b', [unknown]: 1 },
      { permission: 'a:b', actor: `user:${unknown}` },
      { actor: unknown, permission: 'a:b' },
      { permission: `${WORD}:x` },
      `{"permission":"a:${WORD}`,
      { changes: [{ add: { kind: 'user', id: other, name: `${WORD} ${other}` } }], reason: other },
      { changes: [{ add: { kind: 'user', id: `${WORD} not an id` } }] },
      { changes: [{ add: { kind: 'user', id: unknown } }, { add: { kind: WORD } }] },
    ]
    for (const route of ['/v1/check', '/v1/explain', '/v1/scan', '/v1/changes', '/v1/preview', '/v1/grants'])
      for (const body of bodies) await call('POST', route, { token, body })
    await call('POST', '/v1/check-each', { token, body: { checks: [{ permission: `a:${other}` }] } })
    for (const headers of [
      { authorization: `Bearer ${unknown}` },
      { authorization: `Basic ${WORD}` },
      { authorization: `Bearer ${token} ${WORD}` },
      { cookie: `session=${WORD}; other=${unknown}` },
      { 'proxy-authorization': `Bearer ${unknown}`, 'x-api-key': WORD },
      { 'x-forwarded-for': WORD, 'user-agent': `${WORD}/${unknown}`, referer: `http://x/${WORD}` },
      { 'x-request-id': unknown },
      { 'content-type': `application/${WORD}` },
      { traceparent: WORD, tracestate: unknown },
    ])
      for (const route of ['/v1/check', '/v1/explain'])
        await call('POST', route, { headers, body: { permission: 'a:b' } })
    for (const target of [
      `/v1/grants/${unknown}`,
      `/v1/grants/${WORD}`,
      `/v1/grants?issuer=${unknown}`,
      `/v1/grants?${WORD}=1`,
      `/v1/check?token=${unknown}`,
      `/${unknown}`,
      `/${unknown.replace('_', '%5F')}`,
      `/${WORD}?access_token=${unknown}`,
    ])
      for (const method of ['GET', 'POST', 'DELETE']) await call(method, target, { token })
    await raw(`GET /${WORD} HTTP/9.9\r\nHost: ${WORD}\r\nAuthorization: Bearer ${unknown}\r\n\r\n`)
    await raw(`${WORD} ${unknown}\r\n\r\n`)
    await raw(`CONNECT ${WORD}:1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${unknown}\r\n\r\n`)
    await raw(
      `POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${WORD}\r\n`,
    )
    tokens.close()
    await call('POST', '/v1/check', { token, body: { permission: 'a:b' } })
    await server.close({ graceMs: 100 })
    await decisionLog.close()
    const written = lines.join('')
    assert.ok(lines.length > 100, String(lines.length))
    assert.match(written, /it broke with/, 'our own failures are there')
    assert.equal(written.includes(WORD), false, findLine(lines, WORD))
    const decisions = readFileSync(path, 'utf8')
    assert.match(decisions, /"actor":"user:cst_\[redacted\]"/)
    assert.match(decisions, /"permission":"a:cst_\[redacted\]"/)
    for (const secret of [token, unknown, other]) {
      const start = secret.slice(0, 14)
      assert.equal(written.includes(start), false, findLine(lines, start))
      assert.equal(written.includes(start.replace('_', '%5F')), false)
      assert.equal(decisions.includes(start), false, findLine(decisions.split('\n'), start))
    }
  })
})

function findLine(lines: readonly string[], word: string): string {
  return lines.find((line) => line.includes(word)) ?? ''
}
