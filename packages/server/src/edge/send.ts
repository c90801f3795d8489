import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE, problemOf, type Problem } from '@castellan/protocol'
import { RateLimitedError } from './gate.ts'
import type { Logger } from './log.ts'
import { newRequestId } from './request-id.ts'

/** Bytes and time that a refused body may still take before the connection is cut; the refusal is out by then. */
const LINGER_BYTES_MAX = 1_048_576
const LINGER_MS_MAX = 1_000

/** Answers with a body of JSON. */
export function sendJson(response: ServerResponse, requestId: string, body: string): void {
  response.writeHead(200, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'X-Request-ID',
    requestId,
  ])
  response.end(body)
}

/** Answers with the problem document of an error, and logs what the caller does not get to see. */
export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  error: unknown,
  log: Logger,
): Problem {
  const problem = problemOf(error, requestId)
  logProblem(log, problem, error)
  if (response.headersSent || response.destroyed) return problem
  const body = JSON.stringify(problem)
  const headers = [
    'Content-Type',
    PROBLEM_TYPE,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'X-Request-ID',
    requestId,
  ]
  for (const [name, value] of Object.entries(headersFor(problem, error))) headers.push(name, value)
  if (isWhole(request)) {
    response.writeHead(problem.status, headers)
    response.end(body)
  } else {
    response.writeHead(problem.status, [...headers, 'Connection', 'close'])
    response.write(body)
    linger(request, response)
  }
  return problem
}

/** Closing while bytes still come makes the kernel throw away what we sent: so the rest is read, within bounds. */
function linger(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  const finish = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(finish, LINGER_MS_MAX)
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES_MAX) finish()
  })
  request.on('end', finish)
  request.on('close', finish)
  request.resume()
}

/** Whether nothing more of a request is to come. */
export function isWhole(request: IncomingMessage): boolean {
  return request.complete || isEmpty(request)
}

/** Whether a request announces no body. */
export function isEmpty(request: IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0
  )
}

/** What HTTP wants beside the document. */
export function headersFor(problem: Problem, error: unknown): Record<string, string> {
  if (error instanceof RateLimitedError) return { 'Retry-After': String(error.retryAfterSeconds) }
  if (problem.status === 401) return { 'WWW-Authenticate': 'Bearer realm="castellan"' }
  if (problem.status === 503) return { 'Retry-After': '1' }
  return {}
}

/**
 * Logs what is the server's own fault, with all that is known of it. What a caller did wrong is told to the caller; the
 * log has its code, with the request, and nothing of what was sent.
 */
export function logProblem(log: Logger, { status, requestId, code }: Problem, error: unknown): void {
  // Of connections over the bound there may be a flood: whoever counts them logs them.
  if (status >= 500 && code !== 'TOO_MANY_CONNECTIONS') log.error({ requestId, code, err: error }, 'failed')
}

/** Answers on a bare socket, for requests that Node's parser gave up on, and ends it. */
export function sendRawProblem(
  socket: Duplex,
  error: unknown,
  log: Logger,
  extra: Readonly<Record<string, string>> = {},
): Problem {
  const problem = problemOf(error, newRequestId())
  logProblem(log, problem, error)
  if (!socket.writable) {
    socket.destroy()
    return problem
  }
  const body = JSON.stringify(problem)
  const headers: Record<string, string> = {
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Request-ID': problem.requestId,
    Date: new Date().toUTCString(),
    Connection: 'close',
    ...headersFor(problem, error),
    ...extra,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Problem'}\r\n${lines.join('')}\r\n${body}`,
  )
  return problem
}
