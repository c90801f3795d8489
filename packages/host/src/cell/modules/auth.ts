import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CellModule } from '../module.ts'
import { asText, fieldOf } from './values.ts'

/** JSON Web Tokens, HMAC with SHA-256 and nothing else: a token does not choose how it is checked. */
export const authModule: CellModule = {
  name: 'auth',
  key: undefined,
  make: ({ jwtSecret }) => {
    const secretOf = (options: unknown): string => {
      const secret = fieldOf(options, 'secret') ?? jwtSecret
      if (typeof secret !== 'string' || secret === '')
        throw new Error('the app has no `jwt_secret`: set one in app.json')
      return secret
    }
    return {
      jwt: {
        create(payload: unknown, expiresIn?: unknown, options?: unknown): string {
          if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
            throw new TypeError('the payload must be an object')
          const iat = nowSeconds()
          const seconds = secondsOf(expiresIn ?? fieldOf(options, 'expiresIn') ?? '1h')
          const iss = fieldOf(options, 'iss')
          const issued = typeof iss === 'string' ? { iss } : {}
          return print({ ...issued, ...payload, iat, exp: iat + seconds }, secretOf(options))
        },
        verify(token: unknown, options?: unknown): unknown {
          const secret = secretOf(options)
          if (typeof token !== 'string') return null
          const payload = parse(token, secret)
          const iss = fieldOf(options, 'iss')
          return typeof iss === 'string' && fieldOf(payload, 'iss') !== iss ? null : payload
        },
      },
    }
  },
}

const HEADER = { alg: 'HS256', typ: 'JWT' }
const UNIT_SECONDS = new Map([
  ['ms', 0.001],
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 604_800],
  ['y', 31_557_600],
])

function print(payload: object, secret: string): string {
  const signed = [HEADER, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${sign(signed, secret).toString('base64url')}`
}

/** @returns null for what this secret did not sign, and for what is over or not yet valid */
function parse(token: string, secret: string): object | null {
  const parts = token.split('.')
  if (parts.length !== 3) return null
  const [head, body, signature] = parts as [string, string, string]
  const given = Buffer.from(signature, 'base64url')
  const wanted = sign(`${head}.${body}`, secret)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null
  const header = parseObject(head)
  const payload = parseObject(body)
  if (header?.['alg'] !== HEADER.alg || payload === null) return null
  const { exp, nbf } = payload
  const now = nowSeconds()
  if (exp !== undefined && !(typeof exp === 'number' && now < exp)) return null
  if (nbf !== undefined && !(typeof nbf === 'number' && now >= nbf)) return null
  return payload
}

function parseObject(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function sign(text: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(text).digest()
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}

/** As in `'8h'` or `'7d'`; a number is in seconds. */
function secondsOf(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.floor(value)
  const matched = /^(\d{1,12}(?:\.\d{1,6})?) ?(ms|s|m|h|d|w|y)?$/.exec(asText(value, 'the lifespan').trim())
  if (matched === null) throw new TypeError('the lifespan must be as in `8h` or `7d`')
  // A bare number in a string is in milliseconds, as elsewhere for such texts.
  return Math.floor(Number(matched[1]) * UNIT_SECONDS.get(matched[2] ?? 'ms')!)
}
