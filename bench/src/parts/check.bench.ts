import { openEngine } from '@castellan/engine'
import { openIntegerFloor } from '../floors/integers.ts'
import { openStringFloor } from '../floors/strings.ts'
import type { Job } from '../job.ts'
import { interleave, latencies, median, quantile, type Rates, type Runner } from '../measure.ts'
import { openCasbin, type PlacePeer } from '../peers/casbin.ts'
import { openCasl } from '../peers/casl.ts'
import { openCedar } from '../peers/cedar.ts'
import { listLiveGrants } from '../peers/given.ts'
import { openSqlitePeer } from '../peers/sqlite.ts'
import { drawQuestions, type Questions } from '../questions.ts'
import { atLeast, atMost, micros, number, perSecond, times, type Row } from '../report.ts'
import { factsOf } from '../text.ts'
import { generateWorld } from '../world.ts'

type Check = (actor: string, permission: string) => boolean

/** node-casbin looks at every policy on every question: beyond this it would take all day. */
const CASBIN_GRANTS_MAX = 10_000

/** `check` through the public call, its latency, and `scan`, beside both floors and all peers. */
export async function benchCheck(job: Job): Promise<Row[]> {
  const world = generateWorld(job.grants, job.seed)
  const integers = openIntegerFloor(world)
  const strings = openStringFloor(factsOf(world))
  const engine = openEngine({ facts: factsOf(world), now: Date.now })
  const sqlite = openSqlitePeer(factsOf(world))
  const live = listLiveGrants(world, integers)
  const casl = openCasl(world, live)
  const cedar = openCedar(world, live)
  const casbin = job.grants <= CASBIN_GRANTS_MAX ? await openCasbin(world, live) : undefined

  const perRound = job.grants > 10_000 ? 2000 : 1000
  const [warm, rounds, timed] = job.quick ? [8, 6, 4] : [10, 40, 20]
  const rows: Row[] = []
  for (const spread of ['uniform', 'zipf'] as const) {
    const questions = drawQuestions(world, integers, spread, perRound * (warm + rounds + timed), job.seed + 1)
    const checks: Record<string, Check> = {
      this: (actor, permission) => engine.check(actor, permission),
      strings: (actor, permission) => strings.check(actor, permission),
    }
    const runners: Runner[] = [
      ...Object.entries(checks).map(([name, check]) => asText(name, check, questions)),
      { name: 'integers', run: (from, to) => runIntegers(integers, questions, from, to) },
      { ...asText('sqlite', (actor, permission) => sqlite.check(actor, permission), questions), most: 200 },
      asPlaces('casl', casl, questions, 100),
      asPlaces('cedar', cedar, questions, 25),
      ...(casbin === undefined ? [] : [asPlaces('casbin', casbin, questions, 3)]),
    ]
    await interleave(runners, { rounds: warm, perRound })
    const rates = await interleave(runners, { rounds, perRound, from: warm * perRound })
    const grants = number(job.grants)
    rows.push(rateRow(`check, ${spread}`, grants, rates))
    rows.push(
      ...latencyRows(`check, ${spread}`, grants, checks, questions, {
        rounds: timed,
        perRound,
        from: (warm + rounds) * perRound,
      }),
    )
    if (spread === 'uniform')
      rows.push(scanRow(grants, (actor, permission) => engine.scan(actor, permission), questions))
  }
  sqlite.close()
  return rows
}

function asText(name: string, check: Check, questions: Questions): Runner {
  return {
    name,
    run(from, to) {
      const { actors, permissions } = questions.decode(from, to)
      const answers = new Uint8Array(to - from)
      const start = performance.now()
      for (let index = 0; index < answers.length; index++)
        answers[index] = check(actors[index]!, permissions[index]!) ? 1 : 0
      const took = performance.now() - start
      assertAnswers(name, questions, from, answers)
      return took
    },
  }
}

