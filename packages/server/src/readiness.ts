import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './edge/log.ts'

/** Something without which requests should go elsewhere. */
export interface ReadinessCheck {
  /** One word. */
  readonly name: string
  /** What is wrong when it fails, for anyone to read: the reason goes to the log alone. */
  readonly failing: string
  /** Throws, or does not come to an end, when it fails. */
  run(): unknown
}

export interface CheckSeen {
  readonly name: string
  readonly ok: boolean
  /** What is wrong, of one that failed. */
  readonly detail?: string
}

/** Anyone may ask, so checks that reach the disk are made this seldom however often they do, in milliseconds. */
const LOOK_EVERY_MS = 500
/** A check that takes longer has failed, in milliseconds. */
const CHECK_MS_MAX = 2_000

/** Looks whether requests should be sent here. */
export class Readiness {
  readonly #checks: readonly ReadinessCheck[]
  readonly #log: Logger
  #seen: Promise<readonly CheckSeen[]> | undefined
  #seenAt = Number.NEGATIVE_INFINITY
  #failing = ''

  constructor(checks: readonly ReadinessCheck[], log: Logger) {
    this.#checks = checks
    this.#log = log
  }

  /** Every check, in order; what was seen a moment ago is believed. */
  look(): Promise<readonly CheckSeen[]> {
    const now = performance.now()
    if (this.#seen === undefined || now - this.#seenAt >= LOOK_EVERY_MS) {
      this.#seenAt = now
      this.#seen = this.#lookAgain()
    }
    return this.#seen
  }

  async #lookAgain(): Promise<readonly CheckSeen[]> {
    const reasons = new Map<string, unknown>()
    const seen = await Promise.all(
      this.#checks.map(async (check): Promise<CheckSeen> => {
        try {
          await withinTime(check)
          return { name: check.name, ok: true }
        } catch (reason) {
          reasons.set(check.name, reason)
          return { name: check.name, ok: false, detail: check.failing }
        }
      }),
    )
    this.#logChange(reasons)
    return seen
  }

  /** Once, not with every look. */
  #logChange(reasons: ReadonlyMap<string, unknown>): void {
    const failing = [...reasons.keys()].join(' ')
    if (failing === this.#failing) return
    this.#failing = failing
    if (reasons.size === 0) this.#log.info('ready again')
    for (const [check, err] of reasons) this.#log.error({ check, err }, 'not ready')
  }
}

async function withinTime(check: ReadinessCheck): Promise<void> {
  const timeout = new AbortController()
  const late = sleep(CHECK_MS_MAX, true, { ref: false, signal: timeout.signal }).catch(() => false)
  try {
    const run = async (): Promise<false> => {
      await check.run()
      return false
    }
    if (await Promise.race([run(), late])) throw new Error(`no end after ${CHECK_MS_MAX} ms`)
  } finally {
    timeout.abort()
  }
}
