import type { AnyCastellanError } from '@castellan/engine'

/** Every code of the engine and of the stores. */
export type EngineCode = AnyCastellanError['code']

/** What the HTTP edge itself refuses. */
export type EdgeCode =
  | 'REQUEST_INVALID'
  | 'BODY_INVALID'
  | 'QUERY_INVALID'
  | 'UNAUTHENTICATED'
  | 'NOT_FOUND'
  | 'GRANT_UNKNOWN'
  | 'TOKEN_UNKNOWN'
  | 'USER_UNKNOWN'
  | 'GROUP_UNKNOWN'
  | 'MEMBER_UNKNOWN'
  | 'RESOURCE_UNKNOWN'
  | 'ID_TAKEN'
  | 'KEY_REUSED'
  | 'SECRET_SHOWN'
  | 'FOLLOWERS_FULL'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'BODY_TOO_LARGE'
  | 'CONTENT_TYPE'
  | 'EXPECTATION_FAILED'
  | 'HEADERS_TOO_LARGE'
  | 'RATE_LIMITED'
  | 'TOO_MANY_CONNECTIONS'
  | 'INTERNAL'

export type ProblemCode = EngineCode | EdgeCode

interface Meaning {
  readonly status: number
  /** What the code means, whatever the request was. */
  readonly title: string
}

/**
 * The one table from codes to HTTP statuses. It is complete by its type: a code the engine gains and this table
 * lacks does not compile. A client's mistake never ends in 5xx, not even a revision that is not there yet.
 */
export const MEANINGS = {
  ACTOR_INVALID: { status: 400, title: 'the actor is not valid' },
  PERMISSION_INVALID: { status: 400, title: 'the permission is not valid' },
  PERMISSION_UNKNOWN: { status: 400, title: 'the namespace of the permission is not declared' },
  FACT_INVALID: { status: 400, title: 'a fact is not valid' },
  CURSOR_INVALID: { status: 400, title: 'the cursor is not valid' },
  CURSOR_MISMATCH: { status: 400, title: 'the cursor belongs to another question' },
  FORBIDDEN: { status: 403, title: 'the caller may not do this' },
  ISSUER_WRONG: { status: 403, title: 'the grant is for someone else to make' },
  ID_RETIRED: { status: 409, title: 'the id was used before' },
  NAME_TAKEN: { status: 409, title: 'the name is taken' },
  TREE_INVALID: { status: 409, title: 'the tree of resources does not allow this' },
  BUILT_IN: { status: 409, title: 'what is built in does not change' },
  IN_USE: { status: 409, title: 'it is in use' },
  HAS_CHILDREN: { status: 409, title: 'it has children' },
  DEPENDANTS: { status: 409, title: 'someone would lose access' },
  REVISION_AHEAD: { status: 409, title: 'the revision is not here yet' },
  PRECONDITION_FAILED: { status: 412, title: 'a precondition does not hold' },
  REFERENCE_UNKNOWN: { status: 422, title: 'a fact names what does not exist' },
  LIMIT_EXCEEDED: { status: 422, title: 'a limit was exceeded' },
  RULE_FAILED: { status: 500, title: 'a rule failed, nothing was decided' },
  STORE_CORRUPT: { status: 500, title: 'the store is damaged' },
  JOURNAL_BROKEN: { status: 500, title: 'the journal is damaged' },
  STORE_LOCKED: { status: 503, title: 'the store is in use' },
  STORE_READ_ONLY: { status: 503, title: 'the store cannot be written' },
  STORE_NEWER: { status: 503, title: 'the store is of a newer version' },
  STORE_MISSING: { status: 503, title: 'the store is missing' },
  STORE_CLOSED: { status: 503, title: 'the store is closed' },
  STORE_FAILED: { status: 503, title: 'the store failed' },
  FOLLOWER_SLOW: { status: 503, title: 'the follower fell behind' },
  FOLLOWERS_FULL: { status: 503, title: 'as many follow as may' },
  STORE_FULL: { status: 507, title: 'the store is full' },

  REQUEST_INVALID: { status: 400, title: 'the request is not valid HTTP' },
  BODY_INVALID: { status: 400, title: 'the body is not valid' },
  QUERY_INVALID: { status: 400, title: 'the query is not valid' },
  UNAUTHENTICATED: { status: 401, title: 'no valid token' },
  NOT_FOUND: { status: 404, title: 'no such route' },
  GRANT_UNKNOWN: { status: 404, title: 'no such grant' },
  TOKEN_UNKNOWN: { status: 404, title: 'no such token' },
  USER_UNKNOWN: { status: 404, title: 'no such user' },
  GROUP_UNKNOWN: { status: 404, title: 'no such group' },
  MEMBER_UNKNOWN: { status: 404, title: 'no such member' },
  RESOURCE_UNKNOWN: { status: 404, title: 'no such resource' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'the route has no such method' },
  ID_TAKEN: { status: 409, title: 'it is there already' },
  SECRET_SHOWN: { status: 409, title: 'the secret is not shown again' },
  REQUEST_TIMEOUT: { status: 408, title: 'the request took too long to arrive' },
  BODY_TOO_LARGE: { status: 413, title: 'the body is too large' },
  CONTENT_TYPE: { status: 415, title: 'the content type is not supported' },
  EXPECTATION_FAILED: { status: 417, title: 'the expectation cannot be met' },
  KEY_REUSED: { status: 422, title: 'the idempotency key belongs to another request' },
  HEADERS_TOO_LARGE: { status: 431, title: 'the headers are too large' },
  RATE_LIMITED: { status: 429, title: 'too many requests' },
  INTERNAL: { status: 500, title: 'the server failed' },
  TOO_MANY_CONNECTIONS: { status: 503, title: 'too many connections' },
} as const satisfies Readonly<Record<ProblemCode, Meaning>>

