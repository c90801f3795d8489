import type { Readable, Writable } from 'node:stream'

/** The world as a command sees it: an entry point passes the real one, a test its own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number
  /** Aborted when someone wants this to end. From the first call on, ending is up to who called. */
  untilStopped(): AbortSignal
}

export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** The machine's own input, output, settings and clock. */
export function processIo(): Io {
  let stopping: AbortController | undefined
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    now: () => Date.now(),
    untilStopped() {
      stopping ??= stopOnSignals()
      return stopping.signal
    },
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first signal asks politely; the second, whichever it is, ends the process as it would have without us. */
function stopOnSignals(): AbortController {
  const stopping = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    for (const each of SIGNALS) process.off(each, onSignal)
    stopping.abort(signal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return stopping
}
