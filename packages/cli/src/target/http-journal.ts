import { setTimeout as sleep } from 'node:timers/promises'
import type { JournalEntry } from '@castellan/engine'
import type { Verification } from '@castellan/store'
import { CommandError } from '../exit.ts'
import { RemoteError, type LocalProblem } from '../problem.ts'
import { pagesOf, type Get } from './http-facts.ts'
import { stream, type Server } from './request.ts'

interface JournalPage {
  readonly items: readonly JournalEntry[]
  readonly nextCursor: string | null
  readonly revision: number
  /** Of the last entry there is at that revision. */
  readonly head: string
}

/** Entries with `from < revision <= to`, in order. */
export async function* entriesOf(get: Get, from: number, to?: number): AsyncGenerator<JournalEntry> {
  for await (const page of pagesOf<JournalPage>(get, '/v1/journal', { from, to })) yield* page.items
}

/** Follows the chain here, entry by entry: nobody need be believed. Whether the facts fit, only the database can say. */
export async function verifyEntries(get: Get, head: string | undefined): Promise<Verification> {
  const { GENESIS, verifyJournal } = await import('@castellan/store')
  const wanted = head?.toLowerCase()
  let after = { revision: 0, head: GENESIS }
  let isWantedSeen = wanted === undefined || wanted === GENESIS
  let claimed = after
  for await (const { items, revision, head: last } of pagesOf<JournalPage>(get, '/v1/journal')) {
    const verdict = verifyJournal(items, { after })
    if (!verdict.ok) return verdict
    isWantedSeen ||= items.some(({ hash }) => hash === wanted)
    after = { revision: verdict.revision, head: verdict.head }
    claimed = { revision, head: last }
  }
  if (after.revision !== claimed.revision || after.head !== claimed.head)
    return cut(
      after.revision + 1,
      `the journal ends at ${after.revision}, it should reach ${claimed.revision}`,
    )
  if (!isWantedSeen)
    return cut(after.revision + 1, 'the head is not in the journal: its end was cut off or rewritten')
  return { ok: true, ...after }
}

function cut(revision: number, message: string): Verification {
  return { ok: false, revision, problem: 'cut', message }
}

/** Between two attempts to go on with a stream that broke off, in milliseconds. */
const RETRY_MS = 1_000
/** Attempts in vain, one after the other: a server that restarts is back by then. */
const ATTEMPTS_MAX = 30

/** Every change after `from`, in order, as it happens. A stream that ends is gone on with where it ended. */
export async function* followEntries(
  server: Server,
  from: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<JournalEntry> {
  let last = from === undefined ? undefined : String(from)
  for (let inVain = 0; !signal.aborted; inVain++) {
    try {
      for await (const { id, event, data } of stream(server, '/v1/watch', last, signal)) {
        inVain = 0
        last = id ?? last
        if (event === 'change') yield JSON.parse(data) as JournalEntry
        else if (event === 'error') throwUnlessSlow(JSON.parse(data) as LocalProblem)
      }
    } catch (error) {
      if (signal.aborted) return
      const isLost = error instanceof CommandError && error.code === 'UNREACHABLE'
      if (!isLost || last === undefined || inVain >= ATTEMPTS_MAX) throw error
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Whoever was too slow goes on; whoever may not see it, or asks for what is not there, does not. */
function throwUnlessSlow(problem: LocalProblem): void {
  if (problem.code !== 'FOLLOWER_SLOW') throw new RemoteError(problem)
}
