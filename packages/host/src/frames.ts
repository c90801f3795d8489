// How the host and a cell talk: frames over pipes. Both sides read with this file, and the host believes nothing of what
// it reads. A frame is its length, the length of its head, a head in JSON, and bytes that the head speaks of by number.
//
//   u32 length of all that follows │ u32 length of the head │ head, JSON in UTF-8 │ u32 length, bytes │ u32 length, bytes …

/** One message: a head that a schema checks, and the binary values that it names by their place in `blobs`. */
export interface Frame {
  readonly head: unknown
  readonly blobs: readonly Uint8Array[]
}

export interface FrameLimits {
  /** Largest frame, in bytes. Whoever announces more is cut off before a byte of it is kept. */
  readonly frameBytesMax: number
  /** Most blobs in one frame. */
  readonly blobsMax: number
  /** Largest head, in bytes. JSON takes many times its length in memory, and its parser's time. Default: as the frame. */
  readonly headBytesMax?: number
}

/** What is not a frame. The pipe it came through cannot be read any further. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

const LENGTH_BYTES = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** @throws {TypeError} when the head is not JSON; {@link FrameError} when the frame would be too large to be read */
export function encodeFrame(
  head: unknown,
  blobs: readonly Uint8Array[] = [],
  limits?: FrameLimits,
): Uint8Array {
  const text = encoder.encode(JSON.stringify(head))
  const length = blobs.reduce((sum, blob) => sum + LENGTH_BYTES + blob.length, LENGTH_BYTES + text.length)
  if (limits !== undefined && (length > limits.frameBytesMax || blobs.length > limits.blobsMax))
    throw new FrameError(`a frame of ${length} bytes is larger than ${limits.frameBytesMax}`)
  const frame = new Uint8Array(LENGTH_BYTES + length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, length)
  view.setUint32(LENGTH_BYTES, text.length)
  frame.set(text, 2 * LENGTH_BYTES)
  let at = 2 * LENGTH_BYTES + text.length
  for (const blob of blobs) {
    view.setUint32(at, blob.length)
    frame.set(blob, at + LENGTH_BYTES)
    at += LENGTH_BYTES + blob.length
  }
  return frame
}

/**
 * Takes a frame apart, without its first length.
 *
 * @param body - is copied, so that nobody changes it later
 * @throws {FrameError} when it is none
 */
function decodeFrame(body: Uint8Array, { blobsMax, headBytesMax = Infinity }: FrameLimits): Frame {
  if (body.length < LENGTH_BYTES) throw new FrameError('a frame has no head')
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const headEnd = LENGTH_BYTES + view.getUint32(0)
  if (headEnd > body.length) throw new FrameError('a head is longer than its frame')
  if (headEnd - LENGTH_BYTES > headBytesMax)
    throw new FrameError(`a head is longer than ${headBytesMax} bytes`)
  const head = parseHead(body.subarray(LENGTH_BYTES, headEnd))
  const blobs: Uint8Array[] = []
  let at = headEnd
  while (at < body.length) {
    if (blobs.length === blobsMax) throw new FrameError(`a frame has more than ${blobsMax} blobs`)
    if (at + LENGTH_BYTES > body.length) throw new FrameError('a blob has no length')
    const end = at + LENGTH_BYTES + view.getUint32(at)
    if (end > body.length) throw new FrameError('a blob is longer than its frame')
    blobs.push(body.slice(at + LENGTH_BYTES, end))
    at = end
  }
  return { head, blobs }
}

function parseHead(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    throw new FrameError('a head is not JSON')
  }
}

/** Puts together what a pipe brings in pieces. Keeps at most one frame and what came with it. */
export class FrameReader {
  readonly #limits: FrameLimits
  readonly #header = new Uint8Array(LENGTH_BYTES)
  #headerFilled = 0
  #body: Uint8Array | undefined
  #bodyFilled = 0

  constructor(limits: FrameLimits) {
    this.#limits = limits
  }

  /**
   * @returns the frames that are whole now, in order
   * @throws {FrameError} and then the pipe is of no more use
   */
  *push(chunk: Uint8Array): Generator<Frame> {
    let at = 0
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const taken = Math.min(LENGTH_BYTES - this.#headerFilled, chunk.length - at)
        this.#header.set(chunk.subarray(at, at + taken), this.#headerFilled)
        this.#headerFilled += taken
        at += taken
        if (this.#headerFilled < LENGTH_BYTES) return
        this.#begin(new DataView(this.#header.buffer).getUint32(0))
      } else {
        const taken = Math.min(this.#body.length - this.#bodyFilled, chunk.length - at)
        this.#body.set(chunk.subarray(at, at + taken), this.#bodyFilled)
        this.#bodyFilled += taken
        at += taken
        if (this.#bodyFilled < this.#body.length) return
        const body = this.#body
        this.#body = undefined
        this.#headerFilled = 0
        yield decodeFrame(body, this.#limits)
      }
    }
  }

  #begin(length: number): void {
    if (length < LENGTH_BYTES || length > this.#limits.frameBytesMax)
      throw new FrameError(
        `a frame of ${length} bytes is announced; ${this.#limits.frameBytesMax} are the most`,
      )
    // Grown by what arrives would be kinder to a liar's host than this; the bound is per cell and small.
    this.#body = new Uint8Array(length)
    this.#bodyFilled = 0
  }
}
