import type { Random } from './random.ts'
import { write, type Request } from './request.ts'

export interface Hostile {
  readonly pieces: readonly (string | Uint8Array)[]
  readonly note: string
}

const METHODS = [
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'HEAD',
  'get',
  'FOO',
  'CONNECT',
  'PRI',
  'M-SEARCH',
  'QUERY',
  '',
]

/** Bytes that break what HTTP agrees on, around a request that would have been one. */
export function hostileBytes(request: Request, authorization: string | undefined, random: Random): Hostile {
  const whole = Buffer.concat(write(request, authorization, 'hostile').map((piece) => Buffer.from(piece)))
  const split = whole.indexOf('\r\n\r\n') + 4
  const head = whole.toString('latin1', 0, split)
  const body = whole.subarray(split)
  const choose: readonly (readonly [string, () => readonly (string | Uint8Array)[]])[] = [
    ['method', () => [head.replace(/^\S+/, random.pick(METHODS)), body]],
    [
      'version',
      () => [
        head.replace('HTTP/1.1', random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'http/1.1', ''])),
        body,
      ],
    ],
    [
      'path',
      () => [
        head.replace(/^(\S+) \S+/, (_, method: string) => `${method} ${oddPath(request.url, random)}`),
        body,
      ],
    ],
    ['a header twice', () => [again(head, random), body]],
    [
      'a header without a name or colon',
      () => [
        head.replace('\r\n', `\r\n${random.pick([': x', 'x', ' x: y', 'a b: c', '\u0000: x', 'é: x'])}\r\n`),
        body,
      ],
    ],
    [
      'large headers',
      () => [head.replace('\r\n', `\r\nX: ${'x'.repeat(random.pick([8_000, 17_000, 100_000]))}\r\n`), body],
    ],
    [
      'many headers',
      () => [head.replace('\r\n', `\r\n${'A: b\r\n'.repeat(random.pick([500, 3_000]))}`), body],
    ],
    [
      'no host',
      () => [
        head.replace(
          /^Host: .*\r\n/m,
          random.pick([
            '',
            'Host: \r\n',
            'Host: a/b\r\n',
            'Host: a\r\nHost: b\r\n',
            'Host: [\r\n',
            'Host: x:99999\r\n',
            'Host: %\r\n',
            'Host: é\r\n',
          ]),
        ),
        body,
      ],
    ],
    [
      'a length that is none',
      () => [
        head.replace(
          /\r\n$/,
          `Content-Length: ${random.pick(['-1', 'abc', '1e3', '0x10', '5, 5', '99999999999999999999', ''])}\r\n\r\n`,
        ),
        body,
      ],
    ],
    [
      'length and chunks',
      () => [
        head.replace(/\r\n$/, 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n'),
        '4\r\nabcd\r\n0\r\n\r\n',
      ],
    ],
    [
      'another encoding',
      () => [
        head.replace(
          /\r\n$/,
          `Transfer-Encoding: ${random.pick(['gzip', 'chunked, gzip', 'identity', 'xchunked', 'chunked\r\nTransfer-Encoding: chunked'])}\r\n\r\n`,
        ),
        body,
      ],
    ],
    [
      'broken chunks',
      () => [
        head
          .replace(/^(?:Content-Length|Transfer-Encoding): .*\r\n/gm, '')
          .replace(/\r\n$/, 'Transfer-Encoding: chunked\r\n\r\n'),
        random.pick([
          'zz\r\n',
          '-1\r\n',
          '5\r\nabc',
          'ffffffffffffffffff\r\n',
          '0\r\nX: y\r\n\r\n',
          '1;a=b\r\nx\r\n0\r\n\r\n',
          '3\nabc\n0\n\n',
        ]),
      ],
    ],
    ['too short', () => [whole.subarray(0, random.int(whole.length))]],
    [
      'more than announced',
      () => [head, body, random.pick(['x', '\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', whole])],
    ],
    ['two at once', () => [whole.toString('latin1').replace('Connection: close\r\n', ''), whole]],
    [
      'a body where none is wanted',
      () => [head.replace(/^\S+/, random.pick(['GET', 'HEAD', 'DELETE'])), body],
    ],
    [
      'an upgrade',
      () => [
        head.replace(
          /\r\n$/,
          `Upgrade: ${random.pick(['websocket', 'h2c', 'TLS/1.0'])}\r\nConnection: Upgrade\r\n\r\n`,
        ),
        body,
      ],
    ],
    [
      'an expectation',
      () => [head.replace(/\r\n$/, `Expect: ${random.pick(['100-continue', 'wonders', ''])}\r\n\r\n`), body],
    ],
    [
      'an encoded body',
      () => [
        head.replace(/\r\n$/, `Content-Encoding: ${random.pick(['gzip', 'br', 'identity', 'x'])}\r\n\r\n`),
        body,
      ],
    ],
    [
      'lone line ends',
      () => [whole.toString('latin1').replaceAll('\r\n', random.pick(['\n', '\r', '\r\n\r']))],
    ],
    [
      'odd ids',
      () => [
        head.replace(
          'X-Request-ID: hostile',
          `X-Request-ID: ${random.pick(['', 'a b', '<script>', 'x'.repeat(129), '\u00e9', 'a\tb'])}`,
        ),
        body,
      ],
    ],
    [
      'odd authority',
      () => [
        head.replace(
          /\r\n$/,
          `Authorization: ${random.pick(['', 'Bearer', 'Bearer ', 'Bearer a b', 'bearer cst_x', `Bearer cst_${'A'.repeat(43)}`, 'x'.repeat(9_000)])}\r\n\r\n`,
        ),
        body,
      ],
    ],
    ['noise', () => [Uint8Array.from({ length: random.int(400) }, () => random.int(256))]],
    ['bytes changed', () => [changed(whole, random)]],
    [
      'another protocol',
      () => [
        random.pick([
          'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
          '\u0016\u0003\u0001\u0002\u0000',
          'SSH-2.0-x\r\n',
          '{"permission":"a"}',
          '\r\n\r\n\r\n',
          '',
        ]),
      ],
    ],
  ]
  const [note, make] = random.pick(choose)
  return { note, pieces: make() }
}

function oddPath(url: string, random: Random): string {
  const [path = '', query] = url.split('?', 2)
  const at = random.int(path.length + 1)
  const piece = random.pick([
    '/',
    '//',
    '/..',
    '/.',
    '%2e%2e/',
    '%2F',
    '%00',
    '%',
    '%zz',
    '%ff',
    '\\',
    '#',
    ' ',
    ';',
    '\u00ff',
    '?',
    '*',
    '__proto__',
    'x'.repeat(5_000),
  ])
  const made = random.pick([
    path.slice(0, at) + piece + path.slice(at),
    `${path}/`,
    path.toUpperCase(),
    path.replace('/', random.pick(['/x/%2e%2e/', '/%2e/', '/x/..%2f'])),
    path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    `http://localhost${path}`,
    `//${path}`,
    '*',
    '',
    path.slice(1),
  ])
  return query === undefined ? made : `${made}?${query}`
}

function again(head: string, random: Random): string {
  const lines = head.split('\r\n').slice(1, -2)
  const line = random.pick(lines)
  return head.replace(/\r\n$/, `${random.chance(0.5) ? line : line.replace(/: .*/, ': x')}\r\n\r\n`)
}

function changed(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let left = 1 + random.int(4); left > 0; left--) copy[random.int(copy.length)] = random.int(256)
  return copy
}
