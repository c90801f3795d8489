import type { Fact } from '@castellan/engine'
import { parseLine, type ParseValue } from './jsonl.ts'
import { decodeStrictly, LineSplitter, withoutMark } from './lines.ts'
import { parseWorld, type Expectation } from './world.ts'

export interface FactsFileSource {
  /** Its name, if it has one: `.jsonl`, `.ndjson`, `.yaml` and `.yml` decide; everything else is told by content. */
  readonly name?: string
  readonly content: Uint8Array | string
}

export interface FactsFile {
  readonly kind: 'lines' | 'world'
  readonly facts: readonly Fact[]
  /** Only a world file has any. */
  readonly expectations: readonly Expectation[]
}

/**
 * Reads a whole file of facts, JSON Lines or a world. Whoever has it opens it; for files too large to hold there is
 * `readJsonLines`.
 *
 * @param parse - the engine's `parseFact`
 * @throws {FileInvalidError} with line and column
 */
export function readFactsFile(source: FactsFileSource, parse: ParseValue<Fact>): FactsFile {
  const bytes = typeof source.content === 'string' ? undefined : withoutMark(source.content)
  if (isLines(source.name, bytes ?? source.content)) {
    return { kind: 'lines', facts: readFactLines(source.content, parse), expectations: [] }
  }
  const text =
    bytes === undefined
      ? withoutMarkText(source.content as string)
      : decodeStrictly(bytes, 1, 'WORLD_INVALID')
  return { kind: 'world', ...parseWorld(text, parse) }
}

function readFactLines(content: Uint8Array | string, parse: ParseValue<Fact>): Fact[] {
  if (typeof content === 'string') {
    return withoutMarkText(content)
      .split('\n')
      .flatMap((text, index) => (text.trim() === '' ? [] : [parseLine({ number: index + 1, text }, parse)]))
  }
  const splitter = new LineSplitter()
  return [...splitter.push(content), ...splitter.end()].map((line) => parseLine(line, parse))
}

function isLines(name: string | undefined, content: Uint8Array | string): boolean {
  if (name !== undefined && /\.(?:jsonl|ndjson)$/iu.test(name)) return true
  if (name !== undefined && /\.ya?ml$/iu.test(name)) return false
  return startsLikeFacts(content)
}

/** A first line that is a whole object with a `kind` is a fact; a world has none. */
function startsLikeFacts(content: Uint8Array | string): boolean {
  const head = typeof content === 'string' ? content.slice(0, 65_536) : leniently(content.subarray(0, 65_536))
  const first = head.split('\n').find((line) => line.trim() !== '')
  if (first === undefined) return false
  try {
    const value: unknown = JSON.parse(first)
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'kind')
  } catch {
    // A broken first line that starts as facts do is a fact with a mistake in it.
    return /^\s*\{\s*"kind"\s*:/u.test(first)
  }
}

/** Only to look at: what is not ASCII does not matter here. */
function leniently(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function withoutMarkText(text: string): string {
  return text.startsWith('\u{feff}') ? text.slice(1) : text
}
