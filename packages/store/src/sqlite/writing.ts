import { keyParts, StoreError, type Receipt } from '@castellan/engine'
import type { ChainedCommit } from '../journal.ts'
import { kindNumber } from '../keys.ts'
import { RECEIPT_MS, RECEIPTS_MAX } from '../receipts.ts'
import type { Database, Statement, Value } from './database.ts'
import { toBody } from './rows.ts'
import { STATEMENTS } from './statements.ts'

/** What a group writes: row after row, the parameters of `putFact` and so on. Flat, to go to another thread. */
export interface Rows {
  readonly facts: readonly Value[]
  readonly entries: readonly Value[]
  readonly receipts: readonly Value[]
}

const FACT_WIDTH = 6
const ENTRY_WIDTH = 7
const RECEIPT_WIDTH = 5

export function rowsOf(chained: readonly ChainedCommit[], kept: readonly Receipt[] = []): Rows {
  const facts: Value[] = []
  const entries: Value[] = []
  for (const { commit, previous, effects, hash } of chained) {
    const { revision, time, actor, reason } = commit
    for (const { before, after } of commit.effects) {
      const fact = after ?? before
      const [k1, k2, k3] = keyParts(fact)
      facts.push(kindNumber(fact.kind), k1, k2, k3, after === null ? null : toBody(after), revision)
    }
    entries.push(revision, time, actor, reason, effects, previous, hash)
  }
  const receipts = kept.flatMap(({ caller, key, digest, answer, time }) => [
    caller,
    key,
    digest,
    answer,
    time,
  ])
  return { facts, entries, receipts }
}

/** Writes groups through one connection, each a transaction that is on the disk when it returns. */
export class Writing {
  readonly #database: Database
  readonly #begin: Statement
  readonly #end: Statement
  readonly #putFact: Statement
  readonly #putEntry: Statement
  readonly #putReceipt: Statement
  readonly #dropOldReceipts: Statement
  readonly #dropSurplusReceipts: Statement

  constructor(database: Database) {
    this.#database = database
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#end = database.prepare('COMMIT')
    this.#putFact = database.prepare(STATEMENTS.putFact)
    this.#putEntry = database.prepare(STATEMENTS.putEntry)
    this.#putReceipt = database.prepare(STATEMENTS.putReceipt)
    this.#dropOldReceipts = database.prepare(STATEMENTS.dropOldReceipts)
    this.#dropSurplusReceipts = database.prepare(STATEMENTS.dropSurplusReceipts)
  }

  /** @throws {StoreError} and then nothing of it was kept */
  commit({ facts, entries, receipts }: Rows): void {
    try {
      this.#begin.run()
      for (let at = 0; at < facts.length; at += FACT_WIDTH)
        this.#putFact.run(...facts.slice(at, at + FACT_WIDTH))
      for (let at = 0; at < entries.length; at += ENTRY_WIDTH)
        this.#putEntry.run(...entries.slice(at, at + ENTRY_WIDTH))
      if (receipts.length > 0) this.#keep(receipts)
      this.#end.run()
    } catch (error) {
      const explained = this.#database.explain(error)
      this.#rollBack(explained)
      throw explained
    }
  }

  #keep(receipts: Rows['receipts']): void {
    for (let at = 0; at < receipts.length; at += RECEIPT_WIDTH)
      this.#putReceipt.run(...receipts.slice(at, at + RECEIPT_WIDTH))
    this.#dropOldReceipts.run((receipts.at(-1) as number) - RECEIPT_MS)
    this.#dropSurplusReceipts.run(RECEIPTS_MAX)
  }

  /** SQLite rolls some failures back by itself and leaves others open. */
  #rollBack(reason: unknown): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      // When the sync itself failed, the commit may stand whole in the log, and would come to life with the next
      // start: emptying the log takes it away. With a full disk there is never a whole one.
      if (reason instanceof StoreError && reason.code === 'STORE_FAILED') {
        this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      }
    } catch {
      // The first error says why.
    }
  }
}
