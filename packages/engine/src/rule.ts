import type { PartyKind } from './actor.ts'
import type { AppFact, GroupFact, JsonObject, ResourceFact, TokenFact, UserFact } from './fact.ts'

/**
 * The four kinds of rules. Each is a synchronous, pure function of its question, the facts, `now` and the caller's
 * `context`; what must be fetched is fetched first and passed in.
 */
export type Rule = Rewriter | Exploder | Implicator | Scanner

interface RuleBase {
  /** Shown in readings. Lower-case words joined by `-`. */
  readonly id: string
  /** One line for people; `castellan rules` prints it. */
  readonly doc: string
  /** The namespaces it speaks about; every other question passes it by and stays fast. Default: all. */
  readonly namespaces?: readonly string[]
}

/** Turns one string into another before anything is looked up. */
export interface Rewriter extends RuleBase {
  readonly kind: 'rewriter'
  /** @param components - decoded @returns the new components, decoded; undefined leaves it as it is */
  rewrite(components: readonly string[], setting: RuleSetting): readonly string[] | undefined
}

/** Names other permissions that are each enough for the one asked. */
export interface Exploder extends RuleBase {
  readonly kind: 'exploder'
  /** @param permission - canonical @returns canonical strings, at most 64 */
  explode(permission: string, setting: RuleSetting): readonly string[]
}

/** Says that an actor holds a permission by right. */
export interface Implicator extends RuleBase {
  readonly kind: 'implicator'
  /** The kinds of actors it is asked about. Default `['user']`: apps and tokens have what they were given. */
  readonly actors?: readonly PartyKind[]
  /** @returns `{}` or data for the reading when held; undefined when not */
  implies(actor: string, permission: string, setting: RuleSetting): JsonObject | undefined
  /** Everyone it gives this very permission. Without it, lists say `incomplete`. */
  holdersOf?(permission: string, setting: RuleSetting): Iterable<string>
  /** Strings that cover all it gives this actor. Without it, lists say `incomplete`. */
  permissionsOf?(actor: string, setting: RuleSetting): Iterable<string>
}

/** Finds pathways: links that are not grants, each resting on whoever it names. */
export interface Scanner extends RuleBase {
  readonly kind: 'scanner'
  /** @param permissions - the explosion, canonical; a link's permission must be one of them */
  find(actor: string, permissions: readonly string[], setting: RuleSetting): Iterable<Link>
  /** The links over this very permission, each with its holder. Without it, lists say `incomplete`. */
  holdersOf?(permission: string, setting: RuleSetting): Iterable<Link & { readonly holder: string }>
  /** The links that reach this actor. Without it, lists say `incomplete`. */
  permissionsOf?(actor: string, setting: RuleSetting): Iterable<Link>
}

export interface Link {
  /** Who must hold the permission for the link to stand. */
  readonly issuer: string
  readonly permission: string
  readonly extra?: JsonObject
}

export interface RuleSetting {
  readonly facts: FactReader
  /** Milliseconds since 1970, UTC. */
  readonly now: number
  readonly context: JsonObject
  /** Whether whoever the answer is for holds this; rewriters use it so that hidden things stay unnamed. */
  readonly mayViewerSee: (permission: string) => boolean
}

/** What a rule may read. Ids are bare, permissions canonical. */
export interface FactReader {
  user(id: string): UserFact | undefined
  group(id: string): GroupFact | undefined
  app(id: string): AppFact | undefined
  token(id: string): TokenFact | undefined
  resource(permission: string): ResourceFact | undefined
  /** The child of this name; of the namespace's roots when `parent` is undefined. */
  resourceNamed(namespace: string, parent: string | undefined, name: string): ResourceFact | undefined
  appNamed(name: string): AppFact | undefined
  /** Directly or through groups. */
  isMember(user: string, group: string): boolean
  isSuspended(party: string): boolean
}
