import {
  FactInvalidError,
  invariant,
  openEngine,
  RevisionAheadError,
  StoreError,
  type Change,
  type ChangeOptions,
  type ChangeResult,
  type Commit,
  type CommitDone,
  type Engine,
  type EngineOptions,
  type FactKey,
  type FactKind,
  type JournalEntry,
  type KeyParts,
  type Receipt,
  type Staged,
  type Store,
  type StoreSize,
  type Stretch,
} from '@castellan/engine'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { closedError } from './errors.ts'
import { nameOf } from './keys.ts'
import { RECEIPT_MS } from './receipts.ts'

export interface LiveOptions extends Pick<EngineOptions, 'rules' | 'catalog' | 'now'> {
  /** Belongs to the live engine from now on, which closes it. */
  readonly store: Store
  /**
   * How long commits may hold the thread, on average, in milliseconds. When they take longer of late, as on a disk
   * that syncs slowly, the store makes them in another thread if it can, and questions are answered meanwhile, from
   * what was there before. Default 2. With 0 it is always so, with Infinity never.
   */
  readonly holdMsMax?: number
}

/** The questions of an engine, without what would change it behind the store's back. */
export type Questions = Omit<Engine, 'apply' | 'stage'>

interface ChangingOptions extends Omit<ChangeOptions, 'changedAt'> {
  /** Keeps an answer with the change, in the same transaction. */
  readonly receipt?: ReceiptWish
}

interface ReceiptWish extends Pick<Receipt, 'caller' | 'key' | 'digest'> {
  /**
   * Called when the change is sure to be made if the disk allows it, and the engine shows it already. What it throws
   * refuses the change.
   */
  readonly answer: (changed: Changed) => string
}

export interface Changed {
  /** The revision at which the change is visible; of a change that changed nothing, the one it was seen at. */
  readonly revision: number
  readonly results: readonly ChangeResult[]
}

export interface FollowOptions {
  /** The last revision already known. Default: now. */
  readonly from?: number
  /** Ends the following, quietly. */
  readonly signal?: AbortSignal
}

interface JournalRange {
  /** Default 0. */
  readonly from?: number
  /** Default: the last. */
  readonly to?: number
  /** Default false. */
  readonly isNewestFirst?: boolean
}

/** An engine over a durable store: questions are answered at once, changes when they are on the disk. */
export interface Live {
  readonly engine: Questions
  /** The hash of the last entry. */
  readonly head: string

  /**
   * Plans, authorizes and makes a change durable. Changes that arrive together share one sync, each still all or
   * nothing by itself and each seeing those before it.
   *
   * @throws what the engine's `stage` throws, and {StoreError}: then nothing of it was kept
   */
  change(changes: readonly Change[], options?: ChangingOptions): Promise<Changed>

  /**
   * Every entry after `from`, in order, none twice and none left out; then each one as it becomes durable. Ends when
   * the signal says so or the store is closed. Nothing is kept for a slow follower: it reads on from the journal.
   *
   * @throws {RevisionAheadError} when `from` has not been reached, as after restoring an older backup
   */
  follow(options?: FollowOptions): AsyncIterable<JournalEntry, void>

  /** Entries with `from < revision <= to`, read lazily. */
  journal(range?: JournalRange): Iterable<JournalEntry>

  /** What a request was answered that came with a key before, if that is not too long ago. */
  receipt(caller: string, key: string): Receipt | undefined

  /** Facts in the order of their keys, as `Store.stretch` gives them: what they were at the engine's revision. */
  stretch(kind: FactKind, from: KeyParts, count: number): Stretch

  /** The last commit that is durable. */
  readonly durableRevision: number

  /**
   * Throws when a change could not be made durable now. It writes nothing, unless the last commit failed: then nobody
   * knows without trying.
   */
  probe(): Promise<void>

  /** What the store takes on its disk; undefined for one that has none. */
  size(): StoreSize | undefined

  /**
   * Tells of each group of commits that became durable.
   *
   * @returns what ends it
   */
  watchCommits(listener: CommitListener): () => void

  /** Refuses what comes, finishes what came, closes the store. */
  close(): Promise<void>
}

/** Must not throw. */
export type CommitListener = (group: CommittedGroup) => void

