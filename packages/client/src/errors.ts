/** What a problem document has beside what every one has. */
export interface ProblemFields {
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

/** The server refused, and said why: RFC 9457, with what the error carries beside it. It is never an answer. */
export class CastellanProblem extends Error {
  override readonly name = 'CastellanProblem'
  /** Stable: what to decide by. */
  readonly code: string
  /** Of the HTTP answer. */
  readonly status: number
  /** What happened here; wording may improve. */
  readonly detail: string
  /** What to do next. */
  readonly hint: string
  /** What the server's log calls the request. */
  readonly requestId: string
  readonly position?: number
  readonly path?: string
  readonly permission?: string
  readonly limit?: string
  readonly items?: NonNullable<ProblemFields['items']>
  readonly lost?: NonNullable<ProblemFields['lost']>
  readonly total?: number

  constructor(
    said: {
      readonly code: string
      readonly status: number
      readonly detail: string
      readonly hint: string
      readonly requestId: string
    } & ProblemFields,
  ) {
    super(said.detail)
    this.code = said.code
    this.status = said.status
    this.detail = said.detail
    this.hint = said.hint
    this.requestId = said.requestId
    if (said.position !== undefined) this.position = said.position
    if (said.path !== undefined) this.path = said.path
    if (said.permission !== undefined) this.permission = said.permission
    if (said.limit !== undefined) this.limit = said.limit
    if (said.items !== undefined) this.items = said.items
    if (said.lost !== undefined) this.lost = said.lost
    if (said.total !== undefined) this.total = said.total
  }
}

/** No answer came, or none that a Castellan server gives. A change may have been made all the same. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  readonly code = 'UNREACHABLE'
  readonly hint =
    'see that the server runs and that the address is right; a change may have been made: send it again with an idempotency key'

  constructor(origin: string, reason: string, cause?: unknown) {
    super(`no answer from ${origin}: ${reason}`, cause === undefined ? undefined : { cause })
  }
}
