import { hash } from 'node:crypto'
import { CursorError, FactInvalidError, LIMITS, type Paging } from '@castellan/engine'

const DEFAULT_LIMIT = 100

/**
 * One page out of items that come in any order: the smallest keys after the cursor's. One pass, and never more than
 * a page in memory.
 *
 * @param question - what makes this list this list; another one's cursor is refused
 */
export function pageOf<Item, View>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
  viewOf: (item: Item) => View,
  question: object,
  paging: Paging,
): { readonly items: readonly View[]; readonly nextCursor: string | null } {
  const limit = limitOf(paging)
  const after = openCursor(question, paging) ?? ''
  const page = smallestAfter(items, keyOf, after, limit + 1)
  const shown = page.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(({ item }) => viewOf(item)),
    nextCursor: page.length > limit && last !== undefined ? printCursor(question, last.key) : null,
  }
}

/** @throws {FactInvalidError} */
export function limitOf({ limit = DEFAULT_LIMIT }: Paging): number {
  if (limit < 1 || limit > LIMITS.pageMax)
    throw new FactInvalidError('limit', `a page has 1 to ${LIMITS.pageMax} items`, 'ask for fewer at a time')
  return limit
}

/** A cursor holds which question it belongs to and the key it stands at. Both may be known: it is no secret. */
export function printCursor(question: object, key: string): string {
  return Buffer.from(JSON.stringify([markOf(question), key])).toString('base64url')
}

interface Keyed<Item> {
  readonly key: string
  readonly item: Item
}

/** The items with the smallest keys after one, in order. One pass, and never more than twice as many in memory. */
export function smallestAfter<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
  after: string,
  count: number,
): readonly Keyed<Item>[] {
  let kept: Keyed<Item>[] = []
  let bound: string | undefined
  for (const item of items) {
    const key = keyOf(item)
    if (key <= after || (bound !== undefined && key >= bound)) continue
    kept.push({ key, item })
    // Sorting whenever twice as many as wanted are kept costs a logarithm of the page, not of the list.
    if (kept.length >= 2 * count) {
      kept = kept.sort(byKey).slice(0, count)
      bound = kept.at(-1)?.key
    }
  }
  return kept.sort(byKey).slice(0, count)
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}

/** The key a page begins after; undefined for the first. @throws {CursorError} */
export function openCursor(question: object, { cursor }: Paging): string | undefined {
  if (cursor === undefined) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    throw new CursorError('CURSOR_INVALID')
  }
  if (!Array.isArray(parsed) || parsed.length !== 2) throw new CursorError('CURSOR_INVALID')
  const [found, key] = parsed as unknown[]
  if (typeof found !== 'string' || typeof key !== 'string' || key === '')
    throw new CursorError('CURSOR_INVALID')
  if (found !== markOf(question)) throw new CursorError('CURSOR_MISMATCH')
  return key
}

function markOf(question: object): string {
  return hash('sha256', JSON.stringify(question), 'base64url').slice(0, 12)
}
