import type { ServerResponse } from 'node:http'
import { EdgeError } from '@castellan/protocol'
import type { Live } from '../live.ts'
import { JournalEvents, type JournalEvent } from './events.ts'
import { Follower, type Following, type Keeper } from './follower.ts'

export interface FollowerLimits {
  /** Who may follow at once; the next one is answered 503. */
  readonly followersMax: number
  /** Bytes of events that followers have not taken in, of all of them together, each event counted once. */
  readonly followersBytesMax: number
  /** For a follower that takes nothing in, in milliseconds. */
  readonly followerStallMs: number
  /** Between two signs of life to one who follows, in milliseconds. */
  readonly heartbeatMs: number
}

/** All who follow the journal. One reading of what is new serves them all. */
export class Followers implements Keeper {
  readonly #live: Live
  readonly #limits: FollowerLimits
  readonly #events: JournalEvents
  readonly #all = new Set<Follower>()
  /** Who has not taken in what, those that wait longest first. */
  readonly #held = new Map<Follower, JournalEvent>()
  /** How many wait to be rid of an event. */
  readonly #waiting = new Map<JournalEvent, number>()
  #heldBytes = 0
  #isStopped = false
  #watching: AbortController | undefined
  #heart: NodeJS.Timeout | undefined

  constructor(live: Live, limits: FollowerLimits) {
    this.#live = live
    this.#limits = limits
    this.#events = new JournalEvents(live)
  }

  get count(): number {
    return this.#all.size
  }

  /** @throws {EdgeError} FOLLOWERS_FULL */
  assertRoom(): void {
    if (this.#all.size < this.#limits.followersMax) return
    throw new EdgeError('FOLLOWERS_FULL', 'as many follow as may', 'try again later')
  }

  /** Sends what comes after a revision over a response whose head is written, until either side ends it. */
  add(response: ServerResponse, following: Following): void {
    // Gone before it was listened to: nothing would tell.
    if (response.destroyed) return
    const follower = new Follower(response, following, this, this.#limits.followerStallMs)
    this.#all.add(follower)
    if (this.#isStopped) {
      follower.end()
      return
    }
    this.#watch()
    follower.pump()
  }

  /** Tells everyone where to go on, and takes nobody more. */
  stop(): void {
    this.#isStopped = true
    for (const follower of this.#all) follower.end()
  }

  eventAfter(revision: number): JournalEvent | undefined {
    return this.#events.after(revision)
  }

  hold(follower: Follower, event: JournalEvent): void {
    this.#held.set(follower, event)
    const waiting = this.#waiting.get(event) ?? 0
    this.#waiting.set(event, waiting + 1)
    if (waiting === 0) this.#heldBytes += event.bytes.length
    for (const slowest of this.#held.keys()) {
      if (this.#heldBytes <= this.#limits.followersBytesMax) return
      slowest.cutOff()
    }
  }

  release(follower: Follower): void {
    const event = this.#held.get(follower)
    if (event === undefined) return
    this.#held.delete(follower)
    const waiting = this.#waiting.get(event)! - 1
    if (waiting > 0) {
      this.#waiting.set(event, waiting)
      return
    }
    this.#waiting.delete(event)
    this.#heldBytes -= event.bytes.length
  }

  forget(follower: Follower): void {
    this.#all.delete(follower)
    if (this.#all.size > 0) return
    this.#watching?.abort()
    this.#watching = undefined
    clearInterval(this.#heart)
  }

  /** Reads on for as long as someone follows. */
  #watch(): void {
    if (this.#watching !== undefined) return
    const watching = new AbortController()
    this.#watching = watching
    this.#heart = setInterval(() => this.#beat(), this.#limits.heartbeatMs)
    this.#readOn(watching.signal).catch((error: unknown) => {
      if (!watching.signal.aborted) for (const follower of this.#all) follower.fail(error)
    })
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    for await (const entry of this.#live.follow({ signal })) {
      this.#events.add(entry)
      for (const follower of this.#all) follower.pump()
    }
    // The store was closed.
    if (!signal.aborted) for (const follower of this.#all) follower.end()
  }

  #beat(): void {
    for (const follower of this.#all) follower.beat()
  }
}
