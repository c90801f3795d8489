/** Longest text made of one value, in characters: a log is no place to keep things. */
const PRINTED_MAX = 8_192

/** A value as text for the log. Never throws, whatever traps the value holds. */
export function print(value: unknown): string {
  try {
    if (typeof value === 'string') return clip(value)
    if (value instanceof Error) return clip(value.stack ?? value.message)
    if (typeof value !== 'object' || value === null) return clip(String(value))
    return clip(JSON.stringify(value, errorsAsText) ?? 'undefined')
  } catch {
    return '[a value that cannot be printed]'
  }
}

/** @returns what JSON can carry of a value that goes with a line of the log */
export function printable(value: unknown): unknown {
  try {
    const text = JSON.stringify(value, errorsAsText)
    if (text === undefined) return undefined
    return text.length > PRINTED_MAX ? clip(text) : JSON.parse(text)
  } catch {
    return '[a value that cannot be printed]'
  }
}

function errorsAsText(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { message: value.message, stack: value.stack }
  return typeof value === 'bigint' ? String(value) : value
}

function clip(text: string): string {
  return text.length > PRINTED_MAX ? `${text.slice(0, PRINTED_MAX)} …` : text
}
