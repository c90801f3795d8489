import { factKey, type Fact, type FactKey, type JournalEntry, type Store } from '@castellan/engine'
import { canonicalJson } from './canonical.ts'
import { verifyJournal, type Verification, type VerifyOptions } from './journal.ts'
import { nameOf, RETIRING } from './keys.ts'

/** What can be read of a store by who may not change it. */
export type StoreReader = Omit<Store, 'commit' | 'stretch' | 'receipt'>

export interface VerifyStoreOptions extends VerifyOptions {
  /** How many keys the store holds, removed ones included, where it can count them: none may be unknown. */
  readonly keys?: number
}

/**
 * Verifies everything that a store holds: the chain of its journal, and that its facts, what it knows of when they
 * changed, and the ids it keeps from being made again are those that the journal leads to. Someone who edits the
 * facts by hand is found by this.
 *
 * Keeps a text of every fact in memory while it runs, and holds the thread: about 10 seconds for a million facts.
 */
export function verifyStore(store: StoreReader, options: VerifyStoreOptions = {}): Verification {
  const replay = new Replay()
  const chain = verifyJournal(replay.over(store.journal(0)), {
    ...options,
    revision: Math.max(store.revision, options.revision ?? 0),
  })
  if (!chain.ok) return chain
  if (chain.revision !== store.revision || chain.head !== store.head) {
    const message = 'the journal went on while it was verified: open a reader, which stands still'
    return { ok: false, revision: chain.revision, problem: 'rewritten', message }
  }
  const difference = replay.difference ?? differenceOf(store, replay) ?? surplus(store, replay, options.keys)
  return difference === undefined ? chain : { ok: false, problem: 'facts', ...difference }
}

/** Where facts and journal part. */
interface Difference {
  readonly revision: number
  readonly message: string
}

/** The facts that a journal leads to. */
class Replay {
  readonly #states = new Map<string, State>()
  /** The first entry that changes something else than what was there before it. */
  difference: Difference | undefined

  /** How many keys the journal ever named. */
  get size(): number {
    return this.#states.size
  }

  /** Hands the entries on, and applies each one. */
  *over(entries: Iterable<JournalEntry>): Generator<JournalEntry> {
    for (const entry of entries) {
      this.apply(entry)
      yield entry
    }
  }

  apply(entry: JournalEntry): void {
    for (const { before, after } of entry.effects) {
      const fact = after ?? before
      const key = factKey(fact)
      const name = nameOf(key)
      if (!this.#wasSo(key, before)) {
        const message = `entry ${entry.revision} changes ${name}, which was not so before`
        this.difference ??= { revision: entry.revision, message }
      }
      this.#states.set(name, {
        key,
        text: after === null ? undefined : canonicalJson(after),
        revision: entry.revision,
      })
    }
  }

  #wasSo(key: FactKey, before: Fact | null): boolean {
    const state = this.find(key)
    // What the catalog declares is there without an entry.
    if (state === undefined && key.kind === 'namespace') return true
    return state?.text === (before === null ? undefined : canonicalJson(before))
  }

  find(key: FactKey): State | undefined {
    return this.#states.get(nameOf(key))
  }

  *states(): Generator<State> {
    yield* this.#states.values()
  }
}

interface State {
  readonly key: FactKey
  /** Canonical JSON of the fact; undefined when it was removed. */
  readonly text: string | undefined
  /** The last entry that touched it. */
  readonly revision: number
}

function differenceOf(store: StoreReader, replay: Replay): Difference | undefined {
  let live = 0
  for (const fact of store.load()) {
    const key = factKey(fact)
    const state = replay.find(key)
    if (state?.text === undefined)
      return { revision: state?.revision ?? 0, message: `${nameOf(key)} is in no entry of the journal` }
    if (state.text !== canonicalJson(fact))
      return { revision: state.revision, message: `${nameOf(key)} is not what the journal says` }
    live++
  }
  let retired = 0
  for (const key of store.loadRetired()) {
    const state = replay.find(key)
    if (state === undefined || state.text !== undefined)
      return { revision: state?.revision ?? 0, message: `${nameOf(key)} was never removed` }
    retired++
  }
  for (const { key, text, revision } of replay.states()) {
    if (text !== undefined) live--
    else if (RETIRING.has(key.kind)) retired--
    if (store.changedAt(key) !== revision)
      return {
        revision,
        message: `${nameOf(key)} was last changed in entry ${revision}, the store says otherwise`,
      }
  }
  if (live !== 0 || retired !== 0)
    return { revision: store.revision, message: 'facts that the journal made are not there' }
  return undefined
}

function surplus(store: StoreReader, replay: Replay, keys: number | undefined): Difference | undefined {
  if (keys === undefined || keys === replay.size) return undefined
  return { revision: store.revision, message: `there are ${keys} keys, the journal names ${replay.size}` }
}
