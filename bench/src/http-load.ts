import { connect, type Socket } from 'node:net'

/** A small load generator: connections kept alive, each with one request under way, nothing parsed that need not be. */
export interface Load {
  /** Sends these requests, spread over the connections. @returns milliseconds from the first to the last answer */
  run(requests: readonly Buffer[]): Promise<number>

  /**
   * Sends these requests one after the other at a steady pace, whether or not those before are answered: as strangers
   * do, who do not wait for each other.
   *
   * @returns for each, in the order of the answers, milliseconds from when it was due to its answer
   */
  pace(requests: readonly Buffer[], perSecond: number): Promise<Float64Array>
}

/** Connects anew for each run, untimed: a server may close what was idle between two runs. */
export function openLoad(port: number, connections: number): Load {
  return {
    async run(requests) {
      const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
      try {
        const waiting = requests.values()
        const start = performance.now()
        await Promise.all(sockets.map((socket) => drive(socket, waiting)))
        return performance.now() - start
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    },
    async pace(requests, perSecond) {
      const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
      try {
        return await pace(sockets, requests, perSecond)
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    },
  }
}

/** A request that finds no connection free waits for one, and its time runs. */
function pace(
  sockets: readonly Socket[],
  requests: readonly Buffer[],
  perSecond: number,
): Promise<Float64Array> {
  return new Promise((resolve, reject) => {
    const took = new Float64Array(requests.length)
    const free: Answered[] = []
    let [due, sent, answered] = [0, 0, 0]
    const start = performance.now()
    const dueAt = (index: number) => start + (index / perSecond) * 1000
    const send = (connection: Answered) => {
      connection.index = sent
      connection.socket.write(requests[sent++]!)
    }
    for (const socket of sockets) {
      const connection: Answered = { socket, index: -1 }
      free.push(connection)
      onAnswers(socket, reject, () => {
        took[answered++] = performance.now() - dueAt(connection.index)
        if (answered === requests.length) resolve(took)
        else if (sent < due) send(connection)
        else free.push(connection)
      })
    }
    // Timers are too coarse for it.
    const tick = () => {
      while (due < requests.length && dueAt(due) <= performance.now()) {
        due++
        if (free.length > 0) send(free.pop()!)
      }
      if (due < requests.length) setImmediate(tick)
    }
    tick()
  })
}

interface Answered {
  readonly socket: Socket
  /** Of the request that is under way. */
  index: number
}

/** Sends one request after the other until none is left; all connections take from the same. */
function drive(socket: Socket, waiting: Iterator<Buffer, undefined>): Promise<void> {
  return new Promise((resolve, reject) => {
    const send = () => {
      const next = waiting.next()
      if (next.done === true) resolve()
      else socket.write(next.value)
    }
    onAnswers(socket, reject, send)
    send()
  })
}

/** Calls back with each whole answer, while one request at a time is under way. */
function onAnswers(socket: Socket, reject: (reason: Error) => void, onAnswer: () => void): void {
  let pending: Buffer | undefined
  socket.on('data', (chunk: Buffer) => {
    const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
    const length = answerLength(bytes)
    if (length === undefined || bytes.length < length) {
      pending = bytes
      return
    }
    pending = undefined
    if (bytes[9] === DIGIT_TWO) onAnswer()
    else reject(new Error(bytes.toString('latin1')))
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('a server closed a connection with a request under way')))
}

/** Of the status code in `HTTP/1.1 200 OK`. */
const DIGIT_TWO = 0x32

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
  })
}

/** Head and body together; undefined while the head is not all there. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const length = /content-length: *(\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  if (length === undefined) throw new Error('an answer came without its length')
  return end + 4 + Number(length)
}

export function postRequest(path: string, body: string, token: string): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`
  return Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}
