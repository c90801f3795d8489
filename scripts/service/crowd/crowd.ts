import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { post } from '../http.ts'
import type { ServedPlatform } from '../platform.ts'

export interface Crowd {
  /** Connections on which nothing is sent. */
  readonly idle: number
  /** Streams of changes; nobody reads every fourth. */
  readonly followers: number
  /** Connections that send one byte of a head every half second. */
  readonly dawdlers: number
  /** Requests with more body than is taken, half of them without saying how much. */
  readonly oversized: number
  /** Checks asked all at once, each on a connection of its own. */
  readonly checks: number
}

export interface CrowdReport {
  /** Resident memory of the server in MB: before, with all of them there, and a while after they left. */
  readonly memory: { readonly before: number; readonly crowded: number; readonly after: number }
  /** Until the last of the checks asked at once was answered, in milliseconds. */
  readonly checksMs: number
  readonly events: number
}

/** Connections opened at once: more would overflow the queue in which the kernel keeps them. */
const OPENED_AT_ONCE = 200
const CHANGES = 100
const WAIT_MS_MAX = 30_000

/**
 * A crowd that wants nothing, does not go on, says too much or does not listen; and among it those who ask and change
 * something, who must be answered rightly.
 */
export async function gather(platform: ServedPlatform, crowd: Crowd): Promise<CrowdReport> {
  const before = memoryOf(platform.pid)
  const { sockets, followers, oversized } = await openAll(platform, crowd)
  const dawdlers = sockets.slice(-crowd.dawdlers)
  const dawdling = setInterval(() => dawdlers.forEach((socket) => socket.writable && socket.write('x')), 500)
  try {
    const heard = followers.filter((_, i) => i % 4 !== 3).map(listen)
    const start = performance.now()
    const [answers] = await Promise.all([askAtOnce(platform, crowd.checks), changeOften(platform)])
    const checksMs = performance.now() - start
    assert.ok(answers.every((allowed) => allowed))
    assert.deepEqual([...new Set(await Promise.all(oversized))], [413])
    const events = await waitForChanges(heard)
    const crowded = memoryOf(platform.pid)
    for (const socket of [...sockets, ...followers]) socket.destroy()
    await sleep(1000)
    assert.deepEqual(await askAtOnce(platform, 1), [true])
    return { memory: { before, crowded, after: memoryOf(platform.pid) }, checksMs, events }
  } finally {
    clearInterval(dawdling)
    for (const socket of [...sockets, ...followers]) socket.destroy()
  }
}

interface Opened {
  /** The idle ones, then the dawdlers. */
  readonly sockets: readonly Socket[]
  readonly followers: readonly Socket[]
  /** What each of the oversized requests is answered. */
  readonly oversized: readonly Promise<number>[]
}

async function openAll(platform: ServedPlatform, crowd: Crowd): Promise<Opened> {
  const authorization = `Host: x\r\nAuthorization: Bearer ${platform.token}\r\n`
  const followers = await open(platform, crowd.followers, `GET /v1/watch HTTP/1.1\r\n${authorization}\r\n`)
  const idle = await open(platform, crowd.idle, '')
  const dawdlers = await open(platform, crowd.dawdlers, 'POST /v1/check HTTP/1.1\r\n')
  const post = `POST /v1/check HTTP/1.1\r\n${authorization}Content-Type: application/json\r\n`
  const announced = await open(platform, crowd.oversized / 2, `${post}Content-Length: 10000000\r\n\r\n`)
  const endless = await open(platform, crowd.oversized / 2, `${post}Transfer-Encoding: chunked\r\n\r\n`)
  const oversized = [...announced, ...endless].map(statusOf)
  for (const socket of endless) pour(socket)
  return { sockets: [...idle, ...dawdlers], followers, oversized }
}

async function open({ address }: ServedPlatform, count: number, hello: string): Promise<Socket[]> {
  const { hostname, port } = new URL(address)
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - sockets.length) }, () =>
      connect({ host: hostname, port: Number(port) }),
    )
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    // What the other side cuts off is what this is about.
    for (const socket of some) socket.on('error', () => undefined)
    if (hello !== '') for (const socket of some) socket.write(hello)
    sockets.push(...some)
  }
  return sockets
}

async function statusOf(socket: Socket): Promise<number> {
  const [head] = (await once(socket, 'data')) as [Buffer]
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(head.toString('latin1'))?.[1])
}

/** Sends chunks for as long as the other side takes them. */
function pour(socket: Socket): void {
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
  const go = (): void => {
    while (socket.writable && socket.write(chunk));
  }
  socket.on('drain', go)
  go()
}

interface Heard {
  text: string
}

function listen(socket: Socket): Heard {
  const heard = { text: '' }
  socket.on('data', (chunk: Buffer) => (heard.text += chunk.toString('latin1')))
  return heard
}

function countChanges({ text }: Heard): number {
  return text.split('\nevent: change\n').length - 1
}

async function waitForChanges(heard: readonly Heard[]): Promise<number> {
  for (const start = Date.now(); Date.now() - start < WAIT_MS_MAX; await sleep(50))
    if (heard.every((each) => countChanges(each) >= CHANGES)) break
  for (const each of heard) assert.equal(countChanges(each), CHANGES)
  return heard.length * CHANGES
}

async function askAtOnce(platform: ServedPlatform, count: number): Promise<boolean[]> {
  const agent = new Agent({ maxSockets: count })
  const answers = Array.from({ length: count }, () =>
    post({ ...platform, agent }, '/v1/check', { permission: 'castellan:check' }),
  )
  return (await Promise.all(answers)).map(({ allowed }) => allowed === true)
}

async function changeOften(platform: ServedPlatform): Promise<void> {
  for (let i = 0; i < CHANGES; i++)
    await post(platform, '/v1/changes', { changes: [{ add: { kind: 'user', id: `crowd-${i}` } }] })
}

/** In MB; only Linux tells. */
function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024)
}
