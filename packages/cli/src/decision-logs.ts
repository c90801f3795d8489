import type { GrantFact } from '@castellan/engine'
import { readLines } from '@castellan/protocol'
import type { LoggedDecision, LoggedGrant, LoggedLoss } from '@castellan/server'
import type { Io } from './io.ts'
import { openSource } from './source.ts'

/** A pathway of a hundred grants with long names. */
const LINE_BYTES_MAX = 1_048_576

/** What logs of decisions say, as far as it tells which grants were of use. */
export class DecisionLogs {
  /** Those that were read. */
  decisions = 0
  allowed = 0
  /** Picked for the log, and not in it. */
  dropped = 0
  /** Lines that are no decision: one that a crash cut off, or a file of something else. */
  unreadable = 0
  /** Decisions on more grants than the log keeps of one. */
  cut = 0
  /** RFC 3339; undefined when there was none. */
  from: string | undefined = undefined
  to: string | undefined = undefined
  /** The shares of answers that were picked. */
  readonly samples = new Set<number>()
  readonly #used = new Map<string, Map<string, Set<string>>>()
  readonly #since: number

  /** @param since - in milliseconds since 1970; what is older is left out */
  constructor(since = Number.NEGATIVE_INFINITY) {
    this.#since = since
  }

  async read(io: Io, name: string): Promise<void> {
    const { chunks } = await openSource(io, name)
    for await (const lines of readLines(chunks, LINE_BYTES_MAX))
      for (const { text } of lines) this.#take(text)
  }

  isUsed({ issuer, holder, permission }: Pick<GrantFact, 'issuer' | 'holder' | 'permission'>): boolean {
    return this.#used.get(issuer)?.get(holder)?.has(permission) === true
  }

  /**
   * How often a grant must have been of use to be in the log with a certainty of 95 in 100, at the least share that was
   * picked. What was used more seldom may well not be there.
   */
  get timesToBeSeen(): number {
    const least = Math.min(...this.samples)
    return least >= 1 ? 1 : Math.ceil(Math.log(0.05) / Math.log(1 - least))
  }

  #take(text: string): void {
    const line = parse(text)
    const at = line === undefined ? Number.NaN : Date.parse(line.time)
    if (line === undefined || Number.isNaN(at)) this.unreadable++
    else if (at < this.#since) return
    else if ('dropped' in line) this.dropped += line.dropped
    else this.#count(line)
  }

  #count({ time, allowed, sample, pathway, omitted = 0 }: LoggedDecision): void {
    this.decisions++
    if (allowed) this.allowed++
    if (omitted > 0) this.cut++
    if (this.from === undefined || time < this.from) this.from = time
    if (this.to === undefined || time > this.to) this.to = time
    this.samples.add(sample)
    for (const grant of pathway) this.#use(grant)
  }

  #use({ issuer, holder, permission }: LoggedGrant): void {
    const ofIssuer = this.#used.get(issuer) ?? new Map<string, Set<string>>()
    this.#used.set(issuer, ofIssuer)
    const ofHolder = ofIssuer.get(holder) ?? new Set<string>()
    ofIssuer.set(holder, ofHolder)
    ofHolder.add(permission)
  }
}

function parse(text: string): LoggedDecision | LoggedLoss | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const line = value as Partial<LoggedDecision & LoggedLoss>
  if (typeof line.time !== 'string') return undefined
  if (typeof line.dropped === 'number') return { time: line.time, dropped: line.dropped }
  const isDecision =
    typeof line.allowed === 'boolean' &&
    typeof line.sample === 'number' &&
    line.sample > 0 &&
    Array.isArray(line.pathway) &&
    line.pathway.every(isGrant)
  return isDecision ? (line as LoggedDecision) : undefined
}

function isGrant(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['issuer', 'holder', 'permission'].every((name) => typeof Reflect.get(value, name) === 'string')
  )
}
