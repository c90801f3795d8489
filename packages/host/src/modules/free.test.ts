import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runInThisContext } from 'node:vm'
import { authModule } from '../cell/modules/auth.ts'
import { cryptoModule } from '../cell/modules/crypto.ts'
import { encodeModule } from '../cell/modules/encode.ts'
import { htmlModule } from '../cell/modules/html.ts'
import { mimeTypesModule } from '../cell/modules/mime-types.ts'
import { pdfModule } from '../cell/modules/pdf.ts'
import { qrcodeModule } from '../cell/modules/qrcode.ts'
import { querystringModule } from '../cell/modules/querystring.ts'
import { urlModule } from '../cell/modules/url.ts'
import { utilsModule } from '../cell/modules/utils.ts'
import { uuidModule } from '../cell/modules/uuid.ts'
import type { CellModule, ModuleContext } from '../cell/module.ts'
import { openRenderers } from './render/operations.ts'
import { callerOf, makeApp, moduleOf } from './testing/kit.ts'

// What apps call with whatever arguments is typed no further here.
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any

/** The text as a cell evaluates it, but for the walls: `library.test.ts` tries those. */
function library(name: string): unknown {
  const text = readFileSync(new URL(`../../libraries/${name}.js`, import.meta.url), 'utf8')
  const module = { exports: {} }
  runInThisContext(`(function (module, exports) {${text}\n})`).call(globalThis, module, module.exports)
  return module.exports
}

function make(module: CellModule, given: Partial<ModuleContext> = {}): Any {
  return moduleOf<Any>(module, callerOf(openRenderers().operations, makeApp('a')), { library, ...given })
}

