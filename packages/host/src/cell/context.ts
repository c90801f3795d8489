import type { AppFacts, BodyMessage, RequestMessage, ResponseMessage } from '../messages.ts'
import { SafeUrl } from './endowments/url.ts'
import type { BufferShim } from './module.ts'
import { print, printable } from './print.ts'
import { toText } from './text.ts'

/** `$g`: what a script has of its request. Scripts of one request share it, and may put things on it. */
export interface Context {
  readonly $g: object
  readonly isAnswered: () => boolean
}

export type Log = (level: 'info' | 'warn' | 'error', message: string, data: unknown) => void

export interface Reply {
  readonly head: Omit<ResponseMessage, 'kind' | 'id'>
  readonly body: Uint8Array | undefined
}

const JSON_TYPE = 'application/json'
const DEFAULT_TYPE = 'text/plain'

const encoder = new TextEncoder()

/** For a startup script, which has no request. */
export function makeStartupContext(app: AppFacts, log: Log): Context {
  return {
    $g: { request: null, response: null, app: appOf(app), log: loggerOf(log) },
    isAnswered: () => false,
  }
}

/** `$g.response`, whose fields are the app's to change. */
interface Response {
  status: unknown
  headers: Record<string, unknown>
  cookies: Record<string, unknown>
  body: unknown
  send(data?: unknown, status?: unknown, type?: unknown): void
}

export function makeRequestContext(
  app: AppFacts,
  log: Log,
  Buffer: BufferShim,
  message: RequestMessage,
  blobs: readonly Uint8Array[],
  signal: unknown,
  reply: (reply: Reply) => void,
): Context {
  let isAnswered = false
  const response: Response = {
    status: 200,
    headers: { 'Content-Type': DEFAULT_TYPE },
    cookies: {},
    body: null,
    send: (data = response.body, status, type) => {
      if (isAnswered) {
        log('error', 'the response was sent already; what was sent after it is dropped', undefined)
        return
      }
      const made = replyOf(response, data, status, type)
      isAnswered = true
      reply(made)
    },
  }
  const $g = {
    request: requestOf(message, blobs, Buffer, signal),
    response,
    app: appOf(app),
    log: loggerOf(log),
  }
  return { $g, isAnswered: () => isAnswered }
}

function requestOf(
  message: RequestMessage,
  blobs: readonly Uint8Array[],
  Buffer: BufferShim,
  signal: unknown,
): object {
  const { method, path, protocol, hostname, headers, cookies, query, params } = message
  const url = new SafeUrl(message.url, `${protocol}://${hostname}`)
  const body = bodyOf(message.body, blobs, Buffer)
  return { method, url, path, protocol, hostname, headers, cookies, query, params, body, signal }
}

function bodyOf(body: BodyMessage, blobs: readonly Uint8Array[], Buffer: BufferShim): unknown {
  if (body.type === 'none') return null
  if (body.type === 'bytes') return Buffer.from(blobs[body.blob]!)
  if (body.type !== 'multipart') return body.value
  const files = body.files.map(({ field, name, type, blob }) => {
    const data = Buffer.from(blobs[blob]!)
    return [field, { name, type, size: data.length, data }] as const
  })
  return { ...body.fields, files: Object.fromEntries(files) }
}

function appOf({ name, version, description, env }: AppFacts): object {
  return { name, version, description, env: { ...env } }
}

function loggerOf(log: Log): object {
  const line = (level: 'info' | 'warn' | 'error') => (message: unknown, data?: unknown) =>
    log(level, print(message), printable(data))
  return { info: line('info'), warn: line('warn'), error: line('error') }
}

/** @throws {TypeError | RangeError} for what cannot be sent, and then nothing was */
function replyOf(
  response: { status: unknown; headers: unknown; cookies: unknown },
  data: unknown,
  status: unknown,
  type: unknown,
): Reply {
  const code = Number(status ?? response.status)
  if (!Number.isInteger(code) || code < 200 || code > 599)
    throw new RangeError(`\`${String(code)}\` is not a status that can be sent: 200 to 599`)
  const { named, contentType } = headersOf(response.headers)
  const { body, kind } = encodeBody(data)
  return {
    head: {
      status: code,
      headers: named,
      cookies: textsOf(response.cookies),
      type: type === undefined || type === null ? (kind ?? contentType ?? DEFAULT_TYPE) : toText(type),
    },
    body,
  }
}

function encodeBody(data: unknown): { body: Uint8Array | undefined; kind?: string } {
  if (data === undefined || data === null) return { body: undefined }
  if (typeof data === 'string') return { body: encoder.encode(data) }
  if (ArrayBuffer.isView(data))
    return { body: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength) }
  if (data instanceof ArrayBuffer) return { body: new Uint8Array(data) }
  const text = JSON.stringify(data)
  if (text === undefined) throw new TypeError('a response is text, bytes, or what JSON can express')
  return { body: encoder.encode(text), kind: JSON_TYPE }
}

function headersOf(headers: unknown): { named: Record<string, string | string[]>; contentType?: string } {
  const named = Object.create(null) as Record<string, string | string[]>
  let contentType: string | undefined
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined || value === null) continue
    if (name.toLowerCase() === 'content-type') contentType = String(value)
    else named[name] = Array.isArray(value) ? value.map(String) : String(value)
  }
  return contentType === undefined ? { named } : { named, contentType }
}

function textsOf(record: unknown): Record<string, string> {
  const texts = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(record ?? {})) texts[name] = String(value)
  return texts
}
