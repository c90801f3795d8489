import { FileInvalidError } from './errors.ts'

/** What both browsers and Node have; this package knows the names of neither. */
declare const TextDecoder: new (
  label: 'utf-8',
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string }

/** Bytes of a file as they come. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/**
 * Bytes in one line. Like the largest request body: a grant whose `extra` is full and all escapes fits.
 * Bounds what a file without line ends can take.
 */
export const LINE_BYTES_MAX = 262_144

/**
 * Splits bytes into lines as they come, decoded strictly. A byte order mark at the start, `\r` at a line's end and
 * a last line without an end are all right; blank lines are left out but counted. Each chunk's lines come together,
 * because awaiting a million lines one by one costs more than parsing them.
 *
 * @throws {FileInvalidError} for bytes that are not UTF-8, and a line longer than `lineBytesMax`
 */
export async function* readLines(
  chunks: Chunks,
  lineBytesMax = LINE_BYTES_MAX,
): AsyncGenerator<readonly Line[]> {
  const splitter = new LineSplitter(lineBytesMax)
  for await (const chunk of chunks) {
    const lines = splitter.push(chunk)
    if (lines.length > 0) yield lines
  }
  const last = splitter.end()
  if (last.length > 0) yield last
}

const NEWLINE = 0x0a
const RETURN = 0x0d
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The same without waiting: for text that is already here. */
export class LineSplitter {
  readonly #lineBytesMax: number
  /** What came after the last line end, in the pieces it came in: joined once, when its end comes. */
  #pieces: Uint8Array[] = []
  #pending = 0
  #number = 0

  constructor(lineBytesMax = LINE_BYTES_MAX) {
    this.#lineBytesMax = lineBytesMax
  }

  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#line(this.#take(chunk.subarray(from, end)), lines)
      from = end + 1
    }
    if (from < chunk.length) this.#keep(chunk.slice(from))
    return lines
  }

  end(): Line[] {
    const lines: Line[] = []
    if (this.#pending > 0) this.#line(this.#take(new Uint8Array(0)), lines)
    return lines
  }

  #keep(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#pending += piece.length
    if (this.#pending > this.#lineBytesMax) throw this.#tooLong()
  }

  #take(rest: Uint8Array): Uint8Array {
    if (this.#pending + rest.length > this.#lineBytesMax) throw this.#tooLong()
    if (this.#pending === 0) return rest
    const whole = new Uint8Array(this.#pending + rest.length)
    let at = 0
    for (const piece of [...this.#pieces, rest]) {
      whole.set(piece, at)
      at += piece.length
    }
    this.#pieces = []
    this.#pending = 0
    return whole
  }

  #line(bytes: Uint8Array, lines: Line[]): void {
    const number = ++this.#number
    const ended = bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes
    const text = decodeStrictly(number === 1 ? withoutMark(ended) : ended, number)
    if (!isBlank(text)) lines.push({ number, text })
  }

  #tooLong(): FileInvalidError {
    return new FileInvalidError(
      'LINE_INVALID',
      { line: this.#number + 1, column: this.#lineBytesMax + 1 },
      `the line is longer than ${this.#lineBytesMax} bytes`,
      'one fact stands on one line',
    )
  }
}

/** @throws {FileInvalidError} naming the first byte that is not UTF-8 */
export function decodeStrictly(
  bytes: Uint8Array,
  firstLine = 1,
  code: FileInvalidError['code'] = 'LINE_INVALID',
): string {
  try {
    return decoder.decode(bytes)
  } catch {
    const sound = decoder.decode(bytes.subarray(0, soundUntil(bytes)))
    const lineEnd = sound.lastIndexOf('\n')
    const line = firstLine + sound.split('\n').length - 1
    throw new FileInvalidError(
      code,
      { line, column: sound.length - lineEnd },
      'these bytes are not UTF-8',
      'save the file as UTF-8',
    )
  }
}

export function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function isBlank(text: string): boolean {
  return !/[^ \t\r]/u.test(text)
}

/** How many leading bytes are whole, well-formed characters. */
function soundUntil(bytes: Uint8Array): number {
  let at = 0
  while (at < bytes.length) {
    const length = characterLength(bytes, at)
    if (length === 0) return at
    at += length
  }
  return at
}

/** Bytes of the character that starts here; 0 when it is none. @see The Unicode Standard, table 3-7 */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  const secondMin = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const secondMax = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] ?? 0
    if (byte < (i === 1 ? secondMin : 0x80) || byte > (i === 1 ? secondMax : 0xbf)) return 0
  }
  return length
}
