import type { CellModule, ModuleContext } from '../module.ts'
import { asBytes, asText, fieldOf } from './values.ts'

/** Requests to other servers. The host says which may be reached, makes the connection and follows redirects. */
export const httpclientModule: CellModule = { name: 'httpclient', key: 'httpclient', make: makeHttpclient }

export interface Response {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  readonly code?: string
}

/** What a body is sent as, by the names that apps use. */
const TYPES = {
  JSON: 'application/json',
  FORM: 'application/x-www-form-urlencoded',
  TEXT: 'text/plain',
  XML: 'application/xml',
  MULTIPART: 'multipart/form-data',
}

function makeHttpclient(context: ModuleContext): object {
  const without = (method: string) => (url: unknown, options?: unknown) =>
    request(context, method, url, undefined, options)
  const withBody = (method: string) => (url: unknown, body?: unknown, options?: unknown) =>
    request(context, method, url, encode(body, options), options)
  return {
    ...TYPES,
    get: without('GET'),
    delete: without('DELETE'),
    post: withBody('POST'),
    put: withBody('PUT'),
    patch: withBody('PATCH'),
  }
}

interface Encoded {
  readonly bytes: Uint8Array
  readonly type: string
}

/** @returns whatever was answered, with an error's status too; `code` EGRESS_DENIED and 403 when it may not be reached */
export async function request(
  context: ModuleContext,
  method: string,
  url: unknown,
  body: Encoded | undefined,
  options: unknown,
): Promise<Response> {
  const headers = headersOf(fieldOf(options, 'headers'))
  if (body !== undefined && !headers.some(([name]) => name === 'content-type'))
    headers.push(['content-type', body.type])
  const timeout = fieldOf(options, 'timeout')
  const redirects = fieldOf(options, 'maxRedirects')
  const args = {
    method,
    url: urlOf(url, fieldOf(options, 'params')),
    headers,
    ...(typeof timeout === 'number' && timeout > 0 ? { timeoutMs: Math.ceil(timeout) } : {}),
    ...(typeof redirects === 'number' && redirects >= 0 ? { redirectsMax: Math.floor(redirects) } : {}),
  }
  try {
    const answer = await untilAborted(
      context.call('httpclient.request', args, body === undefined ? [] : [body.bytes]),
      fieldOf(options, 'signal'),
    )
    const { status, headers: answered } = answer.value as { status: number; headers: Record<string, string> }
    const bytes = context.Buffer.from(answer.blobs[0] ?? [])
    return { status, headers: answered, body: isText(answered['content-type']) ? bytes.toString() : bytes }
  } catch (error) {
    // As documented: what the policy refuses looks like an answer.
    if (fieldOf(error, 'code') !== 'EGRESS_DENIED') throw error
    return { status: 403, code: 'EGRESS_DENIED', headers: {}, body: String(fieldOf(error, 'message')) }
  }
}

function encode(body: unknown, options: unknown): Encoded | undefined {
  const type = asText(fieldOf(options, 'postType') ?? TYPES.JSON, 'the type of the body')
  if (type === TYPES.MULTIPART) return encodeForm(body)
  if (body === undefined || body === null) return undefined
  if (type === TYPES.FORM)
    return { bytes: Buffer.from(typeof body === 'string' ? body : printForm(body)), type }
  if (type === TYPES.JSON && !(body instanceof Uint8Array)) {
    // A string is JSON already, as apps hand it over.
    const text = typeof body === 'string' ? body : (JSON.stringify(body) as string | undefined)
    if (text === undefined) throw new TypeError('the body is not JSON')
    return { bytes: Buffer.from(text), type }
  }
  return { bytes: typeof body === 'string' ? Buffer.from(body) : asBytes(body, 'the body'), type }
}

function encodeForm(body: unknown): Encoded {
  const form = body as { getBuffer?: unknown; getHeaders?: unknown } | null
  if (typeof form?.getBuffer !== 'function' || typeof form.getHeaders !== 'function')
    throw new TypeError('a multipart body is made with `formdata.create()`')
  const bytes = asBytes((form.getBuffer as () => unknown)(), 'the form')
  return { bytes, type: String(fieldOf((form.getHeaders as () => unknown)(), 'content-type')) }
}

function printForm(body: unknown): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(body as object))
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) params.append(name, String(one))
  return params.toString()
}

function urlOf(url: unknown, params: unknown): string {
  const text = asText(typeof url === 'string' ? url : fieldOf(url, 'href'), 'the URL')
  if (typeof params !== 'object' || params === null) return text
  const made = new URL(text)
  for (const [name, value] of new URLSearchParams(printForm(params))) made.searchParams.append(name, value)
  return made.href
}

function headersOf(headers: unknown): [name: string, value: string][] {
  if (typeof headers !== 'object' || headers === null) return []
  return Object.entries(headers)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [name.toLowerCase(), String(value)])
}

const TEXTUAL =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml)\b|application\/(?:javascript|x-www-form-urlencoded)\b|image\/svg\+xml)/i

function isText(type: string | undefined): boolean {
  return type === undefined || TEXTUAL.test(type)
}

async function untilAborted<T>(work: Promise<T>, signal: unknown): Promise<T> {
  if (typeof signal !== 'object' || signal === null) return work
  const watched = signal as {
    readonly aborted?: unknown
    addEventListener?(name: string, listener: () => void): void
  }
  const aborted = Object.assign(new Error('the request was aborted'), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  })
  if (watched.aborted === true) throw aborted
  return Promise.race([
    work,
    new Promise<never>((_resolve, reject) => watched.addEventListener?.('abort', () => reject(aborted))),
  ])
}
