import type { Duplex, Readable, Writable } from 'node:stream'
import { encodeFrame, type Frame, FrameError, type FrameLimits, FrameReader } from '../frames.ts'
import type { CallError, ToCell, ToHost } from '../messages.ts'
import type { AppHandle } from './app-handle.ts'
import type { CallAnswer, Calls } from './calls.ts'
import { findHeard } from './hear.ts'
import type { CellLimits } from './limits.ts'
import type { Answer, CallingCell } from './operation.ts'
import { Rate } from './rate.ts'

/** The pipes of one cell, seen from the host. Who speaks is known by the pipe, and by nothing that is said. */
export interface Channel {
  send(message: ToCell, blobs?: readonly Uint8Array[]): void
  /** From now on calls are answered, for this app. Before, a cell has nothing to ask. */
  serve(app: AppHandle): void
  /** True while the cell waits for an answer, or for its pipe to be read: it may be silent then. */
  readonly isOwing: boolean
  /** A few words that do not belong to any frame, as V8 says on dying. */
  readonly lastWords: string
  /** Counts one thing that makes no sense. */
  strike(why: string): void
  close(): void
}

export interface ChannelParts {
  readonly input: Writable
  readonly output: Readable
  readonly synchronous: Duplex
  readonly calls: Calls
  readonly limits: CellLimits
  /** Milliseconds, never backwards. */
  readonly now: () => number
  /** What is said, but for calls. */
  readonly hear: (message: Exclude<ToHost, { kind: 'call' }>, blobs: readonly Uint8Array[]) => void
  /** The cell is to be killed. */
  readonly giveUp: (why: string) => void
}

/** A call that is being carried out. */
interface Outstanding {
  readonly since: number
  readonly controller: AbortController
  readonly answer: (answer: CallAnswer) => void
}

/** Frames taken in one turn of the event loop; others get their turn then. */
const FRAMES_PER_TURN = 128
const LAST_WORDS_BYTES = 4_096
const LAST_WORDS_MS = 1_000
const WAIT_MS = 10
const SWEEP_MS = 1_000
/** Answers may be as large as what the host reads for an app. */
const ANSWER_LIMITS: FrameLimits = { frameBytesMax: 0x3fffffff, blobsMax: 65_536 }

