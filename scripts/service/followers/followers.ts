import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { post } from '../http.ts'
import { servePlatform, type ServedPlatform } from '../platform.ts'

export interface FollowersReport {
  readonly kills: number
  /** Changes made meanwhile; the follower heard of each once, in order. */
  readonly changes: number
}

const FOLLOWER = fileURLToPath(new URL('./follower.ts', import.meta.url))
/** Longest life of a follower after it has heard of something, or, of every fourth, after its start, in milliseconds. */
const LIFE_MS_MAX = 300
/** Waited for what a last follower still has to hear, in milliseconds. */
const REST_MS_MAX = 20_000

/**
 * Kills a follower again and again while changes are made, and starts it anew from the last revision it told of.
 *
 * @throws when a revision was heard of twice, out of order, or never
 */
export async function killFollowers(
  kills: number,
  chance: (limit: number) => number,
): Promise<FollowersReport> {
  await using platform = await servePlatform()
  const first = await changeOne(platform, 0)
  const heard: number[] = []
  const lastHeard = (): number => heard.at(-1) ?? first
  const stop = new AbortController()
  const changing = changeUntil(platform, stop.signal, chance)
  for (let i = 0; i < kills; i++) {
    await using follower = startFollower(platform, lastHeard(), (revision) => heard.push(revision))
    if (chance(4) !== 0) await follower.heard
    await sleep(chance(LIFE_MS_MAX))
    await follower.kill()
  }
  stop.abort()
  const last = await changing
  await using follower = startFollower(platform, lastHeard(), (revision) => heard.push(revision))
  for (const start = Date.now(); lastHeard() < last && Date.now() - start < REST_MS_MAX;) await sleep(20)
  await follower.kill()
  const wrong = heard.findIndex((revision, i) => revision !== first + 1 + i)
  if (wrong >= 0) throw new Error(`revision ${heard[wrong]} was heard of where ${first + 1 + wrong} was due`)
  if (lastHeard() !== last)
    throw new Error(`nothing was heard of revision ${lastHeard() + 1} and what follows`)
  return { kills, changes: heard.length }
}

/** @returns the last revision */
async function changeUntil(
  platform: ServedPlatform,
  signal: AbortSignal,
  chance: (limit: number) => number,
): Promise<number> {
  for (let i = 1; ; i++) {
    const revision = await changeOne(platform, i)
    if (signal.aborted) return revision
    await sleep(chance(3))
  }
}

async function changeOne(platform: ServedPlatform, i: number): Promise<number> {
  const { revision } = await post(platform, '/v1/changes', {
    changes: [{ add: { kind: 'user', id: `u${i}` } }],
  })
  return revision
}

interface StartedFollower extends AsyncDisposable {
  /** Settles when it has told of something, or is gone. */
  readonly heard: Promise<unknown>
  /** Ends it in the middle of whatever it does, and waits until all it said has been heard. */
  kill(): Promise<void>
}

function startFollower(
  { address, token }: ServedPlatform,
  known: number,
  hear: (revision: number) => void,
): StartedFollower {
  const child = spawn(process.execPath, [FOLLOWER, address, token, String(known)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const heard = Promise.race([once(child.stdout, 'data'), closed])
  // What it was saying when it was killed ends without a line end, and counts for nothing.
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) hear(Number(line))
  })
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await closed
  }
  return { heard, kill, [Symbol.asyncDispose]: kill }
}
