import { isCodedError, isProblemCode, MEANINGS, type ProblemCode } from './errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** RFC 9457, with what the error carries beside it. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ProblemCode
  readonly detail: string
  readonly hint: string
  readonly requestId: string
  /** Offset in the string or body at fault, in UTF-16 units from 0. */
  readonly position?: number
  /** Where in the body or in a fact. */
  readonly path?: string
  /** What would allow it. */
  readonly permission?: string
  /** The limit's name. */
  readonly limit?: string
  /** What is in the way; `total` counts all. */
  readonly items?: readonly string[]
  /** Who would lose what; `total` counts all. */
  readonly lost?: readonly { readonly actor: string; readonly permission: string }[]
  readonly total?: number
}

/**
 * Renders an error for the caller. Anything without a code of ours is INTERNAL, and of what is the server's own
 * fault only the title leaves: messages of stores and rules name paths and causes. The log keeps the rest.
 */
export function problemOf(error: unknown, requestId: string): Problem {
  if (!isCodedError(error) || !isProblemCode(error.code)) return blank('INTERNAL', requestId)
  const code = error.code
  const { status, title } = MEANINGS[code]
  if (status >= 500) return { ...blank(code, requestId), hint: HINTS[code] ?? HINT_INTERNAL }
  return {
    type: typeOf(code),
    title,
    status,
    code,
    detail: error.message,
    hint: error.hint,
    requestId,
    ...extensionsOf(error),
  }
}

const HINT_INTERNAL = 'try again; if it stays, give the operator this requestId'

const HINTS: Partial<Record<ProblemCode, string>> = {
  RULE_FAILED: 'nothing was decided: ask the operator to mend the rule, with this requestId',
  FOLLOWER_SLOW: 'connect again with `Last-Event-ID`, and you go on where this ended',
  FOLLOWERS_FULL: 'try again later',
  STORE_FULL: 'nothing was kept: the operator must make room on the disk',
}

function blank(code: ProblemCode, requestId: string): Problem {
  const { status, title } = MEANINGS[code]
  return { type: typeOf(code), title, status, code, detail: title, hint: HINT_INTERNAL, requestId }
}

function typeOf(code: ProblemCode): string {
  return `urn:castellan:problem:${code.toLowerCase().replaceAll('_', '-')}`
}

function extensionsOf(
  error: Error,
): Pick<Problem, 'position' | 'path' | 'permission' | 'limit' | 'items' | 'lost' | 'total'> {
  const { position, path, permission, limit, items, lost, total } = error as Partial<Problem>
  return {
    ...(typeof position === 'number' && { position }),
    ...(typeof path === 'string' && path !== '' && { path }),
    ...(typeof permission === 'string' && { permission }),
    ...(typeof limit === 'string' && { limit }),
    ...(Array.isArray(items) && { items: items as readonly string[] }),
    ...(Array.isArray(lost) && { lost: lost as NonNullable<Problem['lost']> }),
    ...(typeof total === 'number' && { total }),
  }
}
