import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { createLogger } from '../edge/log.ts'
import { createServer } from '../server.ts'
import { SETTING_DEFAULTS } from '../settings/list.ts'
import type { Loose } from '../testing/serve.ts'
import { ADMIN_PERMISSIONS, createPlatform, openPlatform, type Platform } from './platform.ts'

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-platform-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function opened(
  t: TestContext,
  dir: string,
  options: Parameters<typeof openPlatform>[1] = {},
): Promise<Platform> {
  const platform = await openPlatform(dir, options)
  t.after(() => platform.close())
  return platform
}

const mode = (path: string) => statSync(path).mode & 0o777

describe('createPlatform', () => {
  test('makes a folder that opens, with an admin whose token does an operator’s work', async (t) => {
    const dir = join(scratch(t), 'deep', 'platform')
    const made = await createPlatform(dir)
    assert.equal(made.dir, dir)
    assert.equal(made.admin, 'user:admin')
    const platform = await opened(t, dir)
    const server = createServer({ ...platform, log: createLogger({ level: 'silent' }) })
    const address = await server.listen({ port: 0 })
    t.after(() => server.close())
    const ask = async (path: string, body: object): Promise<Loose> => {
      const reply = await fetch(address + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${made.token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.ok(reply.status < 300, await reply.clone().text())
      return reply.json()
    }
    for (const permission of ADMIN_PERMISSIONS)
      assert.equal((await ask('/v1/check', { permission })).allowed, true, permission)
    assert.equal(
      (await ask('/v1/check', { permission: 'fs' })).allowed,
      false,
      'an operator does not read people’s files',
    )
    await ask('/v1/changes', {
      changes: [
        { add: { kind: 'namespace', name: 'a', description: 'demo' } },
        { add: { kind: 'user', id: 'alice' } },
        { add: { kind: 'grant', issuer: 'system', holder: 'user:alice', permission: 'a:b' } },
      ],
    })
    assert.equal((await ask('/v1/check', { actor: 'user:alice', permission: 'a:b' })).allowed, true)
    await ask('/v1/holders', { permission: 'a:b' })
    await ask('/v1/preview', {
      changes: [{ remove: { kind: 'grant', issuer: 'system', holder: 'user:alice', permission: 'a:b' } }],
    })
    await ask('/v1/changes', { changes: [{ add: { kind: 'suspension', of: 'user:alice' } }] })
    await ask('/v1/tokens', { issuer: 'user:alice' })
  })

  test('keeps everything to its owner, and the secret to whoever made it', async (t) => {
    const dir = join(scratch(t), 'platform')
    const { token } = await createPlatform(dir)
    for (const folder of ['.', 'settings', 'data']) assert.equal(mode(join(dir, folder)), 0o700, folder)
    const platform = await opened(t, dir)
    await platform.live.change([{ add: { kind: 'user', id: 'alice' } }])
    const files = [
      join('settings', 'castellan.json'),
      ...readdirSync(join(dir, 'data')).map((name) => join('data', name)),
    ]
    for (const file of files) {
      // Of the lock nobody but the kernel reads more than that it is there.
      if (/-(?:lock|pid)$/.test(file)) continue
      assert.equal(mode(join(dir, file)), 0o600, file)
      assert.equal(readFileSync(join(dir, file)).includes(token), false, file)
    }
  })

  test('takes an empty folder, and leaves one that is not as it is', async (t) => {
    const root = scratch(t)
    chmodSync(root, 0o755)
    await createPlatform(root)
    assert.equal(mode(root), 0o700)
    await assert.rejects(createPlatform(root), {
      code: 'PLATFORM_EXISTS',
      message: /platform folder already/,
    })
    const other = join(root, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'notes.txt'), 'mine')
    await assert.rejects(createPlatform(other), { code: 'PLATFORM_EXISTS', message: /not empty/ })
    assert.deepEqual(readdirSync(other), ['notes.txt'])
    await assert.rejects(createPlatform(join(other, 'notes.txt')), { code: 'PLATFORM_FAILED' })
    await assert.rejects(createPlatform(join(other, 'notes.txt', 'below')), { code: 'PLATFORM_FAILED' })
  })

  test('makes one platform when two try at once', async (t) => {
    const dir = join(scratch(t), 'platform')
    const outcomes = await Promise.allSettled([createPlatform(dir), createPlatform(dir)])
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await opened(t, dir)
  })

  test('killed at any moment leaves a whole platform or none', { timeout: 60_000 }, async (t) => {
    const root = scratch(t)
    const script = `
      import { createPlatform } from ${JSON.stringify(import.meta.resolve('./platform.ts'))}
      process.stdout.write('go')
      await createPlatform(process.argv[1])
      process.stdout.write('done')`
    const make = async (dir: string, killAfterMs: number): Promise<number> => {
      const args = [...process.execArgv, '--input-type=module', '-e', script, dir]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      const start = performance.now()
      const killing = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
      await once(child, 'close')
      clearTimeout(killing)
      return performance.now() - start
    }
    const wholeMs = await make(join(root, 'whole'), 30_000)
    let whole = 0
    for (let i = 0; i < 8; i++) {
      const dir = join(root, `p${i}`)
      await make(dir, (wholeMs * i) / 5)
      if (existsSync(join(dir, 'settings'))) {
        const platform = await openPlatform(dir)
        assert.equal(platform.live.engine.check('user:admin', 'castellan:check'), true)
        await platform.close()
        whole++
      } else {
        await assert.rejects(openPlatform(dir), { code: 'PLATFORM_MISSING' })
        if (existsSync(dir) && readdirSync(dir).length > 0) {
          await assert.rejects(
            createPlatform(dir),
            (error: Loose) => error.code === 'PLATFORM_EXISTS' && /interrupted/.test(error.hint),
          )
        }
      }
    }
    t.diagnostic(`${whole} of 8 were whole`)
  })
})

describe('openPlatform', () => {
  test('says what a folder that is none needs', async (t) => {
    await assert.rejects(openPlatform(scratch(t)), { code: 'PLATFORM_MISSING', hint: /castellan init/ })
  })

  test('says who else has it open', async (t) => {
    const dir = join(scratch(t), 'platform')
    await createPlatform(dir)
    await opened(t, dir)
    await assert.rejects(openPlatform(dir), { code: 'STORE_LOCKED' })
  })

  test('does not make a database that has gone away', async (t) => {
    const dir = join(scratch(t), 'platform')
    await createPlatform(dir)
    rmSync(join(dir, 'data', 'castellan.db'))
    await assert.rejects(openPlatform(dir), { code: /^STORE_/ })
    assert.equal(existsSync(join(dir, 'data', 'castellan.db')), false)
  })

  test('gives the store back when the rest cannot be opened', async (t) => {
    const dir = join(scratch(t), 'platform')
    await createPlatform(dir)
    const tokens = join(dir, 'data', 'tokens.db')
    const kept = readFileSync(tokens)
    writeFileSync(
      tokens,
      'this is no database, but long enough to look like the beginning of one '.repeat(20),
    )
    await assert.rejects(openPlatform(dir), { code: 'STORE_FAILED' })
    writeFileSync(tokens, kept)
    await opened(t, dir)
  })

  const settings = [
    { text: '{"prot": 1}', path: 'prot', hint: /did you mean `port`/ },
    { text: '{"log_level": "info"}', path: 'log_level', hint: /`logLevel`/ },
    { text: '{"port": "80"}', path: 'port', hint: /port to listen on/ },
    { text: '{"port": 65536}', path: 'port' },
    { text: '{"port": 1.5}', path: 'port' },
    { text: '{"store": "postgres://x/y"}', path: 'store', message: /not there yet/ },
    { text: '{"store": "mysql:x"}', path: 'store' },
    { text: '{"host": ""}', path: 'host' },
    { text: '{"publicUrl": "pdp.example.com"}', path: 'publicUrl', message: /expected a URL/ },
    { text: '{"publicUrl": "https://a.example/?b"}', path: 'publicUrl' },
    { text: '{"__proto__": {"port": 1}}', path: '__proto__' },
    { text: '{"port": 1, "port": 2}', message: /line 1, column 13: `port` is given twice/ },
    { text: '{\n  "port": 1,\n}', message: /line 3, column 1/ },
    { text: '[]', message: /expected object/ },
  ]
  for (const { text, path, hint, message } of settings) {
    test(`refuses ${text.replaceAll('\n', ' ')}`, async (t) => {
      const dir = join(scratch(t), 'platform')
      await createPlatform(dir)
      writeFileSync(join(dir, 'settings', 'castellan.json'), text)
      await assert.rejects(openPlatform(dir), (error: Loose) => {
        assert.equal(error.code, 'SETTINGS_INVALID')
        if (path !== undefined) assert.equal(error.path, path)
        if (hint !== undefined) assert.match(error.hint, hint)
        if (message !== undefined) assert.match(error.message, message)
        return true
      })
    })
  }

  test('takes flags over the environment, that over the file, and that over the defaults', async (t) => {
    const dir = join(scratch(t), 'platform')
    await createPlatform(dir)
    const read = async (env?: Record<string, string>, overrides?: { port?: number }) => {
      const platform = await openPlatform(dir, { ...(env && { env }), ...(overrides && { overrides }) })
      await platform.close()
      return platform.settings
    }
    assert.deepEqual(await read(), SETTING_DEFAULTS)
    writeFileSync(join(dir, 'settings', 'castellan.json'), '{"port": 1}')
    assert.equal((await read()).port, 1)
    assert.equal((await read({ CASTELLAN_PORT: '2', CASTELLAN_LOG_LEVEL: '' })).port, 2)
    assert.equal((await read({ CASTELLAN_PORT: '2', CASTELLAN_LOG_LEVEL: 'warn' })).logLevel, 'warn')
    assert.equal((await read({ CASTELLAN_PORT: '2' }, { port: 3 })).port, 3)
    await assert.rejects(read({ CASTELLAN_PORT: 'two' }), {
      code: 'SETTINGS_INVALID',
      path: 'port',
      message: /CASTELLAN_PORT/,
    })
  })
})
