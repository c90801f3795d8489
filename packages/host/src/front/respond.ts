import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CellResponse } from '../broker/cell.ts'

/** Where an app's answers go: its cookies are for its own addresses. */
export interface Place {
  /** As in `/blog/`, or `/` where the app has an origin of its own. */
  readonly basePath: string
  /** Whether other apps share the origin. */
  readonly isShared: boolean
}

/** An answer that an app could not have meant. */
export class ResponseInvalidError extends Error {
  override readonly name = 'ResponseInvalidError'
}

/** What says how the connection is used is the server's to say, and so is what browsers take as the origin's own word. */
const RESERVED = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'server',
  'service-worker-allowed',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])
/** Said of the whole origin, and so only where it is the app's own. */
const OF_ORIGIN = new Set(['clear-site-data', 'alt-svc', 'strict-transport-security', 'public-key-pins'])

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u
const FIELD_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/u
const HEADERS_MAX = 100
const HEADER_BYTES_MAX = 16_384
const COOKIES_MAX = 50
const COOKIE_LENGTH_MAX = 4_096

/**
 * Writes what an app answered.
 *
 * @throws {ResponseInvalidError} before anything is written, when it is no HTTP
 */
export function writeAppResponse(
  request: IncomingMessage,
  response: ServerResponse,
  { head, body }: CellResponse,
  place: Place,
): void {
  const headers = headersOf(head.headers, place)
  if (head.type !== undefined) headers.set('content-type', assertValue('content-type', head.type))
  const cookies = Object.entries(head.cookies).map(([name, value]) => cookieOf(name, value, place))
  if (cookies.length > COOKIES_MAX) throw new ResponseInvalidError(`more than ${COOKIES_MAX} cookies`)
  if (!headers.has('x-content-type-options')) headers.set('x-content-type-options', 'nosniff')
  if (!headers.has('content-security-policy'))
    headers.set('content-security-policy', "frame-ancestors 'self'")
  const isBare = request.method === 'HEAD' || head.status === 204 || head.status === 304
  response.statusCode = head.status
  for (const [name, value] of headers) response.setHeader(name, value)
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  if (head.status !== 204 && !(isBare && body === undefined))
    response.setHeader('content-length', body?.length ?? 0)
  response.end(isBare ? undefined : body)
}

function headersOf(
  given: CellResponse['head']['headers'],
  { isShared }: Place,
): Map<string, string | readonly string[]> {
  const headers = new Map<string, string | readonly string[]>()
  let bytes = 0
  for (const [given_, values] of Object.entries(given)) {
    const name = given_.toLowerCase()
    if (!TOKEN.test(name)) throw new ResponseInvalidError('a header has no valid name')
    if (RESERVED.has(name) || (isShared && OF_ORIGIN.has(name))) continue
    const value =
      typeof values === 'string' ? assertValue(name, values) : values.map((one) => assertValue(name, one))
    bytes += name.length + (typeof value === 'string' ? value.length : value.join('').length)
    headers.set(name, value)
  }
  if (headers.size > HEADERS_MAX || bytes > HEADER_BYTES_MAX)
    throw new ResponseInvalidError(`more than ${HEADERS_MAX} headers or ${HEADER_BYTES_MAX} bytes of them`)
  return headers
}

function assertValue(name: string, value: string): string {
  if (!FIELD_VALUE.test(value))
    throw new ResponseInvalidError(`the header \`${name}\` has a value that cannot be sent`)
  return value
}

const COOKIE_VALUE = /^[\u0020\u0021\u0023-\u002b\u002d-\u003a\u003c-\u005b\u005d-\u007e]*$/u

/**
 * A cookie as the app wrote it, `value; Max-Age=300; HttpOnly`. Where it is sent is not the app's to say: a shared
 * origin gives it back to this app's addresses only.
 */
function cookieOf(name: string, text: string, { basePath, isShared }: Place): string {
  const [value = '', ...attributes] = text.split(';').map((part) => part.trim())
  if (!TOKEN.test(name) || (isShared && /^__(?:Host|Secure)-/iu.test(name)))
    throw new ResponseInvalidError('a cookie has no valid name')
  const encoded = COOKIE_VALUE.test(value) ? value : encodeURIComponent(value.toWellFormed())
  const kept = attributes.filter(
    (attribute) => !/^(?:path|domain)\s*(?:=|$)/iu.test(attribute) && attribute !== '',
  )
  const cookie = [`${name}=${encoded}`, ...kept, `Path=${isShared ? basePath : pathOf(attributes)}`].join(
    '; ',
  )
  if (!FIELD_VALUE.test(cookie) || cookie.length > COOKIE_LENGTH_MAX)
    throw new ResponseInvalidError(`the cookie \`${name}\` cannot be sent`)
  return cookie
}

function pathOf(attributes: readonly string[]): string {
  const path = attributes
    .find((attribute) => /^path\s*=/iu.test(attribute))
    ?.split('=')[1]
    ?.trim()
  return path?.startsWith('/') === true ? path : '/'
}
