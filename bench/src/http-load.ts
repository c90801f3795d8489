import { connect, type Socket } from 'node:net'

/** A small load generator: connections kept alive, each with one request under way, nothing parsed that need not be. */
export interface Load {
  /** Sends these requests, spread over the connections. @returns milliseconds from the first to the last answer */
  run(requests: readonly Buffer[]): Promise<number>
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
  }
}

/** Sends one request after the other until none is left; all connections take from the same. */
function drive(socket: Socket, waiting: Iterator<Buffer, undefined>): Promise<void> {
  return new Promise((resolve, reject) => {
    let pending: Buffer | undefined
    const send = () => {
      const next = waiting.next()
      if (next.done === true) resolve()
      else socket.write(next.value)
    }
    socket.on('data', (chunk: Buffer) => {
      const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
      const length = answerLength(bytes)
      if (length === undefined || bytes.length < length) {
        pending = bytes
        return
      }
      pending = undefined
      if (bytes[9] === DIGIT_TWO) send()
      else reject(new Error(bytes.toString('latin1')))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a server closed a connection with a request under way')))
    send()
  })
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
