import type { Question, TokenFact } from '@castellan/engine'
import { EdgeError } from '@castellan/protocol'
import type { Questions } from './live.ts'
import { hashSecret, type TokenSecrets } from './tokens/secret.ts'

/** Whoever sent a request, as the engine knows them at this moment. */
export interface Caller {
  /** Whose authority the engine checks: `token:<id>`. */
  readonly actor: string
  /** Who `actor` is when a question names none: of a user's full token the user, else the token. */
  readonly self: string
  /** Who made the token, in whose name it grants. */
  readonly issuer: string
}

const BEARER = /^Bearer +(cst_[A-Za-z0-9_-]{43}) *$/i

/**
 * Finds which token a request was sent with. Says nothing of whether it still stands: `Callers` does, at the moment
 * of the decision, since between the headers and the last byte of a body a token can be taken away.
 *
 * @throws {EdgeError} UNAUTHENTICATED
 */
export function identify(authorization: string | undefined, tokens: TokenSecrets): string {
  if (authorization === undefined) throw unauthenticated('the request carries no token')
  const secret = BEARER.exec(authorization)?.[1]
  const tokenId = secret === undefined ? undefined : tokens.find(hashSecret(secret))
  if (tokenId === undefined) throw unauthenticated('the token is not one of ours')
  return tokenId
}

/** Tokens of one connection that are remembered: a proxy may send those of several callers over it. */
const CONNECTION_TOKENS_MAX = 16

/** Headers a connection came with, and which tokens they stood for when the secrets had this version. */
interface Known {
  readonly version: number
  readonly tokenIds: Map<string, string>
}

/**
 * The same for requests that share a connection, as a service's do: a header that came over it before is not hashed
 * again. It is kept in clear, so for no longer than the connection, whose owner has it anyway; and found by the hash
 * of the whole text, so that nothing can be guessed bit by bit from how long it takes.
 */
export class Bearers {
  readonly #tokens: TokenSecrets
  readonly #connections = new WeakMap<object, Known>()

  constructor(tokens: TokenSecrets) {
    this.#tokens = tokens
  }

  /** @throws {EdgeError} UNAUTHENTICATED */
  identify(connection: object, authorization: string | undefined): string {
    const known = this.#connections.get(connection)
    const isFresh = known?.version === this.#tokens.version
    const before = isFresh && authorization !== undefined ? known.tokenIds.get(authorization) : undefined
    if (before !== undefined) return before
    const tokenId = identify(authorization, this.#tokens)
    const { tokenIds } = isFresh ? known : this.#begin(connection)
    if (tokenIds.size < CONNECTION_TOKENS_MAX) tokenIds.set(authorization!, tokenId)
    return tokenId
  }

  #begin(connection: object): Known {
    const known = { version: this.#tokens.version, tokenIds: new Map<string, string>() }
    this.#connections.set(connection, known)
    return known
  }
}

/** Tokens whose standing is remembered. About 300 bytes each. */
const REMEMBERED_MAX = 10_000

interface Standing {
  readonly revision: number
  readonly caller: Caller
  /** Infinity when it never does. */
  readonly expiresAt: number
}

/**
 * Whose tokens stand. What the engine said is believed for the very revision it said it at and no other: every
 * commit makes a new one, so a token that is taken away is gone at the next request. Time is looked at each time.
 */
export class Callers {
  readonly #engine: Questions
  readonly #standings = new Map<string, Standing>()

  constructor(engine: Questions) {
    this.#engine = engine
  }

  /** @throws {EdgeError} UNAUTHENTICATED when it was removed, has expired, or it or who it stands for is suspended */
  get(tokenId: string, now: number): Caller {
    const known = this.#standings.get(tokenId)
    const standing = known?.revision === this.#engine.revision ? known : this.#ask(tokenId)
    // Why a token is refused is told to nobody: a thief would learn whether to wait.
    if (standing === undefined || now >= standing.expiresAt)
      throw unauthenticated('the token is not valid now')
    return standing.caller
  }

  #ask(tokenId: string): Standing | undefined {
    const token = this.#engine.fact({ kind: 'token', id: tokenId })
    if (token?.kind !== 'token' || isSuspended(token, this.#engine)) {
      this.#standings.delete(tokenId)
      return undefined
    }
    const standing = { revision: this.#engine.revision, caller: callerOf(token), expiresAt: expiryOf(token) }
    if (this.#standings.size >= REMEMBERED_MAX) this.#standings.clear()
    this.#standings.set(tokenId, standing)
    return standing
  }
}

function callerOf({ id, issuer, full }: TokenFact): Caller {
  const actor = `token:${id}`
  const isUsers = !issuer.includes('/')
  return { actor, self: full && isUsers ? issuer : actor, issuer }
}

/** At the instant of expiry a token is over, as a grant is. */
function expiryOf({ expiresAt }: TokenFact): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt)
}

function isSuspended({ id, issuer }: TokenFact, engine: Questions): boolean {
  return [`token:${id}`, ...issuer.split('/')].some(
    (of) => engine.fact({ kind: 'suspension', of }) !== undefined,
  )
}

/**
 * Whether a caller may ask about an actor is the engine's to say. It is asked first in the way that is quick where
 * it counts: for a service that asks about everyone, ten thousand times a second.
 *
 * @throws {ForbiddenError}
 */
export function authorizeAbout(engine: Questions, caller: Caller, actor: string): void {
  if (actor !== caller.self && actor !== caller.actor && engine.check(caller.actor, 'castellan:check')) return
  engine.authorizeQuestion(caller.actor, { about: 'actor', actor })
}

/**
 * The same for many at once: whoever may ask about anyone is not asked about each.
 *
 * @param refuse - told of the first question that may not be asked, and why; throws
 */
export function authorizeEach(
  engine: Questions,
  caller: Caller,
  questions: readonly Question[],
  refuse: (index: number, reason: unknown) => never,
): void {
  if (engine.check(caller.actor, 'castellan:check')) return
  const allowed = new Set<string>()
  for (const [index, { actor }] of questions.entries()) {
    if (allowed.has(actor)) continue
    try {
      engine.authorizeQuestion(caller.actor, { about: 'actor', actor })
    } catch (error) {
      refuse(index, error)
    }
    allowed.add(actor)
  }
}

function unauthenticated(message: string): EdgeError {
  return new EdgeError(
    'UNAUTHENTICATED',
    message,
    'send `Authorization: Bearer <token>` with a token that stands',
  )
}
