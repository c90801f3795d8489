import type {
  Change,
  ChangeOptions,
  ChangeResult,
  Engine,
  FactKind,
  JournalEntry,
  KeyParts,
  Receipt,
  Stretch,
} from '@castellan/engine'

/** What the server asks of the engine: questions only. */
export type Questions = Omit<Engine, 'apply' | 'stage'>

export interface Changed {
  readonly revision: number
  readonly results: readonly ChangeResult[]
}

interface ChangingOptions extends Omit<ChangeOptions, 'changedAt'> {
  /** Keeps an answer with the change; made when the engine shows the change already. */
  readonly receipt?: Pick<Receipt, 'caller' | 'key' | 'digest'> & {
    readonly answer: (changed: Changed) => string
  }
}

/** The one way in which the server changes anything; resolves when it is durable. */
export interface Changer {
  change(changes: readonly Change[], options?: ChangingOptions): Promise<Changed>
}

/** What the server needs of `@castellan/store`'s `openLive`. */
export interface Live extends Changer {
  readonly engine: Questions
  /** The hash of the last entry. */
  readonly head: string
  journal(range: {
    readonly from?: number
    readonly to?: number
    readonly isNewestFirst?: boolean
  }): Iterable<JournalEntry>
  follow(options: { readonly from?: number; readonly signal?: AbortSignal }): AsyncIterable<JournalEntry>
  receipt(caller: string, key: string): Receipt | undefined
  stretch(kind: FactKind, from: KeyParts, count: number): Stretch
  /** The last commit that is durable. */
  readonly durableRevision: number
  /** @throws when a change could not be made durable now */
  probe(): Promise<void>
  /** In bytes; undefined for a store that is on no disk. */
  size(): { readonly bytes: number; readonly logBytes: number } | undefined
  /** @param listener - called with each group of commits that became durable @returns what ends it */
  watchCommits(listener: (group: CommittedGroup) => void): () => void
}

export interface CommittedGroup {
  readonly commits: number
  /** How long the disk was at work. */
  readonly ms: number
}
