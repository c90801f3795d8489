import { CastellanError } from '@castellan/engine'

export type PlatformErrorCode =
  | 'PLATFORM_EXISTS'
  | 'PLATFORM_MISSING'
  | 'PLATFORM_FAILED'
  | 'SETTINGS_INVALID'

/** What stands in the way of making or opening a platform folder. */
export class PlatformError extends CastellanError {
  readonly code: PlatformErrorCode
  /** Of a setting: its name. */
  readonly path?: string

  constructor(
    code: PlatformErrorCode,
    message: string,
    hint: string,
    options: { readonly path?: string; readonly cause?: unknown } = {},
  ) {
    super(message, hint)
    this.code = code
    if (options.path !== undefined) this.path = options.path
    if (options.cause !== undefined) this.cause = options.cause
  }
}
