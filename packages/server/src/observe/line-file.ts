import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LineFileOptions {
  readonly path: string
  /** Bytes of one file; the next line begins another. */
  readonly bytesMax: number
  /** Files kept, the one that is written included: `path`, `path.1`, the one before it, and so on. */
  readonly filesMax: number
}

/** Told that a line was lost, and why. Must not throw. */
export type OnLost = (reason: unknown) => void

interface Waiting {
  readonly text: string
  readonly bytes: number
  readonly onLost: OnLost
}

/** Lines that wait for the disk, in bytes: what a disk that hangs makes us hold. */
const WAITING_BYTES_MAX = 4_194_304
const BATCH_BYTES_MAX = 262_144
/** After a failure, before it is tried again, in milliseconds. */
const RETRY_MS = 1_000
/** For what waits to be written when closing, in milliseconds. */
const CLOSE_MS_MAX = 5_000

/**
 * Lines appended to a file, which is put aside when it is full. Nobody waits for the disk and nobody is told that it
 * failed: lines are lost then, and counted.
 */
export class LineFile {
  readonly #options: LineFileOptions
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #handle: FileHandle | undefined
  #size = 0
  #writing: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(options: LineFileOptions) {
    this.#options = options
  }

  /**
   * @param onLost - called when it could not be written
   * @returns false when too many wait already, and this one is not taken
   */
  write(line: string, onLost: OnLost): boolean {
    const bytes = Buffer.byteLength(line) + 1
    if (this.#closing.signal.aborted || this.#waitingBytes + bytes > WAITING_BYTES_MAX) return false
    this.#waiting.push({ text: `${line}\n`, bytes, onLost })
    this.#waitingBytes += bytes
    this.#writing ??= this.#writeAll()
    return true
  }

  /** Writes what waits, if the disk takes it in time. */
  async close(): Promise<void> {
    this.#closing.abort()
    if (this.#writing !== undefined) {
      const isDone = this.#writing.then(() => true)
      if (!(await Promise.race([isDone, sleep(CLOSE_MS_MAX, false, { ref: false })]))) return
    }
    await this.#handle?.close().catch(() => undefined)
    this.#handle = undefined
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      let lines: readonly Waiting[] = []
      try {
        await this.#needRoom(this.#waiting[0]!.bytes)
        lines = this.#takeBatch()
        await this.#append(lines.map(({ text }) => text).join(''))
      } catch (reason) {
        // Without a file nothing that waits can be written; with one that fails, who knows how much of these was.
        for (const { onLost } of lines.length === 0 ? this.#takeAll() : lines) onLost(reason)
        await this.#pause()
      }
    }
    this.#writing = undefined
  }

  async #needRoom(bytes: number): Promise<void> {
    await this.#needFile()
    if (this.#size > 0 && this.#size + bytes > this.#options.bytesMax) await this.#rotate()
  }

  /** As many lines as the file still takes; one that is larger than a file stands in it alone. */
  #takeBatch(): readonly Waiting[] {
    const room = Math.min(BATCH_BYTES_MAX, this.#options.bytesMax - this.#size)
    let count = 1
    let bytes = this.#waiting[0]!.bytes
    for (; count < this.#waiting.length; count++) {
      if (bytes + this.#waiting[count]!.bytes > room) break
      bytes += this.#waiting[count]!.bytes
    }
    this.#waitingBytes -= bytes
    return this.#waiting.splice(0, count)
  }

  async #append(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#handle!.write(bytes, at)
      this.#size += bytesWritten
      at += bytesWritten
    }
  }

  async #needFile(): Promise<void> {
    if (this.#handle !== undefined) return
    const { path } = this.#options
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    this.#handle = await open(path, 'a+', 0o600)
    this.#size = (await this.#handle.stat()).size
    // A line that a crash cut off is not to be continued by the next.
    if (this.#size > 0) {
      const { buffer } = await this.#handle.read(Buffer.alloc(1), 0, 1, this.#size - 1)
      if (buffer[0] !== 0x0a) await this.#append('\n')
    }
  }

  async #rotate(): Promise<void> {
    const { path, filesMax } = this.#options
    await this.#closeFile()
    await rm(agedName(path, filesMax - 1), { force: true })
    for (let age = filesMax - 2; age >= 0; age--) {
      await rename(agedName(path, age), agedName(path, age + 1)).catch(ignoreMissing)
    }
    await this.#needFile()
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  #takeAll(): readonly Waiting[] {
    this.#waitingBytes = 0
    return this.#waiting.splice(0)
  }

  /** A file that failed is opened anew: it may be gone, or its disk full for a while. */
  async #pause(): Promise<void> {
    await this.#closeFile().catch(() => undefined)
    await sleep(RETRY_MS, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined)
  }
}

/** The file that was put aside so many times. */
function agedName(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error
}
