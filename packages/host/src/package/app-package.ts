import type { AppManifest } from './manifest.ts'

/** One version of an app on the disk. Nothing in its folder ever changes. */
export interface AppPackage {
  /** By which the host knows the app: its address, its actor `app:<id>`. */
  readonly id: string
  /** Names the version's folder; as unique as the moment of its installation. */
  readonly versionId: string
  readonly folder: string
  readonly manifest: AppManifest
  /** Paths in the box, as in `api/hello.js`, each with its source as it is evaluated: rewritten once, at install. */
  readonly sources: ReadonlyMap<string, string>
}
