import { CastellanError } from '@castellan/engine'

/** Why a request to an app was not answered by it. What went wrong inside the app is for its log, not for the visitor. */
export class AppRequestError extends CastellanError {
  readonly code: AppRequestCode
  /** With MODULE_NOT_GRANTED: what the app lacks. */
  readonly permission?: string

  constructor(code: AppRequestCode, message: string, hint: string, permission?: string) {
    super(message, hint)
    this.code = code
    if (permission !== undefined) this.permission = permission
  }
}

export type AppRequestCode =
  | 'REQUEST_INVALID'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'RANGE_INVALID'
  | 'BODY_INVALID'
  | 'BODY_TOO_LARGE'
  | 'MODULE_NOT_GRANTED'
  | 'SCRIPT_FAILED'
  | 'SCRIPT_TIMEOUT'
  | 'APP_BUSY'
  | 'APP_DOWN'

export function notFoundError(): AppRequestError {
  return new AppRequestError(
    'NOT_FOUND',
    'there is nothing at this address',
    'compare the address with its link',
  )
}
