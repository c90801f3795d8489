import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createBareServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { cpus } from 'node:os'
import type { Fact } from '@castellan/engine'
import { openLive, openMemoryStore } from '@castellan/store'
import { createLogger } from './edge/log.ts'
import { createServer } from './server.ts'
import { issueToken } from './tokens/issue.ts'
import { MemoryTokenSecrets } from './tokens/memory.ts'

/**
 * What a decision over HTTP costs beside the cheapest thing Node can do with a POST of the same sizes: read it and
 * send as many bytes back. Both run in processes of their own, take turns, and medians are printed.
 *
 * Sketch: a bare POST takes some 25 µs of a core; reading the body twice, four look-ups and a check
 * some 6 µs more. So about 80 % of bare is what can be had, 60 % what must be.
 */
const ROUNDS = 9
const SECONDS = 1
const CONNECTIONS = 32

type Kind = 'bare' | 'castellan'

if (process.argv[2] === 'serve') await serve(process.argv[3] as Kind)
else await measure()

async function measure(): Promise<void> {
  const [bare, castellan] = await Promise.all([start('bare'), start('castellan')])
  const { token } = castellan
  const question = { actor: 'user:u500', permission: 'a:folder:file500:read' }
  const check = post('/v1/check', question, token)
  const each = (count: number) =>
    post(
      '/v1/check-each',
      { checks: Array.from({ length: count }, (_, i) => ({ ...question, actor: `user:u${i}` })) },
      token,
    )
  const evaluation = {
    subject: { type: 'user', id: 'u500' },
    action: { name: 'read' },
    resource: { type: 'a', id: 'own' },
  }
  const lean = { options: { reading: false } }
  const evaluate = post('/access/v1/evaluation', evaluation, token)
  const evaluateLean = post('/access/v1/evaluation', { ...evaluation, ...lean }, token)
  const evaluateEach = post(
    '/access/v1/evaluations',
    {
      ...evaluation,
      evaluations: Array.from({ length: 1_000 }, (_, i) => ({ subject: { type: 'user', id: `u${i}` } })),
      ...lean,
    },
    token,
  )
  const rates = newRows()
  const answerBytes = await sizeOf(castellan.port, check)
  const bareCheck = post(`/${answerBytes}`, question, token)
  const costs = newRows()
  const turn = async (name: Turn, server: Started, request: Buffer, answers: number): Promise<void> => {
    const before = await processorUsed(server.child)
    const { rate, answered } = await load(server.port, request, SECONDS, answers === 1 ? CONNECTIONS : 2)
    rates[name].push(rate * answers)
    costs[name].push(((await processorUsed(server.child)) - before) / (answered * answers))
  }
  await load(castellan.port, check, 1)
  await load(bare.port, bareCheck, 1)
  for (let round = 0; round < ROUNDS; round++) {
    await turn('bare', bare, bareCheck, 1)
    await turn('check', castellan, check, 1)
    await turn('each', castellan, each(1_000), 1_000)
    await turn('evaluate', castellan, evaluate, 1)
    await turn('evaluateLean', castellan, evaluateLean, 1)
    await turn('evaluateEach', castellan, evaluateEach, 1_000)
  }
  const ratios = rates.check.map((rate, i) => rate / rates.bare[i]!)
  console.table({
    'bare node:http POST, requests/s': row(rates.bare),
    'POST /v1/check, requests/s': row(rates.check),
    'POST /v1/check to bare': {
      median: median(ratios).toFixed(2),
      least: Math.min(...ratios).toFixed(2),
      most: Math.max(...ratios).toFixed(2),
    },
    'POST /v1/check-each of 1,000, answers/s': row(rates.each),
    'POST /access/v1/evaluation, requests/s': row(rates.evaluate),
    'POST /access/v1/evaluation without readings, requests/s': row(rates.evaluateLean),
    'POST /access/v1/evaluations of 1,000 without readings, answers/s': row(rates.evaluateEach),
    'bare, µs of processor a request': costRow(costs.bare),
    'check, µs of processor a request': costRow(costs.check),
    'check-each, µs of processor an answer': costRow(costs.each),
    'evaluation, µs of processor a request': costRow(costs.evaluate),
    'evaluation without readings, µs of processor a request': costRow(costs.evaluateLean),
    'evaluations, µs of processor an answer': costRow(costs.evaluateEach),
    'processor of bare to that of check': {
      median: (median(costs.bare) / median(costs.check)).toFixed(2),
      least: '',
      most: '',
    },
  })
  console.log(
    `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s`,
  )
  for (const { child } of [bare, castellan]) child.kill()
}

type Turn = 'bare' | 'check' | 'each' | 'evaluate' | 'evaluateLean' | 'evaluateEach'

function newRows(): Record<Turn, number[]> {
  return { bare: [], check: [], each: [], evaluate: [], evaluateLean: [], evaluateEach: [] }
}

