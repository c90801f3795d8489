import {
  factKey,
  keyParts,
  type Commit,
  type Fact,
  type FactKey,
  type FactKind,
  type JournalEntry,
  type KeyParts,
  type Receipt,
  type Store,
  type Stretch,
} from '@castellan/engine'
import { closedError } from '../errors.ts'
import { chainCommits, GENESIS } from '../journal.ts'
import { compareParts, kindNumber, nameOf, RETIRING } from '../keys.ts'
import { RECEIPT_MS, RECEIPTS_MAX } from '../receipts.ts'

/** A store that lives as long as its process: for tests, for trying things out, and as the plain model of the others. */
export function openMemoryStore(): Store {
  return new MemoryStore()
}

class MemoryStore implements Store {
  readonly #records = new Map<string, Kept>()
  readonly #entries: JournalEntry[] = []
  /** Those kept last at the end. */
  readonly #receipts = new Map<string, Receipt>()
  #isClosed = false

  get revision(): number {
    return this.#entries.length
  }

  get head(): string {
    return this.#entries.at(-1)?.hash ?? GENESIS
  }

  load(): Iterable<Fact> {
    this.#assertOpen()
    return this.#sorted().flatMap(({ fact }) => fact ?? [])
  }

  loadRetired(): Iterable<FactKey> {
    this.#assertOpen()
    return this.#sorted().flatMap(({ key, fact }) =>
      fact === undefined && RETIRING.has(key.kind) ? key : [],
    )
  }

  stretch(kind: FactKind, from: KeyParts, count: number): Stretch {
    this.#assertOpen()
    const there = this.#sorted().filter(
      ({ key }) => key.kind === kind && compareParts(keyParts(key), from) >= 0,
    )
    const next = there[count]
    return {
      facts: there.slice(0, count).flatMap(({ fact }) => fact ?? []),
      next: next && keyParts(next.key),
    }
  }

  commit(commits: readonly Commit[], receipts: readonly Receipt[] = []): void {
    this.#assertOpen()
    // Whatever can fail comes first: after it, nothing does, and so it is all or none.
    const chained = chainCommits(this, commits)
    for (const { commit, previous, hash } of chained) {
      const { revision, time, actor, reason, effects } = commit
      this.#entries.push({ revision, time, actor, reason, effects, previous, hash })
      for (const { before, after } of effects) {
        const key = factKey(after ?? before)
        this.#records.set(nameOf(key), { key, fact: after ?? undefined, revision })
      }
    }
    for (const receipt of receipts) this.#keep(receipt)
  }

  receipt(caller: string, key: string): Receipt | undefined {
    this.#assertOpen()
    return this.#receipts.get(JSON.stringify([caller, key]))
  }

  changedAt(key: FactKey): number {
    this.#assertOpen()
    return this.#records.get(nameOf(key))?.revision ?? 0
  }

  journal(from: number, to = this.revision, isNewestFirst = false): Iterable<JournalEntry> {
    this.#assertOpen()
    const entries = this.#entries.slice(Math.max(from, 0), Math.max(to, 0))
    return isNewestFirst ? entries.toReversed() : entries
  }

  close(): void {
    this.#isClosed = true
  }

  #keep(receipt: Receipt): void {
    const name = JSON.stringify([receipt.caller, receipt.key])
    this.#receipts.delete(name)
    this.#receipts.set(name, receipt)
    for (const [oldest, { time }] of this.#receipts) {
      if (this.#receipts.size <= RECEIPTS_MAX && time >= receipt.time - RECEIPT_MS) return
      this.#receipts.delete(oldest)
    }
  }

  #sorted(): Kept[] {
    return [...this.#records.values()].sort((a, b) => compareKeys(a.key, b.key))
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}

interface Kept {
  readonly key: FactKey
  /** Undefined when it was removed: then the record says when, and keeps its id from being made again. */
  readonly fact: Fact | undefined
  readonly revision: number
}

function compareKeys(a: FactKey, b: FactKey): number {
  return kindNumber(a.kind) - kindNumber(b.kind) || compareParts(keyParts(a), keyParts(b))
}
