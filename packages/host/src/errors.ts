import { CastellanError } from '@castellan/engine'

export type AppErrorCode =
  | 'APP_UNKNOWN'
  | 'APP_EXISTS'
  | 'APP_NAME_INVALID'
  /** There is no version to return to. */
  | 'APP_NO_PREVIOUS'
  /** More or less is granted than the manifest asks for. */
  | 'CONSENT_MISMATCH'
  /** It was installed and its startup failed; nothing is left of it, or the version before stands. */
  | 'APP_START_FAILED'
  /** `settings/permissions.json` cannot be read; nothing is saved over it. */
  | 'PERMISSIONS_FILE_BROKEN'

export class AppError extends CastellanError {
  readonly code: AppErrorCode

  constructor(code: AppErrorCode, message: string, hint: string) {
    super(message, hint)
    this.code = code
  }
}

/** A package that is not taken in: which file, where in it, and what to do. */
export class PackageInvalidError extends CastellanError {
  readonly code = 'PACKAGE_INVALID'
  /** In the package; empty for the package itself. */
  readonly file: string
  /** Where in a JSON file, as in `routes[2].script`; or line and column of a script, as in `12:4`. */
  readonly path: string

  constructor(file: string, path: string, problem: string, hint: string) {
    super(`${[file, path].filter((part) => part !== '').join(' at ') || 'the package'}: ${problem}`, hint)
    this.file = file
    this.path = path
  }
}
