import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import type { CellEnd } from './cell.ts'
import type { Channel } from './channel.ts'

export interface WatchdogOptions {
  readonly pid: number
  /** How long it may be deaf, in milliseconds, not counting the time in which it waits for the host. */
  readonly silentMs: number
  /** What it may take beyond its runtime, in bytes. */
  readonly memoryBytes: number
  /** Share of one core over ten seconds, above which it is slowed. */
  readonly cpuShare: number
  readonly channel: Pick<Channel, 'send' | 'isOwing'>
  /** Milliseconds, never backwards. */
  readonly monotonic: () => number
  readonly giveUp: (why: CellEnd['why'], detail: string) => void
}

/** Between two looks, in milliseconds. */
const TICK_MS = 500
/** What the bare runtime has in memory, in bytes, with room: the seal is exact, this catches what it does not count. */
const RUNTIME_BYTES = 134_217_728
const CPU_WINDOW_MS = 10_000
/** Of the kernel's clock for processes, in a second. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4_096

/** Looks after one cell: whether it still listens, how much memory it has, and whether it leaves others their share. */
export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #timer: NodeJS.Timeout
  /** When it last answered, or was not expected to. */
  #heardAt: number
  #isPinged = false
  #window: { readonly at: number; readonly ticks: number } | undefined
  #isSlowed = false

  constructor(options: WatchdogOptions) {
    this.#options = options
    this.#heardAt = options.monotonic()
    this.#timer = setInterval(() => this.#look(), TICK_MS)
    this.#timer.unref()
  }

  /** It answered a ping. */
  heard(): void {
    this.#isPinged = false
    this.#heardAt = this.#options.monotonic()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { channel, silentMs, monotonic, giveUp } = this.#options
    const now = monotonic()
    if (channel.isOwing) this.#heardAt = now
    if (this.#isPinged && now - this.#heardAt > silentMs)
      return giveUp('cpu', `it was silent for ${silentMs} ms`)
    if (!this.#isPinged) {
      this.#isPinged = true
      this.#heardAt = now
      channel.send({ kind: 'ping', at: now })
    }
    this.#lookAtMemory()
    this.#lookAtProcessor(now)
  }

  #lookAtMemory(): void {
    const { pid, memoryBytes, giveUp } = this.#options
    const pages = Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0)
    if (pages * PAGE_BYTES > memoryBytes + RUNTIME_BYTES)
      giveUp('memory', `it held ${Math.round((pages * PAGE_BYTES) / 1_048_576)} MiB`)
  }

  #lookAtProcessor(now: number): void {
    const { pid, cpuShare } = this.#options
    const ticks = ticksOf(pid)
    if (ticks === undefined) return
    this.#window ??= { at: now, ticks }
    const ms = now - this.#window.at
    if (ms < CPU_WINDOW_MS) return
    const share = ((ticks - this.#window.ticks) / TICKS_PER_SECOND) * (1_000 / ms)
    this.#window = { at: now, ticks }
    if (share > cpuShare === this.#isSlowed) return
    this.#isSlowed = share > cpuShare
    // Without the host being root it cannot be taken back; the next cell of the app begins anew.
    trySetPriority(pid, this.#isSlowed ? constants.priority.PRIORITY_LOW : constants.priority.PRIORITY_NORMAL)
  }
}

/** User and system time of a process; its name before them may have spaces. */
function ticksOf(pid: number): number | undefined {
  const fields = read(`/proc/${pid}/stat`)?.split(') ')[1]?.split(' ')
  return fields === undefined ? undefined : Number(fields[11]) + Number(fields[12])
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function trySetPriority(pid: number, priority: number): void {
  try {
    setPriority(pid, priority)
  } catch {
    // It is gone, or we may not.
  }
}
