// Long runs of what `npm test` runs a sample of: random worlds against the oracle, killed writers against their
// journal. `npm run soak -- --worlds 10000 --kills 200 --seed 1`; prints a table and keeps it in RESULTS.md beside it.
import { mkdirSync, writeFileSync } from 'node:fs'
import * as os from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DisagreementError, runAgreement, type Agreement } from '../../packages/engine/test/agree.ts'
import { holdsAll } from '../../packages/engine/test/oracle.ts'
import { questionsOf } from '../../packages/engine/test/worlds.ts'
import { killWriters, type KillReport } from '../../packages/store/test/kill.ts'

/** Worlds between two lines of progress. */
const PROGRESS_WORLDS = 500
/** Users asked about after each kill. Bounds the oracle's time, which grows with the square of the facts. */
const KILL_ACTORS_MAX = 8
const KILL_PERMISSIONS_MAX = 20
/** Most memory the run may ever hold, in MB: several times what it takes, so that only what grows is above. */
const MEMORY_MB_MAX = 1000

await main()

async function main(): Promise<void> {
  const settings = readSettings()
  const agreement = measure(() => soakWorlds(settings.worlds, settings.seed))
  if (agreement === undefined) return
  const memory = Math.ceil(process.resourceUsage().maxRSS / 1024)
  if (memory > MEMORY_MB_MAX) throw new Error(`the worlds took ${memory} MB: more than ${MEMORY_MB_MAX}`)
  const start = performance.now()
  const kills = await soakKills(settings.kills, settings.seed)
  const killSeconds = (performance.now() - start) / 1000
  const text = report(settings, agreement, { result: kills, seconds: killSeconds }, memory)
  console.log(text)
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
}

interface Settings {
  readonly worlds: number
  readonly kills: number
  readonly seed: number
}

interface Measured<Result> {
  readonly result: Result
  readonly seconds: number
}

function readSettings(): Settings {
  const options = { worlds: { type: 'string' }, kills: { type: 'string' }, seed: { type: 'string' } } as const
  const { values } = parseArgs({ options })
  return {
    worlds: count('worlds', values.worlds ?? '10000'),
    kills: count('kills', values.kills ?? '200'),
    seed: count('seed', values.seed ?? '1'),
  }
}

function count(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} is a number, not \`${text}\``)
  return Number(text)
}

interface Worlds extends Agreement {
  readonly slowest: { readonly seed: number; readonly seconds: number }
}

function soakWorlds(worlds: number, seed: number): Worlds {
  let slowest = { seed, seconds: 0 }
  let start = performance.now()
  const agreement = runAgreement({
    worlds,
    seed,
    onWorld: (done) => {
      const seconds = (performance.now() - start) / 1000
      if (seconds > slowest.seconds) slowest = { seed: seed + done - 1, seconds }
      start = performance.now()
      if (done % PROGRESS_WORLDS === 0) console.error(`${done} of ${worlds} worlds`)
    },
  })
  return { ...agreement, slowest }
}

/** A disagreement ends the run with its world, ready to be replayed. */
function measure(run: () => Worlds): Measured<Worlds> | undefined {
  const start = performance.now()
  try {
    return { result: run(), seconds: (performance.now() - start) / 1000 }
  } catch (error) {
    if (!(error instanceof DisagreementError)) throw error
    mkdirSync('reports', { recursive: true })
    const file = `reports/disagreement-${error.world.seed}.json`
    writeFileSync(file, `${JSON.stringify(error.world, undefined, 1)}\n`)
    console.error(
      `${error.problem.about}: ${error.problem.detail}\nseed ${error.world.seed}, kept in ${file}`,
    )
    process.exitCode = 1
    return undefined
  }
}

/** Each store that a killed writer left must answer as the oracle does over the facts it holds. */
async function soakKills(kills: number, seed: number): Promise<KillReport & { readonly questions: number }> {
  let questions = 0
  const report = await killWriters({
    count: kills,
    seed,
    check: ({ engine }) => {
      const facts = [...engine.facts()]
      const now = Date.now()
      const holds = holdsAll(facts, now)
      const { actors, permissions } = questionsOf(facts)
      for (const actor of spread(actors, KILL_ACTORS_MAX)) {
        for (const permission of spread(permissions, KILL_PERMISSIONS_MAX)) {
          questions++
          if (engine.check(actor, permission, { now }) === holds(actor, permission)) continue
          throw new Error(`after a kill, check(${actor}, ${permission}) is not what the facts say`)
        }
      }
    },
  })
  return { ...report, questions }
}

/** At most so many, from the whole of the list. */
function spread<Item>(items: readonly Item[], max: number): Item[] {
  const step = Math.max(1, Math.ceil(items.length / max))
  return items.filter((_, place) => place % step === 0)
}

function report(
  { worlds, kills, seed }: Settings,
  agreement: Measured<Worlds>,
  killed: Measured<KillReport & { readonly questions: number }>,
  memory: number,
): string {
  const { result, seconds } = agreement
  const rows: readonly (readonly [string, string | number])[] = [
    ['random worlds, no disagreement', result.worlds],
    ['batches of changes made', result.batches],
    ['batches that the model and the engine both refused', result.refused],
    ['questions checked against the oracle', result.questions],
    ['of these allowed', result.allowed],
    ['readings and claims compared node by node', result.readings],
    ['explanations examined', result.explanations],
    ['previews compared with what then happened', result.previews],
    ['seconds for the worlds', seconds.toFixed(0)],
    [`seconds for the slowest of them, seed ${result.slowest.seed}`, result.slowest.seconds.toFixed(1)],
    ['MB of memory at most, with all that runs them', memory],
    ['writers killed, nothing acknowledged lost', killed.result.kills],
    ['changes acknowledged to them', killed.result.acknowledged],
    ['changes kept though nobody heard of it', killed.result.unheard],
    ['questions checked after kills', killed.result.questions],
    ['seconds for the kills', killed.seconds.toFixed(0)],
  ]
  const machine = `${os.cpus()[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} cores, Node ${process.versions.node}`
  return `# Soak

\`npm run soak -- --worlds ${worlds} --kills ${kills} --seed ${seed}\` on ${machine}.

| what | count |
|---|---:|
${rows.map(([what, value]) => `| ${what} | ${value.toLocaleString('en')} |`).join('\n')}
`
}
