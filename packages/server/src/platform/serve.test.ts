import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { createLogger } from '../edge/log.ts'
import type { SettingOverrides } from '../settings/read.ts'
import type { Loose } from '../testing/serve.ts'
import { createPlatform, openPlatform } from './platform.ts'
import { createPlatformServer } from './serve.ts'

interface Served {
  readonly dir: string
  readonly token: string
  readonly logged: readonly string[]
  readonly call: (method: string, path: string, body?: object) => Promise<{ status: number; body: Loose }>
  readonly close: () => Promise<void>
}

async function serve(t: TestContext, overrides: SettingOverrides = {}): Promise<Served> {
  const root = mkdtempSync(join(tmpdir(), 'castellan-serve-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const { dir, token } = await createPlatform(join(root, 'platform'))
  const platform = await openPlatform(dir, { overrides: { port: 0, ...overrides } })
  const logged: string[] = []
  const log = createLogger({
    level: platform.settings.logLevel,
    destination: { write: (line) => void logged.push(line) },
  })
  const server = createPlatformServer(platform, { log })
  const address = await server.listen()
  let closing: Promise<void> | undefined
  const close = () => (closing ??= server.close().then(() => platform.close()))
  t.after(close)
  return {
    dir,
    token,
    logged,
    close,
    async call(method, path, body) {
      const reply = await fetch(address + path, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await reply.text()
      return { status: reply.status, body: text.startsWith('{') ? JSON.parse(text) : text }
    },
  }
}

describe('the server of a platform folder', () => {
  test('is ready while its store works and its disk has room', async (t) => {
    const { call } = await serve(t)
    const { status, body } = await call('GET', '/readyz')
    assert.equal(status, 200)
    assert.deepEqual(
      body.checks.map(({ name }: { name: string }) => name),
      ['accepting', 'store', 'journal', 'disk'],
    )
  })

  test('is named as the settings say, or else by where it listens', async (t) => {
    const nameOf = async (overrides: SettingOverrides) => {
      const { call } = await serve(t, overrides)
      return (await call('GET', '/.well-known/authzen-configuration')).body.policy_decision_point
    }
    assert.equal(await nameOf({ publicUrl: 'https://pdp.example.com/' }), 'https://pdp.example.com')
    assert.match(await nameOf({}), /^http:\/\/127\.0\.0\.1:\d+$/)
  })

  test('is not when the disk has less room than the settings want', async (t) => {
    const { call, logged } = await serve(t, { diskFreeBytesMin: 1_000_000_000_000 })
    const { status, body } = await call('GET', '/readyz')
    assert.equal(status, 503)
    assert.deepEqual(body.checks[3], {
      name: 'disk',
      ok: false,
      detail: 'the disk of the database is nearly full',
    })
    assert.match(logged.join(''), /bytes are free, of 1000000000000/)
    assert.equal((await call('GET', '/healthz')).status, 200, 'a restart would not help')
  })

  test('is not when its database is gone', async (t) => {
    const { call, dir } = await serve(t)
    rmSync(join(dir, 'data', 'castellan.db'))
    const { status, body } = await call('GET', '/readyz')
    assert.equal(status, 503)
    assert.deepEqual(body.checks[1], { name: 'store', ok: false, detail: 'changes cannot be made durable' })
  })

  test('does as its settings say', async (t) => {
    const { call, token, dir, logged, close } = await serve(t, {
      metricsOpen: true,
      accessLogLevel: 'info',
      bodyBytesMax: 1_024,
      rateLimitTokenPerSecond: 0.001,
      rateLimitTokenBurst: 2,
      decisionLogFile: 'logs/decisions.jsonl',
      decisionLogSample: 1,
      stopGraceMs: 100,
    })
    assert.equal((await call('POST', '/v1/check', { permission: 'manage' })).body.allowed, true)
    assert.equal((await call('POST', '/v1/check', { permission: 'a'.repeat(2_000) })).status, 413)
    assert.equal((await call('POST', '/v1/check', { permission: 'manage' })).status, 429)
    const metrics = await call('GET', '/metrics')
    assert.match(metrics.body, /castellan_store_bytes \d+/)
    assert.match(metrics.body, /castellan_store_log_bytes \d+/)
    assert.match(metrics.body, /castellan_decision_log_written_total 1/)
    await close()
    const log = join(dir, 'logs', 'decisions.jsonl')
    const { actor, permission, allowed } = JSON.parse(readFileSync(log, 'utf8'))
    assert.deepEqual(
      { actor, permission, allowed },
      { actor: 'user:admin', permission: 'manage', allowed: true },
    )
    if (process.platform !== 'win32') {
      assert.equal(statSync(log).mode & 0o777, 0o600)
      assert.equal(statSync(join(dir, 'logs')).mode & 0o777, 0o700)
    }
    assert.equal(logged.filter((line) => line.includes('"request"')).length, 4)
    assert.equal(logged.join('').includes(token), false)
  })
})
