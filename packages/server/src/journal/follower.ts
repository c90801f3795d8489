import type { ServerResponse } from 'node:http'
import { StoreError, type JournalEntry } from '@castellan/engine'
import { problemOf } from '@castellan/protocol'
import type { JournalEvent } from './events.ts'

/** What a follower asked for. */
export interface Following {
  /** The last revision it knows. */
  readonly from: number
  readonly isMeant: (entry: JournalEntry) => boolean
  /** Throws when it may no longer see the journal: asked before each event, and with each heartbeat. */
  readonly authorize: () => void
}

/** What a follower needs of whoever keeps them all. */
export interface Keeper {
  /** @returns undefined when there is none yet @throws {StoreError} */
  eventAfter(revision: number): JournalEvent | undefined
  /** The follower has not taken this event in yet. */
  hold(follower: Follower, event: JournalEvent): void
  /** It has, or never will. */
  release(follower: Follower): void
  /** Nothing more is sent to it. */
  forget(follower: Follower): void
}

/** Entries looked at for one follower before others have their turn. */
const TURN = 256
/** For the last words to be taken in, in milliseconds; then the connection is cut. */
const LAST_WORDS_MS = 5_000

/**
 * One who follows the journal over one response. It is given an event only when the one before was taken in: what
 * waits is in the journal, and nothing of it here.
 */
export class Follower {
  readonly #response: ServerResponse
  readonly #following: Following
  readonly #keeper: Keeper
  readonly #stallMs: number
  /** The last revision looked at. */
  #last: number
  /** The last one that the other side was told of. */
  #told: number
  #isBlocked = false
  #isTurnDue = false
  #isEnded = false
  #timer: NodeJS.Timeout | undefined

  /** @param stallMs - for it to take something in, in milliseconds */
  constructor(response: ServerResponse, following: Following, keeper: Keeper, stallMs: number) {
    this.#response = response
    this.#following = following
    this.#keeper = keeper
    this.#stallMs = stallMs
    this.#last = following.from
    this.#told = following.from
    response.on('drain', () => this.#drained())
    response.on('close', () => this.#closed())
    response.on('error', () => this.#closed())
    // An id without data is no event; but from here on the other side knows where to go on.
    this.#write(`retry: 1000\nid: ${following.from}\n\n`)
  }

  /** Sends what there is, for as long as it is taken in. */
  pump(): void {
    if (this.#isTurnDue) return
    for (let turn = 0; this.#isReady(); turn++) {
      if (turn === TURN) {
        this.#isTurnDue = true
        setImmediate(() => {
          this.#isTurnDue = false
          this.pump()
        })
        return
      }
      const event = this.#next()
      if (event === undefined) return
      this.#last = event.entry.revision
      if (this.#following.isMeant(event.entry)) this.#send(event)
    }
  }

  /** Shows that someone is here, and looks whether the other side still may be. */
  beat(): void {
    this.#guard(() => this.#following.authorize())
    if (!this.#isReady()) return
    // What a filter left out need not be gone through again after a break.
    const id = this.#told === this.#last ? '' : `id: ${this.#last}\n`
    this.#told = this.#last
    this.#write(`: here\n${id}\n`)
  }

  /** Ends it with what is wrong. What was looked at until now is told, so that it can be gone on with. */
  fail(error: unknown): void {
    const requestId = String(this.#response.getHeader('x-request-id') ?? '')
    this.#end('error', problemOf(error, requestId))
  }

  /** Ends it, to be gone on with later or elsewhere. */
  end(): void {
    this.#end('end', { resumeFrom: this.#last })
  }

  /** For one who does not keep up. */
  cutOff(): void {
    this.fail(
      new StoreError(
        'FOLLOWER_SLOW',
        `the follower took nothing in after revision ${this.#told}`,
        'go on with `Last-Event-ID`',
      ),
    )
  }

  #isReady(): boolean {
    return !this.#isEnded && !this.#isBlocked
  }

  #next(): JournalEvent | undefined {
    let event: JournalEvent | undefined
    this.#guard(() => {
      this.#following.authorize()
      event = this.#keeper.eventAfter(this.#last)
    })
    return event
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.fail(error)
    }
  }

  #send(event: JournalEvent): void {
    this.#told = event.entry.revision
    this.#write(event.bytes)
    if (this.#isBlocked) this.#keeper.hold(this, event)
  }

  #write(bytes: Buffer | string): void {
    if (this.#response.write(bytes)) return
    this.#isBlocked = true
    this.#timer = setTimeout(() => this.cutOff(), this.#stallMs)
  }

  #drained(): void {
    if (this.#isEnded) return
    this.#isBlocked = false
    clearTimeout(this.#timer)
    this.#keeper.release(this)
    this.pump()
  }

  #end(event: 'error' | 'end', data: object): void {
    if (this.#isEnded) return
    this.#leave()
    this.#response.end(`id: ${this.#last}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    this.#timer = setTimeout(() => this.#response.destroy(), LAST_WORDS_MS)
  }

  #closed(): void {
    clearTimeout(this.#timer)
    if (!this.#isEnded) this.#leave()
  }

  #leave(): void {
    this.#isEnded = true
    clearTimeout(this.#timer)
    this.#keeper.release(this)
    this.#keeper.forget(this)
  }
}