test('crypto gives the published digests, and back what it encrypted to the same secret alone', async () => {
  const crypto = make(cryptoModule)
  assert.equal(crypto.CRC32('123456789'), 0xcbf43926)
  assert.equal(crypto.MD5('hello world'), '5eb63bbbe01eeed093cb22bb8f5acdc3')
  assert.equal(crypto.SHA2('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  assert.equal(crypto.SHA3('abc'), '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532')
  const signature = crypto.hmacSha256Encrypt('a', 's')
  assert.deepEqual(
    [
      crypto.hmacSha256Verify(signature, 'a', 's'),
      crypto.hmacSha256Verify(signature, 'b', 's'),
      crypto.hmacSha256Verify('', 'a', 's'),
    ],
    [true, false, false],
  )
  const secret = crypto.encrypt('for you', 's')
  assert.match(secret, /^[0-9a-f]{32}:[0-9a-f]{32}:[0-9a-f]+$/)
  assert.deepEqual([crypto.decrypt(secret, 's'), crypto.decrypt(secret, 'other')], ['for you', null])
  assert.throws(() => crypto.decrypt('nonsense', 's'))
  const hash = await crypto.hashPassword('pw')
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.deepEqual(
    [
      await crypto.verifyPassword('pw', hash),
      await crypto.verifyPassword('no', hash),
      await crypto.verifyPassword('pw', hash.replace('m=19456', 'm=9999999')),
    ],
    [true, false, false],
  )
  assert.match(crypto.generateSecureRandomString(32), /^[\w-]{32}$/)
  assert.match(crypto.generateSecureRandomString(24, true), /^[a-zA-Z_-]{24}$/)
  assert.throws(() => crypto.generateSecureRandomString(-1), RangeError)
})

test('a token is good for its own secret, its own algorithm and its own time', () => {
  const { jwt } = make(authModule, { jwtSecret: 's' })
  const token = jwt.create({ userId: 42 }, '8h')
  const payload = jwt.verify(token)
  assert.equal(payload.userId, 42)
  assert.equal(payload.exp - payload.iat, 8 * 3_600)
  assert.equal(make(authModule, { jwtSecret: 'other' }).jwt.verify(token), null)
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = (header: object, body: object): string => {
    const text = `${part(header)}.${part(body)}`
    return `${text}.${createHmac('sha256', 's').update(text).digest('base64url')}`
  }
  assert.deepEqual(jwt.verify(signed({ alg: 'HS256' }, { a: 1 })), { a: 1 })
  for (const bad of [
    `${part({ alg: 'none' })}.${part({ a: 1 })}.`,
    signed({ alg: 'none' }, {}),
    signed({ alg: 'HS256' }, { exp: 1 }),
    signed({ alg: 'HS256' }, { exp: 'never' }),
    signed({ alg: 'HS256' }, { nbf: 1e12 }),
    `${token}x`,
    'a.b',
    '',
    undefined,
  ])
    assert.equal(jwt.verify(bad), null, String(bad))
  assert.throws(() => make(authModule).jwt.create({}), /jwt_secret/)
})

test('encodings are undone by their decodings', () => {
  const encode = make(encodeModule)
  const text = 'Über <b>"&amp;"</b> 🚀'
  for (const name of ['base64', 'uri', 'hex', 'html'])
    assert.equal(encode[name].decode(encode[name].encode(text)), text, name)
  assert.equal(encode.base64.decodeUrl(encode.base64.encodeUrl(text)), text)
  assert.equal(encode.html.decode('&amp;lt; &#65;&#x42; &#9999999; &nope;'), '&lt; AB &#9999999; &nope;')
  assert.equal(encode.base58.encode('Hello World!'), '2NEpo7TZRRrLZSi2U')
  assert.deepEqual(
    encode.base58.decode(encode.base58.encode(Buffer.from([0, 0, 1, 255]))),
    Buffer.from([0, 0, 1, 255]),
  )
  assert.equal(encode.base64.encode(1), null)
})

test('utils answers as its documentation says', () => {
  const { string, validate, misc, rnd } = make(utilsModule)
  assert.equal(string.slugify(' This is a -- Slug! '), 'this-is-a-slug')
  assert.equal(string.capitalize('hello'), 'Hello')
  assert.match(string.truncate('long text that needs shortening', 20), /^long text that needs\.\.\.$/)
  assert.equal(string.stripHtml('<p><b>HTML</b> content</p>'), 'HTML content')
  assert.deepEqual(['a@b.co', 'invalid-email', 'a@b'].map(validate.isEmail), [true, false, false])
  assert.deepEqual(['https://google.com', 'not a url', 'javascript:x'].map(validate.isUrl), [
    true,
    false,
    false,
  ])
  assert.deepEqual(['', '  ', [], {}, null, 'a', 0].map(validate.isEmpty), [
    true,
    true,
    true,
    true,
    true,
    false,
    false,
  ])
  assert.deepEqual(['+1 (555) 123-4567', '5551234567', 'abc'].map(validate.isPhoneNumber), [
    true,
    true,
    false,
  ])
  assert.deepEqual(
    [
      validate.hasLength('abc', { exact: 3 }),
      validate.hasLength('pass', { min: 8 }),
      validate.hasLength('x', { max: 10 }),
    ],
    [true, false, true],
  )
  assert.deepEqual(misc.groupBy([{ c: 'a' }, { c: 'b' }, { c: 'a' }], 'c'), {
    a: [{ c: 'a' }, { c: 'a' }],
    b: [{ c: 'b' }],
  })
  assert.deepEqual(Object.keys(misc.groupBy([{ c: '__proto__' }], 'c')), ['__proto__'])
  assert.equal(misc.clamp(150, 0, 100), 100)
  assert.match(rnd.color(), /^#[0-9a-f]{6}$/)
  assert.equal(rnd.string(12).length, 12)
  assert.equal(rnd.choice([]), undefined)
  assert.throws(() => rnd.intInRange(2, 1))
})

test('codes are images of the size that was asked for', async () => {
  const qrcode = make(qrcodeModule)
  const png = await qrcode.qrcode('https://example.com/', { width: 250, margin: 2 })
  // 25 modules and two margins of 2, 8 pixels each.
  assert.equal(png.readUInt32BE(16), 29 * 8)
  assert.match(
    await qrcode.barcode('EAN13', '123456789012', { output: qrcode.DATA_URL }),
    /^data:image\/png;base64,/,
  )
  const bars = await qrcode.barcode('CODE128', 'abc')
  assert.ok(bars.readUInt32BE(16) > 100 && bars.readUInt32BE(20) > 100)
  await assert.rejects(qrcode.barcode('nothing', 'abc'))
})

test('the small ones', async () => {
  const uuid = make(uuidModule)
  assert.deepEqual([uuid.validate(uuid.v4()), uuid.validate('invalid-uuid')], [true, false])
  assert.equal(make(mimeTypesModule).lookup('./images/a.png'), 'image/png')
  assert.equal(make(querystringModule).stringify({ a: ['1', '2'] }), 'a=1&a=2')
  const url = make(urlModule)
  assert.equal(url.parse('/a?b=1').pathname, '/a')
  assert.equal(
    url.format({ protocol: 'https', hostname: 'a', port: 1, pathname: '/b', query: 'c=1' }),
    'https://a:1/b?c=1',
  )
  assert.equal(url.resolve('/one/two', '../three'), '/three')
  assert.equal(make(htmlModule).fromString('<h2 class="t">hi</h2>')('.t').text(), 'hi')
  const pdf = await make(pdfModule).create({ content: ['hi'] })
  assert.equal(String(pdf.subarray(0, 5)), '%PDF-')
})
