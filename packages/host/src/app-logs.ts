/** One line of an app's log: what it said itself, and what its author should know of how it fared. */
export interface AppLogLine {
  /** Milliseconds since 1970, UTC. */
  readonly at: number
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly data?: unknown
}

/** Lines kept of one app; the oldest go first. */
const LINES_MAX = 1_000
/** Characters kept of one app's lines, their data as JSON. */
const CHARACTERS_MAX = 1_000_000

/** The last that apps said, in memory. An app that says much pushes out nobody's lines but its own. */
export class AppLogs {
  readonly #logs = new Map<string, Log>()

  add(app: string, line: AppLogLine): void {
    let log = this.#logs.get(app)
    if (log === undefined) this.#logs.set(app, (log = { lines: [], characters: 0 }))
    log.lines.push(line)
    log.characters += lengthOf(line)
    while (log.lines.length > LINES_MAX || (log.characters > CHARACTERS_MAX && log.lines.length > 1))
      log.characters -= lengthOf(log.lines.shift()!)
  }

  /** @returns the last ones, oldest first */
  list(app: string, max: number = LINES_MAX): readonly AppLogLine[] {
    return this.#logs.get(app)?.lines.slice(-max) ?? []
  }

  forget(app: string): void {
    this.#logs.delete(app)
  }
}

interface Log {
  readonly lines: AppLogLine[]
  characters: number
}

function lengthOf({ message, data }: AppLogLine): number {
  return message.length + (data === undefined ? 0 : (JSON.stringify(data)?.length ?? 0))
}
