import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { castellan, jsonOf, newFolder, problemOf, serve, type RunOptions } from './testing/castellan.ts'

interface Checked {
  readonly ok: boolean
  readonly settings: readonly { name: string; value: unknown; source: string; from: string | null }[]
  readonly problems: readonly { path: string | null; detail: string; hint: string }[]
  readonly misspelt: readonly { name: string; nearest: string }[]
}

describe('settings', () => {
  const folder = newFolder()
  const dir = join(folder.dir, 'platform')
  const file = join(dir, 'settings', 'castellan.json')
  after(() => folder.remove())

  const check = async (args: string[] = [], options: RunOptions = {}, status = 0): Promise<Checked> =>
    jsonOf<Checked>(await castellan(['config', 'check', '--dir', dir, '--json', ...args], options), status)

  test('are shown with where each came from', async () => {
    jsonOf(await castellan(['init', dir, '--json']))
    writeFileSync(file, '{"port": 1, "idleMs": 5000, "logLevel": "warn"}')
    const { ok, settings } = await check(['--port', '3', '--store', 'sqlite:/x.db'], {
      env: { CASTELLAN_IDLE_MS: '6000', CASTELLAN_PORT: '2' },
    })
    assert.equal(ok, true)
    const seen = new Map(settings.map(({ name, ...rest }) => [name, rest]))
    assert.deepEqual(seen.get('port'), { value: 3, source: 'flag', from: '--port' })
    assert.deepEqual(seen.get('store'), { value: 'sqlite:/x.db', source: 'flag', from: '--store' })
    assert.deepEqual(seen.get('idleMs'), { value: 6_000, source: 'environment', from: 'CASTELLAN_IDLE_MS' })
    assert.deepEqual(seen.get('logLevel'), { value: 'warn', source: 'file', from: file })
    assert.deepEqual(seen.get('host'), { value: '127.0.0.1', source: 'default', from: null })
    const { stdout, status } = await castellan(['config', 'check', '--dir', dir])
    assert.equal(status, 0)
    assert.match(stdout, /^idleMs\t5000\t.*castellan\.json$/m)
    assert.match(stdout, /^host\t"127\.0\.0\.1"\tdefault$/m)
  })

  test('that are wrong are all told, and stop the start with the first', async () => {
    writeFileSync(file, '{"prot": 1, "idleMs": "x"}')
    const env = { CASTELLAN_LOGLEVEL: 'debug' }
    const { ok, problems, misspelt } = await check([], { env }, 1)
    assert.equal(ok, false)
    assert.deepEqual(problems.map(({ path }) => String(path)).sort(), ['idleMs', 'prot'])
    assert.deepEqual(misspelt, [{ name: 'CASTELLAN_LOGLEVEL', nearest: 'CASTELLAN_LOG_LEVEL' }])
    const { stderr, status } = await castellan(['config', 'check', '--dir', dir], { env })
    assert.equal(status, 1)
    assert.match(stderr, /`prot` is no setting\n {2}did you mean `port`\?/)
    assert.match(stderr, /`CASTELLAN_LOGLEVEL` sets nothing/)
    const problem = problemOf(await castellan(['serve', '--dir', dir, '--json']), 2)
    assert.equal(problem.code, 'SETTINGS_INVALID')
    const { checks } = jsonOf<{ checks: { check: string; ok: boolean }[] }>(
      await castellan(['doctor', '--dir', dir, '--json'], { env }),
      1,
    )
    assert.equal(checks.filter(({ check, ok }) => check === 'settings' && !ok).length, 3)
    writeFileSync(file, '{}')
    assert.equal(
      problemOf(await castellan(['serve', '--dir', dir, '--json', '--port', '99999']), 2).code,
      'SETTINGS_INVALID',
    )
  })

  test('tell no password of a store', async () => {
    const env = { CASTELLAN_STORE: 'postgres://castellan:se/c@ret@host/db' }
    const { stdout, stderr } = await castellan(['config', 'check', '--dir', dir, '--json'], { env })
    assert.match(stdout, /"postgres:…"/)
    assert.doesNotMatch(stdout + stderr, /ret@|se\/c/)
  })

  test('given as flags reach the server', async () => {
    const other = join(folder.dir, 'other')
    const { token } = jsonOf<{ token: string }>(await castellan(['init', other, '--json']))
    const served = await serve(['serve', '--dir', other, '--port', '0', '--body-bytes-max', '2000'], {})
    try {
      const statusOf = async (bytes: number): Promise<number> => {
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
        const body = '{"permission":"manage"}'.padEnd(bytes)
        return (await fetch(`${served.address}/v1/check`, { method: 'POST', headers, body })).status
      }
      assert.deepEqual([await statusOf(2_000), await statusOf(2_001)], [200, 413])
    } finally {
      await served.stop()
    }
  })

  test('have a schema that is printed', async () => {
    const schema = jsonOf<{ properties: object }>(await castellan(['config', 'schema']))
    assert.ok('bodyBytesMax' in schema.properties)
  })

  test('of no folder are an error of usage', async () => {
    const problem = problemOf(await castellan(['config', 'check', '--json'], { cwd: folder.dir }), 2)
    assert.match(problem.hint, /castellan init/)
  })
})
