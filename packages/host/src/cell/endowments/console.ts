import { print } from '../print.ts'

export type Level = 'info' | 'warn' | 'error'

const LEVELS: Readonly<Record<string, Level>> = {
  log: 'info',
  info: 'info',
  debug: 'info',
  trace: 'info',
  dir: 'info',
  table: 'info',
  warn: 'warn',
  error: 'error',
}
const SILENT = [
  'assert',
  'clear',
  'count',
  'countReset',
  'group',
  'groupCollapsed',
  'groupEnd',
  'time',
  'timeEnd',
  'timeLog',
]

/** A console that writes into the app's log. */
export function makeConsole(log: (level: Level, message: string) => void): object {
  const methods = Object.entries(LEVELS).map(
    ([name, level]) => [name, (...args: unknown[]) => log(level, args.map(print).join(' '))] as const,
  )
  return Object.fromEntries([...methods, ...SILENT.map((name) => [name, () => undefined] as const)])
}
