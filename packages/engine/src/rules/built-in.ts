import type { PartyKind } from '../actor.ts'
import type { JsonObject } from '../fact.ts'
import type { FactsIndex } from '../facts-index.ts'

/** Built-in rules are told like registered ones, but read the index itself, and can all list. */
export interface BuiltInExploder {
  readonly kind: 'exploder'
  readonly id: string
  readonly doc: string
  explode(permission: string, index: FactsIndex): readonly string[]
}

export interface BuiltInImplicator {
  readonly kind: 'implicator'
  readonly id: string
  readonly doc: string
  /** The kinds of actors it is asked about. */
  readonly actors: readonly PartyKind[]
  implies(actor: string, permission: string, index: FactsIndex): JsonObject | undefined
  /** Everyone it gives this very permission. */
  holdersOf(permission: string, index: FactsIndex): Iterable<string>
  /** Strings that cover all it gives this actor. */
  permissionsOf(actor: string, index: FactsIndex): Iterable<string>
}
