import { codeOf, CommandError } from './exit.ts'
import type { Io } from './io.ts'
import { clean } from './render/words.ts'
import type { Screen } from './screen.ts'

/** An error where it belongs: words for people, a problem document (RFC 9457) for machines. */
export async function reportProblem(error: unknown, io: Io, screen: Screen): Promise<void> {
  const problem = await toProblem(error)
  if (screen.json) {
    io.stderr.write(`${JSON.stringify(problem)}\n`)
    return
  }
  screen.note(`castellan: ${problem.detail.split('\n').map(clean).join('\n')}`)
  for (const line of listOf(problem)) screen.note(`  ${clean(line)}`)
  screen.note(`hint: ${clean(problem.hint)}`)
  if (problem.code === 'INTERNAL' && error instanceof Error) screen.note(error.stack ?? '')
}

/** What the server sends, and what is made of an error here. */
export interface LocalProblem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly hint: string
  readonly requestId?: string
  readonly path?: string
  readonly items?: readonly string[]
  readonly lost?: readonly { readonly actor: string; readonly permission: string }[]
  readonly total?: number
}

/** A server's refusal, as it came. */
export class RemoteError extends Error {
  readonly code: string
  readonly hint: string
  readonly problem: LocalProblem

  constructor(problem: LocalProblem) {
    super(problem.detail)
    this.code = problem.code
    this.hint = problem.hint
    this.problem = problem
  }

  override get name(): string {
    return 'RemoteError'
  }
}

/** Unlike a server, which keeps its own faults to itself, this tells all: whoever runs the command may know. */
async function toProblem(error: unknown): Promise<LocalProblem> {
  if (error instanceof RemoteError) return error.problem
  const code = ownCode(error)
  const { status, title } = OWN_MEANINGS[code ?? ''] ?? (await meaningOf(code))
  return {
    type: `urn:castellan:problem:${(code ?? 'INTERNAL').toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code: code ?? 'INTERNAL',
    detail: error instanceof Error ? error.message : String(error),
    hint:
      error instanceof Error && 'hint' in error && typeof error.hint === 'string'
        ? error.hint
        : 'this is a fault of castellan: please report it with what you typed',
    ...extensionsOf(error),
  }
}

const OWN_MEANINGS: Readonly<Record<string, { readonly status: number; readonly title: string }>> = {
  USAGE: { status: 400, title: 'the command cannot be run like this' },
  LINE_INVALID: { status: 400, title: 'a line is not valid' },
  WORLD_INVALID: { status: 400, title: 'the world file is not valid' },
  NOT_THERE_YET: { status: 501, title: 'this is not there yet' },
  UNREACHABLE: { status: 503, title: 'the server could not be reached' },
  UNFINISHED: { status: 503, title: 'it ended too early' },
}

/** The table is with the shapes, which take long to load: only what fails waits for it. */
async function meaningOf(
  code: string | undefined,
): Promise<{ readonly status: number; readonly title: string }> {
  const { isProblemCode, MEANINGS } = await import('@castellan/protocol')
  return isProblemCode(code) ? MEANINGS[code] : MEANINGS.INTERNAL
}

/** Ours are written in capitals, with a hint; the system's (`ENOENT`) come without. */
function ownCode(error: unknown): string | undefined {
  const code = codeOf(error)
  if (code === undefined || !(error instanceof Error)) return undefined
  return error instanceof CommandError || 'hint' in error ? code : undefined
}

const EXTENSIONS = [
  'position',
  'path',
  'permission',
  'limit',
  'items',
  'lost',
  'total',
  'line',
  'column',
] as const

function extensionsOf(error: unknown): object {
  if (!(error instanceof Error)) return {}
  return Object.fromEntries(
    EXTENSIONS.flatMap((name) => {
      const value: unknown = Reflect.get(error, name)
      return value === undefined || value === '' ? [] : [[name, value]]
    }),
  )
}

/** What is in the way, or who would lose what: the first of them. */
function listOf(problem: LocalProblem): string[] {
  const all = [
    ...(problem.items ?? []),
    ...(problem.lost ?? []).map((loss) => `${loss.actor}  ${loss.permission}`),
  ]
  const shown = all.slice(0, 10)
  const total = Math.max(problem.total ?? 0, all.length)
  return total > shown.length ? [...shown, `… and ${total - shown.length} more`] : shown
}
