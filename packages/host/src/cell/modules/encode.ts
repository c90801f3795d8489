import type { BufferShim, CellModule } from '../module.ts'
import { asBytes, asText } from './values.ts'

/** Texts in other spellings. What is not a string is answered with null, as these calls are documented. */
export const encodeModule: CellModule = {
  name: 'encode',
  key: undefined,
  make: ({ Buffer: App }) => ({
    base64: {
      encode: ifText((text) => Buffer.from(text).toString('base64')),
      decode: ifText((text) => Buffer.from(text, 'base64').toString('utf8')),
      encodeUrl: (input: unknown) => Buffer.from(bytesOf(input)).toString('base64url'),
      decodeUrl: ifText((text) => Buffer.from(text, 'base64url').toString('utf8')),
    },
    uri: { encode: ifText(encodeURIComponent), decode: ifText(decodeURIComponent) },
    hex: {
      encode: ifText((text) => Buffer.from(text).toString('hex')),
      decode: ifText((text) => Buffer.from(text, 'hex').toString('utf8')),
    },
    html: { encode: ifText(encodeHtml), decode: ifText(decodeHtml) },
    base58: {
      encode: (input: unknown) => encodeBase58(bytesOf(input)),
      decode: (text: unknown) => decodeBase58(asText(text, 'the text'), App),
    },
  }),
}

function ifText(work: (text: string) => string): (text: unknown) => string | null {
  return (text) => (typeof text === 'string' ? work(text) : null)
}

function bytesOf(input: unknown): Uint8Array {
  return typeof input === 'string' ? Buffer.from(input) : asBytes(input, 'the input')
}

const ENTITIES = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
])
const CHARACTERS = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', '\u00A0'],
])
const CODE_POINT_MAX = 0x10_ff_ff

function encodeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES.get(character)!)
}

/** Once over the text, so that `&amp;lt;` becomes `&lt;` and not `<`. */
function decodeHtml(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return CHARACTERS.get(String(name)) ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16)
    return code <= CODE_POINT_MAX ? String.fromCodePoint(code) : whole
  })
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Its cost grows with the square of the length. */
const BASE58_BYTES_MAX = 65_536

function encodeBase58(bytes: Uint8Array): string {
  if (bytes.length > BASE58_BYTES_MAX)
    throw new RangeError(`${BASE58_BYTES_MAX} bytes are the most for base58`)
  const zeros = bytes.findIndex((byte) => byte !== 0)
  const leading = zeros === -1 ? bytes.length : zeros
  const digits: number[] = []
  for (const byte of bytes.subarray(leading)) {
    let carry = byte
    for (let at = 0; at < digits.length; at += 1) {
      carry += digits[at]! * 256
      digits[at] = carry % 58
      carry = Math.floor(carry / 58)
    }
    for (; carry > 0; carry = Math.floor(carry / 58)) digits.push(carry % 58)
  }
  return (
    '1'.repeat(leading) +
    digits
      .toReversed()
      .map((digit) => BASE58[digit])
      .join('')
  )
}

function decodeBase58(text: string, App: BufferShim): Uint8Array {
  if (text.length > 2 * BASE58_BYTES_MAX) throw new RangeError('the text is too long for base58')
  const leading = /^1*/.exec(text)![0].length
  const bytes: number[] = []
  for (const character of text.slice(leading)) {
    let carry = BASE58.indexOf(character)
    if (carry === -1) throw new TypeError('the text is not base58')
    for (let at = 0; at < bytes.length; at += 1) {
      carry += bytes[at]! * 58
      bytes[at] = carry % 256
      carry = Math.floor(carry / 256)
    }
    for (; carry > 0; carry = Math.floor(carry / 256)) bytes.push(carry % 256)
  }
  return App.from([...Array.from({ length: leading }, () => 0), ...bytes.toReversed()])
}
