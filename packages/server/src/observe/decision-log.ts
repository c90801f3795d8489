import type { Asking, GraphEdge, GraphNode } from '@castellan/engine'
import { withoutSecrets, type Logger } from '../edge/log.ts'
import type { Questions } from '../live.ts'
import type { Exchange } from './exchange.ts'
import { LineFile, type LineFileOptions } from './line-file.ts'

/** An answer that was picked, as it was given. */
export interface Sample {
  readonly actor: string
  readonly permissions: string | readonly string[]
  readonly allowed: boolean
  readonly asking: Asking
}

/** One line of the log. `castellan journal unused` reads them. */
export interface LoggedDecision {
  /** RFC 3339, UTC. */
  readonly time: string
  readonly requestId: string
  /** Who asked: `token:<id>`. */
  readonly caller: string
  /** Who was asked about. */
  readonly actor: string
  /** After rewriting, so that it holds no names. Of several: the one that is held, else the first. */
  readonly permission: string
  /** The first of several that were asked at once. */
  readonly anyOf?: readonly string[]
  readonly allowed: boolean
  readonly revision: number
  /** What share of answers was picked when this one was. */
  readonly sample: number
  /** The grants of every live pathway, nearest to the actor first. */
  readonly pathway: readonly LoggedGrant[]
  /** What the pathways end at. */
  readonly rights: readonly { readonly actor: string; readonly permission: string; readonly by: string }[]
  /** Grants and rights that were left out, where there are very many. */
  readonly omitted?: number
}

export interface LoggedGrant {
  readonly via: string
  readonly issuer: string
  readonly holder: string
  readonly permission: string
}

/** A line that says how many picked answers are not in the log. */
export interface LoggedLoss {
  readonly time: string
  readonly dropped: number
}

export interface DecisionLogOptions extends LineFileOptions {
  /** What share of answers is written, 0 to 1. */
  readonly sample: number
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number
  readonly log: Logger
  /** 0 to 1, the latter excluded. Default: chance. */
  readonly random?: () => number
}

/** Of a pathway, in one line. */
const GRANTS_MAX = 100
const RIGHTS_MAX = 20
const ANY_OF_MAX = 20
/**
 * How long pathways are looked for in a second, in milliseconds: a fifth of the thread, however high the rate and
 * however wide the graph.
 */
const PATHWAYS_MS_MAX = 200
const WARN_EVERY_MS = 60_000

/** Why a picked answer is not in the log: no time for its pathway, too many lines waiting, or the file failed. */
export type LossReason = 'busy' | 'waiting' | 'failed'

/**
 * A sample of the answers, with the grants they rested on, as JSON Lines. Whoever asked has the answer before its
 * line is made, in the same turn of the event loop, so that both are of one revision.
 */
export class DecisionLog {
  readonly lost: Record<LossReason, number> = { busy: 0, waiting: 0, failed: 0 }
  written = 0
  readonly #options: DecisionLogOptions
  readonly #random: () => number
  readonly #file: LineFile
  /** Answers to pass over before the next is picked. */
  #skip: number
  #unreported = 0
  #warnedAt = Number.NEGATIVE_INFINITY
  #spentMs = 0
  #spentSince = 0

  constructor(options: DecisionLogOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
    this.#file = new LineFile(options)
    this.#skip = this.#draw()
  }

  /** Whether the next answer is to be logged. */
  isPicked(): boolean {
    if (this.#skip > 0) {
      this.#skip--
      return false
    }
    this.#skip = this.#draw()
    return true
  }

