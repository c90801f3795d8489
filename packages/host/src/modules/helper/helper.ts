import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { encodeFrame, FrameReader, type Frame, type FrameLimits } from '../../frames.ts'

export interface HelperOptions {
  /** The script that the process runs. It reads and writes frames with `helper/serve.ts`. */
  readonly program: URL
  /** Most memory that it may hold while it works, in bytes; where the system does not say how much that is, its heap alone is bounded. */
  readonly memoryBytesMax: number
  readonly frames: FrameLimits
  /** How long it is kept with nothing to do, in milliseconds. */
  readonly idleMs: number
}

/** Why a helper gave no answer. What it was doing is lost; the next call starts another. */
export class HelperError extends Error {
  override readonly name = 'HelperError'
  readonly why: 'deadline' | 'memory' | 'ended'

  constructor(why: HelperError['why']) {
    super(`the helper process is gone: ${why}`)
    this.why = why
  }
}

/** How often the memory of a working helper is looked at, in milliseconds. */
const MEMORY_CHECK_MS = 25
const HEAP_MIB = 96

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<void>
  /** Counts the processes, so that a caller can say which one it has something open in. */
  readonly generation: number
  /** The call it works on. */
  waiting: { resolve(frame: Frame): void; reject(error: Error): void } | undefined
}

/**
 * A process that does one thing at a time for the host and may be killed at any moment: native code does not stop when
 * a thread is told to. It owns its pipes and what its script opens.
 */
export class Helper {
  readonly #options: HelperOptions
  #running: Running | undefined
  #last: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined
  #calls = 0
  #started = 0

  constructor(options: HelperOptions) {
    this.#options = options
  }

  /**
   * Waits its turn, then for the answer.
   *
   * @param deadlineMs - counted from its turn
   * @param generation - of the process that it is for; whichever there is, when left out
   * @throws {HelperError}
   */
  async call(
    head: unknown,
    blobs: readonly Uint8Array[],
    deadlineMs: number,
    generation?: number,
  ): Promise<Frame & { readonly generation: number }> {
    this.#calls += 1
    clearTimeout(this.#idle)
    const turn = this.#last.then(() => this.#send(head, blobs, deadlineMs, generation))
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#calls -= 1
      if (this.#calls === 0) this.#idle = setTimeout(() => this.#stop(), this.#options.idleMs).unref()
    }
  }

  async close(): Promise<void> {
    await this.#last
    clearTimeout(this.#idle)
    const running = this.#running
    this.#stop()
    await running?.ended
  }

  async #send(
    head: unknown,
    blobs: readonly Uint8Array[],
    deadlineMs: number,
    generation: number | undefined,
  ): Promise<Frame & { readonly generation: number }> {
    if (generation !== undefined && this.#running?.generation !== generation) throw new HelperError('ended')
    const running = (this.#running ??= this.#start())
    const frame = encodeFrame(head, blobs, this.#options.frames)
    const deadline = setTimeout(() => this.#kill(running, 'deadline'), deadlineMs)
    const memory = setInterval(() => {
      if (residentBytes(running.child.pid) > this.#options.memoryBytesMax) this.#kill(running, 'memory')
    }, MEMORY_CHECK_MS)
    try {
      const answer = await new Promise<Frame>((resolve, reject) => {
        running.waiting = { resolve, reject }
        running.child.stdin?.write(frame)
      })
      return { ...answer, generation: running.generation }
    } finally {
      running.waiting = undefined
      clearTimeout(deadline)
      clearInterval(memory)
    }
  }

  #start(): Running {
    const flags = [`--max-old-space-size=${HEAP_MIB}`, '--max-semi-space-size=2', '--no-warnings']
    const child = spawn(process.execPath, [...flags, fileURLToPath(this.#options.program)], {
      // Nothing of the host's surroundings: what it needs is told, and what it is not told it does not know.
      env: {},
      cwd: '/',
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => resolve())
      child.once('error', () => resolve())
    })
    this.#started += 1
    const running: Running = { child, ended, generation: this.#started, waiting: undefined }
    const reader = new FrameReader(this.#options.frames)
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) running.waiting?.resolve(frame)
      } catch {
        this.#kill(running, 'ended')
      }
    })
    ended.then(
      () => this.#lose(running, 'ended'),
      () => undefined,
    )
    return running
  }

  #kill(running: Running, why: HelperError['why']): void {
    running.child.kill('SIGKILL')
    this.#lose(running, why)
  }

  #lose(running: Running, why: HelperError['why']): void {
    if (this.#running === running) this.#running = undefined
    running.waiting?.reject(new HelperError(why))
  }

  /** Lets it end by itself: its script closes what it holds when its input ends. */
  #stop(): void {
    this.#running?.child.stdin?.end()
    this.#running = undefined
  }
}

const PAGE_BYTES = 4_096

function residentBytes(pid: number | undefined): number {
  if (process.platform !== 'linux' || pid === undefined) return 0
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch {
    return 0
  }
}
