import type { IncomingMessage } from 'node:http'
import type { BlockList } from 'node:net'
import { EdgeError, isCodedError } from '@castellan/protocol'
import { callerAddress } from './address.ts'
import { RateLimit, type Rate } from './rate-limit.ts'

export interface GateOptions {
  /** Of each token. */
  readonly token: Rate
  /** Of each address, whoever sends from there. */
  readonly address: Rate
  /** Of each address, for requests with no token that stands. */
  readonly anonymous: Rate
  /** Whose `X-Forwarded-For` is believed. */
  readonly proxies: BlockList | undefined
}

export type LimitName = 'token' | 'address' | 'anonymous'

/** Over a rate limit. */
export class RateLimitedError extends EdgeError {
  /** Until the next request is taken. */
  readonly retryAfterSeconds: number

  constructor(who: string, waitMs: number) {
    super('RATE_LIMITED', `too many requests ${who}`, 'send fewer, and wait as long as `Retry-After` says')
    this.retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000))
  }
}

/** Who may send at which rate. What is switched off costs nothing. */
export class Gate {
  readonly #limits: Readonly<Record<LimitName, RateLimit>>
  readonly #proxies: BlockList | undefined
  readonly #limited: Record<LimitName, number> = { token: 0, address: 0, anonymous: 0 }

  constructor({ token, address, anonymous, proxies }: GateOptions) {
    this.#limits = {
      token: new RateLimit(token),
      address: new RateLimit(address),
      anonymous: new RateLimit(anonymous),
    }
    this.#proxies = proxies
  }

  /** How many requests were over each limit. */
  get limited(): Readonly<Record<LimitName, number>> {
    return this.#limited
  }

  /** Before anything is read of a request. @throws {RateLimitedError} */
  admit(request: IncomingMessage): void {
    if (this.#limits.address.isOn)
      this.#take('address', callerAddress(request, this.#proxies), 'from this address')
  }

  /** For a request with a token of ours. @throws {RateLimitedError} */
  admitToken(tokenId: string): void {
    if (this.#limits.token.isOn) this.#take('token', tokenId, 'with this token')
  }

  /** For a request that needs no token. @throws {RateLimitedError} */
  admitAnonymous(request: IncomingMessage): void {
    if (this.#limits.anonymous.isOn)
      this.#take('anonymous', callerAddress(request, this.#proxies), 'without a token from this address')
  }

  /**
   * What a refused request is told: of those whose token is none, too many from one address are told to wait. A token
   * that stands is never among them, so nobody can be locked out by those who share an address with them.
   */
  refusal(request: IncomingMessage, reason: unknown): unknown {
    if (!isCodedError(reason) || reason.code !== 'UNAUTHENTICATED') return reason
    try {
      this.admitAnonymous(request)
      return reason
    } catch (limited) {
      return limited
    }
  }

  #take(name: LimitName, caller: string, who: string): void {
    const waitMs = this.#limits[name].take(caller, performance.now())
    if (waitMs === 0) return
    this.#limited[name]++
    throw new RateLimitedError(who, waitMs)
  }
}