export function openChannel(parts: ChannelParts): Channel {
  const { input, output, synchronous, calls, limits, now, hear, giveUp } = parts
  const frameLimits: FrameLimits = {
    frameBytesMax: limits.frameBytes,
    headBytesMax: limits.headBytes,
    blobsMax: limits.blobs,
  }
  const rate = new Rate(limits.callsPerSecond, now)
  const outstanding = new Set<Outstanding>()
  const ending = new AbortController()
  const cell: CallingCell = { ended: ending.signal }
  const queue: Frame[] = []
  let app: AppHandle | undefined
  let strikes = 0
  let isClosed = false
  let isWaiting = false
  let isCorked = false
  let isSyncOutstanding = false
  let lastWords = ''
  let lastWordsTimer: NodeJS.Timeout | undefined

  const strike = (why: string) => {
    strikes += 1
    if (strikes >= limits.strikes) giveUp(why)
  }

  const write = (to: Writable, head: ToCell, blobs?: readonly Uint8Array[]) => {
    if (isClosed || !to.writable) return
    to.write(encodeFrame(head, blobs, ANSWER_LIMITS))
  }

  const send: Channel['send'] = (message, blobs) => {
    if (!isCorked) {
      isCorked = true
      input.cork()
      process.nextTick(() => {
        isCorked = false
        input.uncork()
      })
    }
    write(input, message, blobs)
  }

  /** Carries out one call and says how it went, once, even when what it waits for never ends. */
  const carryOut = (
    call: ToHost & { kind: 'call' },
    blobs: readonly Uint8Array[],
    reply: (head: ToCell, blobs?: readonly Uint8Array[]) => void,
  ) => {
    if (app === undefined) {
      strike('a call before there was an app')
      return
    }
    const controller = new AbortController()
    const under: Outstanding = {
      since: now(),
      controller,
      answer: (answer) => {
        if (!outstanding.delete(under)) return
        if ('error' in answer && answer.isStrike) strike(`an unknown call \`${call.op}\``)
        replyWith(call.id, answer, reply)
        if (isWaiting) work()
      },
    }
    outstanding.add(under)
    const { op, args } = call
    // It never rejects: what fails is an answer as well.
    calls.answer({ app, op, args, blobs, signal: controller.signal, cell }).then(under.answer, () => {})
  }

  const takeFrame = ({ head, blobs }: Frame) => {
    const message = findHeard(head)
    if (message === undefined) strike('a message of no known shape')
    else if (message.kind === 'call') carryOut(message, blobs, send)
    else hear(message, blobs)
  }

  const mustWait = () =>
    outstanding.size >= limits.callsOutstanding || input.writableLength > limits.unreadBytes || !rate.take()

  /** Takes what has come, as far as it is its turn. What is not read stays in the pipe, and the cell waits. */
  const work = () => {
    let taken = 0
    // oxlint-disable-next-line no-unmodified-loop-condition -- a frame can close it
    while (queue.length > 0 && !isClosed) {
      if (mustWait()) return later(WAIT_MS)
      if (taken === FRAMES_PER_TURN) return later(0)
      taken += 1
      takeFrame(queue.shift()!)
    }
    isWaiting = false
    output.resume()
  }

  let timer: NodeJS.Timeout | undefined
  const later = (ms: number) => {
    isWaiting = true
    output.pause()
    timer ??= setTimeout(() => {
      timer = undefined
      work()
    }, ms)
  }

  const reader = new FrameReader(frameLimits)
  output.on('data', (chunk: Uint8Array) => {
    try {
      for (const frame of reader.push(chunk)) queue.push(frame)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      giveUp(error.message)
      return
    }
    if (timer === undefined) work()
  })

  const takeSync = ({ head, blobs }: Frame) => {
    const message = findHeard(head)
    if (message?.kind !== 'call' || isSyncOutstanding) {
      giveUp('a synchronous pipe carries one call at a time')
      return
    }
    isSyncOutstanding = true
    const reply = (answer: ToCell, answerBlobs?: readonly Uint8Array[]) => {
      isSyncOutstanding = false
      write(synchronous, answer, answerBlobs)
    }
    const begin = () => {
      if (isClosed) return
      // It waits on this pipe, so nothing else is held up when its turn comes later.
      if (rate.take()) carryOut(message, blobs, reply)
      else setTimeout(begin, WAIT_MS)
    }
    begin()
  }

  const syncReader = new FrameReader(frameLimits)
  synchronous.on('data', (chunk: Uint8Array) => {
    if (lastWords !== '') {
      lastWords = (lastWords + latin1(chunk)).slice(0, LAST_WORDS_BYTES)
      return
    }
    try {
      for (const frame of syncReader.push(chunk)) takeSync(frame)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      // V8 says there why it dies, and then does; whoever writes there otherwise has a moment.
      lastWords = latin1(chunk).slice(0, LAST_WORDS_BYTES)
      lastWordsTimer = setTimeout(() => giveUp(error.message), LAST_WORDS_MS)
    }
  })
  // Writing to a cell that died is no news: its end is.
  for (const pipe of [input, output, synchronous]) pipe.on('error', () => undefined)

  const sweep = setInterval(() => {
    const before = now() - limits.callMs
    for (const call of outstanding) {
      if (call.since > before) break
      call.controller.abort()
      call.answer({ error: CALL_TIMEOUT, isStrike: false })
    }
  }, SWEEP_MS)
  sweep.unref()

  return {
    send,
    strike,
    serve: (served) => {
      app = served
    },
    get isOwing() {
      return isSyncOutstanding || isWaiting
    },
    get lastWords() {
      return lastWords
    },
    close: () => {
      isClosed = true
      ending.abort()
      clearInterval(sweep)
      clearTimeout(timer)
      clearTimeout(lastWordsTimer)
      for (const { controller } of outstanding) controller.abort()
      outstanding.clear()
      for (const pipe of [input, output, synchronous]) pipe.destroy()
    },
  }
}

const CALL_TIMEOUT: CallError = { code: 'CALL_TIMEOUT', message: 'the call took too long' }
const ANSWER_TOO_LARGE: CallError = { code: 'ANSWER_TOO_LARGE', message: 'the answer is too large' }

function replyWith(
  id: number,
  answer: CallAnswer,
  reply: (head: ToCell, blobs?: readonly Uint8Array[]) => void,
): void {
  if ('error' in answer) {
    reply({ kind: 'answer', id, error: answer.error })
    return
  }
  const { value, blobs }: Answer = answer.ok
  try {
    // What is not there is `null` in JSON.
    reply({ kind: 'answer', id, ok: value ?? null }, blobs)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    reply({ kind: 'answer', id, error: ANSWER_TOO_LARGE })
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
