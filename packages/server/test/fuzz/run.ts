import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openEngine } from '@castellan/engine'
import { Pool } from './pool.ts'
import { Random } from './random.ts'
import { DEADLINE_MS, FuzzError, Sender } from './sender.ts'
import { Tally, type FuzzReport } from './tally.ts'
import { exchange } from './wire.ts'
import { KNOWN, openWorld, type Fuzzed } from './world.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly requests: number
  /** Requests to one world before the next begins; what one shows, later ones use. Default 250. */
  readonly episode?: number
  readonly onEpisode?: (done: number) => void
}

/** Questions asked of each world at its end. */
const QUESTIONS = 15

export async function runFuzz({
  seed,
  requests,
  episode = 250,
  onEpisode,
}: FuzzOptions): Promise<FuzzReport> {
  const tally = new Tally()
  let first: number | undefined
  for (let done = 0; done < requests;) {
    const count = Math.min(episode, requests - done)
    await runEpisode(seed + tally.episodes, count, tally)
    done += count
    tally.episodes++
    first ??= heapBytes()
    onEpisode?.(done)
  }
  return tally.report([first ?? 0, heapBytes()])
}

async function runEpisode(seed: number, count: number, tally: Tally): Promise<void> {
  const random = new Random(seed)
  await using world = await openWorld()
  const pool = new Pool(random, world.isReachable)
  fillPool(pool, world)
  const sender = new Sender(world, random, pool, tally)
  for (let i = 0; i < count; i++) await sender.run(`seed ${seed}, request ${i}`)
  await assertWell(world, pool, tally, seed)
}

/** The names of the world; whatever lies beyond it comes with the answers. */
function fillPool(pool: Pool, { live }: Fuzzed): void {
  for (const fact of live.engine.facts()) pool.harvest(fact)
  pool.add('actor', 'system', 'user:nobody', 'user:ed/app:editor', 'user:alice')
  pool.add('holder', 'group:user', 'app:editor')
  pool.add(
    'permission',
    'a:b:c',
    'a:read',
    'b',
    'fs',
    'fs:/ed/notes.txt:read',
    'castellan:check',
    'zz:unknown',
  )
  pool.revision = live.engine.revision
}

/** After everything that was sent, the server is healthy and its answers are right. */
async function assertWell(world: Fuzzed, pool: Pool, tally: Tally, seed: number): Promise<void> {
  await world.restoreAuditor()
  const fresh = openEngine({ facts: [...world.live.engine.facts()], now: () => world.now })
  const asked = [
    ...KNOWN,
    ...Array.from({ length: QUESTIONS }, () => ({
      actor: pool.find('actor') ?? 'system',
      permission: pool.find('permission') ?? 'a',
      allowed: undefined,
    })),
  ]
  for (const { actor, permission, allowed } of asked) {
    const wanted = allowed ?? answerOf(() => fresh.check(actor, permission, { viewer: world.auditorActor }))
    if (wanted === undefined) continue
    const body = JSON.stringify({ actor, permission })
    const bytes = [
      `POST /v1/check HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${world.auditor}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ]
    const { replies } = await exchange(world.port, bytes, { deadlineMs: DEADLINE_MS })
    tally.questions++
    const found =
      replies[0]?.status === 200 ? (JSON.parse(replies[0].text) as { allowed: boolean }).allowed : undefined
    if (found !== wanted)
      throw new FuzzError(
        `it should be ${wanted}, and is ${replies[0]?.text}`,
        `seed ${seed}, at the end`,
        bytes,
      )
  }
  const bytes = ['GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']
  const { replies } = await exchange(world.port, bytes, { deadlineMs: DEADLINE_MS })
  if (replies[0]?.status !== 200) throw new FuzzError('it is not healthy', `seed ${seed}, at the end`, [])
}

/** What is malformed has no answer. */
function answerOf(ask: () => boolean): boolean | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}

// Whatever this process was started with: what nobody holds is no growth.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}
