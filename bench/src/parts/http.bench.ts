import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { openIntegerFloor } from '../floors/integers.ts'
import { openLoad, postRequest, type Load } from '../http-load.ts'
import type { Served, Serving } from '../http-served.ts'
import type { Job } from '../job.ts'
import { interleave, type Runner } from '../measure.ts'
import { drawQuestions, type Questions } from '../questions.ts'
import { atLeast, number, perSecond, times, type Row } from '../report.ts'
import { generateWorld } from '../world.ts'

/** Keeps a process on a core; where it is missing, servers and load generator share them all. */
const PINNER = 'taskset'
const CORES = availableParallelism()
const CAN_PIN = CORES > 1 && hasPinner()
const CONNECTIONS = 32
/** Questions in one `/v1/check-each`. */
const EACH = 100

/** The decision routes over HTTP, beside a bare server on the same core that reads and writes as many bytes. */
export async function benchHttp(job: Job): Promise<Row[]> {
  const world = generateWorld(job.grants, job.seed)
  const questions = drawQuestions(world, openIntegerFloor(world), 'uniform', 20_000, job.seed + 1)
  if (CAN_PIN) pinToLastCore()
  const whole = await serve({ kind: 'castellan', grants: job.grants, seed: job.seed, answers: {} })
  const one = requestsOf(questions, whole.token)
  const each = eachRequestsOf(questions, whole.token)
  // Asked first, so that the bare server can answer at the same length.
  const answers = {
    '/v1/check': await bodyBytes(whole, one[0]!),
    '/v1/check-each': await bodyBytes(whole, each[0]!),
  }
  const bare = await serve({ kind: 'bare', grants: job.grants, seed: job.seed, answers })
  const race = { whole, bare, rounds: job.quick ? 4 : 20, grants: number(job.grants) }
  try {
    return [
      await row('POST /v1/check', { ...race, requests: one, wanted: 0.6 }),
      await row(`POST /v1/check-each, ${EACH} questions`, { ...race, requests: each }),
    ]
  } finally {
    for (const server of [whole, bare]) server.close()
  }
}

interface Race {
  readonly whole: Server
  readonly bare: Server
  readonly requests: readonly Buffer[]
  readonly rounds: number
  readonly grants: string
  readonly wanted?: number
}

async function row(measure: string, { whole, bare, requests, rounds, grants, wanted }: Race): Promise<Row> {
  const take = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => requests[(from + index) % requests.length]!)
  const runners: Runner[] = [
    { name: 'this', run: (from, to) => whole.load.run(take(from, to)) },
    { name: 'bare', run: (from, to) => bare.load.run(take(from, to)) },
  ]
  const perRound = Math.min(4000, requests.length * 4)
  await interleave(runners, { rounds: 3, perRound })
  const before = await Promise.all([whole.spent(), bare.spent()])
  const rates = await interleave(runners, { rounds, perRound, from: 3 * perRound })
  const [own, floor] = [(await whole.spent()) - before[0], (await bare.spent()) - before[1]]
  const ratio = rates.get('this')!.over('bare')
  const result = {
    measure: CAN_PIN ? measure : `${measure} (cores shared)`,
    grants,
    castellan: perSecond(rates.get('this')!.rate),
    floor: `bare node:http ${perSecond(rates.get('bare')!.rate)}`,
    // What a request costs its server does not depend on who else wants the core.
    ratio: `${times(ratio)} bare, by processor time ${times(floor / own)}`,
  }
  return wanted === undefined
    ? result
    : { ...result, target: atLeast(ratio, wanted, `≥ ${wanted * 100} % of bare`) }
}

function requestsOf({ count, decode }: Questions, token: string): Buffer[] {
  const { actors, permissions } = decode(0, count)
  return actors.map((actor, index) =>
    postRequest('/v1/check', JSON.stringify({ actor, permission: permissions[index] }), token),
  )
}

function eachRequestsOf({ count, decode }: Questions, token: string): Buffer[] {
  return Array.from({ length: count / EACH }, (_, request) => {
    const { actors, permissions } = decode(request * EACH, (request + 1) * EACH)
    const checks = actors.map((actor, index) => ({ actor, permission: permissions[index] }))
    return postRequest('/v1/check-each', JSON.stringify({ checks }), token)
  })
}

async function bodyBytes({ port }: Server, request: Buffer): Promise<number> {
  const text = request.toString()
  const [head, body] = text.split('\r\n\r\n')
  const path = head!.split(' ')[1]!
  const authorization = /Authorization: (.*)/.exec(head!)![1]!
  const headers = { Authorization: authorization, 'Content-Type': 'application/json' }
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: body! })
  const bytes = (await answer.arrayBuffer()).byteLength
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`)
  return bytes
}

interface Server extends Served {
  readonly load: Load
  /** Processor time it took until now, in microseconds. */
  spent(): Promise<number>
  close(): void
}

async function serve(serving: Serving): Promise<Server> {
  const program = new URL('../http-served.ts', import.meta.url).pathname
  const flags = process.execArgv.filter((flag) => flag !== '--expose-gc')
  const command = [process.execPath, ...flags, program, JSON.stringify(serving)]
  const [file, ...args] = CAN_PIN ? [PINNER, '-c', '0', ...command] : command
  const child = spawn(file!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [served] = (await Promise.race([once(child, 'message'), failed(child)])) as [Served]
  return {
    ...served,
    load: openLoad(served.port, CONNECTIONS),
    async spent() {
      child.send('spent')
      const [micros] = (await once(child, 'message')) as [number]
      return micros
    },
    close() {
      child.disconnect()
    },
  }
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number]
  throw new Error(`a server ended with ${code}`)
}

/** The load generator goes where the servers are not. */
function pinToLastCore(): void {
  execFileSync(PINNER, ['-a', '-p', '-c', String(CORES - 1), String(process.pid)], { stdio: 'ignore' })
}

function hasPinner(): boolean {
  try {
    execFileSync(PINNER, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
