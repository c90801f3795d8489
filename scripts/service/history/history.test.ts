import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEngine, type Change, type Engine } from '@castellan/engine'
import { openLive, openMemoryStore, openSqliteStore, type Live } from '@castellan/store'
import { makeChance } from '@castellan/store/suite'
import { serve } from '../../../packages/server/src/testing/serve.ts'
import { recordHistory, type Event } from './record.ts'
import { callersOf, FACTS } from './operations.ts'
import { findViolation } from './oracle.ts'

const CLIENTS = 32

describe('a server with 32 clients', () => {
  test('answers as if each thing had happened at one moment', async (t) => {
    const { history, start } = await record(t, await openWorld(), 4000)
    assertWhole(history, start)
  })

  test('does so while commits are made in another thread', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'castellan-history-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const live = openLive({ store: await openSqliteStore({ path: join(folder, 'c.db') }), holdMsMax: 0 })
    await live.change(FACTS.map((add) => ({ add })))
    const { history, start } = await record(t, live, 4000)
    await live.close()
    assertWhole(history, start)
  })
})

function assertWhole(history: readonly Event[], start: number): void {
  assert.equal(findViolation(history, FACTS, start), undefined)
  const counts = Object.groupBy(history, ({ operation, outcome }) =>
    operation.kind === 'check' ? `check ${outcome}` : `${operation.kind} ${operation.fact.kind} ${outcome}`,
  )
  assert.equal(Object.keys(counts).length, 10)
  for (const each of ['check true', 'check false'] as const)
    assert.ok((counts[each]?.length ?? 0) > 600, `${each} is rare`)
}

describe('the oracle notices', () => {
  const faults: readonly {
    readonly name: string
    readonly breakIt: (live: Live) => Live
    readonly says: RegExp
  }[] = [
    {
      name: 'checks answered from facts of a moment ago',
      breakIt: checkStale,
      says: /is not what the facts say/,
    },
    { name: 'checks that state, rightly, an old revision', breakIt: checkOpenlyStale, says: /began after/ },
    {
      name: 'changes acknowledged before they are made',
      breakIt: acknowledgeEarly,
      says: /began after|single commit/,
    },
    { name: 'changes acknowledged and never made', breakIt: forgetSome, says: /single commit|facts say/ },
  ]
  for (const { name, breakIt, says } of faults) {
    test(name, async (t) => {
      const { history, start } = await record(t, breakIt(await openWorld()), 1500)
      assert.match(findViolation(history, FACTS, start) ?? 'nothing', says)
    })
  }
})

/** The order of what was recorded is told by ticks alone, so it can be broken by hand as well. */
describe('a history is refused', () => {
  const check = { kind: 'check', actor: 'user:u1', permission: 'a:1' } as const
  const grant = { kind: 'grant', issuer: 'user:u0', holder: 'user:u1', permission: 'a:1', extra: {} } as const
  const events = {
    granted: { operation: { kind: 'add', fact: grant }, begin: 0, end: 1, revision: 1, outcome: true },
    revoked: { operation: { kind: 'remove', fact: grant }, begin: 2, end: 5, revision: 2, outcome: true },
    allowedBeside: { operation: check, begin: 3, end: 4, revision: 1, outcome: true },
    deniedBeside: { operation: check, begin: 3, end: 4, revision: 2, outcome: false },
    allowedAfter: { operation: check, begin: 6, end: 7, revision: 1, outcome: true },
    wronglyAllowed: { operation: check, begin: 6, end: 7, revision: 2, outcome: true },
    grantedTwice: { operation: { kind: 'add', fact: grant }, begin: 6, end: 7, revision: 2, outcome: true },
    early: { operation: check, begin: -2, end: -1, revision: 1, outcome: true },
  } satisfies Record<string, Event>
  const cases: readonly {
    readonly name: string
    readonly history: readonly Event[]
    readonly says?: RegExp
  }[] = [
    {
      name: 'not when a check beside a revoke is still allowed',
      history: [events.granted, events.revoked, events.allowedBeside],
    },
    {
      name: 'not when a check beside a revoke is denied already',
      history: [events.granted, events.revoked, events.deniedBeside],
    },
    {
      name: 'when a check after a revoke is allowed by what stood before',
      history: [events.granted, events.revoked, events.allowedAfter],
      says: /began after/,
    },
    {
      name: 'when a check after a revoke is allowed at its revision',
      history: [events.granted, events.revoked, events.wronglyAllowed],
      says: /facts say/,
    },
    {
      name: 'when two commits state one revision',
      history: [events.granted, events.revoked, events.grantedTwice],
      says: /single commit/,
    },
    {
      name: 'when a check has seen what begins after its end',
      history: [events.granted, events.early],
      says: /began after/,
    },
  ]
  for (const { name, history, says } of cases) {
    test(name, () => {
      const violation = findViolation(history, FACTS, 0)
      if (says === undefined) assert.equal(violation, undefined)
      else assert.match(violation ?? 'nothing', says)
    })
  }
})

