import type { ChildProcess } from 'node:child_process'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { RequestMessage, ResponseMessage, ScriptError, StartMessage, ToHost } from '../messages.ts'
import { type CellRuntime, spawnCell } from '../seal/spawn.ts'
import { findBreaches } from '../seal/verify.ts'
import type { AppHandle } from './app-handle.ts'
import type { Calls } from './calls.ts'
import type { Cell, CellEnd, CellResponse } from './cell.ts'
import { CellError } from './cell-error.ts'
import { type Channel, openChannel } from './channel.ts'
import type { CellLimits } from './limits.ts'
import type { Logger } from './log.ts'
import { Rate } from './rate.ts'
import { Watchdog } from './watchdog.ts'

export interface SealedProcessOptions {
  readonly runtime: CellRuntime
  readonly calls: Calls
  readonly limits: CellLimits
  readonly isSealed: boolean
  readonly uid: number | undefined
  readonly memoryBytes: number
  readonly log: Logger
  readonly monotonic: () => number
}

/** A request that the app has not answered. */
interface Waiting {
  readonly resolve: (response: CellResponse) => void
  readonly reject: (error: CellError) => void
  readonly timer: NodeJS.Timeout
  readonly forget: () => void
}

/** One process, from its start to its end: first a spare, then the cell of one app. */
export class SealedProcess implements Cell {
  readonly uid: number | undefined
  /** Resolves when it is sealed, as seen from outside. @throws {CellError} by rejecting */
  readonly ready: Promise<void>
  readonly ended: Promise<CellEnd>
  readonly #options: SealedProcessOptions
  readonly #child: ChildProcess
  readonly #channel: Channel
  readonly #waiting = new Map<number, Waiting>()
  /** Requests that nobody waits for any more, and that it may still answer, once. */
  readonly #abandoned = new Set<number>()
  readonly #lines: Rate
  readonly #isReady = Promise.withResolvers<void>()
  readonly #isStarted = Promise.withResolvers<void>()
  readonly #hasDrained = Promise.withResolvers<void>()
  #app: AppHandle | undefined
  #end: CellEnd | undefined
  #isDraining = false
  #dropped = 0
  #watchdog: Watchdog | undefined

