/** The facts, in the shape of the bulk format (`api.md` section 3). Every field is canonical once parsed by `parseFact`. */
export type Fact =
  | NamespaceFact
  | UserFact
  | GroupFact
  | AppFact
  | TokenFact
  | ResourceFact
  | MemberFact
  | GrantFact
  | SuspensionFact

export interface NamespaceFact {
  readonly kind: 'namespace'
  readonly name: string
  /** One line for people. */
  readonly description: string
  /** A ladder for the last component, weakest first. */
  readonly modes?: readonly string[]
  /** Whether an app may ask a person for it. Default false. */
  readonly requestable?: boolean
  /** The part that enforces it, for people. */
  readonly enforcedBy?: string
}

export interface UserFact {
  readonly kind: 'user'
  readonly id: string
  readonly name?: string
}

export interface GroupFact {
  readonly kind: 'group'
  readonly id: string
  /** `system` or `user:<id>`. */
  readonly owner: string
}

export interface MemberFact {
  readonly kind: 'member'
  readonly group: string
  /** `user:<id>` or `group:<id>`. */
  readonly member: string
}

export interface AppFact {
  readonly kind: 'app'
  readonly id: string
  readonly owner: string
  readonly name?: string
}

export interface ResourceFact {
  readonly kind: 'resource'
  readonly permission: string
  readonly owner: string
  /** Another resource of the same namespace. */
  readonly parent?: string
  readonly name?: string
}

export interface GrantFact {
  readonly kind: 'grant'
  /** `system`, `user:<id>` or `user:<id>/app:<id>`. */
  readonly issuer: string
  /** `user:`, `group:`, `app:`, `token:` or `user:<id>/app:<id>`. */
  readonly holder: string
  readonly permission: string
  /** Claims: a JSON object of at most 16 KiB. */
  readonly extra: JsonObject
  /** RFC 3339, UTC, milliseconds. */
  readonly expiresAt?: string
  readonly reason?: string
}

export interface TokenFact {
  readonly kind: 'token'
  readonly id: string
  /** `user:<id>` or `user:<id>/app:<id>`; only the former makes full tokens. */
  readonly issuer: string
  /** Holds whatever its issuer holds. */
  readonly full: boolean
  readonly expiresAt?: string
}

export interface SuspensionFact {
  readonly kind: 'suspension'
  /** `user:<id>`, `app:<id>` or `token:<id>`. */
  readonly of: string
}

export type FactKind = Fact['kind']

/** What names a fact: the fields that identify it, and no others. */
export type FactKey =
  | { readonly kind: 'namespace'; readonly name: string }
  | { readonly kind: 'user' | 'group' | 'app' | 'token'; readonly id: string }
  | { readonly kind: 'resource'; readonly permission: string }
  | { readonly kind: 'member'; readonly group: string; readonly member: string }
  | { readonly kind: 'grant'; readonly issuer: string; readonly holder: string; readonly permission: string }
  | { readonly kind: 'suspension'; readonly of: string }

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** Facts in this order never name what has not come yet (resources: parents first). */
export const FACT_KINDS = [
  'namespace',
  'user',
  'group',
  'app',
  'token',
  'resource',
  'member',
  'grant',
  'suspension',
] as const satisfies readonly FactKind[]

/** Issuer, holder and permission of a grant, group and member of a membership, the one name of everything else. */
export type KeyParts = readonly [string, string, string]

/** The key's parts in a fixed order, for stores: a tuple, never a joined string. Absent parts are ''. */
export function keyParts(key: FactKey): KeyParts {
  switch (key.kind) {
    case 'namespace':
      return [key.name, '', '']
    case 'user':
    case 'group':
    case 'app':
    case 'token':
      return [key.id, '', '']
    case 'resource':
      return [key.permission, '', '']
    case 'member':
      return [key.group, key.member, '']
    case 'grant':
      return [key.issuer, key.holder, key.permission]
    case 'suspension':
      return [key.of, '', '']
  }
}
