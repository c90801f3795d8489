import type { Fact, FactKey } from './fact.ts'

/** One wish of a batch. Removing takes the key only. */
export type Change =
  | { readonly add: Fact }
  | { readonly remove: FactKey; /** For a resource: with everything in it. */ readonly recursive?: boolean }

export interface Preconditions {
  /** Fails only if a fact the batch names changed after this revision. */
  readonly ifRevision?: number
  readonly ifAbsent?: readonly FactKey[]
  readonly ifPresent?: readonly FactKey[]
}

/** What became of one wish, in the order of the batch. */
export interface ChangeResult {
  readonly outcome: 'added' | 'updated' | 'unchanged' | 'removed' | 'absent'
  /** Of a grant that was added: does its issuer hold it now. */
  readonly effective?: boolean
  /** Of a removal: how many grants ended, dependants not counted (they stay stored, dead). */
  readonly revoked?: number
}

/** One fact before and after, as the journal keeps it. */
export type Effect =
  | { readonly before: null; readonly after: Fact }
  | { readonly before: Fact; readonly after: Fact }
  | { readonly before: Fact; readonly after: null }

/** Everything one commit did; the journal's entry adds the hashes. */
export interface Commit {
  /** One more than the commit before. */
  readonly revision: number
  /** Milliseconds since 1970, UTC. */
  readonly time: number
  /** Who changed it, as a party string. */
  readonly actor: string
  readonly reason: string | null
  /** In an order that can be applied: what is named comes before what names it, removals the other way round. */
  readonly effects: readonly Effect[]
}
