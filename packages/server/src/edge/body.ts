import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { EdgeError } from '@castellan/protocol'
import { isAuthzen } from '../authzen/edge.ts'

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*(?:utf-8|"utf-8")[ \t]*)?$/i

/**
 * What can be known of a body before it comes.
 *
 * @throws {EdgeError} CONTENT_TYPE (for AuthZEN BODY_INVALID), BODY_TOO_LARGE, REQUEST_INVALID
 */
export function assertBodyExpected(request: IncomingMessage, bodyBytesMax: number): void {
  const type = request.headers['content-type']
  if (type !== 'application/json' && (type === undefined || !JSON_TYPE.test(type))) {
    throw typeError(
      request,
      'the body is not announced as JSON in UTF-8',
      'send `Content-Type: application/json`',
    )
  }
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw typeError(request, 'the body is encoded', 'send it without `Content-Encoding`')
  }
  const coding = request.headers['transfer-encoding']
  // Node takes the chunks apart and nothing else: what others unpack, we would read packed.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new EdgeError(
      'REQUEST_INVALID',
      'the body is in a coding that is not read',
      'send it in chunks alone',
    )
  }
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax)
}

/**
 * Collects a body and calls back once: with its text, or with what was wrong. A caller who goes away in the middle
 * is answered nothing.
 */
export function collectBody(
  request: IncomingMessage,
  bodyBytesMax: number,
  done: (error: EdgeError | undefined, text: string) => void,
): void {
  let first: Buffer | undefined
  let chunks: Buffer[] | undefined
  let bytes = 0
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes > bodyBytesMax) {
      request.off('data', onData)
      request.off('end', onEnd)
      done(tooLarge(bodyBytesMax), '')
    } else if (first === undefined) first = chunk
    else (chunks ??= [first]).push(chunk)
  }
  const onEnd = (): void => {
    const whole = chunks === undefined ? first : Buffer.concat(chunks)
    if (whole === undefined) done(undefined, '')
    else if (isUtf8(whole)) done(undefined, whole.toString('utf8'))
    else done(notUtf8(), '')
  }
  request.on('data', onData)
  request.on('end', onEnd)
  request.on('error', ignore)
}

/** The same as a promise; one that never settles when the caller goes away would keep its memory, so it rejects. */
export function readBody(request: IncomingMessage, bodyBytesMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    collectBody(request, bodyBytesMax, (error, text) => (error === undefined ? resolve(text) : reject(error)))
    request.once('close', () =>
      reject(new EdgeError('REQUEST_INVALID', 'the body ended early', 'send as many bytes as announced')),
    )
  })
}

/** AuthZEN has one status for all that is wrong with a body. */
function typeError(request: IncomingMessage, message: string, hint: string): EdgeError {
  return new EdgeError(isAuthzen(request) ? 'BODY_INVALID' : 'CONTENT_TYPE', message, hint)
}

function tooLarge(bodyBytesMax: number): EdgeError {
  return new EdgeError(
    'BODY_TOO_LARGE',
    `the body is larger than ${bodyBytesMax} bytes`,
    'send less at a time',
  )
}

function notUtf8(): EdgeError {
  return new EdgeError('BODY_INVALID', 'the body is not UTF-8', 'send JSON in UTF-8')
}

function ignore(): void {
  // The socket's end is answered where it belongs: by `clientError`, or by nobody.
}
