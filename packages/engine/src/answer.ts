import type { ChangeResult } from './change.ts'
import type { GrantFact, JsonObject, SuspensionFact } from './fact.ts'

/** Options of every question. */
export interface Asking {
  /** Milliseconds since 1970, UTC. Default: the engine's clock. */
  readonly now?: number
  /** What the caller knows and rules may use, as AuthZEN's properties. Default {}. */
  readonly context?: JsonObject
  /**
   * On whose behalf the answer is given: paths that this party may not see do not resolve, and links it is no
   * party to are `hidden`. Default `system`, who sees all.
   */
  readonly viewer?: string
  /** Fails with REVISION_AHEAD when the engine has not reached it. */
  readonly atLeast?: number
}

export interface Paging {
  /** Items in a page, 1 to 1,000. Default 100. */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string
}

export interface Question {
  readonly actor: string
  readonly permission: string
}

export interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
  /** The revision this page was read at. */
  readonly revision: number
  /** True when a registered rule that yields rights cannot list them. */
  readonly incomplete: boolean
}

/** A node of a reading; keys exactly as in `permissions.md` section 5. */
export type ReadingNode =
  | { readonly $: 'rewrite'; readonly from: string; readonly to: string }
  | { readonly $: 'explode'; readonly from: string; readonly to: readonly string[] }
  | {
      readonly $: 'option'
      readonly permission: string
      readonly source: 'implied'
      readonly by: string
      readonly data: JsonObject
    }
  | PathNode
  | { readonly $: 'truncated'; readonly reason: string; readonly omitted: number }
  | { readonly $: 'time'; readonly value: number }

export interface PathNode {
  readonly $: 'path'
  /** `user`, `user-group`, `user-app`, `app-owner`, `app`, `access-token`; `hidden` where the viewer is no party; a registered scanner's id. */
  readonly via: string
  readonly has_terminal: true
  readonly permission: string
  readonly data: JsonObject
  /** Only with `user-group`: the id of the group the grant is for. */
  readonly group?: string
  readonly holder_username: string
  readonly issuer_username: string
  /** Only with `user-app`, `app-owner`, `app`, `access-token`: party strings. */
  readonly holder?: string
  readonly issuer?: string
  readonly reading: Reading
}

export type Reading = readonly ReadingNode[]

/** A graph of states (actor, permission) and the links between them; an edge leads to who it rests on. */
export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

export interface GraphNode {
  /** Position in `nodes`; 0 is the one asked about. */
  readonly id: number
  /** A party string, or `hidden`. */
  readonly actor: string
  readonly permission: string
  /** Held by right, by these rules. Empty when it rests on edges alone. */
  readonly options: readonly { readonly permission: string; readonly by: string; readonly data: JsonObject }[]
}

export interface GraphEdge {
  readonly from: number
  readonly to: number
  readonly via: string
  readonly grant: LinkGrant | null
  /** Groups from the holder up to the one the grant is for, by id; only with `user-group`. */
  readonly groups?: readonly string[]
}

/** The grant behind a link; null for a full-access token, whose link is the token itself. */
export interface LinkGrant {
  readonly issuer: string
  readonly holder: string
  readonly permission: string
  readonly extra: JsonObject
  readonly expiresAt?: string
}

/** One fact that is missing or in the way on an otherwise whole pathway. */
export interface BrokenLink {
  /** `hidden` stands for all that may be missing among others than the viewer. */
  readonly problem: 'not-held' | 'expired' | 'suspended' | 'unknown' | 'hidden'
  /** One sentence for people. */
  readonly detail: string
  /** What would mend it, as a change; null when no single change is known (an unknown id). */
  readonly mend: Mend | null
  /** Who could make that change, as party strings; at most 20. */
  readonly by: readonly string[]
}

/** A grant that is made, or someone who is resumed. */
export type Mend = { readonly add: GrantFact } | { readonly remove: SuspensionFact }

export interface Explanation {
  readonly allowed: boolean
  /** Allowed: the live pathways. Denied: empty. */
  readonly graph: Graph
  /** Denied: each entry is one smallest set of facts that would mend it; every tie is here (at most 100). */
  readonly brokenLinks?: readonly (readonly BrokenLink[])[]
  /** Denied and no grant reaches the actor: who owns the resource, if the viewer may see it. */
  readonly owners?: readonly string[]
  readonly revision: number
}

export interface Holder {
  readonly actor: string
  /** One pathway, actor first, ending at a holder by right. */
  readonly pathway: readonly PathwayStep[]
}

export interface PathwayStep {
  readonly actor: string
  readonly permission: string
  /** How the actor comes to it: a `via` of a path node, or `option`. */
  readonly via: string
}

export interface HeldPermission {
  readonly permission: string
  /** By right (a rule's id), or by grant. */
  readonly source: string
}

export interface Claims {
  /** For each pathway every `extra` from the actor to the option, in that order; by right: an empty list. */
  readonly pathways: readonly (readonly JsonObject[])[]
  /** Pathways beyond the reading's limit were left out. */
  readonly truncated: boolean
  readonly revision: number
}

export interface Preview extends Page<PreviewItem> {
  readonly counts: { readonly lost: number; readonly gained: number; readonly kept: number }
  readonly results: readonly ChangeResult[]
}

export interface PreviewItem extends Question {
  readonly change: 'lost' | 'gained' | 'kept'
}
