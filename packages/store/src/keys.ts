import { FACT_KINDS, keyParts, type Fact, type FactKey } from '@castellan/engine'

/** The kinds whose ids are never made again. */
export const RETIRING: ReadonlySet<Fact['kind']> = new Set(['user', 'group', 'app', 'token', 'resource'])

/** The key as text: JSON of a tuple, because no joining of ids and permissions is unambiguous for ever. */
export function nameOf(key: FactKey): string {
  return JSON.stringify([key.kind, ...keyParts(key)])
}

/** Where a kind stands among the kinds; stores sort and file by it. */
export function kindNumber(kind: Fact['kind']): number {
  return NUMBER_OF_KIND.get(kind) ?? -1
}

const NUMBER_OF_KIND: ReadonlyMap<Fact['kind'], number> = new Map(
  FACT_KINDS.map((kind, number) => [kind, number]),
)
