import { lookup } from 'node:dns/promises'
import { isIPv6, type LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { Agent, type Dispatcher } from 'undici'
import { z } from 'zod'
import { OperationError, type Operation } from '../../broker/operation.ts'
import { operation } from '../operation.ts'
import { admit, type Destination, type EgressPolicy, type Resolve } from './policy.ts'

export interface HttpLimits {
  /** How long one call may take, redirects and body included, in milliseconds, and when it does not say. */
  readonly timeoutMsMax: number
  readonly timeoutMs: number
  /** Largest answer, in bytes, as it came and again when it is decompressed. It travels in one frame. */
  readonly answerBytesMax: number
  /** Largest head of an answer, in bytes. */
  readonly headBytesMax: number
  readonly redirectsMax: number
  /** Calls of one app at a time. */
  readonly callsMax: number
}

export const HTTP_LIMITS: HttpLimits = {
  timeoutMsMax: 120_000,
  timeoutMs: 30_000,
  answerBytesMax: 16 * 1024 * 1024,
  headBytesMax: 32 * 1024,
  redirectsMax: 5,
  callsMax: 16,
}

export interface HttpOptions {
  readonly policy?: EgressPolicy
  readonly limits?: HttpLimits
  readonly resolve?: Resolve
}

const token = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[!#$%&'*+.^_`|~\w-]+$/)
  .toLowerCase()
const line = z
  .string()
  .max(16_384)
  .regex(/^[\t\u0020-\u007E\u0080-\u00FF]*$/)

/** Belong to the connection, which is the host's. What an app says of them is left out. */
const CONNECTION_HEADERS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** All that follows a redirect to another origin: any other header may hold a secret that is meant for the first. */
const CARRIED_HEADERS = new Set(['accept', 'accept-language', 'content-type', 'user-agent'])

const shape = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  url: z.string().max(16_384),
  headers: z.array(z.tuple([token, line])).max(100),
  timeoutMs: z.number().int().positive().optional(),
  redirectsMax: z.number().int().min(0).optional(),
})

interface Sent {
  readonly method: z.infer<typeof shape>['method']
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array | undefined
}

/** Requests to other servers, within the policy. Nothing of the host's surroundings, as a proxy, takes part. */
export function httpOperations({
  policy = { internalHosts: [] },
  limits = HTTP_LIMITS,
  resolve = resolveName,
}: HttpOptions = {}): readonly Operation[] {
  const running = new Map<string, number>()

  return [
    operation({
      op: 'httpclient.request',
      key: 'httpclient',
      shape,
      run: async ({ app, args, blobs, claims, signal }) => {
        const count = running.get(app.id) ?? 0
        if (count >= limits.callsMax)
          throw new OperationError('TOO_MANY', `${count} requests are under way already`)
        running.set(app.id, count + 1)
        const timeoutMs = Math.min(args.timeoutMs ?? limits.timeoutMs, limits.timeoutMsMax)
        const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
        try {
          const headers = args.headers.filter(([name]) => !CONNECTION_HEADERS.has(name))
          const redirectsMax = Math.min(args.redirectsMax ?? limits.redirectsMax, limits.redirectsMax)
          const first = await orOver(admit(args.url, claims, policy, resolve), over)
          const go = (url: URL): Promise<Destination> => orOver(admit(url, claims, policy, resolve), over)
          return await follow(
            first,
            { method: args.method, headers, body: blobs[0] },
            go,
            redirectsMax,
            limits,
            over,
          )
        } catch (error) {
          throw toldAs(error, over)
        } finally {
          const left = (running.get(app.id) ?? 1) - 1
          if (left === 0) running.delete(app.id)
          else running.set(app.id, left)
        }
      },
    }),
  ]
}

interface Answered {
  readonly value: { readonly status: number; readonly headers: Readonly<Record<string, string>> }
  readonly blobs: readonly Uint8Array[]
}

async function follow(
  first: Destination,
  given: Sent,
  go: (url: URL) => Promise<Destination>,
  redirectsMax: number,
  limits: HttpLimits,
  over: AbortSignal,
): Promise<Answered> {
  let destination = first
  let sent = given
  for (let redirects = 0; ; redirects += 1) {
    const answer = await once(destination, sent, limits, over, redirectsMax > 0)
    if (!('location' in answer)) return answer
    if (redirects === redirectsMax)
      throw new OperationError('TOO_MANY_REDIRECTS', `more than ${redirectsMax} redirects`)
    const from = destination.url
    if (!URL.canParse(answer.location, from))
      throw new OperationError('URL_INVALID', 'a redirect leads to no valid URL')
    destination = await go(new URL(answer.location, from))
    sent = redirected(sent, answer.status, from.origin === destination.url.origin)
  }
}

