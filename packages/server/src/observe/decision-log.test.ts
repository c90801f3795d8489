import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { openEngine, type Change } from '@castellan/engine'
import { createLogger } from '../edge/log.ts'
import { serve, START, type Served } from '../testing/serve.ts'
import { DecisionLog, type DecisionLogOptions, type LoggedDecision } from './decision-log.ts'
import { Exchange } from './exchange.ts'

interface Logged {
  readonly log: DecisionLog
  readonly path: string
  readonly warned: readonly string[]
  /** Closes it. */
  readonly lines: () => Promise<LoggedDecision[]>
}

function open(t: TestContext, options: Partial<DecisionLogOptions> = {}): Logged {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-decisions-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'decisions.jsonl')
  const warned: string[] = []
  const log = createLogger({ destination: { write: (line) => void warned.push(line) } })
  const decisions = new DecisionLog({
    path,
    sample: 1,
    bytesMax: 1e9,
    filesMax: 2,
    now: () => START,
    log,
    ...options,
  })
  return {
    log: decisions,
    path,
    warned,
    async lines() {
      await decisions.close()
      return readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as LoggedDecision)
    },
  }
}

async function served(t: TestContext, decisionLog: DecisionLog): Promise<Served & { tokenId: string }> {
  const all = await serve(t, { decisionLog })
  await all.ask('service', '/v1/check', { permission: 'castellan:check' })
  const [fact] = all.live.engine.facts('token')
  return { ...all, tokenId: (fact as { id: string }).id }
}

