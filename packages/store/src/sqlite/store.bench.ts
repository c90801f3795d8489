// Run with: node --conditions=castellan-src packages/store/src/sqlite/store.bench.ts [grants]
//
// Sketch: a commit is one sync of a log to which two or three pages were added, so it should cost what a single row
// costs. A group of n shares the sync, and what remains is planning, hashing and two inserts a change, some 20 µs.
// Loading reads every row once, 0.5 µs each, and the index takes as much again and more.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Commit, Effect, Fact } from '@castellan/engine'
import { openLive } from '../live.ts'
import { Database } from './database.ts'
import { openSqliteStore, type SqliteStore } from './index.ts'

const GRANTS = Number(process.argv[2] ?? 1_000_000)
const LABELS: Readonly<Record<string, string>> = {
  bare: 'bare single-row commit         ',
  one: 'store.commit of one change     ',
  alone: 'live.change, one caller        ',
  group: 'live.change, 64 callers, each  ',
}

const folder = mkdtempSync(join(tmpdir(), 'castellan-bench-'))
try {
  console.log(`${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, Node ${process.version}`)
  await benchCommits()
  await benchLoad()
} finally {
  rmSync(folder, { recursive: true })
}

/** Bare rows, commits of one change and groups of 64, taken in turns so that the disk's moods meet all alike. */
async function benchCommits(): Promise<void> {
  const bare = new Database(join(folder, 'bare.db'))
  bare.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)',
  )
  const insert = bare.prepare('INSERT INTO t (text) VALUES (?)')
  const store = await openSqliteStore({ path: join(folder, 'one.db') })
  const live = openLive({ store: await openSqliteStore({ path: join(folder, 'live.db') }) })
  await live.change([
    { add: { kind: 'namespace', name: 'a', description: 'things' } },
    { add: { kind: 'user', id: 'bob' } },
  ])
  const times: Record<'bare' | 'one' | 'alone' | 'group', number[]> = {
    bare: [],
    one: [],
    alone: [],
    group: [],
  }
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) times.bare.push(clocked(() => insert.run('x'.repeat(100))))
    for (let i = 0; i < 100; i++) {
      const commit = commitOf(store.revision + 1, [grantOf(store.revision)])
      times.one.push(clocked(() => store.commit([commit])))
    }
    for (let i = 0; i < 100; i++) {
      const start = performance.now()
      await live.change([{ add: { ...grantOf(live.engine.revision), issuer: 'system', holder: 'user:bob' } }])
      times.alone.push(performance.now() - start)
    }
    times.group.push((await changeTogether(live, 64, 20, round)) / (64 * 20))
  }
  const bareMs = mean(times.bare)
  for (const [name, list] of Object.entries(times)) {
    const ms = mean(list)
    const shown = `${(1000 / ms).toFixed(0).padStart(7)}/s  ${(bareMs / ms).toFixed(2).padStart(6)} x bare`
    console.log(
      `${LABELS[name]}  ${shown}  median ${quantile(list, 0.5)} p99 ${quantile(list, 0.99)} longest ${quantile(list, 1)} ms`,
    )
  }
  bare.close()
  store.close()
  await live.close()
}

async function changeTogether(
  live: ReturnType<typeof openLive>,
  callers: number,
  times: number,
  round: number,
): Promise<number> {
  const start = performance.now()
  const call = async (caller: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      await live.change([
        {
          add: {
            ...grantOf(0),
            issuer: 'system',
            holder: 'user:bob',
            permission: `a:g${round}:${caller}:${i}`,
          },
        },
      ])
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
  return performance.now() - start
}

/** A platform of users, files in folders, groups and a million grants; then the store alone, and the engine on it. */
async function benchLoad(): Promise<void> {
  const path = join(folder, 'large.db')
  const store = await openSqliteStore({ path })
  const filled = fill(store)
  store.close()
  for (let round = 0; round < 3; round++) {
    const again = await openSqliteStore({ path })
    let facts = 0
    const storeMs = clocked(() => {
      for (const _ of again.load()) facts++
    })
    let live: ReturnType<typeof openLive> | undefined
    const liveMs = clocked(() => (live = openLive({ store: again })))
    console.log(
      `load ${facts} facts (${GRANTS} grants): store alone ${storeMs.toFixed(0)} ms, with the engine ${liveMs.toFixed(0)} ms; heap ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB`,
    )
    await live?.close()
  }
  console.log(`written in ${filled.toFixed(0)} ms`)
}

function fill(store: SqliteStore): number {
  const users = Math.round(GRANTS / 10)
  const files = Math.round(GRANTS * 0.3)
  const facts: Fact[] = [{ kind: 'namespace', name: 'a', description: 'things' }]
  for (let i = 0; i < users; i++) facts.push({ kind: 'user', id: `u${i}`, name: `User ${i}` })
  for (let i = 0; i < 1000; i++) facts.push({ kind: 'group', id: `g${i}`, owner: 'system' })
  for (let i = 0; i < files; i++) {
    facts.push({
      kind: 'resource',
      permission: fileOf(i),
      owner: `user:u${i % users}`,
      name: `file ${i}.txt`,
      ...(i > 0 && { parent: fileOf(i >> 3) }),
    })
  }
  for (let i = 0; i < users; i++) facts.push({ kind: 'member', group: `g${i % 1000}`, member: `user:u${i}` })
  for (let i = 0; i < GRANTS; i++) {
    const file = (i * 31) % files
    const claims =
      i % 10 === 0
        ? { extra: { hosts: ['a.example'] }, expiresAt: '2040-01-01T00:00:00.000Z' }
        : { extra: {} }
    facts.push({
      kind: 'grant',
      issuer: `user:u${file % users}`,
      holder: `user:u${(i * 7919 + Math.floor(i / files)) % users}`,
      permission: `${fileOf(file)}:read`,
      ...claims,
    })
  }
  return clocked(() => {
    for (let at = 0; at < facts.length; at += 10_000)
      store.commit([commitOf(store.revision + 1, facts.slice(at, at + 10_000))])
  })
}

function fileOf(i: number): string {
  const mixed = (Math.imul(i, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
  return `fs:${mixed}-1234-4abc-8def-${i.toString(16).padStart(12, '0')}`
}

function grantOf(i: number): Extract<Fact, { kind: 'grant' }> {
  return {
    kind: 'grant',
    issuer: 'user:alice',
    holder: `user:b${(i * 7919) % 1000}`,
    permission: `a:${i}:read`,
    extra: {},
  }
}

function commitOf(revision: number, facts: readonly Fact[]): Commit {
  const effects: Effect[] = facts.map((after) => ({ before: null, after }))
  return { revision, time: Date.now(), actor: 'system', reason: null, effects }
}

function clocked(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

function mean(list: readonly number[]): number {
  return list.reduce((sum, ms) => sum + ms, 0) / list.length
}

function quantile(list: readonly number[], share: number): string {
  const sorted = list.toSorted((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number).toFixed(3)
}
