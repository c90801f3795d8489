import type { TokenFact } from '@castellan/engine'
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
 * Finds which token a request was sent with. Says nothing of whether it still stands: `getCaller` does, at the moment
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

/** @throws {EdgeError} UNAUTHENTICATED when it was removed, has expired, or it or who it stands for is suspended */
export function getCaller(tokenId: string, engine: Questions, now: number): Caller {
  const token = engine.fact({ kind: 'token', id: tokenId })
  // Why a token is refused is told to nobody: a thief would learn whether to wait.
  if (token?.kind !== 'token' || !isStanding(token, engine, now)) throw unauthenticated('the token is not valid now')
  const actor = `token:${tokenId}`
  const isUser = !token.issuer.includes('/')
  return { actor, self: token.full && isUser ? token.issuer : actor, issuer: token.issuer }
}

function isStanding(token: TokenFact, engine: Questions, now: number): boolean {
  if (token.expiresAt !== undefined && now >= Date.parse(token.expiresAt)) return false
  return !isSuspended(`token:${token.id}`, engine) && !token.issuer.split('/').some((party) => isSuspended(party, engine))
}

function isSuspended(of: string, engine: Questions): boolean {
  return engine.fact({ kind: 'suspension', of }) !== undefined
}

function unauthenticated(message: string): EdgeError {
  return new EdgeError('UNAUTHENTICATED', message, 'send `Authorization: Bearer <token>` with a token that stands')
}