/** Commits that shared a sync. */
export interface CommittedGroup {
  readonly commits: number
  /** How long the disk was at work, in milliseconds. */
  readonly ms: number
}

/** Changes in one group. Bounds how long one group holds the thread: about 30 ms. */
const GROUP_CHANGES_MAX = 1000
/** Facts touched by one group; a group of one is never refused. Bounds the same. */
const GROUP_EFFECTS_MAX = 10_000
/**
 * Another thread costs some 20 µs a group and 10 µs a change, and frees this one for as long as the disk takes: at 100
 * commits a second, what is below this leaves four fifths of it.
 */
const HOLD_MS_MAX = 2
/** Commits after which how long one took is as good as forgotten. */
const COMMITS_REMEMBERED = 16
/** Entries a follower gets before others have their turn. */
const FOLLOW_BATCH = 256

/** Loads an engine with what a store holds, and keeps them one. */
export function openLive({ store, holdMsMax = HOLD_MS_MAX, ...options }: LiveOptions): Live {
  const engine = openEngine({
    ...options,
    verified: true,
    facts: store.load(),
    retired: store.loadRetired(),
    revision: store.revision,
  })
  return new LiveEngine(store, engine, holdMsMax, options.now ?? Date.now)
}

interface Waiting {
  readonly changes: readonly Change[]
  readonly options: ChangingOptions
  resolve(changed: Changed): void
  reject(reason: unknown): void
}

/** Changes that were staged together. */
interface Group {
  readonly members: Member[]
  /** Those that were refused, perhaps for what others of the group do: so they are told when the others are. */
  readonly refused: { readonly waiting: Waiting; readonly reason: unknown }[]
  /** How many facts they touch. */
  effects: number
}

interface Member {
  readonly waiting: Waiting
  readonly staged: Staged
  readonly receipt: Receipt | undefined
}

class LiveEngine implements Live {
  readonly #store: Store
  readonly #engine: Engine
  #queue: Waiting[] = []
  #isFlushDue = false
  /** Settles when the group that the store has in another thread is done. */
  #underWay: Promise<void> | undefined
  /** How long commits took of late, in milliseconds. */
  #commitMs = 0
  readonly #holdMsMax: number
  readonly #now: () => number
  #closing: Promise<void> | undefined
  /** Why the index may no longer be what the store holds. */
  #broken: unknown
  /** Whether the last commit failed. */
  #hasFailed = false
  readonly #commitListeners = new Set<CommitListener>()
  /** Settles with the next group, or when there will be none. */
  #next = Promise.withResolvers<void>()

  constructor(store: Store, engine: Engine, holdMsMax: number, now: () => number) {
    this.#store = store
    this.#engine = engine
    this.#holdMsMax = holdMsMax
    this.#now = now
  }

  get engine(): Questions {
    return this.#engine
  }

  get head(): string {
    return this.#store.head
  }

  get durableRevision(): number {
    return this.#store.revision
  }

  async probe(): Promise<void> {
    // Changing nothing is refused as every change is once this is closed or broken, and has its turn after those before.
    await this.change([])
    this.#store.probe?.(this.#hasFailed)
    this.#hasFailed = false
  }

  size(): StoreSize | undefined {
    return this.#store.size?.()
  }

  watchCommits(listener: CommitListener): () => void {
    this.#commitListeners.add(listener)
    return () => this.#commitListeners.delete(listener)
  }

  change(changes: readonly Change[], options: ChangingOptions = {}): Promise<Changed> {
    return new Promise((resolve, reject) => {
      this.#assertOpen()
      this.#queue.push({ changes, options, resolve, reject })
      this.#flushSoon()
    })
  }

