import type { JsonObject } from '@castellan/engine'
import type { AppLogLine } from '../app-logs.ts'
import type { Key } from '../keys.ts'
import type { AppStatus, ReloadOutcome } from '../runtime.ts'

/** Who does something: whose right is asked, and in whose name grants are made. */
export interface Acting {
  /** As in `token:<id>` or `user:<id>`. */
  readonly actor: string
  /** `system`, or the user who stands behind the actor. */
  readonly issuer: string
}

/** What an administrator says yes to: each key with the parameters of its grant, as in `{ "hosts": ["api.example.com"] }`. */
export type Consent = ReadonlyMap<Key, JsonObject>

export interface ConsentOptions {
  /** Why less than the manifest calls mandatory, or more than it asks for, is granted. Kept in the journal. */
  readonly override?: string | undefined
}

/** What a package says of itself, before anybody agreed to anything. */
export interface Inspection {
  /** By which it would be installed. */
  readonly id: string
  readonly name: string
  readonly version: string
  readonly description: string
  readonly bytes: number
  readonly files: number
  readonly mandatory: readonly Key[]
  readonly optional: readonly Key[]
  readonly databases: readonly { readonly name: string; readonly type: string }[]
  /** What of it has no effect here, and what may not run: one sentence each, with the file. */
  readonly notices: readonly string[]
  /** The version that stands, when it would be upgraded. */
  readonly installed: { readonly version: string; readonly granted: readonly Key[] } | undefined
}

/** An app as administrators see it. */
export interface AppView {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly description: string
  /** As in `http://127.0.0.1:7070/blog/`, where it can be opened. */
  readonly address: string
  readonly status: AppStatus
  readonly mandatory: readonly Key[]
  readonly optional: readonly Key[]
  readonly granted: Readonly<Record<string, JsonObject>>
  /** Milliseconds since 1970, UTC. */
  readonly installedAt: number
  readonly installedBy: string
  /** What a rollback would return to. */
  readonly previous: { readonly version: string } | undefined
}

/** What became of a change, and of the cell that ran before it. */
export interface Applied {
  readonly app: AppView
  readonly revision: number
  readonly reload: ReloadOutcome
}

/** Server apps and all that administrators do with them. Each change is all or nothing, also when the power goes. */
export interface Apps {
  /** @throws {PackageInvalidError} */
  inspect(bytes: Uint8Array, id: string): Promise<Inspection>
  /**
   * @throws {PackageInvalidError} APP_EXISTS, CONSENT_MISMATCH and the others of {@link AppError}; {CastellanError} when the actor
   *   may not
   */
  install(
    bytes: Uint8Array,
    id: string,
    consent: Consent,
    by: Acting,
    options?: ConsentOptions,
  ): Promise<Applied>
  /** Keeps what was granted and is still asked for; `consent` is about the new. */
  upgrade(
    id: string,
    bytes: Uint8Array,
    consent: Consent,
    by: Acting,
    options?: ConsentOptions,
  ): Promise<Applied>
  rollback(id: string, by: Acting): Promise<Applied>
  /** @returns the revision at which it was gone */
  delete(id: string, by: Acting): Promise<{ readonly revision: number }>
  setPermissions(id: string, consent: Consent, by: Acting, options?: ConsentOptions): Promise<Applied>
  reload(id: string, by: Acting): Promise<Applied>
  /** @throws {AppError} APP_UNKNOWN */
  get(id: string, by: Acting): AppView
  /** Ordered by id. */
  list(by: Acting): readonly AppView[]
  /** The package of the version that stands, as it was sent. @throws {AppError} APP_UNKNOWN */
  package(id: string, by: Acting): Promise<Uint8Array>
  logs(id: string, max: number, by: Acting): readonly AppLogLine[]
}
