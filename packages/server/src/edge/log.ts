import { pino, type DestinationStream, type Level, type Logger } from 'pino'

export type { Level, Logger }

export interface LogOptions {
  /** Default `info`. */
  readonly level?: Level | 'silent'
  /** Default: standard error, so that standard output stays the command's. */
  readonly destination?: DestinationStream
}

/** Structured logs, one JSON object a line. */
export function createLogger(options: LogOptions = {}): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      redact: { paths: SECRETS, censor: '[redacted]' },
      // Whatever way a token got into a line, it does not leave with it.
      hooks: { streamWrite: withoutSecrets },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  )
}

const SECRETS = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  '*.authorization',
  '*.cookie',
  '*.token',
  '*.secret',
  '*.password',
]

/** Secrets of tokens, also where a path holds them encoded. */
export function withoutSecrets(line: string): string {
  return line.includes('cst') ? line.replace(/cst(?:_|%5[Ff])[A-Za-z0-9_%-]{8,}/gu, 'cst_[redacted]') : line
}
