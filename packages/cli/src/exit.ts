/** What the shell sees when a command ends. */
export const EXIT = {
  done: 0,
  /** The answer is no, an expectation failed, or a change was refused. */
  denied: 1,
  /** The input was wrong: a flag, a name, a fact. */
  usage: 2,
  /** The server or the store could not be reached, or could not answer. */
  unreachable: 3,
} as const

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** What the command itself finds wrong; everything else is thrown by the packages below it. */
export class CommandError extends Error {
  readonly code: 'USAGE' | 'UNREACHABLE' | 'NOT_THERE_YET' | 'UNFINISHED' | 'EXPECTATION_FAILED'
  readonly hint: string
  readonly exitStatus: ExitStatus

  constructor(code: CommandError['code'], message: string, hint: string, cause?: unknown) {
    super(message)
    this.code = code
    this.hint = hint
    this.exitStatus = code === 'UNREACHABLE' || code === 'UNFINISHED' ? EXIT.unreachable : EXIT.usage
    if (cause !== undefined) this.cause = cause
  }

  override get name(): string {
    return 'CommandError'
  }
}

export function usageError(message: string, hint: string): CommandError {
  return new CommandError('USAGE', message, hint)
}

/** Refused by what stands already: the input was well formed and the answer is no. */
const REFUSED = new Set([
  'FORBIDDEN',
  'ISSUER_WRONG',
  'IN_USE',
  'HAS_CHILDREN',
  'DEPENDANTS',
  'PRECONDITION_FAILED',
  'ID_RETIRED',
  'NAME_TAKEN',
  'TREE_INVALID',
  'BUILT_IN',
  'PLATFORM_EXISTS',
])

const WRONG_INPUT = new Set([
  'ACTOR_INVALID',
  'PERMISSION_INVALID',
  'PERMISSION_UNKNOWN',
  'FACT_INVALID',
  'REFERENCE_UNKNOWN',
  'LIMIT_EXCEEDED',
  'CURSOR_INVALID',
  'CURSOR_MISMATCH',
  'LINE_INVALID',
  'WORLD_INVALID',
  'BODY_INVALID',
  'QUERY_INVALID',
  'BODY_TOO_LARGE',
  'GRANT_UNKNOWN',
  'TOKEN_UNKNOWN',
  'PLATFORM_MISSING',
  'SETTINGS_INVALID',
])

/**
 * @param isQuestion - status 1 of a question says that the answer is no, so a question that could not be put or
 *   answered never ends with it
 */
export function exitStatusOf(error: unknown, isQuestion: boolean): ExitStatus {
  if (error instanceof CommandError) return error.exitStatus
  const code = codeOf(error)
  if (code === undefined) return EXIT.unreachable
  if (WRONG_INPUT.has(code)) return EXIT.usage
  if (REFUSED.has(code) && !isQuestion) return EXIT.denied
  return EXIT.unreachable
}

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
