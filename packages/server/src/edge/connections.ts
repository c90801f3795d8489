import { once } from 'node:events'
import type { Server as HttpServer, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { EdgeError } from '@castellan/protocol'
import type { Logger } from './log.ts'
import { sendRawProblem } from './send.ts'

/**
 * Connections over the bound that are told so. Those beyond are closed without a word: telling takes a connection,
 * for as long as the other side lets it.
 */
const TOLD_MAX = 64
/** For someone over the bound to take in the answer, in milliseconds. */
const TOLD_MS = 1_000

/**
 * After the last word to a server's callers, how long a connection that is idle stays open, in milliseconds. A request
 * may be on its way on it: it is answered, with `Connection: close`, instead of being lost.
 */
const IDLE_LINGER_MS = 500
const SWEEP_MS = 20
const WARN_EVERY_MS = 60_000

/** The open connections of a server: how many there are, who is over the bound, and how they come to an end. */
export class Connections {
  readonly #http: HttpServer
  readonly #max: number
  readonly #log: Logger
  readonly #open = new Set<Socket>()
  readonly #told = new Set<Socket>()
  #refusals = 0
  #isClosed = false
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(http: HttpServer, max: number, log: Logger) {
    this.#http = http
    this.#max = max
    this.#log = log
    http.maxConnections = max + TOLD_MAX
    http.on('connection', (socket) => this.#take(socket))
    http.on('drop', () => this.#count())
  }

  /** Those that are served. */
  get count(): number {
    return this.#open.size
  }

  /** How many were over the bound since the start. */
  get refusals(): number {
    return this.#refusals
  }

  /** Whether this one was over the bound: what it sends is not read. */
  isRefused(socket: Socket): boolean {
    return this.#told.size > 0 && this.#told.has(socket)
  }

  /**
   * Takes no new connection and brings the open ones to their end.
   *
   * @param graceMs - for requests under way to end, in milliseconds; then they are cut off
   * @returns how many were cut off
   */
  async drain(graceMs: number): Promise<number> {
    // Comes when the last connection is destroyed, before each of them says so itself.
    const closed = once(this.#http, 'close').then(() => (this.#isClosed = true))
    this.#letGo()
    // The HTTP server's own would close idle connections at once, and with them a request that is about to arrive.
    NetServer.prototype.close.call(this.#http)
    const deadline = performance.now() + graceMs
    await Promise.race([closed, sleep(Math.min(IDLE_LINGER_MS, graceMs))])
    while (!this.#isClosed && performance.now() < deadline) {
      // A thread that was held sees its timers before what has arrived: one turn takes that in, one who just connected
      // is heard in the next.
      for (let turn = 0; turn < 2; turn++) await nextTurn()
      this.#sweep()
      await Promise.race([closed, sleep(SWEEP_MS)])
    }
    const cut = this.#isClosed ? 0 : this.#open.size
    for (const socket of [...this.#open, ...this.#told]) socket.destroy()
    await closed
    // Now the HTTP server's own, for the timer with which it looks for slow requests.
    this.#http.close(() => {})
    return cut
  }

  #take(socket: Socket): void {
    if (this.#open.size >= this.#max) {
      this.#refuse(socket)
      return
    }
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }

  #refuse(socket: Socket): void {
    this.#count()
    this.#told.add(socket)
    const cut = setTimeout(() => socket.destroy(), TOLD_MS)
    socket.once('close', () => {
      clearTimeout(cut)
      this.#told.delete(socket)
    })
    const error = new EdgeError(
      'TOO_MANY_CONNECTIONS',
      'the server has as many connections as it takes',
      'keep connections open and use them again, or try later',
    )
    sendRawProblem(socket, error, this.#log)
  }

  /** One line a minute says it: who fills the connections should not fill the disk as well. */
  #count(): void {
    this.#refusals++
    const now = performance.now()
    if (now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    this.#log.warn({ connections: this.count, refusals: this.#refusals }, 'too many connections')
  }

  /** Answers that have not begun say that their connection ends with them. */
  #letGo(): void {
    for (const socket of this.#open) {
      const answering = answerOn(socket)
      if (answering?.headersSent === false) answering.shouldKeepAlive = false
    }
  }

  /** An answer that was given to the connection and not yet taken in looks idle to the HTTP server. */
  #sweep(): void {
    // Nor is idle, to the HTTP server, who connected and has said nothing.
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
    for (const socket of this.#open) if (socket.writableLength > 0) return
    this.#http.closeIdleConnections()
  }
}

/** What is being answered on a connection, as Node keeps it. */
export function answerOn(socket: Socket): ServerResponse | undefined {
  return (socket as Socket & { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}
