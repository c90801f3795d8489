import type { JsonObject } from '@castellan/engine'
import type { Key } from '../keys.ts'

/** What an app says of itself, in its three files, as far as we read them. */
export interface AppManifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly databases: readonly DatabaseConfig[]
  readonly startupScripts: readonly string[]
  readonly defaultInclude: readonly string[]
  readonly env: JsonObject
  readonly jwtSecret: string | undefined
  readonly permissions: { readonly mandatory: readonly Key[]; readonly optional: readonly Key[] }
  readonly routes: readonly Route[]
  /** An app of one page: the folder of what was built of it, and its page. Both in the app's public files. */
  readonly spa: { readonly folder: string; readonly fallback: string } | undefined
  /** Tighter than the host's, or left out. */
  readonly limits: Readonly<Record<string, number>>
}

export interface Route {
  /** As in `/users/:id`. */
  readonly path: string
  readonly method: string
  /** A path in the box. */
  readonly script: string
}

export type DatabaseConfig =
  | { readonly type: 'sqlite'; readonly name: string; readonly file: string }
  | {
      readonly type: 'postgres' | 'mysql'
      readonly name: string
      readonly host: string
      readonly port: number
      readonly user: string
      readonly password: string
      readonly database: string
      readonly connectionsMax: number
    }
