import { connect, type Socket } from 'node:net'

/** A small load generator: connections kept alive, each with one request under way, nothing parsed that need not be. */
export interface Load {
  /** Sends these requests, spread over the connections. @returns milliseconds until the last answer */
  run(requests: readonly Buffer[]): Promise<number>
  /** Of the last answer, head and body, in bytes. */
  readonly answerBytes: number
  close(): void
}

export async function openLoad(port: number, connections: number): Promise<Load> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  let answerBytes = 0

  return {
    get answerBytes() {
      return answerBytes
    },
    async run(requests) {
      let next = 0
      const start = performance.now()
      await Promise.all(sockets.map(drive))
      return performance.now() - start

      function drive(socket: Socket): Promise<void> {
        return new Promise((resolve, reject) => {
          let pending: Buffer | undefined
          const send = () => {
            if (next < requests.length) return socket.write(requests[next++]!)
            socket.off('data', receive)
            resolve()
            return undefined
          }
          const receive = (chunk: Buffer) => {
            const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
            const length = answerLength(bytes)
            if (length === undefined || bytes.length < length) {
              pending = bytes
              return
            }
            pending = undefined
            answerBytes = length
            if (bytes[9] === DIGIT_TWO) send()
            else reject(new Error(bytes.toString('latin1')))
          }
          socket.on('data', receive)
          send()
        })
      }
    },
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Of the status code in `HTTP/1.1 200 OK`. */
const DIGIT_TWO = 0x32

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
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
