import type { Logger } from './log.ts'
import type { CellRuntime } from '../seal/spawn.ts'
import type { StartMessage } from '../messages.ts'
import type { AppHandle } from './app-handle.ts'
import type { Calls } from './calls.ts'
import type { Cell, CellPool } from './cell.ts'
import { CellError } from './cell-error.ts'
import type { CellLimits } from './limits.ts'
import { SealedProcess } from './process.ts'

export interface CellPoolOptions {
  readonly calls: Calls
  readonly limits: CellLimits
  readonly runtime: CellRuntime
  /**
   * Whom cells become, a different one each: from `first` on, `count` of them. Undefined where the host is not root, and
   * a cell stays who the host is.
   */
  readonly uids: { readonly first: number; readonly count: number } | undefined
  /** False: cells are not sealed. For development, and where the kernel has no means. */
  readonly isSealed: boolean
  /** Whether to start spares before the first app is started. */
  readonly isWarm: boolean
  /** Processes that wait for an app. */
  readonly sparesMax: number
  readonly log: Logger
  /** Milliseconds, of a clock that never goes back. */
  readonly monotonic: () => number
}

/** A moment, so that who takes a spare is not held up by the start of the next, in milliseconds. */
const REFILL_MS = 50

export function openCellPool(options: CellPoolOptions): CellPool {
  return new Pool(options)
}

/** Processes that are sealed before it is known which app they will run. */
class Pool implements CellPool {
  readonly #options: CellPoolOptions
  readonly #spares: Promise<SealedProcess>[] = []
  readonly #alive = new Set<SealedProcess>()
  #lastUid = 0
  #refill: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: CellPoolOptions) {
    this.#options = options
    if (options.isWarm) this.#refillSoon()
  }

  async start(start: StartMessage, sources: readonly Uint8Array[], app: AppHandle): Promise<Cell> {
    if (this.#isClosed) throw new CellError('CELL_FAILED', 'the host is stopping')
    const cell = await this.#take(app)
    await cell.start(start, sources, app)
    return cell
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#refill)
    for (const cell of this.#alive) cell.kill('the host is stopping')
    await Promise.all([...this.#alive].map((cell) => cell.ended))
  }

  /** A spare has the default memory; an app that wants less gets a process of its own, since limits are in the seal. */
  async #take({ limits: { memoryBytesMax } }: AppHandle): Promise<SealedProcess> {
    const { limits } = this.#options
    if (memoryBytesMax !== limits.memoryBytes) return this.#spawn(memoryBytesMax)
    this.#refillSoon()
    for (let spare = this.#spares.shift(); spare !== undefined; spare = this.#spares.shift()) {
      // One after the other, the oldest first.
      const cell = await spare.catch(() => undefined)
      if (cell?.isAlive === true) return cell
    }
    return this.#spawn(memoryBytesMax)
  }

  #refillSoon(): void {
    this.#refill ??= setTimeout(() => {
      this.#refill = undefined
      while (!this.#isClosed && this.#spares.length < this.#options.sparesMax) {
        const spare = this.#spawn(this.#options.limits.memoryBytes)
        spare.catch((error: unknown) =>
          this.#options.log('', 'error', `a spare cell could not be started: ${messageOf(error)}`),
        )
        this.#spares.push(spare)
      }
    }, REFILL_MS)
    this.#refill.unref()
  }

  async #spawn(memoryBytes: number): Promise<SealedProcess> {
    const { uids, isSealed } = this.#options
    const uid = uids === undefined || !isSealed ? undefined : this.#freeUid(uids)
    const cell = new SealedProcess({ ...this.#options, memoryBytes, uid })
    this.#alive.add(cell)
    cell.ended.then(
      () => this.#alive.delete(cell),
      () => {},
    )
    await cell.ready
    return cell
  }

  /** One that no process has that is alive, though not one of ours. */
  #freeUid({ first, count }: { readonly first: number; readonly count: number }): number {
    const taken = new Set([...this.#alive].map((cell) => cell.uid))
    for (let tries = 0; tries < count; tries++) {
      this.#lastUid = (this.#lastUid + 1) % count
      const uid = first + this.#lastUid
      if (!taken.has(uid)) return uid
    }
    throw new CellError('CELL_FAILED', `all ${count} users for cells are taken`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
