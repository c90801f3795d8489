import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ResponseMessage } from '../messages.ts'
import { LIMIT_DEFAULTS } from '../limits.ts'
import type { AppManifest } from '../package/manifest.ts'
import { AppRequestError } from './errors.ts'
import { serveApp, type Served, type Visit } from './front.ts'
import type { AppRequest } from './request.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const MANIFEST: AppManifest = {
  name: 'Blog',
  version: '1.0.0',
  description: '',
  databases: [],
  startupScripts: [],
  defaultInclude: [],
  env: {},
  jwtSecret: undefined,
  permissions: { mandatory: [], optional: [] },
  routes: [
    { path: '/users/:id', method: 'GET', script: 'routes/user.js' },
    { path: '/users/:id', method: 'DELETE', script: 'routes/user.js' },
  ],
  spa: undefined,
  limits: {},
}

const folder = mkdtempSync(join(tmpdir(), 'castellan-front-'))
const sources = new Map(['hello.js', 'routes/user.js', 'lib/util.js'].map((path) => [path, '']))
let asked: { request: AppRequest; blobs: readonly Uint8Array[] } | undefined
let head: Partial<ResponseMessage> = {}
let body: Uint8Array | undefined
let manifest = MANIFEST
let place = { basePath: '/blog/', isShared: true }
const hung = Promise.withResolvers<{ gone: Promise<void> }>()
let server: Server
const reports: Error[] = []

const served: Served = {
  get package() {
    return { id: 'blog', versionId: 'v1', folder: join(folder, 'package'), manifest, sources }
  },
  publicFolders: [{ folder: join(folder, 'web') }, { folder: join(folder, 'package') }],
  limits: { ...LIMIT_DEFAULTS, bodyBytesMax: 4_096 },
  async run(request, blobs, { signal }) {
    asked = { request, blobs }
    if (request.script === 'hang.js') {
      const gone = once(signal, 'abort').then(() => {})
      hung.resolve({ gone })
      await gone
    }
    return { head: { kind: 'response', id: 1, status: 200, headers: {}, cookies: {}, ...head }, body }
  },
  report: (error) => reports.push(error),
}

