import type { RequestMessage, ResponseMessage, StartMessage } from '../messages.ts'
import type { AppHandle } from './app-handle.ts'

/** Sealed processes, some of them ready before anyone asks. */
export interface CellPool {
  /**
   * Takes a spare, or starts one, sends it the app, and waits until its startup scripts have run.
   *
   * @throws {CellError} CELL_UNSEALED, CELL_FAILED with what the app threw, CELL_TIMEOUT
   */
  start(start: StartMessage, sources: readonly Uint8Array[], app: AppHandle): Promise<Cell>
  close(): Promise<void>
}

/** A process that runs one version of one app. */
export interface Cell {
  readonly pid: number
  /** Requests that it has not answered. */
  readonly inFlight: number
  /** Resolves when the process is gone, however that came about. */
  readonly ended: Promise<CellEnd>
  /**
   * @throws {CellError} CELL_ENDED when it died before it answered, CELL_TIMEOUT, SCRIPT_FAILED with what was thrown
   */
  request(message: RequestMessage, blobs: readonly Uint8Array[], signal: AbortSignal): Promise<CellResponse>
  /** Finishes what it was given, for so long, then is killed. */
  drain(graceMs: number): Promise<void>
  kill(why: string): void
}

export interface CellResponse {
  readonly head: ResponseMessage
  readonly body: Uint8Array | undefined
}

export interface CellEnd {
  readonly why: 'drained' | 'killed' | 'crashed' | 'memory' | 'cpu' | 'strikes'
  readonly detail: string
}
