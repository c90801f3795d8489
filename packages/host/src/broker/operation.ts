import type { JsonObject } from '@castellan/engine'
import type { z } from 'zod'
import type { Key } from '../keys.ts'
import type { AppHandle } from './app-handle.ts'

/** One thing that an app can ask the host to do. A module's folder lists its own; the broker looks them up by name. */
export interface Operation<Args = unknown> {
  /** As in `fs.read`: the key, then the verb. */
  readonly op: string
  /** Asked of the engine at every call; undefined for what every app may do. */
  readonly key: Key | undefined
  /** Closed. What it returns is what `run` is given: the very value that was checked. */
  readonly shape: z.ZodType<Args>
  /** @throws {OperationError} what the app is told; anything else is logged, and told as a failure without details */
  run(call: Call<Args>): Promise<Answer>
}

export interface Call<Args> {
  readonly args: Args
  readonly blobs: readonly Uint8Array[]
  /** The caller's, known by the pipe the bytes came from. */
  readonly app: AppHandle
  /**
   * What the grants of the key carry in their `extra`, as `engine.claims` answers: one list for each pathway. The call is
   * allowed when some pathway admits it, and a pathway admits what every `extra` on it admits.
   */
  readonly claims: readonly (readonly JsonObject[])[]
  /** Fires when the cell is gone or the time for the call is over. */
  readonly signal: AbortSignal
  /** The process that called. What it left open, as a transaction, belongs to it alone and ends with it. */
  readonly cell: CallingCell
}

/** Compared by identity. */
export interface CallingCell {
  /** Fires when the process is gone. */
  readonly ended: AbortSignal
}

export interface Answer {
  /** JSON. */
  readonly value: unknown
  readonly blobs?: readonly Uint8Array[]
}

/** A call that was not carried out, for a reason that the app may know. */
export class OperationError extends Error {
  override readonly name = 'OperationError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
