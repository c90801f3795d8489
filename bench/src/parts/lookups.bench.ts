import { FACT_KINDS, openEngine, type Engine, type Fact } from '@castellan/engine'
import { DEPENDANTS, fannedOut, spreadOut, widelyHeld, type Dependence, type Extra } from '../extras.ts'
import type { Job } from '../job.ts'
import { median, milliseconds } from '../measure.ts'
import { atMost, millis, number, type Row } from '../report.ts'
import { factsOf } from '../text.ts'
import { generateWorld } from '../world.ts'

/** `holders` of a permission that 1,000 hold, and `preview` of a revocation on which 15,000 grants depend. */
export async function benchLookups(job: Job): Promise<Row[]> {
  const world = generateWorld(job.grants, job.seed)
  const held = widelyHeld()
  const fan = fannedOut()
  const spread = spreadOut()
  const engine = openEngine({
    facts: inOrder([...factsOf(world), ...held.facts, ...fan.facts, ...spread.facts]),
    now: Date.now,
  })
  const rounds = job.quick ? 5 : 25
  const grants = number(job.grants)
  const count = number(DEPENDANTS)
  return [
    holdersRow(grants, engine, held, rounds),
    previewRow(`preview, ${count} grants of one permission`, grants, engine, fan, rounds),
    previewRow(`preview, ${count} grants of as many permissions`, grants, engine, spread, rounds),
  ]
}

function inOrder(facts: readonly Fact[]): Fact[] {
  return FACT_KINDS.flatMap((kind) => facts.filter((fact) => fact.kind === kind))
}

function holdersRow(grants: string, engine: Engine, { permission }: Extra, rounds: number): Row {
  const took = Array.from({ length: rounds }, () => {
    let found = 0
    const ms = milliseconds(() => (found = engine.holders(permission, { limit: 1000 }).items.length))
    if (found !== 1000) throw new Error(`${found} holders instead of 1,000`)
    return ms
  })
  const ms = median(took)
  return { measure: 'holders, 1,000 of them', grants, castellan: millis(ms), target: atMost(ms, 5, '< 5 ms') }
}

function previewRow(
  measure: string,
  grants: string,
  engine: Engine,
  { revoked, losers }: Dependence,
  rounds: number,
): Row {
  const took = Array.from({ length: rounds }, () => {
    let lost = 0
    const ms = milliseconds(() => (lost = engine.preview([{ remove: revoked }]).counts.lost))
    if (lost < DEPENDANTS || losers > lost) throw new Error(`${lost} lost something`)
    return ms
  })
  const ms = median(took)
  return { measure, grants, castellan: millis(ms), target: atMost(ms, 50, '< 50 ms') }
}