function runIntegers(
  floor: ReturnType<typeof openIntegerFloor>,
  questions: Questions,
  from: number,
  to: number,
): number {
  const { actor, place, level } = questions
  const answers = new Uint8Array(to - from)
  const start = performance.now()
  for (let index = from; index < to; index++) {
    answers[index - from] = floor.check(actor[index]!, place[index]!, level[index]!) ? 1 : 0
  }
  const took = performance.now() - start
  assertAnswers('integers', questions, from, answers)
  return took
}

function asPlaces(name: string, peer: PlacePeer, questions: Questions, most: number): Runner {
  return {
    name,
    most,
    run(from, to) {
      const asks: (() => boolean)[] = []
      for (let index = from; index < to; index++) {
        asks.push(peer.prepare(questions.actor[index]!, questions.place[index]!, questions.level[index]!))
      }
      const answers = new Uint8Array(to - from)
      const start = performance.now()
      for (let index = 0; index < asks.length; index++) answers[index] = asks[index]!() ? 1 : 0
      const took = performance.now() - start
      assertAnswers(name, questions, from, answers)
      return took
    },
  }
}

/** A fast wrong answer is worth nothing. */
function assertAnswers(name: string, questions: Questions, from: number, answers: Uint8Array): void {
  for (const [index, answer] of answers.entries()) {
    if (answer === questions.answer[from + index]) continue
    const { actors, permissions } = questions.decode(from + index, from + index + 1)
    throw new Error(`${name} says ${answer === 1} to ${actors[0]} and ${permissions[0]}`)
  }
}

function rateRow(measure: string, grants: string, rates: ReadonlyMap<string, Rates>): Row {
  const own = rates.get('this')!
  const rate = (name: string) => perSecond(rates.get(name)!.rate)
  const ratio = own.over('strings')
  return {
    measure,
    grants,
    castellan: rate('this'),
    floor: `strings ${rate('strings')}, integers ${rate('integers')}`,
    ratio: `${times(ratio)} strings, ${times(own.over('integers'))} integers`,
    peers: ['sqlite', 'casl', 'cedar', 'casbin']
      .filter((name) => rates.has(name))
      .map((name) => `${name} ${rate(name)}`)
      .join(', '),
    target: atLeast(ratio, 1, '≥ 1 × strings'),
  }
}

interface Rounds {
  readonly rounds: number
  readonly perRound: number
  readonly from: number
}

function latencyRows(
  measure: string,
  grants: string,
  checks: Readonly<Record<string, Check>>,
  questions: Questions,
  { rounds, perRound, from }: Rounds,
): Row[] {
  const names = Object.keys(checks)
  const found = new Map(names.map((name) => [name, { p50: [] as number[], p99: [] as number[] }]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length]!
      const check = checks[name]!
      const start = from + round * perRound
      const { actors, permissions } = questions.decode(start, start + perRound)
      const took = latencies(perRound, (index) => check(actors[index]!, permissions[index]!))
      found.get(name)!.p50.push(quantile(took, 0.5))
      found.get(name)!.p99.push(quantile(took, 0.99))
    }
  }
  const own = found.get('this')!
  const floor = found.get('strings')!
  const ratio = (of: 'p50' | 'p99') => median(own[of].map((value, round) => value / floor[of][round]!))
  const row = (of: 'p50' | 'p99') => ({
    measure: `${measure}, ${of}`,
    grants,
    castellan: micros(median(own[of])),
    floor: `strings ${micros(median(floor[of]))}`,
    ratio: `${times(ratio(of))} strings`,
  })
  return [row('p50'), { ...row('p99'), target: atMost(ratio('p99'), 3, '≤ 3 × strings') }]
}

function scanRow(
  grants: string,
  scan: (actor: string, permission: string) => unknown,
  questions: Questions,
): Row {
  const half = Math.min(questions.count >> 1, 10_000)
  const { actors, permissions } = questions.decode(0, half * 2)
  const ask = (index: number) => scan(actors[index]!, permissions[index]!)
  latencies(half, ask)
  const took = latencies(half, (index) => ask(half + index))
  const p50 = quantile(took, 0.5)
  return { measure: 'scan, uniform, p50', grants, castellan: micros(p50), target: atMost(p50, 20, '< 20 µs') }
}
