import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { formdataModule } from '../../cell/modules/formdata.ts'
import { httpclientModule, type Response } from '../../cell/modules/httpclient.ts'
import { callerOf, hasCode, makeApp, moduleOf, type CallerOptions } from '../testing/kit.ts'
import { isPublicAddress } from './addresses.ts'
import { HTTP_LIMITS, httpOperations, type HttpOptions } from './operations.ts'

type Send = (url: string, ...rest: unknown[]) => Promise<Response>
type Client = Record<'get' | 'post' | 'put' | 'patch' | 'delete', Send> &
  Record<'JSON' | 'FORM' | 'TEXT' | 'XML' | 'MULTIPART', string>

const PUBLIC = '93.184.215.14'

describe('addresses', () => {
  const cases: readonly (readonly [address: string, isPublic: boolean])[] = [
    [PUBLIC, true],
    ['1.1.1.1', true],
    ['172.15.255.255', true],
    ['172.32.0.0', true],
    ['100.63.255.255', true],
    ['100.128.0.0', true],
    ['2606:4700:4700::1111', true],
    ['2a00:1450:4001:80b::200e', true],
    ['0.0.0.0', false],
    ['0.1.2.3', false],
    ['10.255.255.255', false],
    ['100.64.0.0', false],
    ['100.127.255.255', false],
    ['127.0.0.1', false],
    ['127.255.255.254', false],
    ['168.63.129.16', false],
    ['169.254.169.254', false],
    ['172.16.0.0', false],
    ['172.31.255.255', false],
    ['192.0.2.1', false],
    ['192.168.0.1', false],
    ['198.18.0.1', false],
    ['198.51.100.1', false],
    ['203.0.113.1', false],
    ['224.0.0.1', false],
    ['239.255.255.255', false],
    ['255.255.255.255', false],
    ['::', false],
    ['::1', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:93.184.215.14', false],
    ['::ffff:7f00:1', false],
    ['::127.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['64:ff9b::7f00:1', false],
    ['64:ff9b:1::1', false],
    ['100::1', false],
    ['2001::1', false],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', false],
    ['2001:db8::1', false],
    ['2002:7f00:1::', false],
    ['3fff::1', false],
    ['5f00::1', false],
    ['fc00::1', false],
    ['fd00:ec2::254', false],
    ['fe80::1', false],
    ['fe80::1%eth0', false],
    ['fec0::1', false],
    ['ff02::1', false],
    ['2606:4700::1%eth0', false],
    ['localhost', false],
    ['', false],
    ['0x7f.1', false],
    ['127.1', false],
  ]
  for (const [address, isPublic] of cases)
    test(`${address || 'nothing'} is ${isPublic ? '' : 'not '}public`, () => {
      assert.equal(isPublicAddress(address), isPublic)
    })
})

function clientOf(options: HttpOptions = {}, caller: CallerOptions = {}): Client {
  return moduleOf<Client>(httpclientModule, callerOf(httpOperations(options), makeApp('a'), caller))
}

const never = (): Promise<never> => Promise.reject(new Error('no name was to be looked up'))

describe('what is refused before anything is sent', () => {
  const spellings = [
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f.0.0.1/',
    'http://2130706433/',
    'http://017700000001/',
    'http://0/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://①②⑦.⓪.⓪.①/',
    'ftp://93.184.215.14/',
    'file:///etc/passwd',
    'gopher://93.184.215.14/',
    `http://${PUBLIC}:25/`,
    `http://${PUBLIC}:6379/`,
  ]
  for (const url of spellings)
    test(url, async () => {
      const answer = await clientOf({ resolve: never }).get(url)
      assert.deepEqual([answer.status, answer.code], [403, 'EGRESS_DENIED'])
    })

  test('a name of which one address is inside', async () => {
    const resolve = (): Promise<string[]> => Promise.resolve([PUBLIC, '10.0.0.1'])
    assert.equal((await clientOf({ resolve }).get('http://mixed.example/')).code, 'EGRESS_DENIED')
  })

  test('a host that the grant does not list, and any when its list cannot be read', async () => {
    const resolve = (): Promise<string[]> => Promise.resolve(['10.0.0.1'])
    const of = (hosts: unknown): Client => clientOf({ resolve }, { claims: [[{ hosts } as never]] })
    const why = async (client: Client, url: string): Promise<string> => String((await client.get(url)).body)
    for (const url of [
      'http://b.example/',
      'http://a.example.b.example/',
      'http://a.example:8080/',
      'http://xa.example/',
    ])
      assert.match(await why(of(['a.example', '*.c.example']), url), /does not include/, url)
    // These pass the grant, and are then refused for their address.
    for (const url of ['http://a.example/', 'https://A.example./', 'http://x.c.example/'])
      assert.match(await why(of(['a.example', '*.c.example']), url), /public Internet/, url)
    assert.match(await why(of('a.example'), 'http://a.example/'), /does not include/)
    assert.match(await why(clientOf({ resolve }, { claims: [] }), 'http://a.example/'), /does not include/)
  })

  test('users, headers of two lines, and what is no URL', async () => {
    const client = clientOf({ resolve: never })
    await assert.rejects(client.get('http://me:pw@a.example/'), hasCode('URL_INVALID'))
    await assert.rejects(client.get('nothing'), hasCode('URL_INVALID'))
    await assert.rejects(
      client.get('http://a.example/', { headers: { 'x-a': 'b\r\nc: d' } }),
      hasCode('ARGUMENTS'),
    )
    await assert.rejects(client.get('http://a.example/', { headers: { 'x a': 'b' } }), hasCode('ARGUMENTS'))
  })
})

describe('with a server', () => {
  const seen: { url: string; host: string | undefined; headers: IncomingMessage['headers']; body: string }[] =
    []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      seen.push({
        url: `${request.method} ${request.url}`,
        host: request.headers.host,
        headers: request.headers,
        body,
      })
      answer(request, response)
    })
  })
  let port = 0
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  after(() => server.close())

  function answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const to = new URL(url, 'http://x').searchParams.get('to')
    if (to !== null) response.writeHead(Number(url.slice(1, 4)), { location: to }).end()
    else if (url === '/bomb')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1_000_000)))
    else if (url === '/gzip')
      response
        .writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' })
        .end(gzipSync('small'))
    else if (url === '/big') response.end(Buffer.alloc(100_001))
    else if (url === '/never') response.flushHeaders()
    else if (url === '/png')
      response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([1, 255]))
    else response.writeHead(url === '/404' ? 404 : 200, { 'content-type': 'application/json' }).end('{"a":1}')
  }

  /** Names that are on this machine, where the operator allows them. */
  const inside = (): Client =>
    clientOf({
      policy: { internalHosts: [`a.example:${port}`, `b.example:${port}`] },
      limits: { ...HTTP_LIMITS, answerBytesMax: 100_000 },
      resolve: (name) => Promise.resolve([name.startsWith('evil') ? '10.0.0.1' : '127.0.0.1']),
    })
  const at = (path: string, host = 'a.example'): string => `http://${host}:${port}${path}`

  test('answers are texts or bytes by their type, errors too', async () => {
    const client = inside()
    assert.deepEqual((await client.get(at('/'))).body, '{"a":1}')
    assert.equal((await client.get(at('/404'))).status, 404)
    assert.deepEqual((await client.get(at('/png'))).body, Buffer.from([1, 255]))
    assert.equal((await client.get(at('/gzip'))).body, 'small')
    assert.equal(seen.at(-1)?.host, `a.example:${port}`)
  })

  test('bodies go out as the kind that was asked for', async () => {
    const client = inside()
    const sent = async (
      body: unknown,
      postType?: string,
      more: object = {},
    ): Promise<[string | undefined, string]> => {
      await client.post(at('/'), body, { ...(postType === undefined ? {} : { postType }), ...more })
      return [seen.at(-1)!.headers['content-type'], seen.at(-1)!.body]
    }
    assert.deepEqual(await sent({ a: 1 }), ['application/json', '{"a":1}'])
    assert.deepEqual(await sent({ a: 'x y', b: 2 }, client.FORM), [
      'application/x-www-form-urlencoded',
      'a=x+y&b=2',
    ])
    assert.deepEqual(await sent('plain', client.TEXT), ['text/plain', 'plain'])
    assert.deepEqual(await sent('<a/>', client.XML), ['application/xml', '<a/>'])
    const form = moduleOf<{ create(): { append(...args: unknown[]): void; getHeaders(): object } }>(
      formdataModule,
      never,
    ).create()
    form.append('na"me', 'value')
    form.append('file', Buffer.from([1, 255]), 'a.bin')
    const [type, body] = await sent(form, client.MULTIPART, { headers: form.getHeaders() })
    assert.match(type ?? '', /^multipart\/form-data; boundary=form-/)
    assert.match(body, /name="na%22me"\r\n\r\nvalue\r\n/)
    assert.ok(
      body.includes(
        'name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n\u0001\u00FF\r\n',
      ),
    )
  })

  test('what belongs to the connection is not the app’s to say', async () => {
    await inside().get(at('/'), {
      headers: { host: 'evil.example', 'transfer-encoding': 'chunked', 'x-own': 'yes' },
    })
    const { host, headers } = seen.at(-1)!
    assert.deepEqual(
      [host, headers['transfer-encoding'], headers['x-own']],
      [`a.example:${port}`, undefined, 'yes'],
    )
  })

  test('a redirect is checked as the first request was', async () => {
    const client = inside()
    for (const to of [
      'http://127.0.0.1/',
      `http://evil.example:${port}/`,
      'file:///etc/passwd',
      `http://[::1]:${port}/`,
    ])
      assert.equal((await client.get(at(`/302?to=${encodeURIComponent(to)}`))).code, 'EGRESS_DENIED', to)
    assert.equal((await client.get(at('/302?to=/'))).status, 200)
    assert.equal((await client.get(at('/302?to=/'), { maxRedirects: 0 })).status, 302)
    await assert.rejects(
      client.get(at('/302?to=/302%3Fto=/302%3Fto=/')).then(() => client.get(at('/307?to='))),
      hasCode('TOO_MANY_REDIRECTS'),
    )
  })

  test('secrets stay with the origin that they were for', async () => {
    const client = inside()
    const headers = { authorization: 'Bearer s', cookie: 'c=1', 'x-api-key': 'k', accept: 'a/b' }
    await client.get(at('/302?to=/same'), { headers })
    assert.equal(seen.at(-1)?.headers.authorization, 'Bearer s')
    await client.post(at(`/307?to=${encodeURIComponent(at('/other', 'b.example'))}`), { a: 1 }, { headers })
    const { url, headers: got, body } = seen.at(-1)!
    assert.deepEqual(
      [url, body, got.authorization, got.cookie, got['x-api-key'], got.accept],
      ['POST /other', '{"a":1}', undefined, undefined, undefined, 'a/b'],
    )
    await client.post(at('/303?to=/'), { a: 1 })
    assert.deepEqual([seen.at(-1)?.url, seen.at(-1)?.body], ['GET /', ''])
  })

  test('a name that is answered otherwise the second time leads to the first address', async () => {
    let asked = 0
    const policy = { internalHosts: [`a.example:${port}`] }
    const client = clientOf({
      policy,
      resolve: () => Promise.resolve([(asked += 1) === 1 ? '127.0.0.1' : '10.0.0.1']),
    })
    assert.equal((await client.get(at('/'))).status, 200)
    assert.equal(asked, 1)
    // And one that turns inwards by a redirect is asked for again, and refused.
    let turn = 0
    const turning = clientOf({
      policy,
      resolve: (name) =>
        Promise.resolve([name === 'a.example' ? '127.0.0.1' : (turn += 1) === 1 ? '127.0.0.1' : PUBLIC]),
    })
    assert.equal(
      (await turning.get(at(`/302?to=${encodeURIComponent(at('/', 'c.example'))}`))).code,
      'EGRESS_DENIED',
    )
  })

  test('an answer that is too large, or never ends, is cut off', async () => {
    const client = inside()
    await assert.rejects(client.get(at('/big')), hasCode('ANSWER_TOO_LARGE'))
    await assert.rejects(client.get(at('/bomb')), hasCode('ANSWER_TOO_LARGE'))
    await assert.rejects(client.get(at('/never'), { timeout: 100 }), hasCode('TIMEOUT'))
  })

  test('no proxy of the host’s surroundings takes part', async () => {
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:1'
    try {
      assert.equal((await inside().get(at('/'))).status, 200)
    } finally {
      delete process.env['HTTP_PROXY']
    }
  })
})
