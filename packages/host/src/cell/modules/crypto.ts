import {
  argon2Sync,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { CellModule } from '../module.ts'
import { asText } from './values.ts'

/** In the cell itself: it needs no power, and what it costs is the app's own. */
export const cryptoModule: CellModule = {
  name: 'crypto',
  key: undefined,
  make: () => ({
    CRC32: (input: unknown) => crc32(asText(input, 'the input')),
    MD5: (input: unknown) => digest('md5', input),
    SHA2: (input: unknown) => digest('sha256', input),
    SHA3: (input: unknown) => digest('sha3-256', input),
    hmacSha256Encrypt: (input: unknown, secret: unknown) =>
      sign(asText(input, 'the input'), asText(secret, 'the secret')).toString('hex'),
    hmacSha256Verify: (signature: unknown, input: unknown, secret: unknown) =>
      isSame(
        Buffer.from(asText(signature, 'the signature').toLowerCase()),
        Buffer.from(sign(asText(input, 'the input'), asText(secret, 'the secret')).toString('hex')),
      ),
    encrypt: (text: unknown, secret: unknown) =>
      encrypt(asText(text, 'the text'), asText(secret, 'the secret')),
    decrypt: (text: unknown, secret: unknown) =>
      decrypt(asText(text, 'the text'), asText(secret, 'the secret')),
    hashPassword: async (password: unknown) => hashPassword(asText(password, 'the password')),
    verifyPassword: async (password: unknown, hash: unknown) =>
      verifyPassword(asText(password, 'the password'), asText(hash, 'the hash')),
    generateSecureRandomString: (length: unknown, isWithoutDigits?: unknown) =>
      randomText(length, isWithoutDigits === true ? LETTERS : LETTERS_AND_DIGITS),
  }),
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_'
const LETTERS_AND_DIGITS = `${LETTERS}0123456789`
const RANDOM_LENGTH_MAX = 65_536
const IV_BYTES = 16
const KEY_BYTES = 32
const TAG_BYTES = 16

/** What OWASP asks of Argon2id at the least, which fits into the memory of a small cell. */
const ARGON2 = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 }
/** Of a hash that another program made. More would be a way to use up the cell. */
const ARGON2_MAX = { memory: 65_536, passes: 16, parallelism: 16, tagLength: 128 }

function digest(algorithm: string, input: unknown): string {
  return createHash(algorithm).update(asText(input, 'the input')).digest('hex')
}

function sign(input: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(input).digest()
}

/** In constant time: an early exit tells a guesser how many leading bytes are right. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function encrypt(text: string, secret: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, iv), iv)
  const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return [iv, cipher.getAuthTag(), encrypted].map((part) => part.toString('hex')).join(':')
}

/** @returns null when the secret is another, or the text was changed */
function decrypt(text: string, secret: string): string | null {
  const matched = /^([0-9a-f]{32}):([0-9a-f]{32}):((?:[0-9a-f]{2})*)$/.exec(text)
  if (matched === null) throw new Error('the text is not as `encrypt` writes it: iv:authtag:encrypted')
  const [iv, tag, encrypted] = matched.slice(1).map((part) => Buffer.from(part, 'hex')) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  const decipher = createDecipheriv('aes-256-gcm', keyOf(secret, iv), iv, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(encrypted), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** A secret may be a password that a person chose, so guessing it is made slow. */
function keyOf(secret: string, salt: Uint8Array): Buffer {
  return scryptSync(secret, salt, KEY_BYTES)
}

function hashPassword(password: string): string {
  const salt = randomBytes(16)
  const hash = argon2Sync('argon2id', { message: password, nonce: salt, ...ARGON2 })
  const { memory, passes, parallelism } = ARGON2
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`
}

function verifyPassword(password: string, text: string): boolean {
  const matched =
    /^\$(argon2id|argon2i|argon2d)\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,4})\$([\w+/]{11,128})\$([\w+/]{16,256})$/.exec(
      text,
    )
  if (matched === null) return false
  const [algorithm, ...rest] = matched.slice(1) as ['argon2id', string, string, string, string, string]
  const [memory, passes, parallelism] = rest.slice(0, 3).map(Number) as [number, number, number]
  const salt = Buffer.from(rest[3], 'base64')
  const hash = Buffer.from(rest[4], 'base64')
  const asked = { memory, passes, parallelism, tagLength: hash.length }
  for (const name of ['memory', 'passes', 'parallelism', 'tagLength'] as const)
    if (asked[name] < 1 || asked[name] > ARGON2_MAX[name]) return false
  if (memory < 8 * parallelism || salt.length < 8) return false
  return isSame(hash, argon2Sync(algorithm, { message: password, nonce: salt, ...asked }))
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** Each character is as likely as any other: bytes that would favour the first ones are left out. */
function randomText(length: unknown, alphabet: string): string {
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 1 || length > RANDOM_LENGTH_MAX)
    throw new RangeError(`the length must be a whole number from 1 to ${RANDOM_LENGTH_MAX}`)
  const fair = 256 - (256 % alphabet.length)
  let text = ''
  while (text.length < length)
    for (const byte of randomBytes(length - text.length))
      if (byte < fair) text += alphabet[byte % alphabet.length]
  return text
}