export function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(MEANINGS, code)
}

export function statusOf(code: ProblemCode): number {
  return MEANINGS[code].status
}

/** What the edge refuses; `code` says how. */
export class EdgeError extends Error {
  readonly code: EdgeCode
  /** What to do next: one sentence, safe to show to the caller. */
  readonly hint: string
  /** Where in the body or query, as `changes[3].add.holder`. */
  readonly path?: string
  /** Where in the text of the body, in UTF-16 units from 0. */
  readonly position?: number

  constructor(
    code: EdgeCode,
    message: string,
    hint: string,
    place: { readonly path?: string; readonly position?: number } = {},
  ) {
    super(message)
    this.code = code
    this.hint = hint
    if (place.path !== undefined) this.path = place.path
    if (place.position !== undefined) this.position = place.position
  }

  override get name(): string {
    return 'EdgeError'
  }
}

/**
 * A file that does not say what it should; the place is the first character that cannot be right.
 * `cause` is what the model said, where the text was well formed and the fact was not.
 */
export class FileInvalidError extends Error {
  readonly code: 'LINE_INVALID' | 'WORLD_INVALID'
  readonly hint: string
  /** From 1. */
  readonly line: number
  /** In UTF-16 units, from 1. */
  readonly column: number
  readonly problem: string

  constructor(code: FileInvalidError['code'], place: Place, problem: string, hint: string, cause?: unknown) {
    super(`line ${place.line}, column ${place.column}: ${problem}`)
    this.code = code
    this.hint = hint
    this.line = place.line
    this.column = place.column
    this.problem = problem
    if (cause !== undefined) this.cause = cause
  }

  override get name(): string {
    return 'FileInvalidError'
  }
}

export interface Place {
  readonly line: number
  readonly column: number
}

/** What the engine, the stores and this package throw has a stable code and a hint that is safe to show. */
export function isCodedError(
  error: unknown,
): error is Error & { readonly code: string; readonly hint: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'hint' in error &&
    typeof error.hint === 'string'
  )
}
