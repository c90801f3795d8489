import { join } from 'node:path'
import type { Fact } from '@castellan/engine'
import { openLive, openSqliteStore } from '@castellan/store'
import { inScratchFolder } from '../disk.ts'
import type { Job } from '../job.ts'
import { median } from '../measure.ts'
import { atMost, millis, number, type Row } from '../report.ts'
import { runJob } from '../run-job.ts'
import { factsOf } from '../text.ts'
import { generateWorld } from '../world.ts'

const FACTS_PER_COMMIT = 10_000
/** The size that the target speaks of. */
const GRANTS_MAX = 1_000_000

/** From opening the database to the first answer, in fresh processes. */
export async function benchOpen(job: Job): Promise<Row[]> {
  return inScratchFolder(job.folder, async (folder) => {
    const path = join(folder, 'world.db')
    await fill(path, factsOf(generateWorld(job.grants, job.seed)))
    const took: number[] = []
    for (let times = 0; times < (job.quick ? 1 : 3); times++)
      took.push(await runJob<number>({ ...job, part: 'open-once', folder: path }))
    const ms = median(took)
    const row = { measure: 'open from SQLite', grants: number(job.grants), castellan: millis(ms) }
    return [job.grants < GRANTS_MAX ? row : { ...row, target: atMost(ms, 5000, '< 5 s') }]
  })
}

/** In a process that did nothing before. @returns milliseconds */
export async function openOnce({ folder: path }: Job): Promise<number> {
  const start = performance.now()
  const live = openLive({ store: await openSqliteStore({ path, create: false }), now: Date.now })
  if (!live.engine.check('system', 'fs')) throw new Error('system holds everything')
  const took = performance.now() - start
  await live.close()
  return took
}

async function fill(path: string, facts: Iterable<Fact>): Promise<void> {
  const store = await openSqliteStore({ path })
  let batch: Fact[] = []
  for (const fact of facts) {
    batch.push(fact)
    if (batch.length === FACTS_PER_COMMIT) flush()
  }
  if (batch.length > 0) flush()
  store.close()

  function flush(): void {
    const effects = batch.map((after) => ({ before: null, after }))
    store.commit([{ revision: store.revision + 1, time: 0, actor: 'system', reason: null, effects }])
    batch = []
  }
}
