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
const CONNECTIONS = 32
/** Questions in one `/v1/check-each`. */
const EACH = 100

/** The decision routes over HTTP, beside a bare server on the same core that reads and writes as many bytes. */
export async function benchHttp(job: Job): Promise<Row[]> {
  const world = generateWorld(job.grants, job.seed)
  const questions = drawQuestions(world, openIntegerFloor(world), 'uniform', 20_000, job.seed + 1)
  const pinned = pinToLast()
  const castellan = await serve({ kind: 'castellan', grants: job.grants, seed: job.seed, answers: {} })
  const whole = await openLoad(castellan.served.port, CONNECTIONS)
  const [one, each] = [
    requestsOf(questions, castellan.served.token),
    eachRequestsOf(questions, castellan.served.token),
  ]
  // Asked first, so that the bare server can answer at the same length.
  const answers = {
    '/v1/check': await bodyBytes(castellan.served, one[0]!),
    '/v1/check-each': await bodyBytes(castellan.served, each[0]!),
  }
  const bare = await serve({ kind: 'bare', grants: job.grants, seed: job.seed, answers })
  const echo = await openLoad(bare.served.port, CONNECTIONS)
  try {
    const rounds = job.quick ? 4 : 20
    return [
      await row('POST /v1/check', job, { whole, echo, requests: one, rounds, pinned, wanted: 0.6 }),
      await row(`POST /v1/check-each, ${EACH} questions`, job, {
        whole,
        echo,
        requests: each,
        rounds,
        pinned,
      }),
    ]
  } finally {
    for (const load of [whole, echo]) load.close()
    for (const { child } of [castellan, bare]) child.disconnect()
  }
}

interface Race {
  readonly whole: Load
  readonly echo: Load
  readonly requests: readonly Buffer[]
  readonly rounds: number
  readonly pinned: boolean
  readonly wanted?: number
}

async function row(
  measure: string,
  job: Job,
  { whole, echo, requests, rounds, pinned, wanted }: Race,
): Promise<Row> {
  const take = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => requests[(from + index) % requests.length]!)
  const runners: Runner[] = [
    { name: 'this', run: (from, to) => whole.run(take(from, to)) },
    { name: 'bare', run: (from, to) => echo.run(take(from, to)) },
  ]
  const perRound = Math.min(4000, requests.length * 4)
  await interleave(runners, { rounds: 3, perRound })
  const rates = await interleave(runners, { rounds, perRound, from: 3 * perRound })
  const ratio = rates.get('this')!.over('bare')
  const result = {
    measure: pinned ? measure : `${measure} (cores shared)`,
    grants: number(job.grants),
    castellan: perSecond(rates.get('this')!.rate),
    floor: `bare node:http ${perSecond(rates.get('bare')!.rate)}`,
    ratio: `${times(ratio)} bare`,
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

async function bodyBytes({ port }: Served, request: Buffer): Promise<number> {
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

async function serve(serving: Serving): Promise<{ served: Served; child: ChildProcess }> {
  const program = new URL('../http-served.ts', import.meta.url).pathname
  const flags = process.execArgv.filter((flag) => flag !== '--expose-gc')
  const command = [process.execPath, ...flags, program, JSON.stringify(serving)]
  const [file, ...args] = canPin() ? [PINNER, '-c', '0', ...command] : command
  const child = spawn(file!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [served] = (await Promise.race([once(child, 'message'), failed(child)])) as [Served]
  return { served, child }
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number]
  throw new Error(`a server ended with ${code}`)
}

/** The load generator goes where the servers are not. */
function pinToLast(): boolean {
  if (!canPin()) return false
  execFileSync(PINNER, ['-a', '-p', '-c', String(availableParallelism() - 1), String(process.pid)], {
    stdio: 'ignore',
  })
  return true
}

function canPin(): boolean {
  if (availableParallelism() < 2 && !isPinned) return false
  try {
    execFileSync(PINNER, ['--version'], { stdio: 'ignore' })
    isPinned = true
    return true
  } catch {
    return false
  }
}

/** Once pinned, a process sees one core only. */
let isPinned = false
