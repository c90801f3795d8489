import type { Commit } from './change.ts'
import type { Fact, FactKey, FactKind, KeyParts } from './fact.ts'

/** A commit as the journal keeps it: `hash` covers the commit and `previous`. */
export interface JournalEntry extends Commit {
  /** Hash of the entry before, hex; 64 zeros before the first. */
  readonly previous: string
  /** SHA-256, hex. */
  readonly hash: string
}

/**
 * What a request was answered, kept so that it is answered the same when it comes again. Stores keep the last
 * 100,000 for a day.
 */
export interface Receipt {
  /** Who sent it, as a party string. */
  readonly caller: string
  /** The caller's own name for it. */
  readonly key: string
  /** Tells it from another request under the same key. */
  readonly digest: string
  readonly answer: string
  /** Milliseconds since 1970, UTC. */
  readonly time: number
}

/** Facts of one kind that lie beside each other in the order of their keys. */
export interface Stretch {
  readonly facts: readonly Fact[]
  /** The first key that was not looked at; undefined when there is nothing beyond. */
  readonly next: KeyParts | undefined
}

/**
 * What the engine needs of a durable store with one writer. `@castellan/store` has them and the suite they pass.
 *
 * A store knows fact keys and nothing of the model: what is committed was planned by the engine.
 */
export interface Store {
  /** The last commit. 0 when there is none. */
  readonly revision: number
  /** Hash of the last entry. */
  readonly head: string

  /** Every fact, kinds in the order of `FACT_KINDS`, then by key; resources may come before their parents. */
  load(): Iterable<Fact>

  /**
   * Facts of a kind in the order of their keys, parts compared by code point. Looks at `count` keys at most, those of
   * removed facts included, so that what one call costs is known before it.
   *
   * @param from - where it begins, itself included; it need not be there, and empty parts are before the first
   */
  stretch(kind: FactKind, from: KeyParts, count: number): Stretch

  /** Users, groups, apps, tokens and resources that were removed: their ids are never made again. */
  loadRetired(): Iterable<FactKey>

  /**
   * Makes commits durable, all or none, in one transaction with one disk sync. Synchronous, so that nothing can
   * be answered between the index changing and the disk agreeing.
   *
   * @param commits - revisions follow on `revision` without a gap
   * @param receipts - kept in the same transaction, each in the place of an earlier one of its caller and key
   * @throws {StoreError} and then nothing of them was kept
   */
  commit(commits: readonly Commit[], receipts?: readonly Receipt[]): void

  /**
   * The same in another thread, while this one goes on; a store that cannot has no such method. One group at a time,
   * and no `commit` until it called back, in a later turn of the event loop. Until then `revision`, `head`, `journal`
   * and `stretch` say what they said before, even when the disk already knows better: whoever is called back brings
   * everything else up to it in the same turn.
   */
  commitAside?(commits: readonly Commit[], done: CommitDone, receipts?: readonly Receipt[]): void

  /** The receipt of this caller and key, undefined when there is none, or no longer. */
  receipt(caller: string, key: string): Receipt | undefined

  /** The revision of the last commit that touched this fact, 0 when none did. */
  changedAt(key: FactKey): number

  /** Entries with `from < revision <= to`, in order or the newest first, read lazily. */
  journal(from: number, to?: number, isNewestFirst?: boolean): Iterable<JournalEntry>

  /**
   * Throws when a commit could not be made now. A store that always can has no such method.
   *
   * @param isThorough - makes one that changes nothing, with its sync, instead of only beginning it
   */
  probe?(isThorough: boolean): void

  /** What it takes on its disk. A store without one has no such method. */
  size?(): StoreSize

  /** Frees everything. Later calls throw `STORE_CLOSED`. */
  close(): void
}

export interface StoreSize {
  readonly bytes: number
  /** Of what was written and is not yet in its place, in bytes. */
  readonly logBytes: number
}

/**
 * @param error - undefined when the commits are durable; else a {StoreError}, and nothing of them was kept
 * @param ms - how long the disk was at work, waiting for threads left out
 */
export type CommitDone = (error: Error | undefined, ms: number) => void
