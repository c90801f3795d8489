import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { problemShape } from '@castellan/protocol'
import { StoreError } from '@castellan/engine'
import { openLive, openMemoryStore } from '@castellan/store'
import { createLogger } from './edge/log.ts'
import { createServer } from './server.ts'
import { MemoryTokenSecrets } from './tokens/memory.ts'
import { serve, type Loose } from './testing/serve.ts'

interface RawReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Loose
}

/** The first answer in what came over a socket; its problem document must have the shape. */
function parseReply(text: string): RawReply {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  const [start = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(': ')[0]!.toLowerCase(), line.slice(line.indexOf(': ') + 2)]),
  )
  const status = Number(start.split(' ')[1])
  const isProblem = headers['content-type'] === 'application/problem+json'
  if (isProblem) assert.equal(Buffer.byteLength(body), Number(headers['content-length']))
  return { status, headers, body: isProblem ? problemShape.parse(JSON.parse(body)) : body }
}

describe('routes', () => {
  const cases = [
    { method: 'GET', path: '/', status: 404 },
    { method: 'GET', path: '/v1', status: 404 },
    { method: 'POST', path: '/v1/checks', status: 404 },
    { method: 'POST', path: '/v1/check/', status: 404 },
    { method: 'GET', path: '/V1/grants', status: 404 },
    { method: 'GET', path: '/v1/grants/', status: 404 },
    { method: 'GET', path: '/v1/grants/a/b', status: 404 },
    { method: 'POST', path: '/__proto__', status: 404 },
    { method: 'POST', path: '/v1/%63heck', status: 404 },
    { method: 'GET', path: '/v1/check', status: 405, allow: 'POST' },
    { method: 'PUT', path: '/v1/check-each', status: 405, allow: 'POST' },
    { method: 'HEAD', path: '/v1/scan', status: 405, allow: 'POST' },
    { method: 'PATCH', path: '/v1/grants', status: 405, allow: 'POST, GET, HEAD' },
    { method: 'POST', path: '/v1/grants/x', status: 405, allow: 'GET, HEAD, DELETE' },
    { method: 'OPTIONS', path: '/v1/changes', status: 405, allow: 'POST' },
    { method: 'DELETE', path: '/healthz', status: 405, allow: 'GET, HEAD' },
  ]
  for (const { method, path, status, allow } of cases) {
    test(`${method} ${path} is ${status}`, async (t) => {
      const { call } = await serve(t)
      const reply = await call(method, path)
      assert.equal(reply.status, status)
      assert.equal(reply.headers.get('allow'), allow ?? null)
      assert.equal(reply.headers.get('content-type'), 'application/problem+json')
      if (method !== 'HEAD') assert.equal(problemShape.parse(reply.body).status, status)
    })
  }

  test('have one spelling', async (t) => {
    const { raw, tokenOf } = await serve(t)
    const token = await tokenOf('ed')
    const status = async (target: string) =>
      parseReply(
        await raw(
          `POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"permission":"a"}`,
        ),
      ).status
    assert.equal(await status('/v1/check'), 200)
    for (const target of [
      '/v1/./check',
      '/v1/x/../check',
      '//v1/check',
      '/v1//check',
      '/v1/scan/.',
      'http://x/v1/check',
      '*',
      '/v1/check#x',
      '/v1/scan#x',
      '/v1/%73can',
      '/v1/x/%2e%2E/scan',
      '/%2e/v1/scan',
      '/v1\\scan',
      '/v1/scan\\',
    ]) {
      assert.equal(await status(target), 404, target)
    }
    assert.equal(await status('/v1/check?now=1'), 400)
    assert.equal(await status('/v1/check?'), 400)
  })

  for (const path of ['/v1/check', '/v1/explain']) {
    test(`${path} tells who is nobody of no mistake`, async (t) => {
      const { call, tokenOf } = await serve(t)
      const body = { permission: 'a' }
      assert.equal((await call('POST', `${path}?limit=1`, { body })).status, 401)
      assert.equal((await call('POST', `${path}?limit=1`, { token: await tokenOf('ed'), body })).status, 400)
    })

    test(`${path} wants one host, but for HTTP/1.0, where none was asked for`, async (t) => {
      const { raw, tokenOf } = await serve(t)
      const token = await tokenOf('ed')
      const statusWith = async (version: string, hosts: string) => {
        const head = `POST ${path} HTTP/${version}\r\n${hosts}Connection: close\r\nAuthorization: Bearer ${token}\r\n`
        const body = '{"permission":"a"}'
        return parseReply(
          await raw(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
        ).status
      }
      for (const host of ['x:1', '[::1]:80', 'x:99999', 'x:y', '[', '%', 'X..y'])
        assert.equal(await statusWith('1.1', `Host: ${host}\r\n`), 200, host)
      assert.equal(await statusWith('1.0', ''), 200)
      for (const hosts of ['', 'Host: \r\n', 'Host: a/b\r\n', 'Host: a\r\nHost: b\r\n'])
        assert.equal(await statusWith('1.1', hosts), 400, hosts)
    })
  }

  test('answer HEAD as GET, without the body', async (t) => {
    const { call, tokenOf } = await serve(t)
    const reply = await call('HEAD', '/v1/grants?issuer=user:ed', { token: await tokenOf('ed') })
    assert.deepEqual([reply.status, reply.text], [200, ''])
  })
})

describe('bodies', () => {
  const types = [
    { type: 'application/json', status: 200 },
    { type: 'application/json; charset=utf-8', status: 200 },
    { type: 'Application/JSON;charset="UTF-8"', status: 200 },
    { type: 'application/json; charset=latin1', status: 415 },
    { type: 'application/json; charset=utf-8; x=y', status: 415 },
    { type: 'application/problem+json', status: 415 },
    { type: 'text/plain', status: 415 },
    { type: 'application/x-www-form-urlencoded', status: 415 },
    { type: '', status: 415 },
  ]
  for (const path of ['/v1/check', '/v1/explain']) {
    for (const { type, status } of types) {
      test(`${path} answers \`${type}\` with ${status}`, async (t) => {
        const { call, tokenOf } = await serve(t)
        const reply = await call('POST', path, {
          token: await tokenOf('ed'),
          headers: { 'content-type': type },
          body: { permission: 'a' },
        })
        assert.equal(reply.status, status)
        if (status === 415) assert.equal(reply.body.code, 'CONTENT_TYPE')
      })
    }

    test(`${path} takes no encoded body`, async (t) => {
      const { call, tokenOf } = await serve(t)
      const reply = await call('POST', path, {
        token: await tokenOf('ed'),
        headers: { 'content-encoding': 'gzip' },
        body: { permission: 'a' },
      })
      assert.deepEqual([reply.status, reply.body.code], [415, 'CONTENT_TYPE'])
    })

    const wrong: readonly { name: string; body: string | Buffer; position?: number }[] = [
      { name: 'nothing', body: '', position: 0 },
      { name: 'no JSON', body: 'permission=a', position: 0 },
      { name: 'JSON that stops', body: '{"permission":"a"', position: 17 },
      { name: 'a byte order mark', body: '\u{feff}{"permission":"a"}', position: 0 },
      {
        name: 'bytes that are not UTF-8',
        body: Buffer.from([...Buffer.from('{"permission":"a'), 0xff, 0x22, 0x7d]),
      },
      {
        name: 'a surrogate in bytes',
        body: Buffer.from([...Buffer.from('{"permission":"a'), 0xed, 0xa0, 0x80, 0x22, 0x7d]),
      },
      { name: 'a name given twice', body: '{"permission":"a","permission":"b"}', position: 18 },
      { name: 'a prototype name', body: '{"permission":"a","__proto__":{"actor":"system"}}' },
      { name: 'another prototype name', body: '{"permission":"a","constructor":{}}' },
      { name: 'a list', body: '["a"]' },
      { name: 'null', body: 'null' },
      { name: 'great depth', body: '{"permission":' + '['.repeat(100_000), position: 93 },
      { name: 'a clock', body: '{"permission":"a","now":0}' },
    ]
    for (const { name, body, position } of wrong) {
      test(`${path} refuses ${name}`, async (t) => {
        const { tokenOf, address, ask } = await serve(t)
        const reply = await fetch(address + path, {
          method: 'POST',
          headers: { Authorization: `Bearer ${await tokenOf('ed')}`, 'Content-Type': 'application/json' },
          body: body as string,
        })
        const problem = problemShape.parse(await reply.json())
        assert.deepEqual([reply.status, problem.code], [400, 'BODY_INVALID'], JSON.stringify(problem))
        assert.equal(problem.position, position)
        assert.equal((await ask('ed', path, { permission: 'a' })).status, 200)
      })
    }

    test(`${path} refuses a body over the bound, announced or not, and says so before the connection ends`, async (t) => {
      const { raw, tokenOf, ask } = await serve(t, { limits: { bodyBytesMax: 1_000 } })
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenOf('ed')}\r\nContent-Type: application/json\r\n`
      const chunk = `400\r\n${' '.repeat(1_024)}\r\n`
      const sent = [
        `${head}Content-Length: 1001\r\n\r\n${' '.repeat(1_001)}`,
        `${head}Content-Length: 999999999999\r\n\r\n`,
        `${head}Content-Length: 2000000\r\n\r\n${' '.repeat(2_000_000)}`,
        `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(50)}0\r\n\r\n`,
      ]
      for (const bytes of sent) {
        const reply = parseReply(await raw(bytes))
        assert.deepEqual([reply.status, reply.body.code], [413, 'BODY_TOO_LARGE'])
      }
      const text = JSON.stringify({ permission: 'a', permissions: undefined })
      assert.equal((await ask('ed', path, text + ' '.repeat(1_000 - text.length))).status, 200)
    })
  }
})

describe('a body that is refused while it still comes', () => {
  for (const path of ['/v1/check', '/v1/explain']) {
    test(`${path} is taken in and thrown away, within bounds, so that the refusal arrives`, async (t) => {
      const { address, tokenOf } = await serve(t, { limits: { bodyBytesMax: 1_000 } })
      const token = await tokenOf('ed')
      const socket = connect(Number(new URL(address).port), '127.0.0.1')
      const errors: Error[] = []
      socket.on('error', (error) => errors.push(error))
      const closed = once(socket, 'close')
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n`,
      )
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.equal(parseReply(answer.toString()).status, 413)
      for (let i = 0; i < 50; i++) {
        socket.write(' '.repeat(10_000))
        await sleep(1)
      }
      await closed
      assert.deepEqual(errors, [])
    })

    test(`${path} is answered once, though what follows is not HTTP`, async (t) => {
      const { address, tokenOf } = await serve(t, { limits: { bodyBytesMax: 1_000 } })
      const token = await tokenOf('ed')
      const socket = connect(Number(new URL(address).port), '127.0.0.1')
      socket.on('error', () => {})
      let received = ''
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${' '.repeat(2_048)}\r\n`,
      )
      await once(socket, 'data')
      socket.write('zz\r\n')
      await once(socket, 'close')
      assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1, received)
      assert.equal(parseReply(received).status, 413)
    })
  }
})

describe('request ids', () => {
  test('are the caller’s own where they are sane, else new ones, on every answer', async (t) => {
    const { call, tokenOf } = await serve(t)
    const token = await tokenOf('ed')
    for (const [method, path, body] of [
      ['POST', '/v1/check', { permission: 'a' }],
      ['POST', '/v1/check', {}],
      ['POST', '/v1/explain', { permission: 'a' }],
      ['GET', '/nowhere', undefined],
      ['GET', '/healthz', undefined],
    ] as const) {
      const ask = async (id: string | undefined) => {
        const reply = await call(method, path, {
          token,
          ...(body && { body }),
          ...(id !== undefined && { headers: { 'x-request-id': id } }),
        })
        const answered = reply.headers.get('x-request-id')
        if (reply.status >= 400) assert.equal(reply.body.requestId, answered)
        return answered
      }
      assert.equal(await ask('abc-1.2:3/4=+~_'), 'abc-1.2:3/4=+~_')
      const made = [
        await ask(undefined),
        await ask(''),
        await ask('a b'),
        await ask('<x>'),
        await ask('x'.repeat(129)),
      ]
      assert.equal(new Set(made).size, 5)
      for (const id of made) assert.match(id!, /^[A-Za-z0-9_-]{10,}$/)
    }
  })
})

describe('what is not HTTP', () => {
  const cases = [
    { name: 'noise', bytes: '\u0000\u0001\u0002 hello\r\n\r\n', status: 400, code: 'REQUEST_INVALID' },
    {
      name: 'another version',
      bytes: 'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'no host',
      bytes: 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'two hosts',
      bytes: 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b/c\r\nConnection: close\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'a length that is none',
      bytes: 'POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'a negative length',
      bytes: 'POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'two lengths',
      bytes: 'POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'a length and chunks',
      bytes:
        'POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'a header of a bad name',
      bytes: 'GET /healthz HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n',
      status: 400,
      code: 'REQUEST_INVALID',
    },
    {
      name: 'huge headers',
      bytes: `GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,
      status: 431,
      code: 'HEADERS_TOO_LARGE',
    },
    {
      name: 'a huge path',
      bytes: `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      status: 431,
      code: 'HEADERS_TOO_LARGE',
    },
    {
      name: 'another expectation',
      bytes: 'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n',
      status: 417,
      code: 'EXPECTATION_FAILED',
    },
    {
      name: 'a tunnel',
      bytes: 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n',
      status: 405,
      code: 'METHOD_NOT_ALLOWED',
    },
  ]
  for (const { name, bytes, status, code } of cases) {
    test(`is refused with a problem document: ${name}`, async (t) => {
      const { raw, call } = await serve(t)
      const reply = parseReply(await raw(bytes))
      assert.deepEqual([reply.status, reply.body.code, reply.body.status], [status, code, status])
      assert.equal(reply.headers['x-request-id'], reply.body.requestId)
      assert.equal((await call('GET', '/healthz')).status, 200)
    })
  }

  test('a body that would have to be unpacked is refused, and not read as it is', async (t) => {
    const { raw, tokenOf } = await serve(t)
    const head = `Host: x\r\nAuthorization: Bearer ${await tokenOf('ed')}\r\nContent-Type: application/json\r\nConnection: close`
    for (const path of ['/v1/check', '/v1/explain'])
      for (const [coding, status] of [
        ['chunked', 200],
        ['Chunked', 200],
        ['gzip, chunked', 400],
        ['chunked, chunked', 400],
      ] as const) {
        const text = await raw(
          `POST ${path} HTTP/1.1\r\n${head}\r\nTransfer-Encoding: ${coding}\r\n\r\n12\r\n{"permission":"a"}\r\n0\r\n\r\n`,
        )
        assert.equal(parseReply(text).status, status, `${path} ${coding}`)
      }
  })

  test('a broken chunk after good headers is refused, once', async (t) => {
    const { raw, tokenOf } = await serve(t)
    for (const path of ['/v1/check', '/v1/explain']) {
      const text = await raw(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenOf('ed')}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      )
      assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1, text)
      assert.deepEqual([parseReply(text).status, parseReply(text).body.code], [400, 'REQUEST_INVALID'])
    }
  })

  test('a second request hidden in the body of the first is not answered', async (t) => {
    const { raw } = await serve(t)
    const hidden = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
    const text = await raw(
      `POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    )
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1)
    assert.equal(parseReply(text).status, 401)
  })
})

