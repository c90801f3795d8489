// Long runs of what `npm test` runs a sample of, against the command serving a folder: histories of concurrent clients
// before an oracle, followers that are killed, a crowd. `npm run soak:service`; prints a table and keeps it in RESULTS.md
// beside it.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import * as os from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeChance } from '@castellan/store/suite'
import { gather } from './crowd/crowd.ts'
import { killFollowers } from './followers/followers.ts'
import { soakHistory } from './history/soak.ts'
import { servePlatform } from './platform.ts'

const OPERATIONS = 100_000
const KILLS = 100
const CROWD = { idle: 10_000, followers: 100, dawdlers: 200, oversized: 100, checks: 1_000 }
/** Most memory that the server may hold with the whole crowd there, in MB: about 40 KiB for each of them. */
const MEMORY_MB_MAX = 600

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } })
const seed = Number(values.seed)
const chance = makeChance(seed)

const history = await soakHistory(OPERATIONS, seed)
const followed = await killFollowers(KILLS, chance)
await using platform = await servePlatform()
const crowd = await gather(platform, CROWD)
assert.ok(crowd.memory.crowded < MEMORY_MB_MAX, `the server holds ${crowd.memory.crowded} MB`)

const rows: readonly (readonly [string, number])[] = [
  ['operations of 32 clients, every answer as the oracle says', history.operations],
  ['commits among them', history.commits],
  ['checks among them', history.checks],
  ['of these allowed', history.allowed],
  ['followers killed', followed.kills],
  ['changes made meanwhile, each heard of once, in order', followed.changes],
  ['connections that idle', CROWD.idle],
  ['connections that send a head byte by byte', CROWD.dawdlers],
  ['requests with too large a body, all answered 413', CROWD.oversized],
  ['followers, a quarter of which does not listen', CROWD.followers],
  ['events that the others heard', crowd.events],
  ['checks asked at once among these, all answered rightly', CROWD.checks],
  ['milliseconds until the last of them was answered', Math.round(crowd.checksMs)],
  ['MB of memory of the server before', crowd.memory.before],
  ['MB with all of them there', crowd.memory.crowded],
  ['MB after they left', crowd.memory.after],
]
const machine = `${os.cpus()[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} cores, Node ${process.versions.node}`
const text = `# The service under load

\`npm run soak:service -- --seed ${seed}\` on ${machine}.

| what | count |
|---|---:|
${rows.map(([what, count]) => `| ${what} | ${count.toLocaleString('en')} |`).join('\n')}
`
console.log(text)
writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