  follow({ from = this.#store.revision, signal }: FollowOptions = {}): AsyncIterable<JournalEntry, void> {
    // `from` is settled here, not when the first entry is asked for: nothing between the two may be missed.
    return this.#follow(from, signal)
  }

  journal({
    from = 0,
    to = this.#store.revision,
    isNewestFirst = false,
  }: JournalRange = {}): Iterable<JournalEntry> {
    assertRevision('from', from)
    assertRevision('to', to)
    return this.#store.journal(from, to, isNewestFirst)
  }

  receipt(caller: string, key: string): Receipt | undefined {
    const receipt = this.#store.receipt(caller, key)
    return receipt !== undefined && this.#now() - receipt.time < RECEIPT_MS ? receipt : undefined
  }

  stretch(kind: FactKind, from: KeyParts, count: number): Stretch {
    return this.#store.stretch(kind, from, count)
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #finish(): Promise<void> {
    for (;;) {
      if (this.#underWay !== undefined) await this.#underWay
      else if (this.#queue.length > 0) this.#flush()
      else break
    }
    this.#next.resolve()
    this.#store.close()
  }

  get #isClosed(): boolean {
    return this.#closing !== undefined
  }

  async *#follow(from: number, signal: AbortSignal | undefined): AsyncGenerator<JournalEntry, void> {
    this.#assertOpen()
    assertRevision('from', from)
    if (from > this.#store.revision) throw new RevisionAheadError(from, this.#store.revision)
    let last = from
    while (!this.#isClosed && !isAborted(signal)) {
      // Taken before reading: whatever becomes durable while the entries are handed out settles this very promise.
      const next = this.#next.promise
      const to = Math.min(this.#store.revision, last + FOLLOW_BATCH)
      for (const entry of this.#store.journal(last, to)) {
        yield entry
        last = entry.revision
        if (this.#isClosed || isAborted(signal)) return
      }
      if (last < this.#store.revision) await nextTurn()
      else await either(next, signal)
    }
  }

  /** After whatever else arrives in this turn, so that it shares the sync. */
  #flushSoon(): void {
    // What waits is staged on what the group under way leads to, so it waits for that.
    if (this.#isFlushDue || this.#underWay !== undefined) return
    this.#isFlushDue = true
    setImmediate(() => {
      this.#isFlushDue = false
      if (this.#underWay === undefined) this.#flush()
      if (this.#queue.length > 0) this.#flushSoon()
    })
  }

  /**
   * Stages the next changes and makes them durable together.
   *
   * INVARIANT: the index is ahead of the disk only within this call, and behind it only within one of the store's, so
   * no question is ever answered from what might not stay, nor from before what was acknowledged.
   */
  #flush(): void {
    const group = this.#stageGroup()
    const commits = group.members.flatMap(({ staged }) => staged.commit ?? [])
    const receipts = group.members.flatMap(({ receipt }) => receipt ?? [])
    if (commits.length === 0 && receipts.length === 0) answer(group)
    else if (this.#store.commitAside !== undefined && this.#commitMs >= this.#holdMsMax) {
      this.#commitAside(group, commits, receipts)
    } else this.#commitHere(group, commits, receipts)
  }

  #commitHere(group: Group, commits: readonly Commit[], receipts: readonly Receipt[]): void {
    const start = performance.now()
    try {
      this.#store.commit(commits, receipts)
    } catch (error) {
      this.#noteCommit(commits.length, performance.now() - start, error)
      this.#undo(group)
      answer(group, error)
      return
    }
    this.#noteCommit(commits.length, performance.now() - start)
    answer(group)
    this.#tellFollowers()
  }

  /** Takes the group out of the index for as long as the disk takes: questions see what is durable, and nothing else. */
  #commitAside(group: Group, commits: readonly Commit[], receipts: readonly Receipt[]): void {
    this.#undo(group)
    const { promise, resolve } = Promise.withResolvers<void>()
    const done: CommitDone = (error, ms) => {
      this.#underWay = undefined
      this.#noteCommit(commits.length, ms, error)
      this.#settle(group, error)
      resolve()
      if (this.#queue.length > 0) this.#flushSoon()
    }
    this.#underWay = promise
    try {
      this.#assertWhole()
      this.#store.commitAside!(commits, done, receipts)
    } catch (error) {
      done(error as Error, 0)
    }
  }

  /** Whoever asks from here on sees the group; or, when the store refused it, it never was. */
  #settle(group: Group, error: unknown): void {
    try {
      if (error === undefined) for (const { staged } of group.members) staged.redo()
      this.#assertAgrees()
    } catch (problem) {
      this.#broken = problem
    }
    answer(group, error ?? this.#broken)
    if (error === undefined) this.#tellFollowers()
  }

  /** @param error - why the group was not kept */
  #noteCommit(commits: number, ms: number, error?: unknown): void {
    this.#commitMs += (ms - this.#commitMs) / COMMITS_REMEMBERED
    this.#hasFailed = error !== undefined
    if (error === undefined) for (const listener of this.#commitListeners) listener({ commits, ms })
  }

  #stageGroup(): Group {
    const group: Group = { members: [], refused: [], effects: 0 }
    let taken = 0
    for (const waiting of this.#queue) {
      if (taken === GROUP_CHANGES_MAX || group.effects >= GROUP_EFFECTS_MAX) break
      taken++
      this.#stage(waiting, group)
    }
    this.#queue = this.#queue.slice(taken)
    return group
  }

  /** A change that is refused here is its caller's affair and nobody else's. */
  #stage(waiting: Waiting, group: Group): void {
    try {
      this.#assertWhole()
      assertKeepable(waiting.options)
      const changedAt = (key: FactKey) => lastStaged(group, key) ?? this.#store.changedAt(key)
      const staged = this.#engine.stage(waiting.changes, { ...waiting.options, changedAt })
      group.members.push({ waiting, staged, receipt: this.#receiptOf(waiting.options, staged) })
      group.effects += staged.commit?.effects.length ?? 0
    } catch (reason) {
      group.refused.push({ waiting, reason })
    }
  }

  #receiptOf({ receipt }: ChangingOptions, staged: Staged): Receipt | undefined {
    if (receipt === undefined) return undefined
    const { caller, key, digest } = receipt
    const { revision, results } = staged
    try {
      return { caller, key, digest, answer: receipt.answer({ revision, results }), time: this.#now() }
    } catch (error) {
      staged.undo()
      throw error
    }
  }

  #undo({ members }: Group): void {
    try {
      for (const { staged } of members.toReversed()) staged.undo()
      this.#assertAgrees()
    } catch (error) {
      this.#broken = error
    }
  }

  #assertAgrees(): void {
    invariant(this.#engine.revision === this.#store.revision, 'the index is not what the store holds')
  }

  #tellFollowers(): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers()
    resolve()
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  #assertWhole(): void {
    if (this.#broken === undefined) return
    throw new StoreError(
      'STORE_FAILED',
      'the facts in memory could not be brought to what the store holds',
      'restart: the store is whole',
      this.#broken,
    )
  }
}

/** @param error - why nothing of the group was kept */
function answer({ members, refused }: Group, error?: unknown): void {
  for (const { waiting, staged } of members) {
    if (error === undefined) waiting.resolve({ revision: staged.revision, results: staged.results })
    else waiting.reject(error)
  }
  for (const { waiting, reason } of refused) waiting.reject(reason)
}

/**
 * When this group last changed a fact: what comes later in it may make its precondition of that, and the store knows
 * nothing of it yet. Searched only then, so no index is kept.
 */
function lastStaged(group: Group, key: FactKey): number | undefined {
  const name = nameOf(key)
  const last = group.members.findLast(({ staged }) =>
    staged.commit?.effects.some(({ before, after }) => nameOf(after ?? before) === name),
  )
  return last?.staged.commit?.revision
}

/** What a journal could not give back as it was; a group must not fail for one of its members. */
function assertKeepable({ actor, reason, now }: ChangeOptions): void {
  if (actor?.isWellFormed() === false) throw new FactInvalidError('actor', 'a lone surrogate')
  if (reason?.isWellFormed() === false) throw new FactInvalidError('reason', 'a lone surrogate')
  if (now !== undefined && !Number.isFinite(now))
    throw new FactInvalidError('now', 'not a number of milliseconds')
}

/** Resolves with the promise or when the signal says so, and leaves no listener behind. */
async function either(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise
  const aborted = Promise.withResolvers<void>()
  const listener = () => aborted.resolve()
  signal.addEventListener('abort', listener)
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', listener)
  }
}

/** A call, so that the compiler does not take the answer for settled. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function assertRevision(path: string, revision: number): void {
  if (Number.isSafeInteger(revision) && revision >= 0) return
  throw new FactInvalidError(path, `${revision} is not a revision`, 'revisions are whole numbers from 0')
}
