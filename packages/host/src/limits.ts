/** What one app may use. An app's manifest can tighten each, never loosen it. */
export interface AppLimits {
  /** Heap, buffers and all else of its process, in bytes, beyond what the bare runtime takes. */
  readonly memoryBytesMax: number
  /** Without a sign of life, in milliseconds; the time in which the host owes it an answer does not count. */
  readonly silentMs: number
  /** For a script to answer, in milliseconds. */
  readonly requestMs: number
  /** For a new version to load and run its startup scripts, in milliseconds. */
  readonly startMs: number
  /** Requests in its cell at once; the next ones wait. */
  readonly inFlightMax: number
  /** Requests that wait, and for how long, in milliseconds. */
  readonly queueMax: number
  readonly queueMs: number
  /** Largest body of a request, in bytes. */
  readonly bodyBytesMax: number
  /** For requests under way when a new version takes over, in milliseconds. */
  readonly drainMs: number
  /** Without a request, in milliseconds; then its process ends, and the next request starts another. */
  readonly idleMs: number
}

export const LIMIT_DEFAULTS: AppLimits = {
  memoryBytesMax: 128 * 1024 * 1024,
  silentMs: 5_000,
  requestMs: 30_000,
  startMs: 30_000,
  inFlightMax: 64,
  queueMax: 256,
  queueMs: 10_000,
  bodyBytesMax: 16 * 1024 * 1024,
  drainMs: 30_000,
  idleMs: 10 * 60_000,
}

/** @param wanted - as the manifest says; what is larger than the host's, or no number, counts as not said */
export function tightenLimits(host: AppLimits, wanted: Readonly<Record<string, number>>): AppLimits {
  const limits = { ...host }
  for (const name of Object.keys(host) as (keyof AppLimits)[]) {
    const value = Object.hasOwn(wanted, name) ? wanted[name]! : Number.NaN
    if (value > 0 && value < host[name]) limits[name] = value
  }
  return limits
}
