import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { keyParts, type Fact, type FactKey, type JournalEntry } from '@castellan/engine'
import { openLive, openSqliteStore, verifyStore, type Live } from '@castellan/store'
import { makeChance } from '@castellan/store/suite'
import { startChild, type Child } from './child.ts'
import { makeFolder } from './folder.ts'
import { BASICS, batchOf, isFulfilled } from './kill-script.ts'

export interface KillOptions {
  /** How many processes are killed. */
  readonly count: number
  /** The same seed makes the same changes; the moments are the machine's. */
  readonly seed: number
  /** What else must hold of each reopened store. */
  readonly check?: (live: Live) => void | Promise<void>
}

export interface KillReport {
  readonly kills: number
  /** Changes that were acknowledged, and those found in the journal without that: killed on the way back. */
  readonly acknowledged: number
  readonly unheard: number
}

/** How often a database is killed on before a new one is begun. */
const KILLS_EACH = 5
/** Longest time under load, and longest start, in milliseconds. */
const LOAD_MS_MAX = 200
/** Most changes that are acknowledged before that time begins, so that there is load on a slow machine as well. */
const LOAD_KEPT_MAX = 40
const START_MS_MAX = 400

/**
 * Kills a process that is changing a store, again and again, at moments of chance: also while it opens, and while it
 * tidies up after the one killed before it. After each, nothing that was acknowledged may be missing, nothing may be
 * half there, and the store must be whole.
 */
export async function killWriters({ count, seed, check }: KillOptions): Promise<KillReport> {
  const chance = makeChance(seed)
  const report = { kills: 0, acknowledged: 0, unheard: 0 }
  while (report.kills < count) {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    // What was ever acknowledged of this database: none may vanish later either.
    const acknowledged = new Map<string, number>()
    let entries = 0
    for (let i = 0; i < KILLS_EACH && report.kills < count; i++) {
      await using child = startChild('kill-child.ts', [path, `${seed}.${report.kills}`])
      await loadAndKill(child, chance, acknowledged)
      entries = await reopen(path, acknowledged, check)
      report.kills++
    }
    report.acknowledged += acknowledged.size
    report.unheard += entries - acknowledged.size
  }
  return report
}

/** Notes what is acknowledged until the moment of chance. Every fourth is killed while it starts. */
async function loadAndKill(
  child: Child,
  chance: (limit: number) => number,
  acknowledged: Map<string, number>,
): Promise<void> {
  const loaded = Promise.withResolvers<void>()
  const refused: string[] = []
  const least = chance(LOAD_KEPT_MAX)
  let kept = 0
  const reading = (async () => {
    for await (const line of child.lines) {
      const [word, id, revision] = line.split(' ')
      if (word === 'kept') acknowledged.set(id as string, Number(revision))
      else if (word !== 'open' && word !== 'same') refused.push(line)
      if (word === 'kept' && ++kept === least) loaded.resolve()
      if (word === 'open' && least === 0) loaded.resolve()
    }
    loaded.resolve()
  })()
  if (chance(4) === 0) await sleep(chance(START_MS_MAX))
  else {
    await loaded.promise
    await sleep(chance(LOAD_MS_MAX))
  }
  await child.kill()
  await reading
  assert.deepEqual(refused, [])
}

/** @returns how many entries the calls left in the journal */
async function reopen(
  path: string,
  acknowledged: ReadonlyMap<string, number>,
  check: KillOptions['check'],
): Promise<number> {
  const store = await openSqliteStore({ path })
  const live = openLive({ store })
  const entries = [...live.journal()]
  assert.ok(verifyStore(store).ok)
  assertAllOrNone(entries)
  const revisions = new Map(entries.map(({ reason, revision }) => [reason, revision]))
  assert.equal(revisions.size, entries.length, 'no call is there twice')
  for (const [id, revision] of acknowledged) assert.equal(revisions.get(id), revision, `${id} is lost`)
  assert.deepEqual(sorted(live.engine.facts()), sorted(store.load()))
  await check?.(live)
  // It must go on as well.
  await live.change([{ add: { kind: 'user', id: `after-${store.revision}` } }], {
    reason: `after-${store.revision}`,
  })
  await live.close()
  return entries.filter(({ reason }) => reason?.includes('/')).length
}

/** Every entry fulfils all that its call wished. */
function assertAllOrNone(entries: readonly JournalEntry[]): void {
  const facts = new Map<string, Fact>()
  for (const { reason, effects } of entries) {
    for (const { before, after } of effects) {
      const name = nameOf(after ?? before)
      if (after === null) facts.delete(name)
      else facts.set(name, after)
    }
    const wishes = reason === null ? BASICS : reason.includes('/') ? batchOf(reason) : []
    for (const wish of wishes) {
      assert.ok(
        isFulfilled(wish, (key) => facts.get(nameOf(key))),
        `${reason} is half there: ${JSON.stringify(wish)}`,
      )
    }
  }
}

function nameOf(key: FactKey): string {
  return JSON.stringify([key.kind, ...keyParts(key)])
}

function sorted(facts: Iterable<Fact>): string[] {
  return [...facts]
    .map((fact) => JSON.stringify(Object.entries(fact).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort()
}
