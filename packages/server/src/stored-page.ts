import {
  compareText,
  CursorError,
  keyParts,
  type Fact,
  type FactKind,
  type KeyParts,
  type Paging,
  type Stretch,
} from '@castellan/engine'
import type { Live } from './live.ts'
import { limitOf, openCursor, printCursor } from './page.ts'

/** Facts that lie beside each other in the order of their keys. */
export interface StoredList<View> {
  readonly kind: FactKind
  /** The key it begins with; empty parts are before the first. */
  readonly from: KeyParts
  /** Whether a key is one of this list, which ends with the first that is not. Default: all of its kind are. */
  readonly isIn?: (key: KeyParts) => boolean
  /** What is there without being stored, in order. */
  readonly besides?: readonly Fact[]
  /** How a fact is shown; undefined leaves it out. */
  readonly view: (fact: Fact) => View | undefined
}

/** A list of one kind, whose view needs to know no other. */
export function storedList<Kind extends FactKind, View>(
  list: Omit<StoredList<View>, 'kind' | 'view'> & {
    readonly kind: Kind
    readonly view: (fact: Extract<Fact, { readonly kind: Kind }>) => View | undefined
  },
): StoredList<View> {
  // A stretch of a kind holds no other.
  return { ...list, view: list.view as StoredList<View>['view'] }
}

/** Keys that one page looks at, at most: some 10 ms. What a filter leaves out costs as much as what it lets through. */
const LOOKED_MAX = 10_000
/** Keys looked at together. */
const STRETCH_MIN = 50
const STRETCH_MAX = 1_000

/**
 * One page of lists that follow one another, in the order of the store. It costs what it looks at, however long the
 * lists are. Where a filter leaves out much, it may hold fewer than asked for, even none, and have a cursor all the
 * same: the next page goes on there.
 */
export function storedPage<View>(
  live: Live,
  lists: readonly StoredList<View>[],
  question: object,
  paging: Paging,
): { readonly items: readonly View[]; readonly nextCursor: string | null } {
  const limit = limitOf(paging)
  const items: View[] = []
  let place: Place | undefined = placeIn(lists, openCursor(question, paging))
  for (let looked = 0; place !== undefined;) {
    if (looked >= LOOKED_MAX) return { items, nextCursor: printPlace(question, place) }
    const list = lists[place.list]!
    const count = Math.max(STRETCH_MIN, Math.min(STRETCH_MAX, limit + 1 - items.length))
    const { facts, next } = lookAt(live, list, place.at, count)
    looked += count
    for (const fact of facts) {
      const shown = list.view(fact)
      if (shown === undefined) continue
      if (items.length === limit)
        return { items, nextCursor: printPlace(question, { list: place.list, at: keyParts(fact) }) }
      items.push(shown)
    }
    place = next === undefined ? startOf(lists, place.list + 1) : { list: place.list, at: next }
  }
  return { items, nextCursor: null }
}

/** A stretch of the store, cut where the list ends. */
function lookAt(
  live: Live,
  { kind, isIn = () => true, besides = [] }: StoredList<unknown>,
  from: KeyParts,
  count: number,
): Stretch {
  const { facts, next } = live.stretch(kind, from, count)
  const stop = facts.findIndex((fact) => !isIn(keyParts(fact)))
  const goesOn = stop < 0 && next !== undefined && isIn(next) ? next : undefined
  const stored = stop < 0 ? facts : facts.slice(0, stop)
  const here = besides.filter((fact) => {
    const key = keyParts(fact)
    const isBefore = goesOn === undefined || compareParts(key, goesOn) < 0
    return isIn(key) && compareParts(key, from) >= 0 && isBefore
  })
  if (here.length === 0) return { facts: stored, next: goesOn }
  const all = [...stored, ...here].sort((a, b) => compareParts(keyParts(a), keyParts(b)))
  return { facts: all, next: goesOn }
}

interface Place {
  /** Which of the lists. */
  readonly list: number
  readonly at: KeyParts
}

function startOf(lists: readonly StoredList<unknown>[], list: number): Place | undefined {
  const next = lists[list]
  return next && { list, at: next.from }
}

/** A forged place leads to another part of the same list, or out of it, where it ends. */
function placeIn(lists: readonly StoredList<unknown>[], key: string | undefined): Place | undefined {
  if (key === undefined) return startOf(lists, 0)
  let parts: unknown
  try {
    parts = JSON.parse(key)
  } catch {
    throw new CursorError('CURSOR_INVALID')
  }
  if (!Array.isArray(parts) || parts.length !== 4) throw new CursorError('CURSOR_INVALID')
  const [list, a, b, c] = parts as unknown[]
  if (typeof list !== 'number' || lists[list] === undefined) throw new CursorError('CURSOR_INVALID')
  if (typeof a !== 'string' || typeof b !== 'string' || typeof c !== 'string')
    throw new CursorError('CURSOR_INVALID')
  return { list, at: [a, b, c] }
}

function printPlace(question: object, { list, at }: Place): string {
  return printCursor(question, JSON.stringify([list, ...at]))
}

function compareParts([a1, a2, a3]: KeyParts, [b1, b2, b3]: KeyParts): number {
  return compareText(a1, b1) || compareText(a2, b2) || compareText(a3, b3)
}
