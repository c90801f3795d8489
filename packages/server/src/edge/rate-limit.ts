export interface Rate {
  /** Requests in a second, in the long run. 0: as many as come. */
  readonly perSecond: number
  /** Requests at once, after a pause. */
  readonly burst: number
}

/** Callers that are remembered at once: a stranger with many addresses cannot fill the memory. About 150 bytes each. */
const REMEMBERED_MAX = 65_536
/** Looking for those that may be forgotten is a pass over all of them, so not more often than this, in milliseconds. */
const SWEEP_EVERY_MS = 1_000

/**
 * A bucket of tokens for each caller, kept as one number: the time at which it will be full again. Whoever is not
 * remembered has a full one, so those whose bucket is full are forgotten first and lose nothing; should all be busy,
 * the one remembered for longest is forgotten, in its own favour.
 */
export class RateLimit {
  readonly #msEach: number
  readonly #burstMs: number
  readonly #fullAt = new Map<string, number>()
  #sweptAt = 0

  constructor({ perSecond, burst }: Rate) {
    this.#msEach = perSecond === 0 ? 0 : 1_000 / perSecond
    this.#burstMs = this.#msEach * burst
  }

  get isOn(): boolean {
    return this.#msEach > 0
  }

  get size(): number {
    return this.#fullAt.size
  }

  /**
   * Takes a token out of the caller's bucket.
   *
   * @param now - in milliseconds, of a clock that is never set back
   * @returns 0, or in how many milliseconds there will be one; then none was taken
   */
  take(caller: string, now: number): number {
    if (this.#msEach === 0) return 0
    const known = this.#fullAt.get(caller)
    const fullAt = Math.max(known ?? 0, now) + this.#msEach
    // In floating point the last token of a burst may seem to come a hair too early.
    const waitMs = fullAt - now - this.#burstMs
    if (waitMs > 1e-6) return waitMs
    if (known === undefined && this.#fullAt.size >= REMEMBERED_MAX) this.#makeRoom(now)
    this.#fullAt.set(caller, fullAt)
    return 0
  }

  #makeRoom(now: number): void {
    if (now - this.#sweptAt >= SWEEP_EVERY_MS) {
      this.#sweptAt = now
      for (const [caller, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(caller)
    }
    if (this.#fullAt.size < REMEMBERED_MAX) return
    const [oldest] = this.#fullAt.keys()
    this.#fullAt.delete(oldest!)
  }
}
