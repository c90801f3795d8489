/** So many in a second, on average; what was not used in the last second may be caught up on. */
export class Rate {
  readonly #perSecond: number
  readonly #now: () => number
  #left: number
  #seen: number

  /** @param now - milliseconds */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond
    this.#now = now
    this.#left = perSecond
    this.#seen = now()
  }

  /** @returns false when there is none left */
  take(): boolean {
    if (this.#left < 1) this.#refill()
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }

  #refill(): void {
    const now = this.#now()
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#seen) / 1_000) * this.#perSecond)
    this.#seen = now
  }
}