interface Started {
  readonly child: ChildProcess
  readonly port: number
  readonly token: string
}

async function start(kind: Kind): Promise<Started> {
  const child = fork(import.meta.filename, ['serve', kind])
  const [message] = (await once(child, 'message')) as [{ readonly port: number; readonly token: string }]
  return { child, ...message }
}

/** Microseconds of processor a server spends while something runs: what other programs on the machine do not change. */
async function processorUsed(child: ChildProcess): Promise<number> {
  child.send('used')
  const [used] = (await once(child, 'message')) as [number]
  return used
}

async function serve(kind: Kind): Promise<void> {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.send?.(kind === 'bare' ? await serveBare() : await serveCastellan())
  process.on('disconnect', () => process.exit())
}

/** Reads the body, and answers with as many bytes as the path says. */
async function serveBare(): Promise<{ port: number; token: string }> {
  const server = createBareServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = 'x'.repeat(Number(request.url!.slice(1)))
      Buffer.concat(chunks).toString('utf8')
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
      response.end(body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as { port: number }).port, token: '' }
}

async function serveCastellan(): Promise<{ port: number; token: string }> {
  const live = openLive({ store: openMemoryStore() })
  const facts: Fact[] = [
    { kind: 'namespace', name: 'a', description: 'demo', modes: ['read', 'write'] },
    { kind: 'user', id: 'owner' },
    { kind: 'user', id: 'service' },
    { kind: 'resource', permission: 'a:folder', owner: 'user:owner' },
    { kind: 'resource', permission: 'a:own', owner: 'user:owner', parent: 'a:folder' },
    { kind: 'grant', issuer: 'system', holder: 'user:service', permission: 'castellan:check', extra: {} },
  ]
  for (let i = 0; i < 10_000; i++) {
    facts.push({ kind: 'user', id: `u${i}` })
    facts.push({
      kind: 'grant',
      issuer: 'user:owner',
      holder: `user:u${i}`,
      permission: `a:folder:file${i}:write`,
      extra: {},
    })
  }
  for (let i = 0; i < 1_000; i++)
    facts.push({
      kind: 'grant',
      issuer: 'user:owner',
      holder: `user:u${i}`,
      permission: 'a:own:write',
      extra: {},
    })
  for (let i = 0; i < facts.length; i += 1_000)
    await live.change(facts.slice(i, i + 1_000).map((add) => ({ add })))
  const tokens = new MemoryTokenSecrets()
  const { secret } = await issueToken({ live, tokens }, { issuer: 'user:service', full: true })
  const server = createServer({ live, tokens, log: createLogger({ level: 'silent' }) })
  const address = await server.listen({ port: 0 })
  return { port: Number(new URL(address).port), token: secret }
}

function post(path: string, body: object, token: string): Buffer {
  const text = JSON.stringify(body)
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

/** Bytes of an answer's body. */
async function sizeOf(port: number, request: Buffer): Promise<number> {
  const socket = await open(port)
  socket.write(request)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  const text = chunk.toString()
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
  return Number(/content-length: (\d+)/i.exec(text)![1])
}

interface Loaded {
  /** Requests answered in a second. */
  readonly rate: number
  readonly answered: number
}

/** Keeps one request under way on each connection. */
async function load(
  port: number,
  request: Buffer,
  seconds: number,
  connections = CONNECTIONS,
): Promise<Loaded> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  let answered = 0
  const begin = performance.now()
  await Promise.all(
    sockets.map((socket) => drive(socket, request, begin + seconds * 1_000, () => answered++)),
  )
  const took = performance.now() - begin
  for (const socket of sockets) socket.destroy()
  return { rate: (answered / took) * 1_000, answered }
}

function drive(socket: Socket, request: Buffer, until: number, onAnswer: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let wanted = 0
    let have = 0
    socket.on('data', (chunk: Buffer) => {
      if (wanted === 0) {
        const head = chunk.toString('latin1', 0, 400)
        if (!head.startsWith('HTTP/1.1 200')) return reject(new Error(head))
        wanted = head.indexOf('\r\n\r\n') + 4 + Number(/content-length: (\d+)/i.exec(head)![1])
      }
      have += chunk.length
      if (have < wanted) return
      have = 0
      wanted = 0
      onAnswer()
      if (performance.now() >= until) resolve()
      else socket.write(request)
    })
    socket.on('error', reject)
    socket.write(request)
  })
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function row(rates: readonly number[]): { median: string; least: string; most: string } {
  const show = (rate: number) => Math.round(rate).toLocaleString('en')
  return { median: show(median(rates)), least: show(Math.min(...rates)), most: show(Math.max(...rates)) }
}

function costRow(costs: readonly number[]): { median: string; least: string; most: string } {
  return {
    median: median(costs).toFixed(1),
    least: Math.min(...costs).toFixed(1),
    most: Math.max(...costs).toFixed(1),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