before(async () => {
  for (const name of ['package/box', 'package/css', 'package/docs', 'package/dist', 'web'])
    mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  writeFileSync(join(folder, 'package/index.html'), '<h1>Blog</h1>')
  writeFileSync(join(folder, 'package/css/a.css'), 'a{color:red}')
  writeFileSync(join(folder, 'package/docs/index.html'), 'docs')
  writeFileSync(join(folder, 'package/dist/index.html'), 'one page')
  writeFileSync(join(folder, 'package/dist/app.js'), 'built()')
  writeFileSync(join(folder, 'package/box/app.json'), '{"secret":1}')
  writeFileSync(join(folder, 'web/made.txt'), 'made by the app')
  symlinkSync(join(folder, 'secret.txt'), join(folder, 'web/link.txt'))
  symlinkSync(folder, join(folder, 'web/up'))
  server = createServer((request, response) => {
    const visit: Visit = {
      ...place,
      protocol: 'http',
      hostname: 'h:1',
      path: (request.url ?? '').split('?')[0]!.slice('/blog'.length),
    }
    serveApp(request, response, served, visit).catch((error: unknown) => {
      if (!(error instanceof AppRequestError)) reports.push(error as Error)
      response.writeHead(400, { 'x-code': error instanceof AppRequestError ? error.code : 'INTERNAL' }).end()
      request.resume()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

async function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  sent?: string | Uint8Array,
): Promise<Answer> {
  const { port } = server.address() as AddressInfo
  const outgoing = httpRequest({ host: '127.0.0.1', port, method, path: `/blog${path}`, headers })
  outgoing.end(sent)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: incoming.statusCode!, headers: incoming.headers, body: Buffer.concat(chunks).toString() }
}

async function codeOf(
  method: string,
  path: string,
  headers?: Record<string, string>,
  sent?: string,
): Promise<string | undefined> {
  return (await ask(method, path, headers, sent)).headers['x-code'] as string | undefined
}

async function answerWith(given: Partial<ResponseMessage>, bytes?: Uint8Array): Promise<Answer> {
  head = given
  body = bytes
  try {
    return await ask('GET', '/hello')
  } finally {
    head = {}
    body = undefined
  }
}

describe('an address', () => {
  test('of a file shows it with its type, an ETag and the ranges asked for', async () => {
    const whole = await ask('GET', '/css/a.css')
    assert.equal(whole.body, 'a{color:red}')
    assert.match(whole.headers['content-type']!, /^text\/css/)
    assert.equal(whole.headers['x-content-type-options'], 'nosniff')
    const part = await ask('GET', '/css/a.css', { range: 'bytes=2-6' })
    assert.deepEqual([part.status, part.body], [206, 'color'])
    const again = await ask('GET', '/css/a.css', { 'if-none-match': whole.headers.etag! })
    assert.equal(again.status, 304)
    assert.equal(await codeOf('GET', '/css/a.css', { range: 'bytes=100-' }), 'RANGE_INVALID')
    assert.equal((await ask('HEAD', '/css/a.css')).headers['content-length'], '12')
    assert.equal(await codeOf('POST', '/css/a.css'), 'METHOD_NOT_ALLOWED')
  })

  test('of the app shows its first page, from its own folder', async () => {
    assert.equal((await ask('GET', '/')).body, '<h1>Blog</h1>')
    const redirect = await ask('GET', '?a=1')
    assert.deepEqual([redirect.status, redirect.headers.location], [308, '/blog/?a=1'])
    assert.equal((await ask('GET', '/docs/')).body, 'docs')
  })

  test('of what the app wrote shows that', async () => {
    assert.equal((await ask('GET', '/made.txt')).body, 'made by the app')
  })

  for (const path of [
    '/link.txt',
    '/up/secret.txt',
    '/box/app.json',
    '/%62ox/app.json',
    '/../secret.txt',
    '/css',
    '/none.css',
    '/lib/none',
  ])
    test(`${path} shows nothing`, async () => assert.equal(await codeOf('GET', path), 'NOT_FOUND'))

  test('of a script runs it, of a route the route’s, with its names', async () => {
    await ask('GET', '/hello?a=1&b=2&b=3')
    assert.equal(asked!.request.script, 'hello.js')
    assert.deepEqual({ ...asked!.request.query }, { a: '1', b: ['2', '3'] })
    await ask('GET', '/users/a%2Fb')
    assert.equal(asked!.request.script, 'hello.js')
    await ask('DELETE', '/users/42')
    assert.deepEqual([asked!.request.script, { ...asked!.request.params }], ['routes/user.js', { id: '42' }])
    assert.equal(await codeOf('PUT', '/users/42'), 'METHOD_NOT_ALLOWED')
  })

  test('of an app of one page shows what was built, and the page for what nothing else answers', async () => {
    manifest = { ...MANIFEST, spa: { folder: 'dist', fallback: 'index.html' } }
    assert.equal((await ask('GET', '/')).body, 'one page')
    assert.equal((await ask('GET', '/app.js')).body, 'built()')
    assert.equal((await ask('GET', '/some/view')).body, 'one page')
    assert.equal(await codeOf('POST', '/some/view'), 'NOT_FOUND')
    assert.equal(await codeOf('GET', '/none.js'), 'NOT_FOUND')
    manifest = MANIFEST
  })

  test('is asked with a method that apps have', async () => {
    assert.equal(await codeOf('PROPFIND', '/hello'), 'METHOD_NOT_ALLOWED')
    assert.equal(await codeOf('TRACE', '/hello'), 'METHOD_NOT_ALLOWED')
  })
})

describe('a body', () => {
  const post = async (type: string, sent: string | Uint8Array) => {
    asked = undefined
    const { headers } = await ask('POST', '/hello', { 'content-type': type }, sent)
    return {
      code: headers['x-code'],
      body: (asked as { request: AppRequest } | undefined)?.request.body,
      blobs: (asked as { blobs: readonly Uint8Array[] } | undefined)?.blobs,
    }
  }

  test('is what its type says', async () => {
    assert.deepEqual((await post('application/json', '{"a":[1]}')).body, { type: 'json', value: { a: [1] } })
    const form = (await post('application/x-www-form-urlencoded', 'a=1&a=2&__proto__=x')).body
    assert.ok(form?.type === 'form')
    assert.deepEqual(Object.entries(form.value as object), [
      ['a', ['1', '2']],
      ['__proto__', 'x'],
    ])
    assert.deepEqual((await post('text/plain', 'grüße')).body, { type: 'text', value: 'grüße' })
    const bytes = await post('application/octet-stream', Uint8Array.of(1, 2, 255))
    assert.deepEqual([bytes.body, [...bytes.blobs![0]!]], [{ type: 'bytes', blob: 0 }, [1, 2, 255]])
    assert.deepEqual((await post('application/json', '')).body, { type: 'none' })
  })

  test('of a form with files has each of them, its name without a path', async () => {
    const sent = [
      '--x',
      'Content-Disposition: form-data; name="title"',
      '',
      'A',
      '--x',
      'Content-Disposition: form-data; name="up"; filename="../../etc/a.png"',
      'Content-Type: image/png',
      '',
      'PNG',
      '--x--',
      '',
    ].join('\r\n')
    const { body: form, blobs } = await post('multipart/form-data; boundary=x', sent)
    assert.ok(form?.type === 'multipart')
    assert.deepEqual({ ...form.fields }, { title: 'A' })
    assert.deepEqual(form.files, [{ field: 'up', name: 'a.png', type: 'image/png', blob: 0 }])
    assert.equal(Buffer.from(blobs![0]!).toString(), 'PNG')
  })

  test('that is too large, or not what it says, is refused before a script runs', async () => {
    assert.equal((await post('text/plain', 'x'.repeat(5_000))).code, 'BODY_TOO_LARGE')
    assert.equal((await post('application/json', '{')).code, 'BODY_INVALID')
    assert.equal((await post('application/json', '['.repeat(500))).code, 'BODY_INVALID')
    assert.equal((await post('application/json', Uint8Array.of(0x22, 0xff, 0x22))).code, 'BODY_INVALID')
    assert.equal((await post('multipart/form-data', 'x')).code, 'BODY_INVALID')
    assert.equal((await post('multipart/form-data; boundary=x', '--x\r\nnonsense')).code, 'BODY_INVALID')
    const large = `--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n${'y'.repeat(5_000)}\r\n--x--\r\n`
    assert.equal((await post('multipart/form-data; boundary=x', large)).code, 'BODY_TOO_LARGE')
  })
})

describe('a request', () => {
  test('carries neither the server’s tokens nor its cookies to an app', async () => {
    await ask('GET', '/hello', {
      authorization: 'Bearer cst_abc',
      cookie: 'a=1; __Host-castellan=s; castellan_x=2; b="q%20r"',
    })
    const { headers, cookies } = asked!.request
    assert.equal('authorization' in headers, false)
    assert.equal(headers['cookie'], 'a=1; b="q%20r"')
    assert.deepEqual({ ...cookies }, { a: '1', b: 'q r' })
    await ask('GET', '/hello', { authorization: 'Bearer the-apps-own' })
    assert.equal(asked!.request.headers['authorization'], 'Bearer the-apps-own')
  })

  test('whose visitor is gone fires its signal', async () => {
    sources.set('hang.js', '')
    const { port } = server.address() as AddressInfo
    const outgoing = httpRequest({ host: '127.0.0.1', port, path: '/blog/hang' })
    outgoing.on('error', () => {})
    outgoing.end()
    const { gone } = await hung.promise
    outgoing.destroy()
    await gone
  })
})

describe('an answer', () => {
  test('is sent as the app meant it', async () => {
    const answer = await answerWith(
      { status: 201, type: 'application/json', headers: { 'X-A': 'b' } },
      Buffer.from('{}'),
    )
    assert.deepEqual([answer.status, answer.body, answer.headers['x-a']], [201, '{}', 'b'])
    assert.equal(answer.headers['content-type'], 'application/json')
  })

  test('says nothing about the connection or about the whole origin', async () => {
    const { headers } = await answerWith({
      headers: {
        'Transfer-Encoding': 'chunked',
        'content-length': '1000',
        Connection: 'upgrade',
        'Clear-Site-Data': '"*"',
        'Service-Worker-Allowed': '/',
        'set-cookie': 'a=1; Path=/',
      },
    })
    for (const name of ['transfer-encoding', 'clear-site-data', 'service-worker-allowed', 'set-cookie'])
      assert.equal(headers[name], undefined, name)
    assert.equal(headers['content-length'], '0')
  })

  test('gives cookies back to this app’s addresses alone, where others share the origin', async () => {
    const cookies = { a: 'I am; Max-Age=300; HttpOnly; Path=/; Domain=example.com', b: 'x y"z' }
    assert.deepEqual((await answerWith({ cookies })).headers['set-cookie'], [
      'a=I am; Max-Age=300; HttpOnly; Path=/blog/',
      'b=x%20y%22z; Path=/blog/',
    ])
    place = { basePath: '/', isShared: false }
    assert.deepEqual((await answerWith({ cookies })).headers['set-cookie'], [
      'a=I am; Max-Age=300; HttpOnly; Path=/',
      'b=x%20y%22z; Path=/',
    ])
    place = { basePath: '/blog/', isShared: true }
  })

  const broken: readonly Partial<ResponseMessage>[] = [
    { headers: { 'x-a': 'b\r\nset-cookie: c=d' } },
    { headers: { 'bad name': 'b' } },
    { headers: { 'x-a': 'snow \u2603' } },
    { headers: { 'x-a': 'y'.repeat(20_000) } },
    { type: 'text/html\n' },
    { cookies: { 'a=b; x': '1' } },
    { cookies: { a: '1; Comment=\u0000' } },
    { cookies: { '__Host-a': '1' } },
    { headers: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, '1'])) },
  ]
  for (const given of broken)
    test(`that is no HTTP is the app’s failure: ${JSON.stringify(given).slice(0, 50)}`, async () => {
      reports.length = 0
      assert.equal((await answerWith(given)).headers['x-code'], 'SCRIPT_FAILED')
      assert.equal(reports[0]?.name, 'ResponseInvalidError')
    })

  test('to HEAD has no body and says how long it would be', async () => {
    body = Buffer.from('12345')
    const answer = await ask('HEAD', '/hello')
    assert.deepEqual([answer.headers['content-length'], answer.body], ['5', ''])
    body = undefined
  })
})
