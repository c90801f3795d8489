import type { IncomingMessage } from 'node:http'
import { CommandError } from '../exit.ts'
import { RemoteError, type LocalProblem } from '../problem.ts'

export interface Server {
  /** Without a path. */
  readonly url: URL
  readonly token: string | undefined
}

/** Answers larger than this are not held: in bytes. A page of 1,000 grants with full claims fits. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
/** Silence of a server after which it counts as unreachable, in milliseconds. */
const SILENCE_MS = 30_000

/**
 * One request, its answer parsed. `node:http` rather than `fetch`, which takes 30 ms to load: most commands are one
 * request long.
 *
 * @throws {RemoteError} what the server refused, as it said so
 * @throws {CommandError} UNREACHABLE
 */
export async function request(
  server: Server,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await send(server, method, path, body === undefined ? undefined : JSON.stringify(body))
  const text = await readText(server, response)
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return parse(server, text)
  throw toError(server, status, text)
}

export interface ServerEvent {
  readonly id?: string
  /** Absent where only an id came. */
  readonly event?: string
  readonly data: string
}

/**
 * Server-Sent Events, those after a known one first. Ends when the server ends them, or the signal says so.
 *
 * @throws {RemoteError} {CommandError} UNREACHABLE, also when the connection breaks
 */
export async function* stream(
  server: Server,
  path: string,
  lastId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  const headers = { accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) }
  const response = await send(server, 'GET', path, undefined, headers)
  const status = response.statusCode ?? 0
  if (status !== 200) throw toError(server, status, await readText(server, response))
  const stop = (): void => void response.destroy()
  signal.addEventListener('abort', stop)
  try {
    let rest = ''
    response.setEncoding('utf8')
    for await (const chunk of response as AsyncIterable<string>) {
      // Only the end of what was there can be half a blank line.
      let end = (rest + chunk).indexOf('\n\n', Math.max(0, rest.length - 1))
      rest += chunk
      for (; end >= 0; end = rest.indexOf('\n\n')) {
        yield parseEvent(rest.slice(0, end))
        rest = rest.slice(end + 2)
      }
    }
  } catch (error) {
    throw unreachable(server, error)
  } finally {
    signal.removeEventListener('abort', stop)
    response.destroy()
  }
}

function parseEvent(text: string): ServerEvent {
  const fields = new Map(
    text.split('\n').map((line) => [line.split(':', 1)[0]!, line.slice(line.indexOf(':') + 1).trimStart()]),
  )
  const [id, event] = [fields.get('id'), fields.get('event')]
  return {
    ...(id !== undefined && { id }),
    ...(event !== undefined && { event }),
    data: fields.get('data') ?? '',
  }
}

/** The response as it comes. */
async function send(
  server: Server,
  method: string,
  path: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const { request: start } =
    server.url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const outgoing = start(new URL(path, server.url), {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...(server.token === undefined ? {} : { authorization: `Bearer ${server.token}` }),
        ...headers,
      },
    })
    outgoing.setTimeout(SILENCE_MS, () =>
      outgoing.destroy(new Error(`no answer within ${SILENCE_MS / 1_000} seconds`)),
    )
    outgoing.on('response', resolve)
    outgoing.on('error', (error) => reject(unreachable(server, error)))
    outgoing.end(body)
  })
}

async function readText(server: Server, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw unreachable(server, error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(server: Server, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandError(
      'UNREACHABLE',
      `what answers at ${server.url.origin} is no castellan server`,
      'check the address',
      error,
    )
  }
}

function toError(server: Server, status: number, text: string): Error {
  let problem: unknown
  try {
    problem = JSON.parse(text)
  } catch {
    // Below.
  }
  if (isProblem(problem)) return new RemoteError(problem)
  return new CommandError(
    'UNREACHABLE',
    `${server.url.origin} answered with status ${status}, which is not how a castellan server refuses`,
    'check the address',
  )
}

function isProblem(value: unknown): value is LocalProblem {
  if (typeof value !== 'object' || value === null) return false
  return ['code', 'title', 'detail', 'hint'].every((name) => typeof Reflect.get(value, name) === 'string')
}

function unreachable(server: Server, error: unknown): CommandError {
  const reason = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error)
  return new CommandError(
    'UNREACHABLE',
    `the server at ${server.url.origin} could not be reached: ${reason}`,
    'start it with `castellan serve`, or correct the address',
    error,
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
