import type { AppLimits } from '../limits.ts'
import type { DatabaseConfig } from '../package/manifest.ts'

/** What the host does things with for one app. Made by the host, never from anything a cell said. */
export interface AppHandle {
  readonly id: string
  /** The version that the calling cell runs: unchangeable files beneath, as they came in the package. */
  readonly packageFolder: string
  /** What the app wrote: `box` and `web` lie over the package's. */
  readonly dataFolder: string
  /** Those of `app.json`, completed with what the operator bound. */
  readonly databases: ReadonlyMap<string, DatabaseConfig>
  readonly limits: AppLimits
}