  /** Which of the next so many answers are. */
  *picks(count: number): Generator<number> {
    let at = this.#skip
    for (; at < count; at += 1 + this.#draw()) yield at
    this.#skip = at - count
  }

  /** Logs what was picked of a request. Throws nothing, whatever fails. */
  write({ requestId, tokenId, samples = [] }: Exchange, engine: Questions): void {
    for (const sample of samples) {
      const start = performance.now()
      if (this.#isSpent(start)) {
        this.#lose('busy')
        continue
      }
      try {
        const line = this.#lineOf(sample, requestId, `token:${tokenId ?? ''}`, engine)
        this.#report()
        if (this.#file.write(line, this.#onLineLost)) this.written++
        else this.#lose('waiting')
      } catch (error) {
        this.#lose('failed')
        this.#warn(error)
      }
      this.#spentMs += performance.now() - start
    }
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#report()
    await this.#file.close()
  }

  #lineOf(sample: Sample, requestId: string, caller: string, engine: Questions): string {
    const { actor, allowed, asking } = sample
    const { viewer: _, atLeast: __, ...whole } = asking
    // As the caller sees paths; then everything, since the log is not the caller's.
    const asked = typeof sample.permissions === 'string' ? [sample.permissions] : sample.permissions
    const permissions = asked.map((permission) => engine.canonical(permission, asking))
    const held = permissions.find((permission) => allowed && engine.check(actor, permission, whole))
    const decision: LoggedDecision = {
      time: new Date(this.#options.now()).toISOString(),
      requestId,
      caller,
      actor,
      permission: held ?? permissions[0] ?? '',
      ...(asked.length > 1 && { anyOf: permissions.slice(0, ANY_OF_MAX) }),
      allowed,
      revision: engine.revision,
      sample: this.#options.sample,
      ...(held === undefined ? NO_PATHWAY : pathwayOf(engine.explain(actor, held, whole).graph)),
    }
    return withoutSecrets(JSON.stringify(decision))
  }

  #isSpent(now: number): boolean {
    const seconds = (now - this.#spentSince) / 1_000
    this.#spentSince = now
    this.#spentMs = Math.max(0, this.#spentMs - seconds * PATHWAYS_MS_MAX)
    return this.#spentMs >= PATHWAYS_MS_MAX
  }

  /** The geometric distribution: as many as chance would pass over, drawn at once. */
  #draw(): number {
    const { sample } = this.#options
    if (sample >= 1) return 0
    if (sample <= 0) return Number.POSITIVE_INFINITY
    return Math.floor(Math.log(1 - this.#random()) / Math.log(1 - sample))
  }

  readonly #onLineLost = (reason: unknown): void => {
    this.written--
    this.#lose('failed')
    this.#warn(reason)
  }

  #lose(reason: LossReason): void {
    this.lost[reason]++
    this.#unreported++
  }

  /** Who reads the log is told what is not in it. */
  #report(): void {
    const dropped = this.#unreported
    if (dropped === 0) return
    const loss: LoggedLoss = { time: new Date(this.#options.now()).toISOString(), dropped }
    if (this.#file.write(JSON.stringify(loss), () => (this.#unreported += dropped))) this.#unreported = 0
  }

  #warn(error: unknown): void {
    const now = performance.now()
    if (now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    this.#options.log.warn({ err: error, lost: this.lost }, 'decisions are not logged')
  }
}

const NO_PATHWAY = { pathway: [], rights: [] } as const

function pathwayOf({
  nodes,
  edges,
}: {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}): Pick<LoggedDecision, 'pathway' | 'rights' | 'omitted'> {
  const grants = new Map<string, LoggedGrant>()
  for (const { via, grant } of edges) {
    if (grant === null) continue
    const { issuer, holder, permission } = grant
    grants.set(JSON.stringify([issuer, holder, permission]), { via, issuer, holder, permission })
  }
  const rights = nodes.flatMap(({ actor, options }) =>
    options.map(({ permission, by }) => ({ actor, permission, by })),
  )
  const omitted = Math.max(0, grants.size - GRANTS_MAX) + Math.max(0, rights.length - RIGHTS_MAX)
  return {
    pathway: [...grants.values()].slice(0, GRANTS_MAX),
    rights: rights.slice(0, RIGHTS_MAX),
    ...(omitted > 0 && { omitted }),
  }
}
