import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, test } from 'node:test'
import {
  castellan,
  finished,
  jsonOf,
  newFolder,
  problemOf,
  serve,
  spawnCastellan,
  type Ran,
  type Served,
} from './testing/castellan.ts'

const isWindows = process.platform === 'win32'

describe('castellan start', () => {
  let folder: ReturnType<typeof newFolder>
  let served: Served | undefined
  const run = (...args: string[]): Promise<Ran> => castellan([...args, '--json'], { cwd: folder.dir })
  const start = async (...args: string[]): Promise<Served> =>
    (served = await serve(['start', ...args], { cwd: folder.dir, env: { CASTELLAN_PORT: '0' } }))

  beforeEach(() => {
    folder = newFolder()
  })
  afterEach(async () => {
    await served?.kill()
    served = undefined
    folder.remove()
  })

  test('makes a folder with the example world, and what stands beside it needs no flag', async () => {
    await start()
    jsonOf(await run('explain', 'user:alice', 'a:b'))
    const { lost } = jsonOf<{ lost: unknown }>(await run('preview', 'revoke', 'a:b', '--from', 'user:fred'))
    assert.deepEqual(lost, [
      { actor: 'user:alice', permission: 'a:b' },
      { actor: 'user:fred', permission: 'a:b' },
    ])
    jsonOf(await run('user', 'list'))
    assert.deepEqual(
      (await castellan(['export'], { cwd: join(folder.dir, 'castellan-data', 'data') })).status,
      0,
    )
  })

  test('saves a login that only its owner may read', { skip: isWindows }, async () => {
    await start()
    assert.equal(statSync(join(folder.dir, 'castellan-data', 'login.json')).mode & 0o777, 0o600)
    assert.equal(statSync(join(folder.dir, 'castellan-data')).mode & 0o077, 0)
  })

  test('prints three commands that work', async () => {
    const child = spawnCastellan(['start'], { cwd: folder.dir, env: { CASTELLAN_PORT: '0' } })
    const done = finished(child)
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await new Promise((resolve) => setTimeout(resolve, 200))
    const login = JSON.parse(readFileSync(join(folder.dir, 'castellan-data', 'login.json'), 'utf8')) as {
      server: string
    }
    for (const command of ['explain user:alice a:b', 'preview revoke a:b --from user:fred', 'holders a:b']) {
      assert.equal((await castellan(command.split(' '), { cwd: folder.dir })).status, 0, command)
    }
    child.kill('SIGTERM')
    const { stdout, status } = await done
    assert.equal(status, 0)
    assert.ok(stdout.includes(login.server))
    assert.equal(stdout.match(/npx castellan /g)?.length, 3)
    assert.match(
      stdout,
      /npx castellan explain user:alice a:b\n.*npx castellan preview revoke a:b --from user:fred\n.*npx castellan holders a:b\n/,
    )
  })

  test('loads the example only into a new folder', async () => {
    await start()
    await served?.stop()
    jsonOf(await run('revoke', 'a:b', '--from', 'user:fred'))
    await start()
    jsonOf(await run('check', 'user:alice', 'a:b'), 1)
  })

  test('goes on after it was killed', async () => {
    await start()
    jsonOf(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:ed'))
    await served?.kill()
    jsonOf(await run('check', 'user:bob', 'a:b'))
    await start()
    jsonOf(await run('check', 'user:bob', 'a:b'))
    jsonOf(await run('journal', 'verify'))
  })

  test('tells its token to nobody who listens where it did before it was killed', async () => {
    const { address } = await start()
    await served?.kill()
    let isAsked = false
    const stranger = createHttpServer((_, response) => {
      isAsked = true
      response.end('{"status":"ok","allowed":false,"revision":1}')
    }).listen(Number(new URL(address).port), '127.0.0.1')
    await new Promise((resolve) => stranger.once('listening', resolve))
    try {
      jsonOf(await run('check', 'user:alice', 'a:b'))
      jsonOf(await run('user', 'create', 'late'))
    } finally {
      stranger.close()
    }
    assert.equal(isAsked, false)
  })

  test('begins anew where a first start was interrupted', async () => {
    const { dir } = folder
    jsonOf(await castellan(['init', join(dir, 'castellan-data.new'), '--json']))
    await start()
    jsonOf(await run('explain', 'user:alice', 'a:b'))
    assert.equal(existsSync(join(dir, 'castellan-data.new')), false)
  })

  test('says where it runs already', async () => {
    await start()
    const problem = problemOf(await run('start'), 3)
    assert.match(problem.detail, new RegExp(`process ${served?.pid}`))
    assert.ok(problem.hint.includes(served?.address ?? '?'))
  })

  test('takes a free port when its own is taken, unless one was asked for', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    try {
      const problem = problemOf(
        await castellan(['start', '--json', '--port', String(port)], { cwd: folder.dir }),
        3,
      )
      assert.match(problem.detail, /another process listens there/)
      writeFileSync(
        join(folder.dir, 'castellan-data', 'settings', 'castellan.json'),
        JSON.stringify({ port }),
      )
      served = await serve(['start'], { cwd: folder.dir })
      assert.ok(!served.address.endsWith(`:${port}`))
      jsonOf(await run('check', 'user:alice', 'a:b'))
    } finally {
      other.close()
    }
  })

  test('makes a new login where it was deleted', async () => {
    await start()
    await served?.stop()
    rmSync(join(folder.dir, 'castellan-data', 'login.json'))
    await start()
    jsonOf(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:ed'))
  })
})

describe('a folder that is served', () => {
  const folder = newFolder()
  const dir = join(folder.dir, 'platform')
  after(() => folder.remove())

  test('is read beside its server, and refuses a second writer with the other’s process id', async () => {
    jsonOf(await castellan(['init', dir, '--json']))
    const served = await serve(['serve', '--dir', dir, '--port', '0'], {})
    try {
      // No login was saved: reading needs none, writing cannot do without.
      jsonOf(await castellan(['check', 'user:admin', 'manage', '--dir', dir, '--json']))
      for (const args of [
        ['user', 'create', 'x', '--dir', dir],
        ['user', 'create', 'x', '--store', `sqlite:${join(dir, 'data', 'castellan.db')}`],
        ['serve', '--dir', dir],
      ]) {
        const problem = problemOf(await castellan([...args, '--json']), 3)
        assert.equal(problem.code, 'STORE_LOCKED')
        assert.match(problem.detail, new RegExp(`process ${served.pid}`))
      }
      const login = { server: 'http://127.0.0.1:1', token: 'cst_x', user: 'user:admin' }
      writeFileSync(join(dir, 'login.json'), JSON.stringify(login), { mode: 0o600 })
      assert.match(
        problemOf(await castellan(['user', 'create', 'x', '--dir', dir, '--json']), 3).detail,
        new RegExp(`process ${served.pid}`),
      )
      jsonOf(await castellan(['check', 'user:admin', 'manage', '--dir', dir, '--json']))
    } finally {
      assert.equal((await served.stop()).status, 0)
    }
    jsonOf(await castellan(['user', 'create', 'x', '--dir', dir, '--json']))
  })

  test('is backed up while serving, and restored when it is not', async () => {
    const served = await serve(['serve', '--dir', dir, '--port', '0'], {})
    const file = join(folder.dir, 'copy.db')
    const { head } = jsonOf<{ head: string }>(await castellan(['backup', file, '--dir', dir, '--json']))
    assert.equal(problemOf(await castellan(['backup', file, '--dir', dir, '--json']), 2).code, 'USAGE')
    jsonOf(await castellan(['backup', file, '--dir', dir, '--json', '--yes']))
    assert.equal(
      problemOf(await castellan(['restore', file, '--dir', dir, '--json', '--yes']), 3).code,
      'STORE_LOCKED',
    )
    await served.stop()
    jsonOf(await castellan(['user', 'create', 'later', '--dir', dir, '--json']))
    assert.equal(problemOf(await castellan(['restore', file, '--dir', dir, '--json']), 2).code, 'USAGE')
    assert.equal(
      jsonOf(await castellan(['restore', file, '--dir', dir, '--json', '--yes', '--head', head]))['head'],
      head,
    )
    jsonOf(await castellan(['check', 'user:later', 'user:later', '--dir', dir, '--json']), 1)
    jsonOf(await castellan(['journal', 'verify', '--head', head, '--dir', dir, '--json']))
    assert.equal(
      jsonOf(await castellan(['journal', 'verify', '--head', 'f'.repeat(64), '--dir', dir, '--json']), 1)[
        'ok'
      ],
      false,
    )
  })

  test('is watched while others change it', async () => {
    const watching = spawnCastellan(['watch', '--from', '0', '--dir', dir, '--json'])
    const done = finished(watching)
    try {
      await new Promise((resolve) => watching.stdout.once('data', resolve))
      jsonOf(await castellan(['user', 'create', 'seen', '--dir', dir, '--json']))
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    } finally {
      watching.kill('SIGTERM')
    }
    const { stdout, status } = await done
    assert.equal(status, 0)
    const entries = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { revision: number; effects: unknown })
    assert.deepEqual(
      entries.map(({ revision }) => revision),
      entries.map((_, index) => index + 1),
    )
    assert.ok(JSON.stringify(entries.at(-1)?.effects).includes('seen'))
  })
})

