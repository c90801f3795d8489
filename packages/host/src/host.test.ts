import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openLive, openMemoryStore } from '@castellan/store'
import type { Key } from './keys.ts'
import type { Acting, Consent } from './lifecycle/apps.ts'
import { openHost, type OpenedHost } from './open-host.ts'
import { makeZip } from './testing/zip.ts'

const ADMIN: Acting = { actor: 'user:admin', issuer: 'user:admin' }
const NOBODY: Acting = { actor: 'user:eve', issuer: 'user:eve' }

function packageOf(
  files: Readonly<Record<string, string>>,
  {
    mandatory = [],
    optional = [],
    ...app
  }: Record<string, unknown> & { mandatory?: Key[]; optional?: Key[] } = {},
): Uint8Array {
  return makeZip(
    Object.entries({
      'box/app.json': JSON.stringify({ name: 'Test', version: '1.0.0', ...app }),
      'box/pmft.json': JSON.stringify({ permissions: { mandatory, optional } }),
      ...files,
    }).map(([path, content]) => ({ path, content })),
  )
}

function consent(...keys: Key[]): Consent {
  return new Map(keys.map((key) => [key, {}]))
}

const script = (body: string): string =>
  `module.exports = async function () { await gingee(async ($g) => { ${body} }) }`

const dir = mkdtempSync(join(tmpdir(), 'castellan-host-'))
const live = openLive({ store: openMemoryStore() })
let opened: OpenedHost
let server: Server
let address = ''

