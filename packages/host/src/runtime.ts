import type { Cell, CellEnd, CellPool, CellResponse } from './broker/cell.ts'
import { CellError } from './broker/cell-error.ts'
import type { AppHandle } from './broker/app-handle.ts'
import { AppRequestError } from './front/errors.ts'
import type { From } from './front/front.ts'
import type { AppRequest } from './front/request.ts'
import type { Key } from './keys.ts'
import type { AppLimits } from './limits.ts'
import type { ScriptError, StartMessage } from './messages.ts'

/** All that a cell is started from, as it stands at one moment. It does not change; a new one takes its place. */
export interface Snapshot {
  readonly start: StartMessage
  readonly sources: readonly Uint8Array[]
  readonly handle: AppHandle
  readonly limits: AppLimits
  /** Keys that the manifest calls mandatory and that are not granted: then there is nothing to start. */
  readonly lacking: readonly Key[]
}

export type ReloadReason =
  /** Other code or configuration. */
  | 'code'
  /** It may more than before. */
  | 'wider'
  /** Something was taken from it. */
  | 'narrower'

export type ReloadOutcome =
  | { readonly outcome: 'reloaded'; readonly ms: number }
  /** Nothing runs of it; the next request starts it. */
  | { readonly outcome: 'idle' }
  /** The version before serves on. */
  | { readonly outcome: 'kept'; readonly error: ScriptError }
  /** It answers 503 until something changes. */
  | { readonly outcome: 'stopped'; readonly error: ScriptError }

export interface AppStatus {
  readonly state: 'running' | 'starting' | 'idle' | 'down'
  /** Why it is down. */
  readonly error?: ScriptError
  readonly pid?: number
  readonly inFlight: number
}

export interface AppRuntimeOptions {
  readonly pool: CellPool
  /** Read anew whenever a cell is started. @throws when the app is gone */
  readonly snapshot: () => Snapshot
  /** Those of the app as it is now; asked for each request that waits. */
  readonly limits: () => Pick<AppLimits, 'queueMax' | 'queueMs'>
  /** Milliseconds, of a clock that never goes back. */
  readonly monotonic: () => number
  /** Told of what the app's author and the operator want to know. */
  readonly onEvent: (event: AppEvent) => void
}

export type AppEvent =
  | { readonly event: 'started'; readonly ms: number }
  | { readonly event: 'failed'; readonly error: ScriptError }
  | { readonly event: 'ended'; readonly why: CellEnd['why']; readonly detail: string }

/** Pause before a cell is started after so many crashes in a row, in milliseconds; the first costs nothing. */
const BACK_OFF_MS = 250
const BACK_OFF_MS_MAX = 30_000
/** After so long without a crash they are forgotten, in milliseconds. */
const CRASHES_KEPT_MS = 60_000

/**
 * Which cell answers for one app. There is one pointer, `#current`: a request takes the cell it finds there and keeps
 * it, so that none is lost when another takes its place, and none sees two versions.
 */
export class AppRuntime {
  readonly #options: AppRuntimeOptions
  #current: Running | undefined
  #starting: Promise<Running> | undefined
  #reloading: Promise<ReloadOutcome> | undefined
  /** A reload that was wanted while one was under way. */
  #next: { reason: ReloadReason; done: Promise<ReloadOutcome> } | undefined
  #down: ScriptError | undefined
  readonly #waiting: Waiting[] = []
  readonly #draining = new Set<Cell>()
  #crashes = 0
  #crashedAt = Number.NEGATIVE_INFINITY
  #usedAt: number
  #requests = 0
  #isClosed = false

  constructor(options: AppRuntimeOptions) {
    this.#options = options
    this.#usedAt = options.monotonic()
  }