describe('a saved login', () => {
  const folder = newFolder()
  after(() => folder.remove())

  test('is for its own server: its token goes to no other', async () => {
    jsonOf(await castellan(['init', join(folder.dir, 'castellan-data'), '--json']))
    const heard: (string | undefined)[] = []
    const stranger = createHttpServer((request, response) => {
      heard.push(request.headers.authorization)
      response.end('{"allowed":true,"revision":1}')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => stranger.once('listening', resolve))
    const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
    const login = (server: string): void =>
      writeFileSync(
        join(folder.dir, 'castellan-data', 'login.json'),
        JSON.stringify({ server, token: 'cst_mine', user: 'user:admin' }),
      )
    try {
      login('http://127.0.0.1:7070')
      jsonOf(await castellan(['check', 'user:a', 'a', '--server', address, '--json'], { cwd: folder.dir }))
      login(address)
      jsonOf(await castellan(['check', 'user:a', 'a', '--server', address, '--json'], { cwd: folder.dir }))
      // Nobody serves the folder, so whoever listens on its port is not asked.
      jsonOf(await castellan(['check', 'user:admin', 'manage', '--json'], { cwd: folder.dir }))
    } finally {
      stranger.close()
    }
    assert.deepEqual(heard, [undefined, 'Bearer cst_mine'])
  })
})

describe('a folder that a stranger made', () => {
  const folder = newFolder()
  after(() => folder.remove())

  test('is not told the token of the environment', async () => {
    const dir = join(folder.dir, 'castellan-data')
    jsonOf(await castellan(['init', dir, '--json']))
    const heard: (string | undefined)[] = []
    const stranger = createHttpServer((request, response) => {
      heard.push(request.headers.authorization)
      response.end('{"status":"ok","allowed":true,"revision":1}')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => stranger.once('listening', resolve))
    const server = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
    writeFileSync(join(dir, 'login.json'), JSON.stringify({ server, token: 'cst_x', user: 'user:admin' }))
    // Any process that runs passes for the one that serves.
    writeFileSync(join(dir, 'data', 'castellan.db-pid'), `${process.pid}\n`)
    try {
      const env = { CASTELLAN_TOKEN: 'cst_mine' }
      await castellan(['check', 'user:admin', 'manage', '--json'], { cwd: folder.dir, env })
    } finally {
      stranger.close()
    }
    assert.notEqual(heard.length, 0)
    assert.equal(heard.includes('Bearer cst_mine'), false)
  })
})

describe('castellan init', () => {
  const folder = newFolder()
  after(() => folder.remove())

  test('refuses a folder that is not empty', async () => {
    const dir = join(folder.dir, 'again')
    const made = jsonOf(await castellan(['init', dir, '--json']))
    assert.deepEqual(Object.keys(made), ['dir', 'admin', 'token'])
    assert.equal(problemOf(await castellan(['init', dir, '--json']), 1).code, 'PLATFORM_EXISTS')
  })

  test('its token is told to nobody else: not the journal, not the export', async () => {
    const dir = join(folder.dir, 'secret')
    const { token } = jsonOf<{ token: string }>(await castellan(['init', dir, '--json']))
    for (const args of [
      ['journal', '--json'],
      ['export'],
      ['token', 'list', '--json'],
      ['doctor', '--json'],
    ]) {
      assert.ok(!(await castellan([...args, '--dir', dir])).stdout.includes(token.slice(4, 20)))
    }
  })
})

describe('castellan doctor', () => {
  const folder = newFolder()
  after(() => folder.remove())

  interface Checks {
    readonly ok: boolean
    readonly checks: readonly {
      readonly check: string
      readonly ok: boolean
      readonly detail: string
      readonly todo?: string
    }[]
  }

  test('finds nothing wrong with a new folder', async () => {
    const dir = join(folder.dir, 'whole')
    jsonOf(await castellan(['init', dir, '--json']))
    const { ok, checks } = jsonOf<Checks>(
      await castellan(['doctor', '--dir', dir, '--json'], { env: { CASTELLAN_PORT: '0' } }),
    )
    assert.equal(ok, true)
    assert.deepEqual(
      checks.map(({ check }) => check),
      ['node', 'folder', 'settings', 'store', 'journal', 'port'],
    )
  })

  test('says what to do about wrong settings, a damaged database, no folder', async () => {
    const dir = join(folder.dir, 'broken')
    jsonOf(await castellan(['init', dir, '--json']))
    const settings = join(dir, 'settings', 'castellan.json')
    const whole = readFileSync(settings, 'utf8')
    writeFileSync(settings, '{"prot": 1}')
    const wrong = jsonOf<Checks>(await castellan(['doctor', '--dir', dir, '--json']), 1).checks.find(
      ({ ok }) => !ok,
    )
    assert.match(wrong?.detail ?? '', /prot/)
    assert.ok(wrong?.todo !== undefined)
    writeFileSync(settings, whole)
    writeFileSync(
      join(dir, 'data', 'castellan.db'),
      'this is no database, it is a text that is long enough to be read as one',
    )
    const damaged = jsonOf<Checks>(
      await castellan(['doctor', '--dir', dir, '--json'], { env: { CASTELLAN_PORT: '0' } }),
      1,
    ).checks.find(({ ok }) => !ok)
    assert.equal(damaged?.check, 'store')
    assert.equal((await castellan(['check', 'user:a', 'user:a', '--dir', dir])).status, 3)
    assert.equal(jsonOf<Checks>(await castellan(['doctor', '--json'], { cwd: folder.dir }), 1).ok, false)
  })
})