before(async () => {
  await live.change([
    { add: { kind: 'user', id: 'admin' } },
    { add: { kind: 'user', id: 'eve' } },
    { add: { kind: 'member', group: 'admin', member: 'user:admin' } },
    ...['castellan:apps', 'manage', 'module'].map((permission) => ({
      add: { kind: 'grant', issuer: 'system', holder: 'group:admin', permission, extra: {} } as const,
    })),
  ])
  opened = openHost({ dir, live, publicUrl: () => address, appsHost: '', now: Date.now })
  server = createServer((request, response) => {
    const addressed = opened.host.find(request)
    if (addressed === undefined) {
      response.writeHead(404).end('the server itself')
      return
    }
    opened.host.serve(request, response, addressed).catch((thrown: unknown) => {
      const error = thrown as { readonly code?: string; readonly permission?: string }
      request.resume()
      response
        .writeHead(error.code === 'MODULE_NOT_GRANTED' ? 403 : 500)
        .end(JSON.stringify({ code: error.code, permission: error.permission }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

after(async () => {
  server.close()
  server.closeAllConnections()
  await opened.close()
  await live.close()
  rmSync(dir, { recursive: true })
})

async function get(path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(address + path)
  return { status: response.status, body: await response.text() }
}

describe('an app', () => {
  test('is installed with what was agreed to, answers, and is gone when it is deleted', async () => {
    const bytes = packageOf(
      {
        'index.html': '<h1>hi</h1>',
        'box/hello.js': script('$g.response.send({ hello: $g.request.query.name })'),
        'box/note.js': script(
          `const fs = require('fs'); await fs.writeFile(fs.BOX, '/notes/a.txt', 'kept'); $g.response.send(fs.readFileSync(fs.BOX, '/notes/a.txt', 'utf8'))`,
        ),
        'box/count.js': script(
          `const cache = require('cache'); const n = ((await cache.get('n')) ?? 0) + 1; await cache.set('n', n); $g.response.send({ n })`,
        ),
        'box/rows.js': script(
          `const db = require('db'); await db.execute('main', 'CREATE TABLE IF NOT EXISTS t (a INTEGER)'); await db.execute('main', 'INSERT INTO t VALUES ($1)', [7]); $g.response.send(await db.query('main', 'SELECT a FROM t'))`,
        ),
      },
      {
        mandatory: ['fs', 'db'],
        optional: ['cache', 'httpclient'],
        db: [{ type: 'sqlite', name: 'main', database: 'data/a.db' }],
      },
    )
    const { app } = await opened.apps.install(bytes, 'notes', consent('fs', 'db', 'cache'), ADMIN)
    assert.deepEqual(Object.keys(app.granted).toSorted(), ['cache', 'db', 'fs'])
    assert.equal((await get('/notes/')).body, '<h1>hi</h1>')
    assert.equal((await get('/notes/hello?name=x')).body, '{"hello":"x"}')
    assert.equal((await get('/notes/note')).body, 'kept')
    assert.deepEqual(
      [(await get('/notes/count')).body, (await get('/notes/count')).body],
      ['{"n":1}', '{"n":2}'],
    )
    assert.equal((await get('/notes/rows')).body, '[{"a":7}]')
    assert.equal((await get('/notes/box/app.json')).status, 500)
    assert.equal(live.engine.check('app:notes', 'module:fs'), true)
    await opened.apps.delete('notes', ADMIN)
    assert.equal((await get('/notes/hello')).body, 'the server itself')
    assert.equal(live.engine.check('app:notes', 'module:fs'), false)
    assert.equal(readdirSync(join(dir, 'apps')).includes('notes'), false)
  })

  test('fails with 403 where it requires what was not granted, and works otherwise', async () => {
    const bytes = packageOf(
      {
        'box/a.js': script(`require('fs'); $g.response.send('may')`),
        'box/b.js': script(`try { require('fs') } catch (e) { $g.response.send(e.code) }`),
      },
      { optional: ['fs'] },
    )
    await opened.apps.install(bytes, 'less', consent(), ADMIN)
    assert.deepEqual(await get('/less/a'), {
      status: 403,
      body: '{"code":"MODULE_NOT_GRANTED","permission":"module:fs"}',
    })
    assert.equal((await get('/less/b')).body, 'MODULE_NOT_GRANTED')
    const { reload } = await opened.apps.setPermissions('less', consent('fs'), ADMIN)
    assert.equal(reload.outcome, 'reloaded')
    assert.equal((await get('/less/a')).body, 'may')
    await opened.apps.delete('less', ADMIN)
  })

  test('is not installed with less or more than its manifest asks for, nor by who may not', async () => {
    const bytes = packageOf({ 'box/a.js': script('') }, { mandatory: ['db', 'fs'] })
    await assert.rejects(opened.apps.install(bytes, 'no', consent('db'), ADMIN), { code: 'CONSENT_MISMATCH' })
    await assert.rejects(opened.apps.install(bytes, 'no', consent('db', 'fs', 'zip'), ADMIN), {
      code: 'CONSENT_MISMATCH',
    })
    await assert.rejects(opened.apps.install(bytes, 'no', consent('db', 'fs'), NOBODY), { code: 'FORBIDDEN' })
    assert.throws(() => opened.apps.install(bytes, 'v1', consent('db', 'fs'), ADMIN), {
      code: 'APP_NAME_INVALID',
    })
    assert.equal(existsSync(join(dir, 'apps', 'no')), false)
    assert.equal(live.engine.fact({ kind: 'app', id: 'no' }), undefined)
  })

  test('whose startup script fails leaves nothing', async () => {
    const bytes = packageOf(
      { 'box/s.js': script(`throw new Error('no table')`) },
      { mandatory: ['fs'], startup_scripts: ['s.js'] },
    )
    await assert.rejects(opened.apps.install(bytes, 'fails', consent('fs'), ADMIN), {
      code: 'APP_START_FAILED',
      message: /no table/,
    })
    assert.equal(existsSync(join(dir, 'apps', 'fails')), false)
    assert.equal(live.engine.check('app:fails', 'module:fs'), false)
  })

  test('is upgraded with what it keeps, and returns with its data and its grants', async () => {
    const version = (n: number, more: Record<string, unknown> = {}) =>
      packageOf(
        {
          'box/v.js': script(`$g.response.send('${n}')`),
          'box/put.js': script(
            `const fs = require('fs'); fs.writeFileSync(fs.BOX, '/d.txt', 'of ${n}'); $g.response.send('ok')`,
          ),
          'box/get.js': script(
            `const fs = require('fs'); $g.response.send(fs.readFileSync(fs.BOX, '/d.txt', 'utf8'))`,
          ),
        },
        { version: `${n}.0.0`, mandatory: ['fs'], optional: ['zip', 'cache'], ...more },
      )
    await opened.apps.install(version(1), 'up', consent('fs', 'zip'), ADMIN)
    await get('/up/put')
    await assert.rejects(
      opened.apps.upgrade('up', version(2, { mandatory: ['fs', 'db'] }), consent(), ADMIN),
      { code: 'CONSENT_MISMATCH' },
    )
    assert.equal((await get('/up/v')).body, '1')
    const { app } = await opened.apps.upgrade(
      'up',
      version(2, { optional: ['cache'] }),
      consent('cache'),
      ADMIN,
    )
    assert.deepEqual(Object.keys(app.granted).toSorted(), ['cache', 'fs'])
    assert.equal((await get('/up/v')).body, '2')
    await get('/up/put')
    assert.equal((await get('/up/get')).body, 'of 2')
    const back = await opened.apps.rollback('up', ADMIN)
    assert.deepEqual([back.app.version, Object.keys(back.app.granted).toSorted()], ['1.0.0', ['fs', 'zip']])
    assert.deepEqual([(await get('/up/v')).body, (await get('/up/get')).body], ['1', 'of 1'])
    await assert.rejects(opened.apps.rollback('up', ADMIN), { code: 'APP_NO_PREVIOUS' })
    const failing = packageOf(
      { 'box/s.js': script(`throw new Error('x')`) },
      { mandatory: ['fs'], startup_scripts: ['s.js'] },
    )
    await assert.rejects(opened.apps.upgrade('up', failing, consent(), ADMIN), { code: 'APP_START_FAILED' })
    assert.deepEqual([(await get('/up/v')).body, (await get('/up/get')).body], ['1', 'of 1'])
    await opened.apps.delete('up', ADMIN)
  })

  test('follows a grant that somebody revokes elsewhere', async () => {
    const bytes = packageOf(
      { 'box/a.js': script(`require('fs'); $g.response.send('may')`) },
      { optional: ['fs'] },
    )
    await opened.apps.install(bytes, 'follow', consent('fs'), ADMIN)
    assert.equal((await get('/follow/a')).body, 'may')
    await live.change([
      { remove: { kind: 'grant', issuer: 'user:admin', holder: 'app:follow', permission: 'module:fs' } },
    ])
    await new Promise((resolve) => setTimeout(resolve, 100))
    await opened.host.followGrants()
    assert.equal((await get('/follow/a')).status, 403)
    await opened.apps.delete('follow', ADMIN)
  })
})
