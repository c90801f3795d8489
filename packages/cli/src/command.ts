import { usageError } from './exit.ts'
import type { Session } from './session.ts'

/** One command, as data: what help and completion need is here, what runs is loaded when it runs. */
export interface CommandSpec {
  readonly name: string
  /** Under what it stands in the help. */
  readonly heading?: Heading
  /** Usage of the arguments, as in `<actor> <permission...>`. */
  readonly args?: string
  /** One line. */
  readonly summary: string
  /** More, for its own help. */
  readonly details?: string
  readonly options?: readonly OptionSpec[]
  /** What people type, without the prompt; the first is the commonest. */
  readonly examples: readonly [string, ...string[]]
  /** Its status 1 says that the answer is no. */
  readonly isQuestion?: boolean
  readonly load: () => Promise<Handler>
}

export interface CommandGroup {
  readonly name: string
  readonly heading?: Heading
  readonly summary: string
  readonly details?: string
  readonly examples: readonly [string, ...string[]]
  readonly commands: readonly (CommandSpec | CommandGroup)[]
  /** What the name alone does; without it the name alone is an error. */
  readonly own?: CommandSpec
}

export type Heading = 'Ask' | 'Change' | 'Move facts' | 'Look back' | 'Run'

export interface OptionSpec {
  /** As in `--to <holder>`. */
  readonly flags: string
  readonly doc: string
  readonly choices?: readonly string[]
  readonly isRequired?: boolean
}

/** @returns the exit status; nothing is 0 */
export type Handler = (session: Session, input: Input) => Promise<number | undefined>

/** What was typed, read by name. */
export class Input {
  readonly args: readonly string[]
  readonly #options: Readonly<Record<string, unknown>>

  constructor(args: readonly string[], options: Readonly<Record<string, unknown>>) {
    this.args = args
    this.#options = options
  }

  arg(place: number): string {
    const value = this.args[place]
    if (value === undefined) throw usageError('an argument is missing', 'add `--help` to see what it takes')
    return value
  }

  text(name: string): string | undefined {
    const value = this.#options[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Of an option that takes several values. */
  texts(name: string): readonly string[] {
    const value = this.#options[name]
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
  }

  flag(name: string): boolean {
    return this.#options[name] === true
  }

  /** A whole number within bounds. */
  number(name: string, min: number, max: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (!/^\d{1,15}$/.test(text) || value < min || value > max) {
      throw usageError(
        `\`--${name}\` takes a whole number from ${min} to ${max}, not \`${text}\``,
        'correct the number',
      )
    }
    return value
  }
}
