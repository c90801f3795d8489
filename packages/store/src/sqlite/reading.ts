import {
  FACT_KINDS,
  keyParts,
  type Commit,
  type Fact,
  type FactKey,
  type FactKind,
  type JournalEntry,
  type KeyParts,
  type Stretch,
} from '@castellan/engine'
import { journalBrokenError } from '../errors.ts'
import { GENESIS, verifyJournal, type JournalPosition } from '../journal.ts'
import { compareParts, keyLength, kindNumber, nameOf, RETIRING } from '../keys.ts'
import type { Database, Row, Statement } from './database.ts'
import { toEntry, toFact, toKey } from './rows.ts'
import { STATEMENTS } from './statements.ts'

/** Rows in one read of facts: twice as fast as one by one. */
const FACTS_PAGE = 2000
/** Before every key. */
const START: Row = ['', '', '']
/** Entries, and UTF-16 units of their effects, in one read of the journal: an entry may be 10 MB. */
const ENTRIES_PAGE = 256
const ENTRIES_UNITS = 1_000_000

/**
 * What a writer and a reader read alike. Every read is done before anything is handed out: a statement left open
 * would hold a read transaction for as long as its caller dawdles, and the write-ahead log would grow all the while.
 */
export class Reading {
  readonly #database: Database
  /** By how many parts the keys have. */
  readonly #facts: Readonly<Record<1 | 2 | 3, Statement>>
  readonly #places: Statement
  readonly #removed: Statement
  readonly #changedAt: Statement
  readonly #entries: Statement
  readonly #entriesBack: Statement
  readonly #last: Statement

  constructor(database: Database) {
    this.#database = database
    this.#facts = {
      1: database.prepare(STATEMENTS.facts1),
      2: database.prepare(STATEMENTS.facts2),
      3: database.prepare(STATEMENTS.facts3),
    }
    this.#places = database.prepare(STATEMENTS.places)
    this.#removed = database.prepare(STATEMENTS.removed)
    this.#changedAt = database.prepare(STATEMENTS.changedAt)
    this.#entries = database.prepare(STATEMENTS.entries)
    this.#entriesBack = database.prepare(STATEMENTS.entriesBack)
    this.#last = database.prepare(STATEMENTS.last)
  }

  last(): JournalPosition {
    const row = this.#database.guard(() => this.#last.get()) as readonly [number, string] | undefined
    return row === undefined ? { revision: 0, head: GENESIS } : { revision: row[0], head: row[1] }
  }

  /** Looks at the end of the journal: a damaged or tampered one shows there first, and it costs nothing. */
  checkedLast(): JournalPosition {
    const last = this.last()
    const { revision } = last
    if (revision === 0) return last
    const head = revision === 1 ? GENESIS : (this.#page(revision - 2, revision - 1)[0]?.hash ?? '')
    const end = this.#page(revision - 1, revision)
    if (verifyJournal(end, { after: { revision: revision - 1, head }, revision }).ok) return last
    throw journalBrokenError(
      `the journal of \`${this.#database.path}\` is broken at its end, entry ${revision}`,
    )
  }

  *facts(check: () => void): Generator<Fact> {
    for (const kind of FACT_KINDS) {
      const number = kindNumber(kind)
      const length = keyLength(kind)
      const statement = this.#facts[length]
      let last = START.slice(0, length)
      for (;;) {
        check()
        const rows = this.#database.guard(() => statement.all(number, ...last, FACTS_PAGE))
        for (const row of rows) yield toFact(kind, row, row[length])
        if (rows.length < FACTS_PAGE) break
        last = rows.at(-1)!.slice(0, length)
      }
    }
  }

  stretch(kind: FactKind, [k1, k2, k3]: KeyParts, count: number): Stretch {
    const rows = this.#database.guard(() => this.#places.all(kindNumber(kind), k1, k2, k3, count + 1))
    const facts = rows.slice(0, count).flatMap((row) => (row[3] === null ? [] : toFact(kind, row, row[3])))
    return { facts, next: rows[count]?.slice(0, 3) as KeyParts | undefined }
  }

  *retired(check: () => void): Generator<FactKey> {
    for (const kind of RETIRING) {
      const number = kindNumber(kind)
      let last = ''
      for (;;) {
        check()
        const rows = this.#database.guard(() => this.#removed.all(number, last, FACTS_PAGE))
        for (const row of rows) yield toKey(kind, row)
        if (rows.length < FACTS_PAGE) break
        last = rows.at(-1)?.[0] as string
      }
    }
  }

  changedAt(key: FactKey): number {
    const [k1, k2, k3] = keyParts(key)
    const row = this.#database.guard(() => this.#changedAt.get(kindNumber(key.kind), k1, k2, k3))
    return (row?.[0] as number | undefined) ?? 0
  }

  *entries(from: number, to: number, isNewestFirst: boolean, check: () => void): Generator<JournalEntry> {
    let [low, high] = [from, to]
    while (low < high) {
      check()
      const entries = this.#page(low, high, isNewestFirst ? this.#entriesBack : this.#entries)
      yield* entries
      const end = entries.at(-1)
      if (end === undefined) return
      if (isNewestFirst) high = end.revision - 1
      else low = end.revision
    }
  }

  #page(from: number, to: number, statement = this.#entries): JournalEntry[] {
    return this.#database.guard(() => {
      const entries: JournalEntry[] = []
      let units = 0
      for (const row of statement.iterate(from, to)) {
        entries.push(toEntry(row))
        units += (row[4] as string).length
        if (entries.length >= ENTRIES_PAGE || units >= ENTRIES_UNITS) break
      }
      return entries
    })
  }
}

/** A stretch as it was before these commits, which the disk may have already or not. */
export function withoutCommits(
  stretch: Stretch,
  kind: FactKind,
  from: KeyParts,
  commits: readonly Commit[],
): Stretch {
  const before = new Map<string, Fact | null>()
  for (const effect of commits.flatMap(({ effects }) => effects)) {
    const name = nameOf(effect.after ?? effect.before)
    if ((effect.after ?? effect.before).kind === kind && !before.has(name)) before.set(name, effect.before)
  }
  const { facts, next } = stretch
  const isWithin = (fact: Fact | null): fact is Fact =>
    fact !== null &&
    compareParts(keyParts(fact), from) >= 0 &&
    (next === undefined || compareParts(keyParts(fact), next) < 0)
  const others = facts.filter((fact) => !before.has(nameOf(fact)))
  const again = [...before.values()].filter(isWithin)
  return {
    facts: [...others, ...again].sort((a, b) => compareParts(keyParts(a), keyParts(b))),
    next,
  }
}
