import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Fact } from '@castellan/engine'
import { serve } from '../../packages/server/src/testing/serve.ts'

/** Longest that an example may take to start, in milliseconds. */
const START_MS_MAX = 30_000

const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'doc', description: 'documents', modes: ['read', 'write'] },
  ...['mei', 'sam', 'portal'].map((id) => ({ kind: 'user', id }) as const),
  ...['plan', 'gone'].map(
    (id) => ({ kind: 'resource', permission: `doc:${id}`, owner: 'user:mei' }) as const,
  ),
  { kind: 'grant', issuer: 'user:mei', holder: 'user:sam', permission: 'doc:gone:read', extra: {} },
  { kind: 'grant', issuer: 'system', holder: 'user:portal', permission: 'castellan:check', extra: {} },
]

const EXAMPLES = [
  { name: 'Express', main: new URL('express.ts', import.meta.url) },
  { name: 'Hono', main: new URL('hono.ts', import.meta.url) },
]

/** Starts an example beside a server that decides. */
async function start(t: TestContext, main: URL) {
  const { address, tokenOf, change } = await serve(t, { facts: FACTS })
  const token = await tokenOf('portal', { permissions: ['castellan:check'] })
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(main)], {
    env: { ...process.env, PORT: '0', CASTELLAN_URL: address, CASTELLAN_TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill('SIGTERM')
    assert.deepEqual(await closed, [0, null], 'it ends by itself once it is told to')
  })
  const signal = AbortSignal.timeout(START_MS_MAX)
  const [line] = (await once(createInterface({ input: child.stdout }), 'line', { signal })) as [string]
  const origin = /^documents at (?<at>http:\S+)\/docs\/plan$/.exec(line)?.groups?.['at']
  assert.ok(origin !== undefined, line)
  const read = async (id: string, session?: string) => {
    const headers = { connection: 'close', ...(session !== undefined && { 'x-session': session }) }
    const response = await fetch(`${origin}/docs/${id}`, { headers })
    return { status: response.status, text: await response.text() }
  }
  return { read, change }
}

for (const { name, main } of EXAMPLES) {
  describe(`the example of guarded routes in ${name}`, () => {
    test('lets in who may, for as long as they may', async (t) => {
      const { read, change } = await start(t, main)
      assert.deepEqual(await read('plan', 'session-of-mei'), { status: 200, text: 'the plan for next year' })
      assert.equal((await read('plan')).status, 401)
      assert.equal((await read('plan', 'user:mei')).status, 401)
      const { status, text } = await read('plan', 'session-of-sam')
      assert.deepEqual([status, JSON.parse(text).permission], [403, 'doc:plan:read'])
      assert.equal((await read('gone', 'session-of-sam')).status, 404)

      const grant = {
        kind: 'grant',
        issuer: 'user:mei',
        holder: 'user:sam',
        permission: 'doc:plan:read',
      } as const
      await change({ add: { ...grant, extra: {} } })
      assert.equal((await read('plan', 'session-of-sam')).status, 200)
      await change({ remove: grant })
      assert.equal((await read('plan', 'session-of-sam')).status, 403)
    })
  })
}