  get status(): AppStatus {
    const pid = this.#current?.cell.pid
    const inFlight = this.#current?.cell.inFlight ?? 0
    if (this.#down !== undefined) return { state: 'down', error: this.#down, inFlight }
    if (pid !== undefined) return { state: 'running', pid, inFlight }
    return { state: this.#starting === undefined ? 'idle' : 'starting', inFlight }
  }

  /** @throws {AppRequestError} by rejecting */
  async run(request: AppRequest, blobs: readonly Uint8Array[], { signal }: From): Promise<CellResponse> {
    this.#usedAt = this.#options.monotonic()
    const send: Use = ({ cell }) =>
      cell.request({ ...request, kind: 'request', id: ++this.#requests }, blobs, signal)
    if (this.#down !== undefined) throw downError(this.#down)
    const current = this.#current
    if (current !== undefined && this.#waiting.length === 0 && hasRoom(current))
      return this.#use(current, send)
    return this.#wait(signal, send)
  }

  /** Starts it when it does not run, so that whoever installed it hears of a startup script that fails. */
  async start(): Promise<void> {
    await this.#ensure()
  }

  /**
   * Puts the state as it is now in the place of what runs. One at a time; of those wanted meanwhile the last counts.
   */
  reload(reason: ReloadReason): Promise<ReloadOutcome> {
    if (this.#reloading === undefined) {
      this.#reloading = this.#reload(reason).finally(() => (this.#reloading = undefined))
      return this.#reloading
    }
    this.#next ??= { reason, done: this.#reloading.then(() => this.#takeNext()) }
    if (reason === 'narrower') this.#next.reason = reason
    return this.#next.done
  }

  /** Resolves when no reload is under way. */
  get settled(): Promise<unknown> {
    return this.#next?.done ?? this.#reloading ?? Promise.resolve()
  }

  #takeNext(): Promise<ReloadOutcome> {
    const { reason } = this.#next!
    this.#next = undefined
    return this.reload(reason)
  }

  /** Ends it; requests that it has begun come to an end first. */
  async stop(why: ScriptError): Promise<void> {
    this.#down = why
    this.#refuseWaiting(downError(why))
    this.#retire(this.#current)
    await Promise.all([...this.#draining].map((cell) => cell.ended))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.stop({ message: 'the host is stopping' })
  }

  /** Ends its process when nobody has asked for so long. */
  rest(): void {
    const running = this.#current
    if (running === undefined || running.taken > 0 || this.#reloading !== undefined) return
    if (this.#options.monotonic() - this.#usedAt >= running.limits.idleMs) this.#retire(running)
  }

  async #reload(reason: ReloadReason): Promise<ReloadOutcome> {
    const before = this.#current
    this.#crashes = 0
    // What never ran has nothing to lose: its next request, or whoever installs it, starts it.
    if (before === undefined && this.#starting === undefined && this.#down === undefined)
      return { outcome: 'idle' }
    const startedAt = this.#options.monotonic()
    try {
      const running = await this.#launch()
      this.#down = undefined
      const replaced = this.#current
      this.#current = running
      this.#advance()
      this.#drain(replaced)
      return { outcome: 'reloaded', ms: this.#options.monotonic() - startedAt }
    } catch (error) {
      const told = scriptErrorOf(error)
      this.#options.onEvent({ event: 'failed', error: told })
      if (before !== undefined && reason !== 'narrower' && this.#current === before)
        return { outcome: 'kept', error: told }
      this.#down = told
      this.#refuseWaiting(downError(told))
      this.#retire(this.#current)
      return { outcome: 'stopped', error: told }
    }
  }

  /**
   * Sends the request before anything else happens: between taking a cell and using it, another could take its place
   * and this one end.
   */
  async #use(running: Running, send: Use): Promise<CellResponse> {
    running.taken++
    try {
      return await send(running)
    } catch (error) {
      // Told before whoever waits is given to it.
      if (error instanceof CellError && error.code === 'CELL_ENDED') this.#lose(running)
      throw requestErrorOf(error)
    } finally {
      running.taken--
      this.#usedAt = this.#options.monotonic()
      this.#advance()
    }
  }

  /** In the order in which they came, for so long; whoever has a cell started waits like the others. */
  async #wait(signal: AbortSignal, send: Use): Promise<CellResponse> {
    const { queueMax, queueMs } = this.#options.limits()
    if (this.#waiting.length >= queueMax) throw busyError()
    const { promise, resolve, reject } = Promise.withResolvers<CellResponse>()
    const waiting: Waiting = { go: (running) => resolve(this.#use(running, send)), reject }
    const leave = (error: AppRequestError): void => {
      const at = this.#waiting.indexOf(waiting)
      if (at < 0) return
      this.#waiting.splice(at, 1)
      reject(error)
    }
    const timer = setTimeout(() => leave(busyError()), queueMs)
    const onAbort = (): void => leave(busyError())
    signal.addEventListener('abort', onAbort)
    this.#waiting.push(waiting)
    if (this.#current === undefined) this.#startForWaiting()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #startForWaiting(): void {
    this.#ensure().then(
      () => this.#advance(),
      (error: unknown) => this.#refuseWaiting(startErrorOf(error)),
    )
  }

  /** Gives room to those who wait. */
  #advance(): void {
    while (this.#waiting.length > 0 && this.#current !== undefined && hasRoom(this.#current))
      this.#waiting.shift()!.go(this.#current)
  }

  #refuseWaiting(error: AppRequestError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  async #ensure(): Promise<Running> {
    if (this.#current !== undefined) return this.#current
    this.#starting ??= this.#startAfterPause().finally(() => (this.#starting = undefined))
    return this.#starting
  }

  async #startAfterPause(): Promise<Running> {
    const wait = this.#crashedAt + this.#pauseMs() - this.#options.monotonic()
    if (wait > 0)
      throw new AppRequestError(
        'APP_DOWN',
        'the app ends as soon as it is started',
        `try again in ${Math.ceil(wait / 1000)} s`,
      )
    try {
      const running = await this.#launch()
      // A reload was quicker, and what it started knows more.
      if (this.#current !== undefined) this.#drain(running)
      this.#current ??= running
      return this.#current
    } catch (error) {
      const told = scriptErrorOf(error)
      this.#countCrash()
      this.#options.onEvent({ event: 'failed', error: told })
      throw error
    }
  }

  async #launch(): Promise<Running> {
    if (this.#isClosed) throw new CellError('CELL_FAILED', 'the host is stopping')
    const snapshot = this.#options.snapshot()
    if (snapshot.lacking.length > 0)
      throw new CellError(
        'CELL_FAILED',
        `it lacks what its manifest calls mandatory: ${snapshot.lacking.join(', ')}`,
      )
    const startedAt = this.#options.monotonic()
    const cell = await this.#options.pool.start(snapshot.start, snapshot.sources, snapshot.handle)
    const running: Running = { cell, limits: snapshot.limits, taken: 0 }
    cell.ended.then(
      (end) => this.#onEnd(running, end),
      () => {},
    )
    this.#options.onEvent({ event: 'started', ms: this.#options.monotonic() - startedAt })
    return running
  }

  #onEnd(running: Running, { why, detail }: CellEnd): void {
    if (why !== 'drained') this.#options.onEvent({ event: 'ended', why, detail })
    this.#lose(running)
  }

  #lose(running: Running): void {
    if (this.#current !== running) return
    this.#current = undefined
    this.#countCrash()
    if (this.#waiting.length > 0) this.#startForWaiting()
  }

  #countCrash(): void {
    const now = this.#options.monotonic()
    if (now - this.#crashedAt > CRASHES_KEPT_MS) this.#crashes = 0
    this.#crashes++
    this.#crashedAt = now
  }

  #pauseMs(): number {
    return this.#crashes < 2 ? 0 : Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** (this.#crashes - 2))
  }

  #retire(running: Running | undefined): void {
    if (running !== undefined && this.#current === running) this.#current = undefined
    this.#drain(running)
  }

  #drain(running: Running | undefined): void {
    if (running === undefined) return
    const { cell, limits } = running
    this.#draining.add(cell)
    const forget = (): boolean => this.#draining.delete(cell)
    cell.drain(limits.drainMs).then(forget, forget)
  }
}

type Use = (running: Running) => Promise<CellResponse>

interface Running {
  readonly cell: Cell
  readonly limits: AppLimits
  /** Requests that were given to it and are not over. */
  taken: number
}

interface Waiting {
  readonly go: (running: Running) => void
  readonly reject: (error: AppRequestError) => void
}

function hasRoom({ taken, limits }: Running): boolean {
  return taken < limits.inFlightMax
}

function busyError(): AppRequestError {
  return new AppRequestError('APP_BUSY', 'the app has as much to do as it may', 'try again in a moment')
}

function downError(why: ScriptError): AppRequestError {
  return new AppRequestError(
    'APP_DOWN',
    'the app does not run',
    'its administrator finds the reason in its log',
    why.permission,
  )
}

function startErrorOf(error: unknown): AppRequestError {
  return error instanceof AppRequestError ? error : downError(scriptErrorOf(error))
}

function scriptErrorOf(error: unknown): ScriptError {
  if (error instanceof CellError && error.script !== undefined) return error.script
  return { message: error instanceof Error ? error.message : 'it could not be started' }
}

/** What a visitor is told of it. */
function requestErrorOf(error: unknown): Error {
  if (!(error instanceof CellError)) return error instanceof Error ? error : new Error(String(error))
  const { code, script } = error
  if (script?.code === 'MODULE_NOT_GRANTED')
    return new AppRequestError(
      'MODULE_NOT_GRANTED',
      script.message,
      'ask the administrator to grant it',
      script.permission,
    )
  if (code === 'CELL_TIMEOUT')
    return new AppRequestError('SCRIPT_TIMEOUT', 'the app did not answer in time', 'try again later')
  return new AppRequestError('SCRIPT_FAILED', 'the app failed', 'its author finds the reason in its log')
}
