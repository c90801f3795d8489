import type { Cell, CellEnd, CellPool, CellResponse } from '../broker/cell.ts'
import { CellError } from '../broker/cell-error.ts'
import type { RequestMessage } from '../messages.ts'
import type { Snapshot } from '../runtime.ts'

/** A pool without processes, in which a test decides what becomes of each cell and of each request. */
export class FakePool implements CellPool {
  readonly cells: FakeCell[] = []
  /** What the next starts come to, in order; beyond them each succeeds. */
  readonly failures: CellError[] = []
  /** Held back until it is released. */
  gate: Promise<void> = Promise.resolve()

  async start(start: Snapshot['start']): Promise<Cell> {
    const failure = this.failures.shift()
    await this.gate
    if (failure !== undefined) throw failure
    const cell = new FakeCell(this.cells.length, start.app.version)
    this.cells.push(cell)
    return cell
  }

  async close(): Promise<void> {}
}

interface Held {
  readonly message: RequestMessage
  readonly resolve: (response: CellResponse) => void
  readonly reject: (error: Error) => void
}

export class FakeCell implements Cell {
  readonly pid: number
  readonly version: string
  readonly ended: Promise<CellEnd>
  readonly held: Held[] = []
  isDraining = false
  #end!: (end: CellEnd) => void

  constructor(pid: number, version: string) {
    this.pid = pid
    this.version = version
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  get inFlight(): number {
    return this.held.length
  }

  request(message: RequestMessage): Promise<CellResponse> {
    if (this.isDraining) return Promise.reject(new CellError('CELL_ENDED', 'it was draining'))
    return new Promise((resolve, reject) => this.held.push({ message, resolve, reject }))
  }

  /** Answers the request it has held longest. */
  answer(status = 200): void {
    this.held.shift()!.resolve({
      head: { kind: 'response', id: 1, status, headers: { 'x-version': this.version }, cookies: {} },
      body: undefined,
    })
    this.#endWhenDrained()
  }

  crash(why: CellEnd['why'] = 'crashed'): void {
    for (const { reject } of this.held.splice(0)) reject(new CellError('CELL_ENDED', 'it crashed'))
    this.#end({ why, detail: 'as a test wanted' })
  }

  async drain(): Promise<void> {
    this.isDraining = true
    this.#endWhenDrained()
    await this.ended
  }

  kill(): void {
    this.crash('killed')
  }

  #endWhenDrained(): void {
    if (this.isDraining && this.held.length === 0) this.#end({ why: 'drained', detail: '' })
  }
}
