/**
 * Everything the engine and the stores throw. A denial is a value, never one of these: an error means that the
 * input, the state or the world is broken. Codes are stable, wording may improve; the server maps codes to HTTP
 * statuses in one table.
 */
export abstract class CastellanError extends Error {
  abstract readonly code: string
  /** What to do next: one sentence, safe to show to the caller. */
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }

  override get name(): string {
    return this.constructor.name
  }
}

export class ActorInvalidError extends CastellanError {
  readonly code = 'ACTOR_INVALID'

  constructor(text: string, problem: string) {
    super(
      `actor ${quote(text)} is not valid: ${problem}`,
      'write `system`, `user:<id>`, `app:<id>`, `user:<id>/app:<id>` or `token:<id>`',
    )
  }
}

export class PermissionInvalidError extends CastellanError {
  readonly code = 'PERMISSION_INVALID'
  /** Where the string goes wrong: an offset in UTF-16 units, from 0. */
  readonly position: number

  constructor(text: string, position: number, problem: string) {
    super(
      `permission ${quote(text)} is not valid at position ${position}: ${problem}`,
      'separate components with `:`; inside one write `:` as `\\C` and `\\` as `\\\\`',
    )
    this.position = position
  }
}

export class PermissionUnknownError extends CastellanError {
  readonly code = 'PERMISSION_UNKNOWN'

  constructor(permission: string, nearest: string | undefined) {
    super(
      `permission ${quote(permission)} is in no namespace of the catalog`,
      nearest === undefined ? 'declare its namespace in the catalog first' : `did you mean \`${nearest}\`?`,
    )
  }
}

/** A fact, change or option of the wrong shape; `path` says where, as in `holder` or `extra.hosts`. */
export class FactInvalidError extends CastellanError {
  readonly code = 'FACT_INVALID'
  readonly path: string

  constructor(path: string, problem: string, hint = 'compare it with the facts of the bulk format') {
    super(path === '' ? problem : `\`${path}\`: ${problem}`, hint)
    this.path = path
  }
}

/** A fact names something that does not exist. A path nobody made and one the caller may not see both end here. */
export class ReferenceUnknownError extends CastellanError {
  readonly code = 'REFERENCE_UNKNOWN'

  constructor(kind: string, id: string) {
    super(
      `${kind} ${quote(id)} does not exist`,
      'facts come after what they name: make it first, or correct the name',
    )
  }
}

export class ConflictError extends CastellanError {
  readonly code: 'ID_RETIRED' | 'NAME_TAKEN' | 'TREE_INVALID' | 'BUILT_IN'

  constructor(code: ConflictError['code'], message: string, hint: string) {
    super(message, hint)
    this.code = code
  }
}

/** Something still stands in the way of a removal; `items` lists it (at most 100, `total` counts all). */
export class InUseError extends CastellanError {
  readonly code: 'IN_USE' | 'HAS_CHILDREN'
  readonly items: readonly string[]
  readonly total: number

  constructor(code: InUseError['code'], message: string, items: readonly string[], hint: string) {
    super(message, hint)
    this.code = code
    this.items = items.slice(0, 100)
    this.total = items.length
  }
}

/** A revoke with `onDependants: 'refuse'` that would have taken something from someone. */
export class DependantsError extends CastellanError {
  readonly code = 'DEPENDANTS'
  /** The first of them. */
  readonly lost: readonly { readonly actor: string; readonly permission: string }[]
  readonly total: number

  constructor(lost: DependantsError['lost'], total: number) {
    super(`${total} would lose access`, 'revoke with `onDependants: allow` to take it from them too')
    this.lost = lost
    this.total = total
  }
}

/** The grant is well formed but not for this issuer to make; the message names who can. */
export class IssuerWrongError extends CastellanError {
  readonly code = 'ISSUER_WRONG'
}

/** The caller may not ask or change this; `permission` is what would allow it. */
export class ForbiddenError extends CastellanError {
  readonly code = 'FORBIDDEN'
  readonly permission: string | undefined

  constructor(message: string, permission?: string) {
    super(message, permission === undefined ? 'ask someone who may' : `it takes \`${permission}\``)
    this.permission = permission
  }
}

export class PreconditionFailedError extends CastellanError {
  readonly code = 'PRECONDITION_FAILED'

  constructor(message: string) {
    super(message, 'read the facts again and decide anew')
  }
}

/** A limit of `permissions.md` section 8; `limit` is its name there. */
export class LimitExceededError extends CastellanError {
  readonly code = 'LIMIT_EXCEEDED'
  readonly limit: string

  constructor(limit: string, max: number, message: string) {
    super(`${message} (limit \`${limit}\`: ${max})`, 'send less at a time')
    this.limit = limit
  }
}

export class CursorError extends CastellanError {
  readonly code: 'CURSOR_INVALID' | 'CURSOR_MISMATCH'

  constructor(code: CursorError['code']) {
    super(
      code === 'CURSOR_INVALID' ? 'the cursor is not one of ours' : 'the cursor belongs to another question',
      'use `nextCursor` of the page before, with the same question',
    )
    this.code = code
  }
}

/** `atLeast` names a revision this engine has not reached. */
export class RevisionAheadError extends CastellanError {
  readonly code = 'REVISION_AHEAD'

  constructor(wanted: number, have: number) {
    super(
      `revision ${wanted} is not here yet, this is ${have}`,
      'ask again in a moment, or with a revision that an answer carried',
    )
  }
}

/** A rule failed or answered out of its shape. The question has no answer then: neither yes nor no. */
export class RuleError extends CastellanError {
  readonly code = 'RULE_FAILED'

  constructor(rule: string, problem: string, cause?: unknown) {
    super(`rule \`${rule}\` ${problem}`, 'mend the rule; nothing was decided')
    if (cause !== undefined) this.cause = cause
  }
}

/** The durable side refused: `code` says how. Nothing of the change was kept. */
export class StoreError extends CastellanError {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, hint)
    this.code = code
    if (cause !== undefined) this.cause = cause
  }
}

export type StoreErrorCode =
  | 'STORE_LOCKED'
  | 'STORE_FULL'
  | 'STORE_READ_ONLY'
  | 'STORE_CORRUPT'
  | 'STORE_NEWER'
  | 'STORE_MISSING'
  | 'STORE_CLOSED'
  | 'STORE_FAILED'
  | 'JOURNAL_BROKEN'
  | 'FOLLOWER_SLOW'

export type AnyCastellanError =
  | ActorInvalidError
  | PermissionInvalidError
  | PermissionUnknownError
  | FactInvalidError
  | ReferenceUnknownError
  | ConflictError
  | InUseError
  | DependantsError
  | IssuerWrongError
  | ForbiddenError
  | PreconditionFailedError
  | LimitExceededError
  | CursorError
  | RevisionAheadError
  | RuleError
  | StoreError

/** Input as it may stand in a message: in backticks, control characters shown, never longer than a line. */
export function quote(text: string): string {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text
  // oxlint-disable-next-line no-control-regex -- control characters are what is made visible
  return `\`${shown.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff`]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`)}\``
}

/** A programmer's mistake stops the work. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}
