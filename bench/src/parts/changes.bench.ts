import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Fact } from '@castellan/engine'
import { openLive, openSqliteStore, type Live } from '@castellan/store'
import { inScratchFolder } from '../disk.ts'
import type { Job } from '../job.ts'
import { interleave, type Rates, type Runner } from '../measure.ts'
import { atLeast, number, perSecond, times, type Row } from '../report.ts'
import { factsOf, grantFact } from '../text.ts'
import { generateWorld, type World } from '../world.ts'

const CALLERS = 64

/** Changes that are on the disk when they are acknowledged, beside one-row commits of bare SQLite. */
export async function benchChanges(job: Job): Promise<Row[]> {
  return inScratchFolder(job.folder, async (folder) => {
    const world = generateWorld(job.grants, job.seed)
    const live = openLive({ store: await openSqliteStore({ path: join(folder, 'live.db') }), now: Date.now })
    await load(live, factsOf(world))
    const bare = openBare(join(folder, 'bare.db'))
    const more = newGrants(world)
    const runners: Runner[] = [
      { name: 'bare', run: (from, to) => bare.run(from, to), most: 100 },
      { name: 'one', run: (from, to) => runCallers(live, more, 1, to - from), most: 100 },
      { name: 'many', run: (from, to) => runCallers(live, more, CALLERS, to - from) },
    ]
    await interleave(runners, { rounds: 2, perRound: 640 })
    const rates = await interleave(runners, { rounds: job.quick ? 4 : 25, perRound: 1280 })
    bare.close()
    await live.close()
    return [
      row('durable changes, one caller', job, rates, 'one', 0.8),
      row(`durable changes, ${CALLERS} callers`, job, rates, 'many', 4),
    ]
  })
}

function row(
  measure: string,
  job: Job,
  rates: ReadonlyMap<string, Rates>,
  name: string,
  wanted: number,
): Row {
  const ratio = rates.get(name)!.over('bare')
  return {
    measure,
    grants: number(job.grants),
    castellan: perSecond(rates.get(name)!.rate),
    floor: `bare SQLite ${perSecond(rates.get('bare')!.rate)}`,
    ratio: `${times(ratio)} bare`,
    target: atLeast(ratio, wanted, wanted < 1 ? '≥ 80 % of bare' : '≥ 5 × 80 % of bare'),
  }
}

const LOAD_CHANGES = 1000

async function load(live: Live, facts: Iterable<Fact>): Promise<void> {
  let batch: { add: Fact }[] = []
  for (const add of facts) {
    if (batch.push({ add }) < LOAD_CHANGES) continue
    await live.change(batch)
    batch = []
  }
  await live.change(batch)
}

/** Grants that the world does not have yet, from one user to another. */
function* newGrants(world: World): Generator<Fact> {
  for (let step = 1; ; step++) {
    for (let grant = 0; grant < world.grants / 2; grant++) {
      const { issuer, permission } = grantFact(world, grant)
      const holder = grantFact(world, (grant + step) % (world.grants >> 1)).holder
      if (issuer !== holder)
        yield { kind: 'grant', issuer, holder, permission, extra: {}, reason: `added ${step}` }
    }
  }
}

async function runCallers(live: Live, more: Iterator<Fact>, callers: number, count: number): Promise<number> {
  const changes = Array.from({ length: count }, () => ({ add: more.next().value as Fact }))
  let next = 0
  const call = async () => {
    while (next < count) await live.change([changes[next++]!])
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: callers }, call))
  return performance.now() - start
}

/** One table, one row a commit, the settings of the store. */
function openBare(path: string): { run(from: number, to: number): number; close(): void } {
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)',
  )
  const insert = database.prepare('INSERT INTO row (text) VALUES (?)')
  const text = 'x'.repeat(150)
  return {
    run(from, to) {
      const start = performance.now()
      for (let index = from; index < to; index++) insert.run(text)
      return performance.now() - start
    },
    close: () => database.close(),
  }
}