function redirected(sent: Sent, status: number, isSameOrigin: boolean): Sent {
  const isGet =
    status === 303 ? sent.method !== 'HEAD' : (status === 301 || status === 302) && sent.method === 'POST'
  const headers = sent.headers.filter(
    ([name]) => (isSameOrigin || CARRIED_HEADERS.has(name)) && !(isGet && name.startsWith('content-')),
  )
  return isGet ? { method: 'GET', headers, body: undefined } : { ...sent, headers }
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** One request over a connection of its own, to one of the addresses that were checked. */
async function once(
  { url, addresses }: Destination,
  { method, headers, body }: Sent,
  limits: HttpLimits,
  over: AbortSignal,
  isFollowing: boolean,
): Promise<Answered | { readonly status: number; readonly location: string }> {
  const agent = new Agent({
    connect: { lookup: pinnedTo(addresses), timeout: limits.timeoutMsMax },
    maxHeaderSize: limits.headBytesMax,
    pipelining: 0,
  })
  try {
    const response = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: [...headers, ['accept-encoding', 'gzip, deflate, br']].flat(),
      body: body === undefined || method === 'GET' || method === 'HEAD' ? null : body,
      signal: over,
    })
    // A body that is given up says so in an event, and one that nobody hears would end the host.
    response.body.on('error', () => undefined)
    const answered = headersOf(response)
    const location = answered['location']
    if (isFollowing && REDIRECTS.has(response.statusCode) && location !== undefined) {
      response.body.destroy()
      return { status: response.statusCode, location }
    }
    const bytes = await read(
      response.body,
      method === 'HEAD' ? '' : (answered['content-encoding'] ?? ''),
      limits,
      over,
    )
    delete answered['content-encoding']
    delete answered['content-length']
    delete answered['transfer-encoding']
    return { value: { status: response.statusCode, headers: answered }, blobs: [bytes] }
  } finally {
    await agent.destroy()
  }
}

/** The name is not asked for again: it could be answered otherwise. */
function pinnedTo(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, found)
    else callback(null, found[0]!.address, found[0]!.family)
  }
}

function headersOf({ headers }: Dispatcher.ResponseData): Record<string, string> {
  const answered = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) answered[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  return answered
}

async function read(
  body: Readable,
  encoding: string,
  limits: HttpLimits,
  over: AbortSignal,
): Promise<Uint8Array> {
  const raw = await gather(body, limits.answerBytesMax, over)
  const codings = encoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length === 0 || raw.length === 0) return raw
  const decoder = codings.length === 1 ? decoderOf(codings[0]!) : undefined
  if (decoder === undefined)
    throw new OperationError('ENCODING_UNKNOWN', 'the answer is compressed in a way that is not known')
  decoder.end(raw)
  return gather(decoder, limits.answerBytesMax, over)
}

function decoderOf(
  coding: string,
): ReturnType<typeof createGunzip | typeof createInflate | typeof createBrotliDecompress> | undefined {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip()
  if (coding === 'deflate') return createInflate()
  return coding === 'br' ? createBrotliDecompress() : undefined
}

/** Stops at the first byte too many, whatever was announced. */
async function gather(stream: Readable, bytesMax: number, over: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (over.aborted) throw new OperationError('ABORTED', 'nobody waits for the answer any more')
    if (length > bytesMax) {
      stream.destroy()
      throw new OperationError('ANSWER_TOO_LARGE', `the answer is larger than ${bytesMax} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function resolveName(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}

async function orOver<T>(work: Promise<T>, over: AbortSignal): Promise<T> {
  over.throwIfAborted()
  let stop = (): void => undefined
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = () => reject(over.reason as Error)
    over.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([work, stopped])
  } finally {
    over.removeEventListener('abort', stop)
  }
}

/** An app learns that a connection failed, and not how: the difference would map the network for it. */
function toldAs(error: unknown, over: AbortSignal): unknown {
  if (error instanceof OperationError) return error
  if (over.aborted) {
    const isLate = over.reason instanceof DOMException && over.reason.name === 'TimeoutError'
    return isLate
      ? new OperationError('TIMEOUT', 'the server did not answer in time')
      : new OperationError('ABORTED', 'nobody waits for the answer any more')
  }
  return new OperationError(
    'REQUEST_FAILED',
    'the server could not be reached, or its answer could not be read',
  )
}
