import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve, type Served } from '../testing/serve.ts'

/** Values by name and labels, as they stand in the text. */
async function read({ call }: Served, token?: string): Promise<Map<string, number>> {
  const { status, text, headers } = await call('GET', '/metrics', token === undefined ? {} : { token })
  assert.equal(status, 200, text)
  assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.ok(text.endsWith('\n'))
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

const open = (t: TestContext, options: Parameters<typeof serve>[1] = {}) =>
  serve(t, { metricsOpen: true, ...options })

describe('GET /metrics', () => {
  test('is for holders of castellan:metrics, unless the settings open it to all', async (t) => {
    const served = await serve(t)
    const { call, tokenOf, change } = served
    assert.equal((await call('GET', '/metrics')).status, 401)
    const token = await tokenOf('bob')
    const refused = await call('GET', '/metrics', { token })
    assert.deepEqual([refused.status, refused.body.permission], [403, 'castellan:metrics'])
    await change({
      add: {
        kind: 'grant',
        issuer: 'system',
        holder: 'user:bob',
        permission: 'castellan:metrics',
        extra: {},
      },
    })
    assert.equal((await call('GET', '/metrics', { token })).status, 200)
    const scoped = await tokenOf('bob', { permissions: ['castellan:metrics'] })
    assert.equal((await call('GET', '/metrics', { token: scoped })).status, 200)
    assert.equal((await (await open(t)).call('GET', '/metrics')).status, 200)
  })

  test('counts decisions by outcome and route, and how long they took', async (t) => {
    const served = await open(t)
    const { ask } = served
    for (let i = 0; i < 3; i++) await ask('service', '/v1/check', { actor: 'user:alice', permission: 'a:b' })
    for (let i = 0; i < 2; i++) await ask('service', '/v1/check', { actor: 'user:bob', permission: 'a:b' })
    await ask('bob', '/v1/check', { actor: 'user:alice', permission: 'a:b' })
    await ask('service', '/v1/check-each', {
      checks: [
        { actor: 'user:alice', permission: 'a:b' },
        { actor: 'user:bob', permission: 'a:b' },
        { actor: 'user:bob', permission: 'a' },
      ],
    })
    const values = await read(served)
    const at = (name: string) => values.get(name)
    assert.equal(at('castellan_decisions_total{route="/v1/check",outcome="allowed"}'), 3)
    assert.equal(at('castellan_decisions_total{route="/v1/check",outcome="denied"}'), 2)
    assert.equal(at('castellan_decisions_total{route="/v1/check-each",outcome="allowed"}'), 1)
    assert.equal(at('castellan_decisions_total{route="/v1/check-each",outcome="denied"}'), 2)
    const seconds = (route: string, outcome: string) =>
      at(`castellan_decision_seconds_count{route="${route}",outcome="${outcome}"}`)
    assert.deepEqual(
      ['allowed', 'denied', 'error', 'mixed'].map((outcome) => seconds('/v1/check', outcome)),
      [3, 2, 1, 0],
    )
    assert.equal(seconds('/v1/check-each', 'mixed'), 1)
    const bucket = (le: string) =>
      at(`castellan_decision_seconds_bucket{le="${le}",route="/v1/check",outcome="allowed"}`)
    assert.equal(bucket('+Inf'), 3)
    assert.equal(bucket('1'), 3)
    assert.ok((bucket('0.00001') ?? 3) <= (bucket('0.1') ?? 0))
    const sum = at('castellan_decision_seconds_sum{route="/v1/check",outcome="allowed"}')
    assert.ok(sum !== undefined && sum > 0 && sum < 3)
    assert.equal(at('castellan_problems_total{code="FORBIDDEN"}'), 1)
  })

  test('counts claims and AuthZEN’s evaluations as decisions', async (t) => {
    const served = await open(t)
    const { ask } = served
    await ask('service', '/v1/claims', { actor: 'user:alice', permission: 'a:b' })
    const [resource, action] = [{ type: 'a', id: 'b' }, { name: 'c' }]
    const evaluations = ['alice', 'bob', 'nobody'].map((id) => ({ subject: { type: 'user', id } }))
    await ask('service', '/access/v1/evaluations', {
      resource,
      action,
      evaluations: [...evaluations, { subject: { type: 'stone', id: 'x' } }],
    })
    await ask('service', '/access/v1/evaluation', {
      subject: { type: 'user', id: 'alice' },
      resource,
      action,
    })
    await sleep(50)
    const values = await read(served)
    const count = (route: string, outcome: string) =>
      values.get(`castellan_decisions_total{route="${route}",outcome="${outcome}"}`)
    assert.equal(count('/v1/claims', 'allowed'), 1)
    assert.deepEqual(
      ['allowed', 'denied'].map((outcome) => count('/access/v1/evaluations', outcome)),
      [1, 3],
    )
    assert.equal(count('/access/v1/evaluation', 'allowed'), 1)
    for (const [route, outcome] of [
      ['/v1/claims', 'allowed'],
      ['/access/v1/evaluations', 'mixed'],
      ['/access/v1/evaluation', 'allowed'],
    ] as const) {
      const labels = `{route="${route}",outcome="${outcome}"}`
      assert.equal(values.get(`castellan_decision_seconds_count${labels}`), 1, route)
      const request = `castellan_http_requests_total{method="POST",route="${route}",status="200"}`
      assert.equal(values.get(request), 1, route)
    }
  })

  test('counts requests by route and status, with no label that a caller chooses', async (t) => {
    const served = await open(t)
    const { call, ask, raw, tokenOf } = served
    await ask('alice', '/v1/check', { permission: 'a:b' })
    await ask('alice', '/v1/explain', { permission: 'a:b' })
    const token = await tokenOf('ed')
    for (const path of ['/v1/grants/x', '/v1/grants/y?atLeast=1', '/secret-one', '/secret-two'])
      await call('GET', path, { token })
    await call('HEAD', '/healthz')
    await call('POST', '/v1/check', { body: {} })
    await raw('PROPFIND /secret-three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await raw('noise\r\n\r\n')
    // The end of an answer is seen by the server a little after its reader.
    await sleep(50)
    const values = await read(served)
    const count = (method: string, route: string, status: number) =>
      values.get(`castellan_http_requests_total{method="${method}",route="${route}",status="${status}"}`)
    assert.equal(count('POST', '/v1/check', 200), 1)
    assert.equal(count('POST', '/v1/check', 401), 1)
    assert.equal(count('POST', '/v1/explain', 200), 1)
    assert.equal(count('GET', '/v1/grants/{id}', 404), 2)
    assert.equal(count('GET', 'none', 404), 2)
    assert.equal(count('HEAD', '/healthz', 200), 1)
    assert.equal(count('other', 'none', 404), 1)
    assert.equal(values.get('castellan_http_request_seconds_count{method="POST",route="/v1/explain"}'), 1)
    assert.equal(values.get('castellan_problems_total{code="REQUEST_INVALID"}'), 1)
    assert.doesNotMatch([...values.keys()].join('\n'), /secret|PROPFIND|alice/)
  })

  test('counts those who went away before they were answered', async (t) => {
    const { live, ...served } = await open(t)
    const { call, tokenOf } = served
    const token = await tokenOf('root')
    const real = live.change.bind(live)
    t.mock.method(live, 'change', async (...args: Parameters<typeof real>) => {
      await sleep(200)
      return real(...args)
    })
    await assert.rejects(
      fetch(`${served.address}/v1/changes`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"changes":[]}',
        signal: AbortSignal.timeout(50),
      }),
    )
    await sleep(300)
    const { text } = await call('GET', '/metrics')
    assert.match(text, /castellan_http_requests_total\{method="POST",route="\/v1\/changes",status="0"\} 1/)
  })

  test('tells of commits, revision and followers', async (t) => {
    const served = await open(t)
    const { live, change } = served
    const permission = 'castellan:journal'
    await change({ add: { kind: 'grant', issuer: 'system', holder: 'user:root', permission, extra: {} } })
    const before = await read(served)
    await Promise.all([
      change({ add: { kind: 'user', id: 'one' } }),
      change({ add: { kind: 'user', id: 'two' } }),
      change({ add: { kind: 'user', id: 'two' } }),
    ])
    const stop = new AbortController()
    const following = await fetch(`${served.address}/v1/watch`, {
      headers: { authorization: `Bearer ${await served.tokenOf('root')}` },
      signal: stop.signal,
    })
    assert.equal(following.status, 200)
    const values = await read(served)
    const more = (name: string) => (values.get(name) ?? 0) - (before.get(name) ?? 0)
    assert.equal(more('castellan_commits_total'), 3, 'what changes nothing is no commit')
    assert.equal(more('castellan_commit_seconds_count'), 2, 'two users shared a sync; a token came later')
    assert.equal(values.get('castellan_revision'), live.engine.revision)
    assert.equal(values.get('castellan_followers'), 1)
    const lastSync = values.get('castellan_last_sync_timestamp_seconds')
    assert.equal(lastSync, served.clock.now / 1_000)
    stop.abort()
    // Fails by the test's own deadline: how soon the end of a connection arrives is the machine's affair.
    while ((await read(served)).get('castellan_followers') !== 0) await sleep(10)
    assert.equal(values.get('castellan_store_bytes'), undefined, 'a store in memory is on no disk')
  })

  test('tells of connections, the event loop and the process', async (t) => {
    const served = await open(t)
    const values = await read(served)
    assert.ok((values.get('castellan_connections') ?? 0) >= 1)
    assert.equal(values.get('castellan_connections_refused_total'), 0)
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_heap_size_used_bytes',
    ])
      assert.ok(values.has(name), name)
    for (const by of ['token', 'address', 'anonymous'])
      assert.equal(values.get(`castellan_rate_limited_total{by="${by}"}`), 0)
  })

  test('is written the same way twice, and by two servers of one process', async (t) => {
    const [one, two] = [await open(t), await open(t)]
    await one.ask('alice', '/v1/check', { permission: 'a:b' })
    const name = 'castellan_decisions_total{route="/v1/check",outcome="allowed"}'
    assert.equal((await read(one)).get(name), 1)
    assert.equal((await read(one)).get(name), 1)
    assert.equal((await read(two)).get(name), undefined)
  })
})