async function openWorld(): Promise<Live> {
  const live = openLive({ store: openMemoryStore() })
  await live.change(FACTS.map((add) => ({ add })))
  return live
}

async function record(
  t: TestContext,
  live: Live,
  operations: number,
): Promise<{ readonly history: Event[]; readonly start: number }> {
  const { address, tokenOf } = await serve(t, { live })
  const tokens = new Map<string, string>()
  for (const caller of callersOf(FACTS)) tokens.set(caller, await tokenOf(caller.slice('user:'.length)))
  // Changing nothing tells the revision, also where the engine lies about it.
  const { revision: start } = await live.change([])
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const history = await recordHistory({
    address,
    tokens,
    clients: CLIENTS,
    operations,
    chance: makeChance(seed),
  })
  return { history, start }
}

/** A copy of the facts that hears of every change some milliseconds late. */
function staleCopy(live: Live): Engine {
  const copy = openEngine({ facts: [...live.engine.facts()], revision: live.engine.revision })
  // Ends with the test's process: the stream ends with nobody.
  follow(live, copy).catch((error: unknown) => assert.fail(String(error)))
  return copy
}

async function follow(live: Live, copy: Engine): Promise<void> {
  for await (const { effects } of live.follow()) {
    await sleep(3)
    copy.apply(
      effects.map(({ before, after }): Change => (after === null ? { remove: before } : { add: after })),
    )
  }
}

function checkStale(live: Live): Live {
  const copy = staleCopy(live)
  return withEngine(live, { check: copy.check.bind(copy) })
}

/** The caller's own right is looked up in the same facts: the token is there from the beginning. */
function checkOpenlyStale(live: Live): Live {
  const copy = staleCopy(live)
  return withEngine(live, { check: copy.check.bind(copy), revision: () => copy.revision })
}

function acknowledgeEarly(live: Live): Live {
  return {
    ...through(live),
    change: async (changes, options) => {
      if (options?.as === undefined) return live.change(changes, options)
      const { results, revision } = live.engine.preview(changes, { as: options.as })
      setTimeout(() => void live.change(changes, options).catch(ignore), 3)
      return { results, revision: revision + 1 }
    },
  }
}

/** What was acknowledged may be refused by then: that too is what the oracle is to notice. */
function ignore(): void {}

function forgetSome(live: Live): Live {
  let count = 0
  return {
    ...through(live),
    change: async (changes, options) => {
      if (options?.as === undefined) return live.change(changes, options)
      const { results, revision } = live.engine.preview(changes, { as: options.as })
      // One that changes nothing is made by forgetting it.
      const isCommit = results.some(({ outcome }) => outcome === 'added' || outcome === 'removed')
      if (!isCommit || ++count % 20 !== 0) return live.change(changes, options)
      return { results, revision: revision + 1 }
    },
  }
}

function through(live: Live): Live {
  return {
    engine: live.engine,
    head: live.head,
    change: live.change.bind(live),
    follow: live.follow.bind(live),
    journal: live.journal.bind(live),
    stretch: live.stretch.bind(live),
    durableRevision: live.durableRevision,
    probe: live.probe.bind(live),
    size: live.size.bind(live),
    watchCommits: live.watchCommits.bind(live),
    receipt: live.receipt.bind(live),
    close: live.close.bind(live),
  }
}

function withEngine(
  live: Live,
  { check, revision }: { readonly check: Engine['check']; readonly revision?: () => number },
): Live {
  const engine = new Proxy(live.engine, {
    get(target, name) {
      if (name === 'check') return check
      if (name === 'revision' && revision !== undefined) return revision()
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
  return { ...through(live), engine }
}
