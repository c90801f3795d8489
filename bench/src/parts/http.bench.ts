import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { openIntegerFloor } from '../floors/integers.ts'
import { openLoad, postRequest, type Load } from '../http-load.ts'
import type { Served, Serving } from '../http-served.ts'
import { inScratchFolder } from '../disk.ts'
import type { Job } from '../job.ts'
import { interleave, quantile, type Runner } from '../measure.ts'
import { drawQuestions, type Questions } from '../questions.ts'
import { atLeast, atMost, millis, number, perSecond, times, type Row } from '../report.ts'
import { grantFact } from '../text.ts'
import { generateWorld, type World } from '../world.ts'

/** Keeps a process on a core; where it is missing, servers and load generator share them all. */
const PINNER = 'taskset'
const CORES = availableParallelism()
const CAN_PIN = CORES > 1 && hasPinner()
const CONNECTIONS = 32
/** Questions in one `/v1/check-each`: as many as it takes. */
const EACH = 1000
const EACH_ANSWERS_MIN = 300_000
/** Changes that are committed while checks are timed, and the connections they come by. */
const CHANGES_PER_SECOND = 100
const CHANGE_CONNECTIONS = 4
const PACED_SECONDS = 10
const CHANGES_MAX = CHANGES_PER_SECOND * (PACED_SECONDS + 1)

/** The decision routes over HTTP, beside a bare server on the same core that reads and writes as many bytes. */
export async function benchHttp(job: Job): Promise<Row[]> {
  return inScratchFolder(job.folder, async (folder) => {
    const world = generateWorld(job.grants, job.seed)
    const questions = drawQuestions(world, openIntegerFloor(world), 'uniform', 20_000, job.seed + 1)
    if (CAN_PIN) pinToLastCore()
    const serving = { grants: job.grants, seed: job.seed, folder }
    const whole = await serve({ ...serving, kind: 'castellan', answers: {} })
    const one = requestsOf(questions, whole.token)
    const each = eachRequestsOf(questions, whole.token)
    // Asked first, so that the bare server can answer at the same length.
    const answers = {
      '/v1/check': await bodyBytes(whole, one[0]!),
      '/v1/check-each': await bodyBytes(whole, each[0]!),
    }
    const bare = await serve({ ...serving, kind: 'bare', answers })
    const race = { whole, bare, rounds: job.quick ? 4 : 20 }
    const grants = number(job.grants)
    try {
      const checks = await run({ ...race, requests: one })
      const eaches = await run({ ...race, requests: each })
      return [
        checkRow(grants, checks),
        eachRow(grants, eaches),
        await pacedRow(grants, whole, one, {
          perSecond: checks.rate / 2,
          seconds: job.quick ? 3 : PACED_SECONDS,
          changes: changeRequestsOf(world, whole.token),
        }),
      ]
    } finally {
      for (const server of [whole, bare]) server.close()
    }
  })
}

interface Race {
  readonly whole: Server
  readonly bare: Server
  readonly requests: readonly Buffer[]
  readonly rounds: number
}

interface Outcome {
  /** Requests a second. */
  readonly rate: number
  readonly bareRate: number
  readonly ratio: number
  /** The same by processor time: what a request costs its server does not depend on who else wants the core. */
  readonly costRatio: number
}

async function run({ whole, bare, requests, rounds }: Race): Promise<Outcome> {
  const take = (from: number, to: number) => takeOf(requests, from, to)
  const runners: Runner[] = [
    { name: 'this', run: (from, to) => whole.load.run(take(from, to)) },
    { name: 'bare', run: (from, to) => bare.load.run(take(from, to)) },
  ]
  const perRound = Math.min(4000, requests.length * 4)
  await interleave(runners, { rounds: 3, perRound })
  const before = await Promise.all([whole.spent(), bare.spent()])
  const rates = await interleave(runners, { rounds, perRound, from: 3 * perRound })
  const [own, floor] = [(await whole.spent()) - before[0], (await bare.spent()) - before[1]]
  return {
    rate: rates.get('this')!.rate,
    bareRate: rates.get('bare')!.rate,
    ratio: rates.get('this')!.over('bare'),
    costRatio: floor / own,
  }
}

/** As many of these as are asked for, from the beginning again at the end. */
function takeOf(requests: readonly Buffer[], from: number, to: number): Buffer[] {
  return Array.from({ length: to - from }, (_, index) => requests[(from + index) % requests.length]!)
}

function checkRow(grants: string, { rate, bareRate, ratio, costRatio }: Outcome): Row {
  return {
    measure: named('POST /v1/check'),
    grants,
    castellan: perSecond(rate),
    floor: `bare node:http ${perSecond(bareRate)}`,
    ratio: `${times(ratio)} bare, by processor time ${times(costRatio)}`,
    target: atLeast(ratio, 0.6, '≥ 60 % of bare'),
  }
}

function eachRow(grants: string, { rate, bareRate, costRatio }: Outcome): Row {
  return {
    measure: named(`POST /v1/check-each, ${number(EACH)} questions`),
    grants,
    castellan: `${perSecond(rate * EACH)} answers`,
    floor: `bare node:http ${perSecond(bareRate)}`,
    ratio: `by processor time ${times(costRatio)} bare`,
    target: atLeast(rate * EACH, EACH_ANSWERS_MIN, `≥ ${perSecond(EACH_ANSWERS_MIN)} answers`),
  }
}

interface Pace {
  readonly perSecond: number
  readonly seconds: number
  /** At least enough for these seconds and one more. */
  readonly changes: readonly Buffer[]
}

/** How long a check takes while facts change, asked by many who do not wait for each other. */
async function pacedRow(
  grants: string,
  { load, port }: Server,
  checks: readonly Buffer[],
  { perSecond: rate, seconds, changes }: Pace,
): Promise<Row> {
  const changing = openLoad(port, CHANGE_CONNECTIONS)
  const asked = takeOf(checks, 0, Math.round(rate * seconds))
  const alone = await load.pace(asked, rate)
  // The first changes find code that never ran.
  await changing.pace(changes.slice(0, CHANGES_PER_SECOND), CHANGES_PER_SECOND)
  const [took, changed] = await Promise.all([
    load.pace(asked, rate),
    changing.pace(changes.slice(CHANGES_PER_SECOND, CHANGES_PER_SECOND * (seconds + 1)), CHANGES_PER_SECOND),
  ])
  const p99 = quantile(took, 0.99)
  return {
    measure: named(
      `POST /v1/check, p99 at ${perSecond(rate)}, half of the top rate, with ${CHANGES_PER_SECOND} changes/s`,
    ),
    grants,
    castellan: `${millis(p99)} (p50 ${millis(quantile(took, 0.5))}); a change p50 ${millis(quantile(changed, 0.5))}`,
    floor: `without changes ${millis(quantile(alone, 0.99))} (p50 ${millis(quantile(alone, 0.5))})`,
    target: atMost(p99, 10, '< 10 ms'),
  }
}

function named(measure: string): string {
  return CAN_PIN ? measure : `${measure} (cores shared)`
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

/** Grants in the service's own name, each a new one. */
function changeRequestsOf(world: World, token: string): Buffer[] {
  return Array.from({ length: CHANGES_MAX }, (_, index) => {
    const { permission } = grantFact(world, index)
    const { issuer: holder } = grantFact(world, world.grants - 1 - index)
    const add = { kind: 'grant', issuer: 'user:service', holder, permission, extra: {} }
    return postRequest('/v1/changes', JSON.stringify({ changes: [{ add }] }), token)
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
