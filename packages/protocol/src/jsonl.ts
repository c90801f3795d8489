import type { Fact } from '@castellan/engine'
import { FileInvalidError, isCodedError } from './errors.ts'
import { JsonInvalidError, parseJson, parseJsonTree, placeOf } from './json.ts'
import { LINE_BYTES_MAX, readLines, type Chunks, type Line } from './lines.ts'

/** Turns a parsed line into what it says, or throws; for facts it is the engine's `parseFact`. */
export type ParseValue<Item> = (value: unknown) => Item

export interface Parsed<Item> {
  /** From 1. */
  readonly line: number
  readonly value: Item
}

export interface LinesOptions<Item> {
  readonly parse: ParseValue<Item>
  /** Bytes in one line. Default 262,144. */
  readonly lineBytesMax?: number
}

/**
 * Reads JSON Lines as the bytes come, holding no more than a chunk of them.
 *
 * @param chunks - as of a file stream; a line may span any number of them
 * @returns for each chunk the lines that end in it, blank ones left out
 * @throws {FileInvalidError} LINE_INVALID, with line and column; what the model refused is its `cause`
 */
export async function* readJsonLines<Item>(
  chunks: Chunks,
  options: LinesOptions<Item>,
): AsyncGenerator<readonly Parsed<Item>[]> {
  for await (const lines of readLines(chunks, options.lineBytesMax ?? LINE_BYTES_MAX)) {
    yield lines.map((line) => ({ line: line.number, value: parseLine(line, options.parse) }))
  }
}

/** @throws {FileInvalidError} */
export function parseLine<Item>(line: Line, parse: ParseValue<Item>): Item {
  try {
    return parse(parseJson(line.text))
  } catch (error) {
    throw lineError(line, error)
  }
}

/** One fact as its line, without the line end. `parseFact(JSON.parse(…))` gives the equal fact back. */
export function printFact(fact: Fact): string {
  return JSON.stringify(fact)
}

/** Lines of facts in pieces of about 64 KiB, line ends included. */
export function* writeFacts(facts: Iterable<Fact>): Generator<string> {
  let piece = ''
  for (const fact of facts) {
    piece += `${printFact(fact)}\n`
    if (piece.length >= 65_536) {
      yield piece
      piece = ''
    }
  }
  if (piece !== '') yield piece
}

function lineError(line: Line, error: unknown): unknown {
  if (error instanceof JsonInvalidError) {
    return new FileInvalidError(
      'LINE_INVALID',
      { line: line.number, column: error.position + 1 },
      error.message,
      'a line is one JSON object',
    )
  }
  // Anything else than a refusal is a mistake of ours and must not look like one of the file's.
  if (!isCodedError(error)) return error
  return new FileInvalidError(
    'LINE_INVALID',
    { line: line.number, column: columnOf(line.text, error) },
    error.message,
    error.hint,
    error,
  )
}

/** Where the value stands that the model refused. */
function columnOf(text: string, error: Error): number {
  return 'path' in error && typeof error.path === 'string'
    ? placeOf(parseJsonTree(text), error.path) + 1
    : text.search(/\S/u) + 1
}