describe('slow callers', () => {
  test('that drip headers or a body are cut off with 408, while others are served', async (t) => {
    const { call, address, tokenOf } = await serve(t, { limits: { headersMs: 300, requestMs: 600 } })
    const token = await tokenOf('ed')
    const head = `POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`
    for (const bytes of [
      'GET /healthz HTTP/1.1\r\nHost: x\r\nX: ',
      head,
      head.replace('/v1/check', '/v1/explain'),
    ]) {
      const socket = connect(Number(new URL(address).port), '127.0.0.1')
      let received = ''
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
      socket.on('error', () => {})
      socket.write(bytes)
      const drip = setInterval(() => socket.write('a'), 50)
      const closed = once(socket, 'close')
      assert.equal((await call('GET', '/healthz')).status, 200)
      await closed
      clearInterval(drip)
      assert.deepEqual(
        [parseReply(received).status, parseReply(received).body.code],
        [408, 'REQUEST_TIMEOUT'],
      )
    }
  })

  test('that connect and say nothing are let go', async (t) => {
    const { address } = await serve(t, { limits: { headersMs: 200, requestMs: 400 } })
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
  })

  test('that go away in the middle leave nothing behind', async (t) => {
    const { address, tokenOf, call, logged } = await serve(t)
    const token = await tokenOf('ed')
    for (const path of ['/v1/check', '/v1/explain']) {
      for (let i = 0; i < 20; i++) {
        const socket = connect(Number(new URL(address).port), '127.0.0.1')
        socket.on('error', () => {})
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
        )
        await sleep(2)
        socket.destroy()
      }
    }
    await sleep(50)
    assert.equal((await call('GET', '/healthz')).status, 200)
    assert.equal(
      logged.some((line) => line.includes('"level":50')),
      false,
      logged.join(''),
    )
  })
})

