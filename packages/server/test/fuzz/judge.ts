import { isProblemCode, statusOf, type ProblemCode } from '@castellan/protocol'
import { findOutside, findUndocumented, type Seen } from '../../src/testing/conform.ts'
import type { Request } from './request.ts'
import type { Exchange } from './wire.ts'

/** Codes that say of a request that it is malformed. One that the document allows must not end in them. */
const MALFORMED: ReadonlySet<ProblemCode> = new Set([
  'REQUEST_INVALID',
  'QUERY_INVALID',
  'BODY_INVALID',
  'CONTENT_TYPE',
  'BODY_TOO_LARGE',
  'HEADERS_TOO_LARGE',
  'EXPECTATION_FAILED',
  'REQUEST_TIMEOUT',
])

export interface Exception {
  readonly operationId: string
  readonly code: ProblemCode
  /** What the refusal must say. */
  readonly detail: RegExp
  /** Why no schema can say it. */
  readonly why: string
}

/** Requests that the document allows and a rule beyond any schema calls malformed. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    operationId: 'readJournal',
    code: 'QUERY_INVALID',
    detail: /is no moment/,
    why: 'which texts are moments is the engine’s to say',
  },
]

/** How much a caller is known: not at all, by a token that stands, by one that does not, or by one that may. */
export type Standing = 'unknown' | 'stands' | 'fallen' | 'open'

/** @returns what is wrong with an answer; undefined when it is right */
export function judge(
  request: Request,
  standing: Standing,
  requestId: string,
  exchange: Exchange,
): string | undefined {
  const { replies, rest, isHanging } = exchange
  if (isHanging) return 'there was no end to it'
  const [seen] = replies
  if (seen === undefined || replies.length > 1) return `${replies.length} answers came: ${rest}`
  if (rest !== '') return `something came after the answer: ${rest}`
  if (seen.status >= 500) return `the server failed: ${seen.text}`
  if (seen.headers.get('x-request-id') !== requestId) return 'the answer has another id than the request'
  return (
    findUndocumented(request.method, request.url, seen) ??
    callerProblem(request, standing, seen) ??
    formProblem(request, seen)
  )
}

function callerProblem({ target, refusal }: Request, standing: Standing, seen: Seen): string | undefined {
  const isLetIn = seen.status !== 401
  if (target.operation.security !== undefined)
    return isLetIn ? undefined : 'it is open, and asked for a token'
  switch (standing) {
    case 'unknown':
      return isLetIn ? `someone unknown was answered ${seen.status}` : undefined
    case 'stands':
      return isLetIn ? undefined : 'a token that stands was refused'
    case 'fallen':
      // Of what is malformed anyone is told who once had a token.
      return isLetIn && refusal === undefined
        ? `a token that does not stand was answered ${seen.status}`
        : undefined
    default:
      return undefined
  }
}

function formProblem({ target, method, refusal }: Request, seen: Seen): string | undefined {
  if (seen.status === 401) return undefined
  const code = method === 'HEAD' ? undefined : codeOf(seen)
  if (refusal !== undefined) {
    const isRefused = method === 'HEAD' ? seen.status === statusOf(refusal) : code === refusal
    return isRefused
      ? undefined
      : `it should be refused with ${refusal}, and was answered ${seen.status} ${seen.text.slice(0, 300)}`
  }
  if (code === undefined || !MALFORMED.has(code)) return undefined
  return findException(target.operation.operationId, seen) === undefined
    ? `the document allows it, and it was refused: ${seen.text}`
    : undefined
}

export function findException(operationId: string, seen: Seen): Exception | undefined {
  const code = codeOf(seen)
  return EXCEPTIONS.find(
    (each) => each.operationId === operationId && each.code === code && each.detail.test(seen.text),
  )
}

export function codeOf({ status, text }: Seen): ProblemCode | undefined {
  if (status < 400) return undefined
  const { code } = JSON.parse(text) as { readonly code?: unknown }
  return isProblemCode(code) ? code : undefined
}

/**
 * What broke the rules of HTTP may be cut off without a word; what is said must be said as everywhere.
 *
 * @param lines - what the requests may be read as
 */
export function judgeHostile(
  { replies, rest, isHanging }: Exchange,
  lines: readonly (readonly [method: string, url: string])[],
): string | undefined {
  if (isHanging) return 'there was no end to it'
  for (const seen of replies) {
    if (seen.status >= 500) return `the server failed: ${seen.text}`
    const problems = lines.map(([method, url]) => findUndocumented(method, url, seen))
    const isSaid = problems.includes(undefined) || findOutside(seen) === undefined
    if (!isSaid) return problems[0] ?? findOutside(seen)
  }
  return rest === '' || replies.length > 0 ? undefined : `what came is no answer: ${rest}`
}
