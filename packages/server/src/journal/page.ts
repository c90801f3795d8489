import { setImmediate as nextTurn } from 'node:timers/promises'
import { CursorError, type JournalEntry, type Paging } from '@castellan/engine'
import type { Live } from '../live.ts'
import { limitOf, openCursor, printCursor } from '../page.ts'
import type { IsMeant } from './filter.ts'

export interface JournalRange {
  /** Entries with `from < revision <= to`. */
  readonly from: number
  readonly to: number
  readonly isNewestFirst: boolean
}

/** Entries that one page looks at, at most: a filter that lets little through is gone on with in the next. */
const LOOKED_MAX = 10_000
/** The same in effects, of which an import has ten thousand in one entry: some 50 ms of reading. */
const EFFECTS_LOOKED_MAX = 50_000
/** Effects in one page, beyond its first entry. Bounds its size to some 2 MB. */
const EFFECTS_SHOWN_MAX = 10_000
/** Effects, an entry counting as one more, after which others have their turn. */
const TURN = 2_000

/** One page of the journal. It may hold less than asked for, even nothing, and have a cursor all the same. */
export async function journalPage(
  live: Live,
  range: JournalRange,
  isMeant: IsMeant,
  question: object,
  paging: Paging,
): Promise<{ readonly items: readonly JournalEntry[]; readonly nextCursor: string | null }> {
  const limit = limitOf(paging)
  const { from, to, isNewestFirst } = rangeAfter(range, openCursor(question, paging))
  const items: JournalEntry[] = []
  let [looked, effects, shown, turn] = [0, 0, 0, 0]
  let last = isNewestFirst ? to + 1 : from
  const nextCursor = (): string => printCursor(question, String(last))
  for (const entry of live.journal({ from, to, isNewestFirst })) {
    const size = entry.effects.length
    const isTaken = isMeant(entry)
    const isFull = items.length === limit || (items.length > 0 && shown + size > EFFECTS_SHOWN_MAX)
    if (isTaken && isFull) return { items, nextCursor: nextCursor() }
    if (isTaken) {
      items.push(entry)
      shown += size
    }
    last = entry.revision
    looked++
    effects += size
    if (looked >= LOOKED_MAX || effects >= EFFECTS_LOOKED_MAX) return { items, nextCursor: nextCursor() }
    turn += size + 1
    if (turn < TURN) continue
    turn = 0
    await nextTurn()
  }
  return { items, nextCursor: null }
}

/** What is left of a range after the last entry that a page looked at. @throws {CursorError} */
function rangeAfter(range: JournalRange, key: string | undefined): JournalRange {
  if (key === undefined) return range
  if (!/^\d{1,15}$/.test(key)) throw new CursorError('CURSOR_INVALID')
  const at = Number(key)
  return range.isNewestFirst
    ? { ...range, to: Math.min(range.to, at - 1) }
    : { ...range, from: Math.max(range.from, at) }
}
