import type { ScriptError } from '../messages.ts'

export type CellErrorCode =
  /** The seal could not be verified, so no app code was sent. */
  | 'CELL_UNSEALED'
  /** The app could not be started; `script` is what it threw. */
  | 'CELL_FAILED'
  /** It did not answer in time. */
  | 'CELL_TIMEOUT'
  /** The process died first. */
  | 'CELL_ENDED'
  /** A script threw before it answered; `script` is what it threw. */
  | 'SCRIPT_FAILED'

/** What can go wrong with a cell. */
export class CellError extends Error {
  override readonly name = 'CellError'
  readonly code: CellErrorCode
  /** What the app threw, when it did: for its log, not for its visitors. */
  readonly script: ScriptError | undefined

  constructor(code: CellErrorCode, message: string, script?: ScriptError) {
    super(message)
    this.code = code
    this.script = script
  }
}
