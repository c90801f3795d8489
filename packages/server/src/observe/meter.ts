import type { ProblemCode } from '@castellan/protocol'
import type { CommittedGroup } from '../live.ts'
import type { Exchange, Outcome } from './exchange.ts'
import { Histogram } from './histogram.ts'

/** In seconds. A check takes some ten microseconds, a commit as long as a disk, an export as long as its reader. */
const REQUEST_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10]
const DECISION_BOUNDS = [
  0.000_01, 0.000_025, 0.000_05, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1,
]
const COMMIT_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10]

/** Requests of one method for one route. */
export interface RouteMeter {
  readonly method: string
  readonly route: string
  /** By status; 0 counts those who went away before they were answered. */
  readonly statuses: Map<number, number>
  /** From the head of a request to the end of its answer; not of decisions, which have their own. */
  readonly seconds: Histogram
}

/** Decisions of one route. */
export interface DecisionMeter {
  readonly route: string
  /** Requests that were answered and are counted here alone. */
  answered: number
  /** Single answers: one request may ask for many. */
  allowed: number
  denied: number
  /** From the last byte of a request to its answer, by how the whole request ended. */
  readonly seconds: Readonly<Record<Outcome, Histogram>>
}

/** Methods that are counted by name: anyone may send any other. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What a server has done since it was made, in numbers. Nothing that a caller chooses becomes a label. */
export class Meter {
  readonly #routes = new Map<string, Map<string, RouteMeter>>()
  readonly #decisions = new Map<string, DecisionMeter>()
  readonly #problems = new Map<ProblemCode, number>()
  /** Of groups of commits, each with one sync. */
  readonly commitSeconds = new Histogram(COMMIT_BOUNDS)
  commits = 0
  /** In milliseconds since 1970, UTC; undefined before the first. */
  lastCommitAt: number | undefined = undefined

  /** Every route, those of decisions too. */
  routes(): RouteMeter[] {
    for (const { route, answered } of this.#decisions.values())
      if (answered > 0) this.#routeOf(route, 'POST').statuses.set(200, answered)
    return [...this.#routes.values()].flatMap((methods) => [...methods.values()])
  }

  decisions(): Iterable<DecisionMeter> {
    return this.#decisions.values()
  }

  problems(): Iterable<readonly [ProblemCode, number]> {
    return this.#problems.entries()
  }

  /** @param status - 0 when there was no answer */
  countRequest({ route, method, began }: Exchange, status: number, now: number): void {
    const meter = this.#routeOf(route, METHODS.has(method) ? method : 'other')
    meter.statuses.set(status, (meter.statuses.get(status) ?? 0) + 1)
    if (began > 0) meter.seconds.observe((now - began) / 1_000)
  }

  countDecision(
    { route, meter = this.decisionsOf(route), asked, outcome, isFollowed }: Exchange,
    now: number,
  ): void {
    meter.seconds[outcome ?? 'error'].observe((now - asked) / 1_000)
    if (outcome !== undefined && !isFollowed) meter.answered++
  }

  /** @param now - in milliseconds since 1970, UTC */
  countCommits({ commits, ms }: CommittedGroup, now: number): void {
    this.commits += commits
    this.commitSeconds.observe(ms / 1_000)
    this.lastCommitAt = now
  }

  countProblem(code: ProblemCode): void {
    this.#problems.set(code, (this.#problems.get(code) ?? 0) + 1)
  }

  decisionsOf(route: string): DecisionMeter {
    return this.#decisions.get(route) ?? getOrMake(this.#decisions, route, () => newDecisionMeter(route))
  }

  #routeOf(route: string, method: string): RouteMeter {
    const methods = getOrMake(this.#routes, route, () => new Map<string, RouteMeter>())
    return getOrMake(methods, method, () => newRouteMeter(route, method))
  }
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

function newRouteMeter(route: string, method: string): RouteMeter {
  return { route, method, statuses: new Map(), seconds: new Histogram(REQUEST_BOUNDS) }
}

function newDecisionMeter(route: string): DecisionMeter {
  const make = () => new Histogram(DECISION_BOUNDS)
  return {
    route,
    answered: 0,
    allowed: 0,
    denied: 0,
    seconds: { allowed: make(), denied: make(), mixed: make(), error: make() },
  }
}
