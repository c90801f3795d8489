import { collectDefaultMetrics, Counter, Gauge, Histogram as PromHistogram, Registry } from 'prom-client'
import type { Histogram } from './histogram.ts'
import type { DecisionLog } from './decision-log.ts'
import type { Meter } from './meter.ts'

/** What metrics are read from. Everything is looked at when someone reads, and costs nothing before. */
export interface MetricSources {
  readonly meter: Meter
  readonly decisionLog: DecisionLog | undefined
  readonly connections: () => { readonly open: number; readonly refused: number }
  readonly rateLimited: () => readonly Sampled[]
  readonly revision: () => number
  readonly followers: () => number
  /** In bytes; undefined for a store that is on no disk. */
  readonly store: () => { readonly bytes: number; readonly logBytes: number } | undefined
}

/** A value and what it is of. */
interface Sampled {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Metrics {
  /** Whether anyone may read them. */
  readonly isOpen: boolean
  /** The text format of Prometheus. */
  read(): Promise<string>
}

export function createMetrics(sources: MetricSources, isOpen: boolean): Metrics {
  const registry = new Registry()
  addRequests(registry, sources)
  addDecisions(registry, sources)
  addStore(registry, sources)
  // Those of the process are watched from the first reading on: where nobody reads them they cost nothing.
  return { isOpen, read: () => Registry.merge([registry, processMetrics()]).metrics() }
}

let ofProcess: Registry | undefined

/** Event loop, memory, processor and the rest of this process: watched once, however many servers are in it. */
function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}

function addRequests(registry: Registry, { meter, connections, rateLimited }: MetricSources): void {
  counter(
    registry,
    'castellan_http_requests_total',
    'Requests by route and status; status 0 is of those who went away before the answer.',
    ['method', 'route', 'status'],
    () =>
      meter.routes().flatMap(({ method, route, statuses }) =>
        [...statuses].map(([status, value]) => ({
          labels: { method, route, status: String(status) },
          value,
        })),
      ),
  )
  histogram(
    registry,
    'castellan_http_request_seconds',
    'From the head of a request to the end of its answer; decisions have their own.',
    ['method', 'route'],
    () => meter.routes().map(({ method, route, seconds }) => ({ labels: { method, route }, kept: seconds })),
  )
  counter(registry, 'castellan_problems_total', 'Refusals and failures by code.', ['code'], () =>
    [...meter.problems()].map(([code, value]) => ({ labels: { code }, value })),
  )
  counter(
    registry,
    'castellan_rate_limited_total',
    'Requests over a rate limit, by what is limited.',
    ['by'],
    rateLimited,
  )
  gauge(registry, 'castellan_connections', 'Open connections.', () => connections().open)
  counter(registry, 'castellan_connections_refused_total', 'Connections over the bound.', [], () => [
    { labels: {}, value: connections().refused },
  ])
}

function addDecisions(registry: Registry, { meter, decisionLog }: MetricSources): void {
  counter(
    registry,
    'castellan_decisions_total',
    'Single answers; one request may ask for many.',
    ['route', 'outcome'],
    () =>
      [...meter.decisions()].flatMap(({ route, allowed, denied }) => [
        { labels: { route, outcome: 'allowed' }, value: allowed },
        { labels: { route, outcome: 'denied' }, value: denied },
      ]),
  )
  histogram(
    registry,
    'castellan_decision_seconds',
    'From the last byte of a request for decisions to its answer.',
    ['route', 'outcome'],
    () =>
      [...meter.decisions()].flatMap(({ route, seconds }) =>
        Object.entries(seconds).map(([outcome, kept]) => ({ labels: { route, outcome }, kept })),
      ),
  )
  if (decisionLog === undefined) return
  counter(registry, 'castellan_decision_log_written_total', 'Decisions in the decision log.', [], () => [
    { labels: {}, value: decisionLog.written },
  ])
  counter(
    registry,
    'castellan_decision_log_dropped_total',
    'Decisions that were picked for the log and are not in it.',
    ['reason'],
    () => Object.entries(decisionLog.lost).map(([reason, value]) => ({ labels: { reason }, value })),
  )
}

function addStore(registry: Registry, { meter, revision, followers, store }: MetricSources): void {
  gauge(registry, 'castellan_revision', 'The last commit that answers have seen.', revision)
  gauge(registry, 'castellan_followers', 'Followers of the journal.', followers)
  counter(registry, 'castellan_commits_total', 'Commits made durable.', [], () => [
    { labels: {}, value: meter.commits },
  ])
  histogram(
    registry,
    'castellan_commit_seconds',
    'To make a group of commits durable, with one sync.',
    [],
    () => [{ labels: {}, kept: meter.commitSeconds }],
  )
  gauge(
    registry,
    'castellan_last_sync_timestamp_seconds',
    'When a commit was last made durable.',
    () => meter.lastCommitAt && meter.lastCommitAt / 1_000,
  )
  gauge(registry, 'castellan_store_bytes', 'Size of the database.', () => store()?.bytes)
  gauge(registry, 'castellan_store_log_bytes', 'Size of its write-ahead log.', () => store()?.logBytes)
}

/** Counts that are kept elsewhere, since to keep one here costs more than a check. */
function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => readonly Sampled[],
): void {
  const metric = new Counter({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      this.reset()
      for (const { labels, value } of read()) this.inc(labels, value)
    },
  })
  registry.registerMetric(metric)
}

/** @param read - undefined while there is nothing to say */
function gauge(registry: Registry, name: string, help: string, read: () => number | undefined): void {
  const metric = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      const value = read()
      if (value === undefined) this.remove()
      else this.set(value)
    },
  })
  registry.registerMetric(metric)
}

interface Kept {
  readonly labels: Readonly<Record<string, string>>
  readonly kept: Histogram
}

function histogram(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => readonly Kept[],
): void {
  registry.registerMetric(new KeptHistogram({ name, help, labelNames }, read))
}

/** A histogram whose buckets are filled elsewhere. */
class KeptHistogram extends PromHistogram {
  readonly #name: string
  readonly #help: string
  readonly #read: () => readonly Kept[]

  constructor(
    { name, help, labelNames }: { name: string; help: string; labelNames: readonly string[] },
    read: () => readonly Kept[],
  ) {
    super({ name, help, labelNames, registers: [] })
    this.#name = name
    this.#help = help
    this.#read = read
  }

  override async get(): ReturnType<PromHistogram['get']> {
    const values = this.#read().flatMap((kept) => valuesOf(this.#name, kept))
    return { name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' } as never
  }

  /** What the registry asks for first. */
  async getForPromString(): ReturnType<PromHistogram['get']> {
    return this.get()
  }
}

function valuesOf(name: string, { labels, kept }: Kept): object[] {
  let below = 0
  const buckets = kept.counts.map((count, at) => {
    below += count
    const le = at < kept.bounds.length ? String(kept.bounds[at]) : '+Inf'
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: kept.sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}