  constructor(options: SealedProcessOptions) {
    const { runtime, isSealed, uid, memoryBytes, limits, calls, monotonic } = options
    this.#options = options
    this.uid = uid
    this.#lines = new Rate(limits.logLinesPerSecond, monotonic)
    this.#child = spawnCell(runtime, { sealing: isSealed ? { uid, memoryBytes } : undefined, memoryBytes })
    this.#channel = openChannel({
      input: this.#child.stdin as Writable,
      output: this.#child.stdout as Readable,
      // Node calls it readable only; it is a socket that goes both ways.
      synchronous: this.#child.stderr as unknown as Duplex,
      calls,
      limits,
      now: monotonic,
      hear: (message, blobs) => this.#hear(message, blobs),
      giveUp: (why) => this.#killFor('strikes', why),
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(this.#onClose(code, signal)))
      this.#child.once('error', (error) => resolve(this.#onClose(null, error.message)))
    })
    this.ready = this.#becomeReady()
    // Each is awaited by who asked for it; a process that nobody waits for may end as it likes.
    for (const promise of [this.ready, this.#isReady.promise, this.#isStarted.promise])
      promise.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  get isAlive(): boolean {
    return this.#end === undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** @throws {CellError} and then the process is on its way out */
  async start(message: StartMessage, sources: readonly Uint8Array[], app: AppHandle): Promise<void> {
    this.#app = app
    this.#channel.serve(app)
    this.#watchdog = new Watchdog({
      pid: this.pid,
      silentMs: app.limits.silentMs,
      memoryBytes: app.limits.memoryBytesMax,
      cpuShare: this.#options.limits.cpuShare,
      channel: this.#channel,
      monotonic: this.#options.monotonic,
      giveUp: (why, detail) => this.#killFor(why, detail),
    })
    const timer = setTimeout(
      () => this.#fail(new CellError('CELL_TIMEOUT', `it did not start within ${app.limits.startMs} ms`)),
      app.limits.startMs,
    )
    try {
      this.#channel.send(message, sources)
      await this.#isStarted.promise
    } catch (error) {
      this.kill('it could not be started')
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  request(message: RequestMessage, blobs: readonly Uint8Array[], signal: AbortSignal): Promise<CellResponse> {
    if (!this.isAlive) return Promise.reject(new CellError('CELL_ENDED', 'the process is gone'))
    const { id } = message
    return new Promise((resolve, reject) => {
      const leave = (error: CellError): void => {
        if (!this.#waiting.has(id)) return
        this.#channel.send({ kind: 'abort', id })
        this.#settle(id)
        this.#abandon(id)
        reject(error)
      }
      const onAbort = (): void => leave(new CellError('CELL_ENDED', 'nobody waits for the answer'))
      const timeoutMs = this.#app!.limits.requestMs
      const timer = setTimeout(
        () => leave(new CellError('CELL_TIMEOUT', `no answer within ${timeoutMs} ms`)),
        timeoutMs,
      )
      signal.addEventListener('abort', onAbort)
      const forget = (): void => signal.removeEventListener('abort', onAbort)
      this.#waiting.set(id, { resolve, reject, timer, forget })
      this.#channel.send(message, blobs)
      if (signal.aborted) onAbort()
    })
  }

  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true
    const timer = setTimeout(() => this.#hasDrained.resolve(), graceMs)
    if (this.#waiting.size === 0) this.#hasDrained.resolve()
    await Promise.race([this.#hasDrained.promise, this.ended])
    clearTimeout(timer)
    this.#killFor('drained', '')
    await this.ended
  }

  kill(why: string): void {
    this.#killFor('killed', why)
  }

  async #becomeReady(): Promise<void> {
    const { limits, isSealed, uid } = this.#options
    const timer = setTimeout(
      () => this.#fail(new CellError('CELL_TIMEOUT', `a cell was not ready within ${limits.bootMs} ms`)),
      limits.bootMs,
    )
    try {
      await this.#isReady.promise
      const breaches = isSealed ? findBreaches(this.pid, uid) : []
      if (breaches.length > 0) throw new CellError('CELL_UNSEALED', breaches.join('; '))
    } catch (error) {
      this.kill('it did not become ready')
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #hear(message: Exclude<ToHost, { kind: 'call' }>, blobs: readonly Uint8Array[]): void {
    switch (message.kind) {
      case 'ready':
        return this.#isReady.resolve()
      case 'started':
        return this.#app === undefined ? this.#channel.strike('it started no app') : this.#isStarted.resolve()
      case 'failed':
        return this.#fail(new CellError('CELL_FAILED', message.error.message, message.error))
      case 'response':
        return this.#answer(message, blobs)
      case 'thrown':
        return this.#reject(message.id, message.error)
      case 'log':
        return this.#log(message.level, message.message, message.data)
      case 'pong':
        return this.#watchdog?.heard()
    }
  }

  #answer(head: ResponseMessage, blobs: readonly Uint8Array[]): void {
    const waiting = this.#settle(head.id)
    if (waiting === 'strange') return this.#channel.strike('an answer to no request')
    waiting?.resolve({ head, body: blobs[0] })
  }

  #reject(id: number, script: ScriptError): void {
    const waiting = this.#settle(id)
    if (waiting === 'strange') return this.#channel.strike('an answer to no request')
    this.#log('error', `a script failed: ${script.message}`, script)
    waiting?.reject(new CellError('SCRIPT_FAILED', script.message, script))
  }

  /** @returns `strange` for an id that was not given, or was answered; undefined when nobody waits any more */
  #settle(id: number): Waiting | 'strange' | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return this.#abandoned.delete(id) ? undefined : 'strange'
    clearTimeout(waiting.timer)
    waiting.forget()
    this.#waiting.delete(id)
    if (this.#isDraining && this.#waiting.size === 0) this.#hasDrained.resolve()
    return waiting
  }

  #abandon(id: number): void {
    this.#abandoned.add(id)
    // What it has not answered by then it has forgotten as well.
    if (this.#abandoned.size > ABANDONED_MAX) this.#abandoned.delete(this.#abandoned.values().next().value!)
  }

  #log(level: 'info' | 'warn' | 'error', message: string, data?: unknown): void {
    if (!this.#lines.take()) {
      this.#dropped++
      return
    }
    const app = this.#app?.id ?? ''
    if (this.#dropped > 0)
      this.#options.log(app, 'warn', `${this.#dropped} lines were dropped: it said too much`)
    this.#dropped = 0
    this.#options.log(app, level, message, data)
  }

  #fail(error: CellError): void {
    this.#isReady.reject(error)
    this.#isStarted.reject(error)
  }

  #killFor(why: CellEnd['why'], detail: string): void {
    this.#end ??= { why, detail }
    this.#child.kill('SIGKILL')
  }

  #onClose(code: number | null, signal: string | null): CellEnd {
    this.#watchdog?.stop()
    const { lastWords } = this.#channel
    this.#channel.close()
    const how = signal === null ? `it exited with ${code}` : `it ended by ${signal}`
    this.#end ??= {
      why: isOutOfMemory(lastWords) ? 'memory' : 'crashed',
      detail: lastWords === '' ? how : `${how}: ${lastWords}`,
    }
    const error = new CellError('CELL_ENDED', `the process ended: ${this.#end.why}`)
    this.#fail(error)
    for (const id of this.#waiting.keys()) {
      const waiting = this.#settle(id)
      if (typeof waiting === 'object') waiting.reject(error)
    }
    return this.#end
  }
}

const ABANDONED_MAX = 10_000

function isOutOfMemory(words: string): boolean {
  return /out of memory|heap limit|Allocation failed/iu.test(words)
}