describe('failures of ours', () => {
  const secretPath = '/var/lib/castellan/secret.db'

  test('tell the caller nothing and the log everything', async (t) => {
    const { call, tokenOf, live, logged } = await serve(t)
    const token = await tokenOf('ed')
    t.mock.method(Object.getPrototypeOf(live.engine), 'check', () => {
      throw new TypeError(`cannot read ${secretPath} with ${token}`)
    })
    t.mock.method(Object.getPrototypeOf(live.engine), 'explain', () => {
      throw new TypeError(`cannot read ${secretPath} with ${token}`)
    })
    for (const path of ['/v1/check', '/v1/explain']) {
      const reply = await call('POST', path, { token, body: { permission: 'a' } })
      assert.deepEqual([reply.status, reply.body.code], [500, 'INTERNAL'])
      assert.equal(reply.text.includes('secret'), false)
      const line = logged.find((each) => each.includes(reply.body.requestId))!
      assert.match(line, new RegExp(secretPath))
      assert.match(line, /TypeError/)
      assert.equal(line.includes(token), false, 'no secret is logged')
    }
  })

  test('of the store are 503 or 507, and say nothing of its files', async (t) => {
    const live = openLive({ store: openMemoryStore() })
    const { call, tokenOf } = await serve(t, { live })
    await live.change([{ add: { kind: 'user', id: 'ed' } }])
    const token = await tokenOf('ed')
    for (const [code, status] of [
      ['STORE_FULL', 507],
      ['STORE_FAILED', 503],
      ['STORE_CLOSED', 503],
    ] as const) {
      const fail = (): Promise<never> =>
        Promise.reject(new StoreError(code, `${secretPath} is gone`, 'look there'))
      t.mock.method(live, 'change', fail as never)
      const reply = await call('POST', '/v1/changes', { token, body: { changes: [] } })
      assert.deepEqual([reply.status, reply.body.code], [status, code])
      assert.equal(reply.text.includes('secret'), false)
      t.mock.restoreAll()
    }
  })
})

