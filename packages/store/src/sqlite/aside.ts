import { extname } from 'node:path'
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads'
import { invariant, StoreError, type StoreErrorCode } from '@castellan/engine'
import type { Rows } from './writing.ts'

/** What the thread is given to begin with. */
export interface ThreadData {
  /** The database. */
  readonly path: string
  readonly port: MessagePort
  /** One number, no longer 0 when the thread has let go of the database. */
  readonly closed: Int32Array
}

/** What it says: first that it is ready, then an answer to each group. */
export type ThreadSays = 'ready' | ThreadAnswer

export interface ThreadAnswer {
  /** How long it was at work. */
  readonly ms: number
  /** Absent when the group is on the disk. */
  readonly problem?: Problem
}

/** An error as it can pass between threads, which know no classes. */
interface Problem {
  readonly code: StoreErrorCode | undefined
  readonly message: string
  readonly hint: string
}

/** How a group ended. */
export type Outcome =
  | { readonly kind: 'durable'; readonly ms: number }
  | { readonly kind: 'refused'; readonly ms: number; readonly error: Error }
  /** No thread took it; or one did and ended, and whether it is on the disk, the database knows. */
  | { readonly kind: 'left'; readonly reason?: unknown }

export interface AsideOptions {
  /** Whether a group waits for a thread that is starting. Default false: it is left to whoever brings it. */
  readonly isPatient?: boolean
  /** The thread's program. */
  readonly program?: URL
}

/** The thread's own file, in TypeScript or as it was emitted. */
const PROGRAM = new URL(`./aside-thread${extname(import.meta.url)}`, import.meta.url)
/** To wait for a sync under way when closing. A disk that takes longer does not come back. */
const CLOSE_MS_MAX = 60_000
/** Where this many threads in a row ended by themselves, as where their file was not packed, no more are started. */
const LOSSES_MAX = 3

interface Thread {
  readonly worker: Worker
  readonly port: MessagePort
  readonly closed: Int32Array
  isReady: boolean
}

/** A thread with a connection of its own that commits while this one goes on. It starts with the first group. */
export class Aside {
  readonly #path: string
  readonly #program: URL
  readonly #isPatient: boolean
  #thread: Thread | undefined
  /** Threads in a row that ended without an answer. */
  #losses = 0
  /** Whom to tell of the group that the thread has. */
  #done: ((outcome: Outcome) => void) | undefined

  constructor(path: string, { program = PROGRAM, isPatient = false }: AsideOptions = {}) {
    this.#path = path
    this.#program = program
    this.#isPatient = isPatient
  }

  /** @param done - called in a later turn */
  commit(rows: Rows, done: (outcome: Outcome) => void): void {
    invariant(this.#done === undefined, 'a group is given to the thread while another is under way')
    this.#done = done
    let reason: unknown
    try {
      const thread = (this.#thread ??= this.#start())
      if (thread.isReady || this.#isPatient) {
        hold(thread)
        thread.port.postMessage(rows)
        return
      }
    } catch (error) {
      reason = error
    }
    setImmediate(() => this.#finish({ kind: 'left', reason }, done))
  }

  /** Waits for the group under way, whose caller is told before this returns, and for the thread to let the database go. */
  close(): void {
    const thread = this.#thread
    this.#thread = undefined
    if (thread !== undefined) {
      thread.port.postMessage(null)
      Atomics.wait(thread.closed, 0, 0, CLOSE_MS_MAX)
      for (const says of received(thread.port)) if (says !== 'ready') this.#finish(outcomeOf(says))
      thread.port.close()
    }
    this.#finish({ kind: 'left' })
  }

  /** @throws where no thread may be started */
  #start(): Thread {
    if (this.#losses === LOSSES_MAX) throw new Error('threads that commit end by themselves here')
    const channel = new MessageChannel()
    const closed = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const data: ThreadData = { path: this.#path, port: channel.port2, closed }
    const worker = new Worker(this.#program, {
      name: 'castellan commits',
      workerData: data,
      transferList: [channel.port2],
    })
    const thread: Thread = { worker, port: channel.port1, closed, isReady: false }
    let reason: unknown
    worker.on('error', (error) => (reason = error))
    worker.on('exit', () => this.#lose(thread, reason))
    channel.port1.on('message', (says: ThreadSays) => {
      if (says === 'ready') {
        thread.isReady = true
        return
      }
      this.#losses = 0
      release(thread)
      this.#finish(outcomeOf(says))
    })
    release(thread)
    return thread
  }

  /** A thread that ended by itself is gone with its connection; the next group gets another. */
  #lose(thread: Thread, reason: unknown): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    this.#losses++
    thread.port.close()
    this.#finish({ kind: 'left', reason })
  }

  /** @param done - nobody else is told */
  #finish(outcome: Outcome, done = this.#done): void {
    if (done === undefined || done !== this.#done) return
    this.#done = undefined
    done(outcome)
  }
}

function* received(port: MessagePort): Generator<ThreadSays> {
  for (;;) {
    const received = receiveMessageOnPort(port)
    if (received === undefined) return
    yield received.message as ThreadSays
  }
}

/** A thread that works keeps its program from ending; an idle one does not. */
function hold({ worker, port }: Thread): void {
  worker.ref()
  port.ref()
}

function release({ worker, port }: Thread): void {
  worker.unref()
  port.unref()
}

function outcomeOf({ ms, problem }: ThreadAnswer): Outcome {
  return problem === undefined ? { kind: 'durable', ms } : { kind: 'refused', ms, error: errorOf(problem) }
}

/** @returns what `errorOf` makes the same error of again */
export function problemOf(error: unknown): Problem {
  if (error instanceof StoreError) return { code: error.code, message: error.message, hint: error.hint }
  return { code: undefined, message: String(error), hint: '' }
}

function errorOf({ code, message, hint }: Problem): Error {
  return code === undefined ? new Error(message) : new StoreError(code, message, hint)
}
