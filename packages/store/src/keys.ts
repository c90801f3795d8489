import { compareText, FACT_KINDS, keyParts, type Fact, type FactKey, type KeyParts } from '@castellan/engine'

/** The kinds whose ids are never made again. */
export const RETIRING: ReadonlySet<Fact['kind']> = new Set(['user', 'group', 'app', 'token', 'resource'])

/** The key as text: JSON of a tuple, because no joining of ids and permissions is unambiguous for ever. */
export function nameOf(key: FactKey): string {
  return JSON.stringify([key.kind, ...keyParts(key)])
}

/** By code point, part by part: the order of the keys of one kind. */
export function compareParts([a1, a2, a3]: KeyParts, [b1, b2, b3]: KeyParts): number {
  return compareText(a1, b1) || compareText(a2, b2) || compareText(a3, b3)
}

/** How many parts the key of a kind has. */
export function keyLength(kind: Fact['kind']): 1 | 2 | 3 {
  return kind === 'grant' ? 3 : kind === 'member' ? 2 : 1
}

/** Where a kind stands among the kinds; stores sort and file by it. */
export function kindNumber(kind: Fact['kind']): number {
  return NUMBER_OF_KIND.get(kind) ?? -1
}

const NUMBER_OF_KIND: ReadonlyMap<Fact['kind'], number> = new Map(
  FACT_KINDS.map((kind, number) => [kind, number]),
)