test('logs are silent when asked to be, and never hold a secret', async (t) => {
  const lines: string[] = []
  const log = createLogger({ level: 'silent', destination: { write: (line) => void lines.push(line) } })
  const { call } = await serve(t, { log })
  await call('GET', '/nowhere')
  assert.equal(lines.length, 0)
  const loud = createLogger({ destination: { write: (line) => void lines.push(line) } })
  loud.info({
    authorization: 'Bearer x',
    token: 'y',
    nested: { secret: 'z' },
    err: new Error('cst_0123456789abcdef'),
  })
  loud.info('cst_0123456789abcdef')
  assert.equal(/cst_0|Bearer x|"y"|"z"/.test(lines.join('')), false, lines.join(''))
})

describe('concurrency', () => {
  test('each of hundreds of callers at once gets their own answer', async (t) => {
    const { ask, change } = await serve(t)
    await Promise.all(['alice', 'bob'].map((user) => ask(user, '/v1/check', { permission: 'a' })))
    const replies = await Promise.all(
      Array.from({ length: 400 }, async (_, i) => {
        const [user, wanted] = i % 2 === 0 ? (['alice', true] as const) : (['bob', false] as const)
        if (i % 10 === 0) await change({ add: { kind: 'user', id: `u${i}` } })
        const { body } = await ask(user, i % 3 === 0 ? '/v1/explain' : '/v1/check', {
          permission: 'a:b',
        })
        return body.allowed === wanted
      }),
    )
    assert.equal(replies.every(Boolean), true)
  })

  test('pipelined requests are answered in order', async (t) => {
    const { raw, tokenOf } = await serve(t)
    const token = await tokenOf('alice')
    const request = (path: string, permission: string, close = false) => {
      const body = JSON.stringify({ permission })
      return `POST ${path} HTTP/1.1\r\nHost: x\r\n${close ? 'Connection: close\r\n' : ''}Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    const text = await raw(
      request('/v1/explain', 'a:b') +
        request('/v1/check', 'a') +
        request('/v1/check', 'a:b') +
        request('/v1/explain', 'a') +
        request('/v1/check', 'a:b', true),
    )
    assert.deepEqual(
      [...text.matchAll(/"allowed":(true|false)/g)].map((match) => match[1]),
      ['true', 'false', 'true', 'false', 'true'],
    )
  })
})

describe('close', () => {
  test('finishes what is under way and takes nothing new', async (t) => {
    const { server, address, tokenOf, live } = await serve(t)
    const token = await tokenOf('ed')
    const port = Number(new URL(address).port)
    const idle = connect(port, '127.0.0.1')
    const busy = connect(port, '127.0.0.1')
    idle.on('error', () => {})
    let received = ''
    busy.on('data', (chunk: Buffer) => (received += chunk.toString()))
    busy.write(
      `POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n{"permission":`,
    )
    // `100 Continue`: the request has arrived.
    await once(busy, 'data')
    const closed = server.close({ graceMs: 5_000 })
    assert.equal(server.close(), closed, 'closing twice is closing once')
    await assert.rejects(fetch(`${address}/healthz`))
    busy.write('"a"}')
    await closed
    assert.match(received, /"allowed":true/)
    assert.equal(server.address, undefined)
    assert.doesNotThrow(() => live.engine.check('user:ed', 'a'), 'what it was given is not its to close')
  })

  test('cuts off who does not come to an end', async (t) => {
    const { server, address } = await serve(t)
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n')
    await sleep(50)
    const start = performance.now()
    await server.close({ graceMs: 200 })
    assert.ok(performance.now() - start < 2_000)
  })

  test('of a server that never listened is done at once', async () => {
    const live = openLive({ store: openMemoryStore() })
    await createServer({ live, tokens: new MemoryTokenSecrets() }).close()
    await live.close()
  })

  test('a port in use is an error of listen', async (t) => {
    const { address, live, tokens } = await serve(t)
    const second = createServer({ live, tokens })
    await assert.rejects(second.listen({ port: Number(new URL(address).port) }), { code: 'EADDRINUSE' })
  })
})
