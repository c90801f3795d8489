import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Change, type Engine, openEngine, type Reading } from '../../src/index.ts'
import type { Fact } from '../../src/fact.ts'
import { afterwards, exists, type State } from '../model.ts'
import { explosion, holdsAll, type Holds } from '../oracle.ts'
import { claimsOf, isLive, readingOf, withoutTimes } from '../readings.ts'
import { makeRandom, questionsOf, randomWorld, removalOf, type World } from '../worlds.ts'

/**
 * The agreement with the oracle in small, for the sake of mutants: what the oracle says of a few worlds is worked out
 * once and kept, so that asking the engine again costs next to nothing.
 */
const WORLDS = 6
const SAMPLE = 25

describe('small worlds, every question', () => {
  for (let seed = 1; seed <= WORLDS; seed++) {
    test(`world ${seed}`, () => {
      const { world, scenes } = expected(seed)
      const engine = openEngine({ facts: world.facts, now: () => world.now })
      for (const scene of scenes) {
        answersAgree(engine, scene)
        for (const revoke of scene.revokes) previewAgrees(engine, scene, revoke.changes, revoke.after)
        if (scene.next === undefined) continue
        previewAgrees(engine, scene, scene.next.changes, scene.next.after)
        engine.stage(scene.next.changes).undo()
        assert.deepEqual(factsOf(engine), sorted(scene.facts))
        engine.apply(scene.next.changes)
        assert.deepEqual(factsOf(engine), sorted(scene.next.facts))
      }
    })
  }
})

interface Answers {
  readonly holds: Holds
  readonly actors: readonly string[]
}

interface Step extends Answers {
  readonly changes: readonly Change[]
  readonly after: Answers
  readonly facts: readonly Fact[]
}

interface Scene extends Answers {
  readonly facts: readonly Fact[]
  readonly permissions: readonly string[]
  readonly questions: readonly { readonly actor: string; readonly permission: string }[]
  readonly allowed: readonly boolean[]
  readonly covering: ReadonlyMap<string, readonly string[]>
  readonly readings: readonly {
    readonly actor: string
    readonly permission: string
    readonly reading: Reading
  }[]
  readonly denials: readonly { readonly actor: string; readonly permission: string }[]
  readonly revokes: readonly { readonly changes: readonly Change[]; readonly after: Answers }[]
  readonly next: Omit<Step, keyof Answers> | undefined
}

const known = new Map<number, { readonly world: World; readonly scenes: readonly Scene[] }>()

function expected(seed: number): { readonly world: World; readonly scenes: readonly Scene[] } {
  let found = known.get(seed)
  if (found === undefined) {
    const world = randomWorld(seed)
    known.set(seed, (found = { world, scenes: scenesOf(world) }))
  }
  return found
}

function scenesOf(world: World): Scene[] {
  const scenes: Scene[] = []
  let state: State = { facts: world.facts, retired: new Set() }
  for (const changes of world.batches) {
    const after = afterwards(state, changes)
    if (typeof after === 'string') continue
    scenes.push(
      sceneOf(world, state, { changes, after: answersOf(after.facts, world.now), facts: after.facts }),
    )
    state = after
  }
  return [...scenes, sceneOf(world, state, undefined)]
}

function sceneOf(world: World, state: State, next: Scene['next']): Scene {
  const { facts } = state
  const random = makeRandom(world.seed)
  const { holds, actors } = answersOf(facts, world.now)
  const { permissions } = questionsOf(facts)
  const questions = actors.flatMap((actor) => permissions.map((permission) => ({ actor, permission })))
  const allowed = questions.map(({ actor, permission }) => holds(actor, permission))
  const isOf = (yes: boolean) =>
    questions.filter(({ actor }, i) => allowed[i] === yes && actor !== 'system' && exists(facts, actor))
  const readings = random.some(isOf(true), SAMPLE, SAMPLE).flatMap(({ actor, permission }) => {
    const reading = readingOf(facts, world.now, actor, permission, 200)
    return reading === undefined ? [] : [{ actor, permission, reading }]
  })
  const grants = random.some(
    facts.filter((fact) => fact.kind === 'grant'),
    2,
    2,
  )
  const revokes = grants.flatMap((grant) => {
    const changes = [{ remove: removalOf(grant) }]
    const after = afterwards(state, changes)
    return typeof after === 'string' ? [] : [{ changes, after: answersOf(after.facts, world.now) }]
  })
  const denials = random.some(isOf(false), SAMPLE, SAMPLE)
  const covering = new Map(permissions.map((each) => [each, explosion(facts, each)]))
  return { facts, permissions, questions, allowed, holds, actors, covering, readings, denials, revokes, next }
}

