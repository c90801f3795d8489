import type { Bearers, Callers } from './caller.ts'
import type { Followers } from './journal/followers.ts'
import type { Questions, Live } from './live.ts'
import type { Gate } from './edge/gate.ts'
import type { Logger } from './edge/log.ts'
import type { Metrics } from './observe/metrics.ts'
import type { Observer } from './observe/observer.ts'
import type { Turns } from './once.ts'
import type { Readiness } from './readiness.ts'
import type { Stop } from './stop.ts'
import type { TokenSecrets } from './tokens/secret.ts'

/** What every route is given. */
export interface Context {
  readonly live: Live
  readonly engine: Questions
  readonly tokens: TokenSecrets
  readonly bearers: Bearers
  readonly callers: Callers
  readonly followers: Followers
  /** Who may send at which rate. */
  readonly gate: Gate
  readonly turns: Turns
  readonly log: Logger
  /** Is told of every request and every decision. */
  readonly observer: Observer
  readonly metrics: Metrics
  readonly readiness: Readiness
  /** Milliseconds since 1970, UTC. A client never says what time it is. */
  readonly now: () => number
  /** Whether the server is on its way out. */
  readonly stop: Stop
  readonly bodyBytesMax: number
  /** Where others reach this server, without `/` at its end. Never taken from a request. */
  readonly publicUrl: () => string
  /** The same where the settings name it. */
  readonly namedUrl: string | undefined
}
