import { CastellanProblem, UnreachableError, type ProblemFields } from './errors.ts'

/** As much of `fetch` as is used here. */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchResponse>

export interface FetchRequest {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
  readonly redirect: 'manual'
  readonly signal: AbortSignal
}

export interface FetchResponse {
  readonly status: number
  readonly redirected: boolean
  readonly body: { getReader(): BodyReader } | null
}

interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

export interface Transport {
  /**
   * One request, and its answer as JSON of whatever shape.
   *
   * @throws {CastellanProblem} what the server refused @throws {UnreachableError}
   */
  send(request: Request): Promise<unknown>
  /** An answer that is not what it should be. */
  misfit(what: string): UnreachableError
}

interface Request {
  readonly method: 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly idempotencyKey?: string | undefined
  /** Whether doing it twice does no more than once. */
  readonly isRepeatable: boolean
}

/** Answers larger than this are not held: in bytes. The explanation of a huge pathway is far below. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

/** How a connection that was kept alive ends under a request that never arrived. */
const DROPPED = new Set<unknown>(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** @throws {TypeError} where the server's address or the token is none */
export function openTransport(
  server: string | URL,
  token: string,
  fetch: Fetch,
  timeoutMs: number,
): Transport {
  const base = parseServer(server)
  assertToken(token)
  const unreachable = (reason: string, cause?: unknown) => new UnreachableError(base.origin, reason, cause)
  return {
    misfit: (what) => unreachable(`${what} is not what a castellan server answers`),
    async send({ method, path, body, idempotencyKey, isRepeatable }) {
      const request = {
        method,
        headers: {
          Accept: 'application/json',
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // Elsewhere nobody may see the token, nor be believed.
        redirect: 'manual',
      } as const
      const url = base.prefix + path
      const exchange = async (signal: AbortSignal) => {
        const response = await fetchOnceMore(fetch, url, { ...request, signal }, isRepeatable)
        if (response.redirected) throw new Error('it came from elsewhere')
        return { status: response.status, text: await readText(response) }
      }
      let answer: { readonly status: number; readonly text: string }
      try {
        answer = await withinTime(timeoutMs, exchange)
      } catch (error) {
        throw unreachable(reasonOf(error), error)
      }
      const { status, text } = answer
      const value = parseJson(text)
      if (status >= 200 && status < 300) {
        if (value === undefined) throw unreachable('what came is no JSON')
        return value
      }
      throw toProblem(status, value) ?? unreachable(`status ${status} without a problem document`)
    },
  }
}

/** @returns where requests go, the end of a path without its `/` */
function parseServer(server: string | URL): { readonly origin: string; readonly prefix: string } {
  const url = new URL(server)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('the server is reached by `http:` or `https:`')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new TypeError('the address of a server has no user, query or fragment')
  return { origin: url.origin, prefix: url.origin + url.pathname.replace(/\/+$/, '') }
}

function assertToken(token: unknown): void {
  // Not left to `fetch`, whose complaint would hold the token.
  if (typeof token !== 'string' || !/^[!-~]+$/.test(token))
    throw new TypeError('the token is not one of visible ASCII characters')
}

/** Whatever `fetch` does with the signal, this ends in time. */
async function withinTime<Result>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`nothing within ${timeoutMs} ms`)
      reject(error)
      abort.abort(error)
    }, timeoutMs)
  })
  try {
    return await Promise.race([work(abort.signal), late])
  } finally {
    clearTimeout(timer)
  }
}

async function fetchOnceMore(
  fetch: Fetch,
  url: string,
  request: FetchRequest,
  isRepeatable: boolean,
): Promise<FetchResponse> {
  try {
    return await fetch(url, request)
  } catch (error) {
    if (!isRepeatable || request.signal.aborted || !isDropped(error)) throw error
    return fetch(url, request)
  }
}

function isDropped(error: unknown): boolean {
  return error instanceof Error && (DROPPED.has(codeOf(error)) || DROPPED.has(codeOf(error.cause)))
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
}

async function readText({ body }: FetchResponse): Promise<string> {
  if (body === null) return ''
  const reader = body.getReader()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done || value === undefined) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > ANSWER_BYTES_MAX) {
      // How the other side takes it does not matter any more, and may take long.
      reader.cancel().catch(() => undefined)
      throw new Error(`more than ${ANSWER_BYTES_MAX} bytes came`)
    }
    text += decoder.decode(value, { stream: true })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function toProblem(status: number, value: unknown): CastellanProblem | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { code, detail, hint, requestId, ...others } = value as Record<string, unknown>
  if (typeof code !== 'string' || typeof detail !== 'string' || typeof hint !== 'string') return undefined
  if (typeof requestId !== 'string') return undefined
  return new CastellanProblem({ code, status, detail, hint, requestId, ...fieldsOf(others) })
}

function fieldsOf(said: Readonly<Record<string, unknown>>): ProblemFields {
  const { position, path, permission, limit, items, lost, total } = said
  return {
    ...(typeof position === 'number' && { position }),
    ...(typeof path === 'string' && { path }),
    ...(typeof permission === 'string' && { permission }),
    ...(typeof limit === 'string' && { limit }),
    ...(Array.isArray(items) && { items: items as readonly string[] }),
    ...(Array.isArray(lost) && { lost: lost as NonNullable<ProblemFields['lost']> }),
    ...(typeof total === 'number' && { total }),
  }
}

/** `fetch` says no more than that it failed; why is in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  const code = codeOf(cause)
  // Where several addresses were tried there is a code, and no message.
  return cause.message === '' && typeof code === 'string' ? code : cause.message
}