/** The oracle's, remembered. */
function answersOf(facts: readonly Fact[], now: number): Answers {
  const holds = holdsAll(facts, now)
  const answers = new Map<string, boolean>()
  return {
    actors: questionsOf(facts).actors,
    holds(actor, permission) {
      const key = `${actor} ${permission}`
      const answer = answers.get(key) ?? holds(actor, permission)
      answers.set(key, answer)
      return answer
    },
  }
}

function answersAgree(engine: Engine, scene: Scene): void {
  const { questions, allowed, actors, permissions, holds, covering } = scene
  assert.deepEqual(
    questions.map(({ actor, permission }) => engine.check(actor, permission)),
    allowed,
  )
  assert.deepEqual(engine.checkEach(questions.slice(0, 1000)), allowed.slice(0, 1000))
  for (const permission of permissions) {
    const { items, incomplete } = engine.holders(permission, { limit: 1000 })
    const holders = actors.filter((actor) => actor !== 'system' && holds(actor, permission))
    assert.deepEqual(
      items.map(({ actor }) => actor),
      holders.toSorted(),
    )
    assert.equal(incomplete, false)
  }
  for (const actor of actors) {
    const strings = new Set(engine.permissionsOf(actor, undefined, { limit: 1000 }).items.map(textOf))
    for (const permission of permissions)
      assert.equal(
        covering.get(permission)!.some((each) => strings.has(each)),
        holds(actor, permission),
      )
  }
  for (const { actor, permission, reading } of scene.readings) {
    assert.deepEqual(withoutTimes(engine.scan(actor, permission)), reading)
    const claims = new Set(claimsOf(reading).map((each) => JSON.stringify(each)))
    const { pathways, truncated } = engine.claims(actor, permission)
    assert.deepEqual(pathways.map((each) => JSON.stringify(each)).toSorted(), [...claims].toSorted())
    assert.equal(truncated, false)
    const { allowed, graph } = engine.explain(actor, permission)
    assert.ok(allowed && graph.nodes.length > 0)
  }
  for (const { actor, permission } of scene.denials) {
    assert.equal(isLive(engine.scan(actor, permission)), false)
    mendsAreRight(engine, actor, permission)
  }
}

/** All of a set mend the denial, and all but one of it do not. */
function mendsAreRight(engine: Engine, actor: string, permission: string): void {
  const { allowed, brokenLinks = [] } = engine.explain(actor, permission)
  assert.equal(allowed, false)
  assert.ok(new Set(brokenLinks.map((set) => set.length)).size <= 1)
  for (const set of brokenLinks.slice(0, 2)) {
    const mends = set.flatMap(({ mend }) => (mend === null ? [] : [mend]))
    if (mends.length < set.length) continue
    assert.equal(isAllowedAfter(engine, mends, actor, permission), true)
    for (const [left] of mends.entries()) {
      const others = mends.filter((_, i) => i !== left)
      assert.equal(isAllowedAfter(engine, others, actor, permission), false)
    }
  }
}

function isAllowedAfter(
  engine: Engine,
  changes: readonly Change[],
  actor: string,
  permission: string,
): boolean {
  const staged = engine.stage(changes)
  try {
    return engine.check(actor, permission)
  } finally {
    staged.undo()
  }
}

/** Each item is so; and of the permissions that the changes or the items name, whoever gains or loses one is an item. */
function previewAgrees(engine: Engine, before: Answers, changes: readonly Change[], after: Answers): void {
  const { items } = engine.preview(changes, { limit: 1000 })
  for (const { actor, permission, change } of items) {
    const expected = before.holds(actor, permission)
      ? after.holds(actor, permission)
        ? 'kept'
        : 'lost'
      : 'gained'
    assert.equal(change, expected)
    if (change === 'gained') assert.equal(after.holds(actor, permission), true)
  }
  assert.equal(new Set(items.map(({ actor, permission }) => `${actor} ${permission}`)).size, items.length)
  const actors = new Set([...before.actors, ...after.actors])
  actors.delete('system')
  const granted = changes.flatMap((each) => {
    const named = 'add' in each ? each.add : each.remove
    return named.kind === 'grant' ? [named.permission] : []
  })
  for (const permission of new Set([...granted, ...items.map(textOf)])) {
    const differing = [...actors].filter(
      (actor) => before.holds(actor, permission) !== after.holds(actor, permission),
    )
    const shown = items.filter((item) => item.permission === permission && item.change !== 'kept')
    assert.deepEqual(shown.map(({ actor }) => actor).toSorted(), differing.toSorted())
  }
}

function textOf({ permission }: { readonly permission: string }): string {
  return permission
}

function factsOf(engine: Engine): string[] {
  return sorted([...engine.facts()])
}

/** As texts, whatever the order of their fields. */
function sorted(facts: readonly Fact[]): string[] {
  return facts
    .map((fact) =>
      JSON.stringify(
        Object.entries(fact)
          .map((field) => JSON.stringify(field))
          .toSorted(),
      ),
    )
    .toSorted()
}
