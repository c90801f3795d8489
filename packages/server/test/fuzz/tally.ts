import type { ProblemCode } from '@castellan/protocol'
import type { Exception } from './judge.ts'

export interface FuzzReport {
  readonly requests: number
  readonly episodes: number
  /** As the document wants them, nearly so, and not at all. */
  readonly valid: number
  readonly near: number
  readonly hostile: number
  /** Requests of each operation, and those that were not refused. */
  readonly operations: ReadonlyMap<string, { readonly sent: number; readonly answered: number }>
  readonly codes: ReadonlyMap<ProblemCode, number>
  readonly exceptions: ReadonlySet<Exception>
  /** Questions asked over HTTP, of the engine, and of one built anew from the facts. */
  readonly questions: number
  readonly slowest: { readonly ms: number; readonly what: string }
  /** Bytes of the heap after the first world and after the last. */
  readonly heap: readonly [number, number]
}

/** Counts what was sent and what came of it. */
export class Tally {
  episodes = 0
  questions = 0
  readonly #counts = { valid: 0, near: 0, hostile: 0 }
  readonly #operations = new Map<string, { sent: number; answered: number }>()
  readonly #codes = new Map<ProblemCode, number>()
  readonly #exceptions = new Set<Exception>()
  #slowest = { ms: 0, what: '' }

  note(
    kind: 'valid' | 'near' | 'hostile',
    operationId: string | undefined,
    status: number,
    ms: number,
    what: string,
  ): void {
    this.#counts[kind]++
    // What is cut off for being slow takes as long as it may.
    if (kind !== 'hostile' && ms > this.#slowest.ms) this.#slowest = { ms, what }
    if (operationId === undefined) return
    const counts = this.#operations.get(operationId) ?? { sent: 0, answered: 0 }
    this.#operations.set(operationId, counts)
    counts.sent++
    if (status < 400) counts.answered++
  }

  noteRefusal(code: ProblemCode | undefined, exception: Exception | undefined): void {
    if (code !== undefined) this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1)
    if (exception !== undefined) this.#exceptions.add(exception)
  }

  report(heap: readonly [number, number]): FuzzReport {
    const { valid, near, hostile } = this.#counts
    return {
      requests: valid + near + hostile,
      episodes: this.episodes,
      valid,
      near,
      hostile,
      operations: this.#operations,
      codes: this.#codes,
      exceptions: this.#exceptions,
      questions: this.questions,
      slowest: this.#slowest,
      heap,
    }
  }
}
