import { connect } from 'node:net'
import type { Seen } from '../../src/testing/conform.ts'

export interface Exchange {
  /** Every answer that came, in order. */
  readonly replies: readonly Seen[]
  /** What came after them and is no answer. */
  readonly rest: string
  readonly ms: number
  /** Whether the time was up before the other side ended. */
  readonly isHanging: boolean
}

/** How long a stream of events is read, in milliseconds: it would never end by itself. */
const STREAM_MS = 50

export interface ExchangeOptions {
  readonly deadlineMs: number
  /** Whether answers have no bodies, whatever they announce. Default false. */
  readonly isHead?: boolean
  /** Whether to say that nothing more comes. Default false. */
  readonly ends?: boolean
}

/** Sends bytes, piece by piece, and takes in what comes until the other side ends or the time is up. */
export async function exchange(
  port: number,
  pieces: readonly (string | Uint8Array)[],
  { deadlineMs, isHead = false, ends = false }: ExchangeOptions,
): Promise<Exchange> {
  const start = performance.now()
  const chunks: Buffer[] = []
  let isHanging = false
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => {
      isHanging = true
      socket.destroy()
    }, deadlineMs)
    let streaming: NodeJS.Timeout | undefined
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (streaming === undefined && chunks.length < 3 && isStream(chunk))
        streaming = setTimeout(() => socket.destroy(), STREAM_MS)
    })
    // Resets are the other side's right; what came before them counts.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      clearTimeout(streaming)
      resolve()
    })
    for (const piece of pieces) socket.write(piece)
    if (ends) socket.end()
  })
  const { replies, rest } = parseReplies(Buffer.concat(chunks), isHead)
  return { replies, rest, ms: performance.now() - start, isHanging }
}

function isStream(chunk: Buffer): boolean {
  return /^content-type: text\/event-stream/im.test(chunk.toString('latin1'))
}

function parseReplies(bytes: Buffer, isHead: boolean): { replies: Seen[]; rest: string } {
  const replies: Seen[] = []
  let at = 0
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at)
    const head = bytes.toString('latin1', at, end < 0 ? at : end)
    const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(head)?.[1]
    if (status === undefined) break
    at = end + 4
    // Go on: no answer yet.
    if (status === '100') continue
    const headers = parseHeaders(head)
    const body = isHead ? { text: '', length: 0 } : parseBody(bytes.subarray(at), headers)
    if (body === undefined) break
    at += body.length
    replies.push({ status: Number(status), headers, text: body.text })
  }
  return { replies, rest: bytes.toString('latin1', at, at + 200) }
}

function parseHeaders(head: string): ReadonlyMap<string, string> {
  return new Map(
    head
      .split('\r\n')
      .slice(1)
      .map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
  )
}

/** @returns undefined when it is not whole */
function parseBody(
  bytes: Buffer,
  headers: ReadonlyMap<string, string>,
): { readonly text: string; readonly length: number } | undefined {
  if (headers.get('content-type')?.startsWith('text/event-stream') === true)
    return { text: '', length: bytes.length }
  const announced = headers.get('content-length')
  if (announced !== undefined) {
    const length = Number(announced)
    return bytes.length < length ? undefined : { text: bytes.toString('utf8', 0, length), length }
  }
  if (headers.get('transfer-encoding') === 'chunked') return parseChunks(bytes)
  return { text: bytes.toString('utf8'), length: bytes.length }
}

function parseChunks(bytes: Buffer): { readonly text: string; readonly length: number } | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    at = end + 2
    if (Number.isNaN(size) || at + size + 2 > bytes.length) return undefined
    parts.push(bytes.subarray(at, at + size))
    at += size + 2
    if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), length: at }
  }
}
