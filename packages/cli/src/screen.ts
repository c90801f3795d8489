import { styleText } from 'node:util'
import type { Io, Output } from './io.ts'

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** What a command writes to: answers on standard output, everything else on standard error. */
export interface Screen {
  /** Machine output was asked for: standard output carries JSON and nothing else. */
  readonly json: boolean
  /** Standard output is a terminal, so lines and colours help. */
  readonly isTerminal: boolean
  /** Columns of the terminal; 80 where it does not say. */
  readonly columns: number
  paint(style: Style, text: string): string
  /** A line of the answer. Waits while the reader is slow, so that no answer piles up in memory. */
  print(text: string): Promise<void>
  /** Text of the answer as it is, without a line end of its own. */
  write(text: string): Promise<void>
  /** The answer as one JSON document: indented on a terminal, one line elsewhere. */
  printJson(value: unknown): Promise<void>
  /** A remark for people: on standard error, and never beside machine output. */
  note(text: string): void
  /** A progress line that replaces the one before; only where standard error is a terminal. */
  progress(text: string): void
  endProgress(): void
}

export function openScreen(io: Io, json: boolean): Screen {
  const isTerminal = io.stdout.isTTY === true
  const hasColour = isTerminal && !isColourOff(io.env)
  const hasProgress = io.stderr.isTTY === true && !json && io.env['TERM'] !== 'dumb'
  let progressShown = false

  function endProgress(): void {
    if (progressShown) io.stderr.write('\r\u001b[K')
    progressShown = false
  }

  return {
    json,
    isTerminal,
    columns: io.stdout.columns || 80,
    paint: (style, text) => (hasColour ? styleText(style, text, { validateStream: false }) : text),
    print: (text) => writeAll(io.stdout, `${text}\n`),
    write: (text) => writeAll(io.stdout, text),
    printJson: (value) => writeAll(io.stdout, `${JSON.stringify(value, null, isTerminal ? 2 : 0)}\n`),
    note(text) {
      endProgress()
      if (!json) io.stderr.write(`${text}\n`)
    },
    progress(text) {
      if (!hasProgress) return
      io.stderr.write(`\r${text}\u001b[K`)
      progressShown = true
    },
    endProgress,
  }
}

/** @see https://no-color.org: set and not empty, whatever its value */
function isColourOff(env: Io['env']): boolean {
  return (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
}

function writeAll(out: Output, text: string): Promise<void> {
  if (out.write(text)) return Promise.resolve()
  if (out.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    // Whichever comes first; a reader that went away ends the wait as well.
    const done = (): void => {
      out.off('drain', done).off('close', done).off('error', done)
      resolve()
    }
    out.on('drain', done).on('close', done).on('error', done)
  })
}
