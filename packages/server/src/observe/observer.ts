import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Asking, Question } from '@castellan/engine'
import type { Problem } from '@castellan/protocol'
import type { Level, Logger } from '../edge/log.ts'
import type { Questions } from '../live.ts'
import type { DecisionLog, Sample } from './decision-log.ts'
import { Exchange, NO_ROUTE } from './exchange.ts'
import { Meter } from './meter.ts'
import { beginSpan } from './tracing.ts'

export interface ObserverOptions {
  readonly engine: Questions
  readonly log: Logger
  /** At which level each request is logged. */
  readonly accessLogLevel: Level | 'off'
  readonly decisionLog?: DecisionLog | undefined
}

/**
 * Sees every request from its head to the end of its answer, and tells meters, spans, the access log and the log of
 * decisions. Whatever fails in here is nobody's request's fault, so nothing is thrown at one.
 */
export class Observer {
  readonly meter = new Meter()
  readonly decisionLog: DecisionLog | undefined
  readonly #engine: Questions
  readonly #log: Logger
  readonly #level: Level | 'off'
  readonly #underWay = new WeakMap<ServerResponse, Exchange>()

  constructor({ engine, log, accessLogLevel, decisionLog }: ObserverOptions) {
    this.#engine = engine
    this.#log = log
    this.#level = accessLogLevel
    this.decisionLog = decisionLog
  }

  /** A request for a decision is here; whoever begins it ends it, in the turn in which it is answered. */
  begin(request: IncomingMessage, response: ServerResponse, requestId: string, route: string): Exchange {
    const exchange = new Exchange(requestId, 'POST', route)
    exchange.meter = this.meter.decisionsOf(route)
    exchange.span = beginSpan(request, exchange)
    // Who goes away in the middle of a body is never answered; only a span has to end for all that.
    if (exchange.span !== undefined) response.once('close', () => this.end(exchange, 0))
    return exchange
  }

  /** Another request is here. It ends with its answer, however that comes about. */
  follow(request: IncomingMessage, response: ServerResponse, requestId: string): Exchange {
    const exchange = new Exchange(requestId, request.method ?? '', NO_ROUTE, performance.now())
    exchange.isFollowed = true
    exchange.span = beginSpan(request, exchange)
    this.#underWay.set(response, exchange)
    response.once('close', () => this.end(exchange, response.headersSent ? response.statusCode : 0))
    return exchange
  }

  /** What `follow` made of it. */
  of(response: ServerResponse): Exchange {
    return this.#underWay.get(response)!
  }

  /** A question was answered; one request may bring several. */
  decided(
    exchange: Exchange,
    actor: string,
    permissions: string | readonly string[],
    allowed: boolean,
    asking: Asking,
  ): void {
    this.#count(exchange, allowed ? 1 : 0, allowed ? 0 : 1)
    if (this.decisionLog?.isPicked() === true) this.#pick(exchange, [{ actor, permissions, allowed, asking }])
  }

  /** Nothing was asked, since it names nothing or failed, and the answer is no. */
  deniedUnasked(exchange: Exchange): void {
    this.#count(exchange, 0, 1)
  }

  /** Several questions were answered at once, each for itself. */
  decidedEach(
    exchange: Exchange,
    questions: readonly Question[],
    answers: readonly boolean[],
    asking: Asking,
  ): void {
    let allowed = 0
    for (const answer of answers) if (answer) allowed++
    this.#count(exchange, allowed, answers.length - allowed)
    if (this.decisionLog === undefined) return
    const samples = [...this.decisionLog.picks(answers.length)].map((at) => {
      const { actor, permission } = questions[at]!
      return { actor, permissions: permission, allowed: answers[at]!, asking }
    })
    if (samples.length > 0) this.#pick(exchange, samples)
  }

  #count(exchange: Exchange, allowed: number, denied: number): void {
    if (exchange.asked === 0) exchange.asked = exchange.began
    const meter = (exchange.meter ??= this.meter.decisionsOf(exchange.route))
    meter.allowed += allowed
    meter.denied += denied
    const outcome = allowed === 0 ? 'denied' : denied === 0 ? 'allowed' : 'mixed'
    exchange.outcome = exchange.outcome === undefined || exchange.outcome === outcome ? outcome : 'mixed'
  }

  /** The pathways are looked for when the caller has the answer; or now, where that is in a later turn. */
  #pick(exchange: Exchange, samples: readonly Sample[]): void {
    if (exchange.samples === undefined) exchange.samples = [...samples]
    else exchange.samples.push(...samples)
    if (exchange.isFollowed) this.#logSamples(exchange)
  }

  #logSamples(exchange: Exchange): void {
    this.decisionLog?.write(exchange, this.#engine)
    exchange.samples = undefined
  }

  /** A request was refused: what for, its end says. */
  refused(exchange: Exchange, { code }: Problem): void {
    exchange.code = code
    exchange.outcome = undefined
    this.meter.countProblem(code)
  }

  /** @param status - of the answer; 0 when whoever asked went away before it */
  end(exchange: Exchange, status: number): void {
    if (exchange.isEnded) return
    exchange.isEnded = true
    const now = performance.now()
    if (exchange.asked > 0) this.meter.countDecision(exchange, now)
    if (exchange.isFollowed || exchange.outcome === undefined) this.meter.countRequest(exchange, status, now)
    if (exchange.samples !== undefined && exchange.code === undefined) this.#logSamples(exchange)
    exchange.span?.end(exchange, status === 0 ? undefined : status, this.#engine.revision)
    if (this.#level !== 'off' && this.#log.isLevelEnabled(this.#level))
      this.#logAccess(this.#level, exchange, status, now)
  }

  /** Without path and query, where people put secrets, and without names: the route and the token's id say enough. */
  #logAccess(level: Level, exchange: Exchange, status: number, now: number): void {
    const { requestId, method, route, tokenId, code, span, began, asked } = exchange
    const start = began > 0 ? began : asked > 0 ? asked : now
    this.#log[level](
      {
        requestId,
        method,
        route,
        status,
        ms: Math.round((now - start) * 1_000) / 1_000,
        ...(tokenId !== undefined && { tokenId }),
        ...(code !== undefined && { code }),
        ...(span !== undefined && { traceId: span.traceId }),
      },
      'request',
    )
  }
}