describe('the decision log', () => {
  test('has who asked what about whom, the answer, and the grants it rested on', async (t) => {
    const { log, lines } = open(t)
    const { call, tokenOf, live } = await serve(t, { decisionLog: log })
    const token = await tokenOf('service')
    const [fact] = live.engine.facts('token')
    const { id } = fact as { id: string }
    const headers = { 'x-request-id': 'r1' }
    await call('POST', '/v1/check', { token, headers, body: { actor: 'user:alice', permission: 'a:b:c' } })
    await call('POST', '/v1/check', { token, headers, body: { actor: 'user:bob', permission: 'a:b' } })
    const common = { time: '2026-01-01T00:00:00.000Z', requestId: 'r1', caller: `token:${id}`, sample: 1 }
    const { revision } = live.engine
    assert.deepEqual(await lines(), [
      {
        ...common,
        actor: 'user:alice',
        permission: 'a:b:c',
        allowed: true,
        revision,
        pathway: [
          { via: 'user-group', issuer: 'user:fred', holder: 'group:cool_group', permission: 'a:b' },
          { via: 'user', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' },
        ],
        rights: [
          { actor: 'user:ed', permission: 'a:b', by: 'is-owner' },
          { actor: 'user:ed', permission: 'a', by: 'is-owner' },
        ],
      },
      { ...common, actor: 'user:bob', permission: 'a:b', allowed: false, revision, pathway: [], rights: [] },
    ])
    assert.equal(log.written, 2)
  })

  test('has of several permissions the one that is held, and of several questions each', async (t) => {
    const { log, lines } = open(t)
    const { ask } = await served(t, log)
    await ask('service', '/v1/check', { actor: 'user:alice', permissions: ['a', 'a:b', 'a:b:c'] })
    await ask('service', '/v1/check', { actor: 'user:bob', permissions: ['a', 'a:b'] })
    await ask('service', '/v1/check', { actor: 'user:bob', permissions: [] })
    await ask('service', '/v1/check-each', {
      checks: [
        { actor: 'user:ed', permission: 'a' },
        { actor: 'user:bob', permission: 'a' },
      ],
    })
    const seen = (await lines()).slice(1).map(({ actor, permission, anyOf, allowed, pathway }) => ({
      actor,
      permission,
      anyOf,
      allowed,
      grants: pathway.length,
    }))
    assert.deepEqual(seen, [
      { actor: 'user:alice', permission: 'a:b', anyOf: ['a', 'a:b', 'a:b:c'], allowed: true, grants: 2 },
      { actor: 'user:bob', permission: 'a', anyOf: ['a', 'a:b'], allowed: false, grants: 0 },
      { actor: 'user:bob', permission: '', anyOf: undefined, allowed: false, grants: 0 },
      { actor: 'user:ed', permission: 'a', anyOf: undefined, allowed: true, grants: 0 },
      { actor: 'user:bob', permission: 'a', anyOf: undefined, allowed: false, grants: 0 },
    ])
  })

  test('has what claims were asked for, and what AuthZEN evaluates, with the grants each rested on', async (t) => {
    const { log, lines } = open(t)
    const { ask } = await served(t, log)
    const subject = { type: 'user', id: 'alice' }
    const [resource, other] = [
      { type: 'a', id: 'b' },
      { type: 'nothing', id: 'x' },
    ]
    const action = { name: 'c' }
    await ask('service', '/v1/claims', { actor: 'user:alice', permission: 'a:b' })
    await ask('service', '/v1/claims', { actor: 'user:bob', permission: 'a:b' })
    await ask('service', '/access/v1/evaluation', { subject, resource, action })
    await ask('service', '/access/v1/evaluations', {
      action,
      evaluations: [
        { subject, resource },
        { subject, resource: other },
        { subject: { type: 'user', id: 'bob' }, resource },
      ],
    })
    const seen = (await lines()).slice(1)
    assert.deepEqual(
      seen.map(({ actor, permission, allowed, pathway }) => [actor, permission, allowed, pathway.length]),
      [
        ['user:alice', 'a:b', true, 2],
        ['user:bob', 'a:b', false, 0],
        ['user:alice', 'a:b:c', true, 2],
        ['user:alice', 'a:b:c', true, 2],
        ['user:bob', 'a:b:c', false, 0],
      ],
    )
  })

  test('has no refusal, and shows no path that names are in', async (t) => {
    const { log, lines } = open(t)
    const { ask, change } = await served(t, log)
    const file = 'fs:e8ac2973-0000-4000-8000-000000000001'
    await change({ add: { kind: 'resource', permission: file, owner: 'user:alice', name: 'alice' } })
    await ask('alice', '/v1/check', { actor: 'user:bob', permission: 'a:b' })
    await ask('alice', '/v1/check', { permission: 'a::b' })
    await ask('alice', '/v1/check', { permission: 'fs:/alice:read' })
    const [, ...seen] = await lines()
    assert.deepEqual(
      seen.map(({ permission, allowed }) => ({ permission, allowed })),
      [{ permission: `${file}:read`, allowed: true }],
    )
  })

  test('picks as large a share as it is told, of single answers and of many at once', (t) => {
    for (const sample of [0.001, 0.1, 0.5]) {
      let state = 42
      // A small generator with a seed, so that the test is the same each time.
      const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
      const { log } = open(t, { sample, random })
      let picked = 0
      const count = 200_000
      for (let i = 0; i < count; i += 2_000) {
        for (let j = 0; j < 1_000; j++) if (log.isPicked()) picked++
        const at = [...log.picks(1_000)]
        assert.deepEqual(
          at,
          [...new Set(at)].filter((each) => each >= 0 && each < 1_000).sort((a, b) => a - b),
        )
        picked += at.length
      }
      const expected = count * sample
      assert.ok(Math.abs(picked - expected) < 6 * Math.sqrt(expected), `${picked} of ${expected}`)
    }
    const [all, none] = [open(t, { sample: 1 }).log, open(t, { sample: 0 }).log]
    assert.deepEqual([...all.picks(4)], [0, 1, 2, 3])
    assert.equal(all.isPicked(), true)
    assert.deepEqual([...none.picks(1_000_000)], [])
    assert.equal(none.isPicked(), false)
  })

  test('stops no decision when its file fails, counts what is lost, and says so in the log and in the file', async (t) => {
    const { log, path, warned } = open(t)
    mkdirSync(path)
    const { ask, call } = await served(t, log)
    for (let i = 0; i < 5; i++) {
      const { status } = await ask('service', '/v1/check', { actor: 'user:alice', permission: 'a:b' })
      assert.equal(status, 200)
    }
    assert.equal((await call('GET', '/readyz')).status, 200)
    rmSync(path, { recursive: true })
    await new Promise((resolve) => setTimeout(resolve, 1_300))
    await ask('service', '/v1/check', { actor: 'user:alice', permission: 'a:b' })
    await log.close()
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const dropped = lines
      .map((line) => (JSON.parse(line) as { dropped?: number }).dropped ?? 0)
      .reduce((sum, count) => sum + count, 0)
    assert.equal(dropped, log.lost.failed)
    assert.ok(dropped >= 1)
    assert.equal(log.written + dropped, 7)
    assert.equal(warned.length, 1)
    assert.match(warned[0]!, /decisions are not logged/)
  })

  test('looks for pathways no longer than a fifth of the time, and counts what it leaves out', async (t) => {
    const { log, lines } = open(t)
    const engine = openEngine({ catalog: [{ name: 'a', description: 'demo' }] })
    const facts: Change[] = [
      { add: { kind: 'user', id: 'ed' } },
      { add: { kind: 'user', id: 'alice' } },
      { add: { kind: 'resource', permission: 'a', owner: 'user:ed' } },
    ]
    engine.apply(facts)
    for (let i = 0; i < 900; i++) {
      engine.apply([
        { add: { kind: 'user', id: `u${i}` } },
        { add: { kind: 'grant', issuer: 'user:ed', holder: `user:u${i}`, permission: 'a:b', extra: {} } },
        { add: { kind: 'grant', issuer: `user:u${i}`, holder: 'user:alice', permission: 'a:b', extra: {} } },
      ])
    }
    const start = performance.now()
    const exchange = new Exchange('r', 'POST', '/v1/check')
    exchange.samples = [{ actor: 'user:alice', permissions: 'a:b', allowed: true, asking: {} }]
    let asked = 0
    while (log.lost.busy === 0) {
      log.write(exchange, engine)
      asked++
    }
    assert.ok(asked > 1 && performance.now() - start < 5_000)
    const written = await lines()
    const { pathway, omitted } = written[0]!
    assert.equal(pathway.length, 100)
    assert.equal(omitted, 1_700)
    assert.equal(log.written + 1, asked)
    assert.deepEqual(written.at(-1), { time: '2026-01-01T00:00:00.000Z', dropped: 1 })
  })

  test('is of the revision of the answer, whatever is changed right after', async (t) => {
    const { log, lines } = open(t)
    const { ask, change, live } = await served(t, log)
    const grant = { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' } as const
    for (let i = 0; i < 10; i++) {
      const [, { body }] = await Promise.all([
        change({ remove: grant }),
        ask('service', '/v1/check', { actor: 'user:alice', permission: 'a:b' }),
      ])
      assert.ok(body.revision <= live.engine.revision)
      await change({ add: { ...grant, extra: {} } })
    }
    for (const { allowed, pathway } of (await lines()).slice(1)) assert.equal(pathway.length > 0, allowed)
  })
})
