/** What goes to a server and comes from it. A test holds these to the shapes by which the server validates. */

type Json = Readonly<Record<string, unknown>>

export interface GrantWish {
  /** Default: the caller; for a token whoever made it. */
  readonly issuer?: string
  /** `user:<id>`, `group:<id>`, `app:<id>`, `user:<id>/app:<id>` or `token:<id>`. */
  readonly holder: string
  readonly permission: string
  /** Claims. */
  readonly extra?: Json
  /** RFC 3339, in UTC. */
  readonly expiresAt?: string
  /** For the journal. */
  readonly reason?: string
}

export interface Granted {
  /** To revoke it by. */
  readonly id: string
  readonly outcome: 'added' | 'updated' | 'unchanged'
  /** Whether the issuer holds it now; else it counts for nothing until then. */
  readonly effective: boolean
  readonly revision: number
}

export interface Revoked {
  /** Grants that ended with it, itself among them; 0 where there was none. */
  readonly revoked: number
  readonly revision: number
}

/** A fact is as in the bulk format: `{kind: 'member', group: 'sales', member: 'user:zoe'}`. */
export type Change =
  | { readonly add: FactWish }
  | {
      readonly remove: FactWish
      /** A resource with everything in it. */
      readonly recursive?: boolean
    }

export interface FactWish {
  readonly kind:
    | 'namespace'
    | 'user'
    | 'group'
    | 'app'
    | 'token'
    | 'resource'
    | 'member'
    | 'grant'
    | 'suspension'
  readonly [field: string]: unknown
}

export interface Changed {
  /** One for each change, in their order. */
  readonly results: readonly {
    readonly outcome: 'added' | 'updated' | 'unchanged' | 'removed' | 'absent'
    readonly effective?: boolean
    readonly revoked?: number
  }[]
  readonly revision: number
}

/** Why an actor holds a permission, or which change would mend that it does not. */
export interface Explanation {
  readonly allowed: boolean
  readonly graph: {
    readonly nodes: readonly {
      readonly id: number
      readonly actor: string
      readonly permission: string
      readonly options: readonly { readonly permission: string; readonly by: string; readonly data: Json }[]
    }[]
    readonly edges: readonly {
      readonly from: number
      readonly to: number
      readonly via: string
      readonly grant: {
        readonly issuer: string
        readonly holder: string
        readonly permission: string
        readonly extra: Json
        readonly expiresAt?: string
      } | null
      readonly groups?: readonly string[]
    }[]
  }
  /** Of a denial: for each almost-pathway the links that are missing. */
  readonly brokenLinks?: readonly (readonly {
    readonly problem: 'not-held' | 'expired' | 'suspended' | 'unknown' | 'hidden'
    readonly detail: string
    readonly mend: Change | null
    /** Who could make that change. */
    readonly by: readonly string[]
  }[])[]
  readonly owners?: readonly string[]
  readonly revision: number
}
