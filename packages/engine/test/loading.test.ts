import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  CastellanError,
  FACT_KINDS,
  keyParts,
  openEngine,
  type Change,
  type Engine,
  type Fact,
} from '../src/index.ts'
import { withoutTimes } from './readings.ts'
import { makeRandom, questionsOf, removalOf, type Random } from './worlds.ts'

/** Of each kind; more than are loaded together. */
const MANY = 600
const SEEDS = [1, 2, 3]

describe('loading what a store kept', () => {
  for (const seed of SEEDS) {
    test(`leads where stating it fact by fact leads, and changes as it does, from seed ${seed}`, () => {
      const random = makeRandom(seed)
      const stated = stateOneByOne(largeWorld(random))
      const facts = [...stated.facts()]
      const engines: Readonly<Record<string, Engine>> = {
        'as a store hands them out': load(inStoreOrder(facts)),
        'in any order within a kind': load(byKind(shuffled(random, facts))),
        'in any order': load(shuffled(random, facts)),
        'in the opposite order': load(byKind(facts).toReversed()),
        'stated at once': openEngine({ facts, now: () => 0 }),
      }
      assertSame(engines, answersOf(random, stated))
      const changes = someChanges(random, facts)
      const outcomes = changes.map((change) => attempt(stated, [change]))
      assert.ok(outcomes.filter((each) => each === 'done').length > changes.length / 2)
      for (const [how, engine] of Object.entries(engines)) {
        const found = changes.map((change) => attempt(engine, [change]))
        assert.deepEqual(found, outcomes, how)
      }
      assertSame(engines, answersOf(random, stated))
    })
  }

  test('folders whose strings are longer than those of their content are known for what they are', () => {
    const [a, b, c] = ['proj:a', 'proj:b', 'proj:b:c'].map(
      (permission) => ({ kind: 'resource', permission, owner: 'system' }) as const,
    )
    const facts = [
      { kind: 'namespace', name: 'proj', description: '' },
      c!,
      { ...a!, parent: 'proj:b:c' },
    ] as const
    for (const engine of [stateOneByOne(facts), load(facts)])
      assert.equal(attempt(engine, [{ add: { ...b!, parent: 'proj:a' } }]), 'TREE_INVALID')
  })

  test('nothing is kept of a world that is taken away again', () => {
    const random = makeRandom(5)
    const stated = stateOneByOne(largeWorld(random))
    const engine = load(inStoreOrder([...stated.facts()]))
    for (const kind of FACT_KINDS.toReversed()) {
      for (let left = [...engine.facts(kind)]; left.length > 0; left = [...engine.facts(kind)])
        for (const fact of left) attempt(engine, [{ remove: removalOf(fact), recursive: true }])
    }
    assert.deepEqual([...engine.facts()], [])
    assert.deepEqual(engine.permissionsOf('system').items, openEngine().permissionsOf('system').items)
  })
})

function load(facts: readonly Fact[]): Engine {
  return openEngine({ facts, verified: true, now: () => 0 })
}

/** What the engine refuses of it is left out. */
function stateOneByOne(facts: readonly Fact[]): Engine {
  const engine = openEngine({ now: () => 0 })
  for (const add of facts) attempt(engine, [{ add }])
  return engine
}

function attempt(engine: Engine, changes: readonly Change[]): string {
  try {
    engine.apply(changes)
    return 'done'
  } catch (error) {
    if (!(error instanceof CastellanError)) throw error
    return error.code
  }
}

interface Answers {
  readonly facts: readonly string[]
  readonly checks: readonly (AskedOf & { readonly allowed: boolean })[]
  readonly readings: readonly (AskedOf & { readonly reading: unknown })[]
  readonly holders: readonly { readonly permission: string; readonly items: unknown }[]
  readonly rights: readonly { readonly actor: string; readonly items: unknown }[]
}

interface AskedOf {
  readonly actor: string
  readonly permission: string
}

/** What an engine says of some of everything that can be asked, half of it allowed or so. */
function answersOf(random: Random, engine: Engine): Answers {
  const { actors, permissions } = questionsOf([...engine.facts()])
  const held = random
    .some(permissions, 150, 150)
    .flatMap((permission) =>
      random.some(engine.holders(permission).items, 0, 2).map(({ actor }) => ({ actor, permission })),
    )
  const others = Array.from({ length: 500 }, () => ({
    actor: random.pick(actors),
    permission: random.pick(permissions),
  }))
  const checks = [...held, ...others].map((asked) => ({
    ...asked,
    allowed: engine.check(asked.actor, asked.permission),
  }))
  assert.ok(checks.filter(({ allowed }) => allowed).length > 50, 'too little is allowed to tell anything')
  return {
    facts: texts(engine),
    checks,
    readings: random
      .some([...held, ...others], 60, 60)
      .map((asked) => ({ ...asked, reading: withoutTimes(engine.scan(asked.actor, asked.permission)) })),
    holders: random
      .some(permissions, 30, 30)
      .map((permission) => ({ permission, items: engine.holders(permission).items })),
    rights: random.some(actors, 30, 30).map((actor) => ({ actor, items: engine.permissionsOf(actor).items })),
  }
}

function assertSame(engines: Readonly<Record<string, Engine>>, answers: Answers): void {
  for (const [how, engine] of Object.entries(engines)) {
    assert.deepEqual(texts(engine), answers.facts, how)
    for (const { actor, permission, allowed } of answers.checks)
      assert.equal(engine.check(actor, permission), allowed, `${how}: ${actor} ${permission}`)
    for (const { actor, permission, reading } of answers.readings)
      assert.deepEqual(withoutTimes(engine.scan(actor, permission)), reading, how)
    for (const { permission, items } of answers.holders)
      assert.deepEqual(engine.holders(permission).items, items, how)
    for (const { actor, items } of answers.rights)
      assert.deepEqual(engine.permissionsOf(actor).items, items, how)
  }
}

function texts(engine: Engine): string[] {
  return [...engine.facts()]
    .map((fact) => JSON.stringify(Object.entries(fact).toSorted(([a], [b]) => (a < b ? -1 : 1))))
    .toSorted()
}

function byKind(facts: readonly Fact[]): Fact[] {
  return FACT_KINDS.flatMap((kind) => facts.filter((fact) => fact.kind === kind))
}

function inStoreOrder(facts: readonly Fact[]): Fact[] {
  const keyOf = (fact: Fact) => JSON.stringify(keyParts(fact))
  return byKind(facts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)))
}

function shuffled(random: Random, facts: readonly Fact[]): Fact[] {
  return random.some(facts, facts.length, facts.length)
}

// ---- a world with many of everything, and few names for it

const NAMES = ['a', 'b', 'ab', 'A', '7', '__proto__', 'constructor', 'toString', 'valueOf', 'read', 'user']
/** Names that hash and compare badly: long, alike but for one end, escaped, outside of Latin and of the basic plane. */
const COMPONENTS = [
  ...NAMES,
  ...'write see a\\Cb \\\\ \\\\C é e\u0301 \u{1f600} \uff5e'.split(' '),
  '00000000-e37c-41bc-ad27-52bf81f16f39',
  '00000000-e37c-41bc-ad27-52bf81f16f3a',
  '10000000-e37c-41bc-ad27-52bf81f16f39',
  ...[12, 13, 256].map((length) => 'x'.repeat(length)),
]
const NAMESPACES = ['a', 'ab', 'doc', 'constructor', 'read'] as const
const LADDERS = [['see', 'read', 'write'], ['toString', '__proto__'], undefined] as const

function largeWorld(random: Random): Fact[] {
  const users = ids(random, 'u', MANY / 4)
  const groups = ids(random, 'g', MANY / 20)
  const apps = ids(random, 'p', MANY / 50)
  const tokens = ids(random, 't', MANY / 50)
  const user = () => `user:${random.pick(users)}`
  const owner = () => (random.chance(0.2) ? 'system' : user())
  const acting = () => `${user()}/app:${random.pick(apps)}`
  const expiry = () => (random.chance(0.1) ? { expiresAt: new Date(random.int(3) - 1).toISOString() } : {})
  const name = () => (random.chance(0.1) ? { name: `n${random.int(50)}` } : {})

  const resources = [...new Set(Array.from({ length: MANY }, () => randomResource(random, users)))]
  const parentOf = (permission: string) => {
    const others = resources.slice(0, resources.indexOf(permission))
    const near = others.filter((each) => each.split(':')[0] === permission.split(':')[0])
    return near.length > 0 && random.chance(0.7) ? { parent: random.pick(near.slice(-9)) } : {}
  }
  const crowded = random.some(resources, 3, 3)
  const permission = () => {
    const draw = random.int(10)
    if (draw === 0) return random.pick(['ai:chat', 'ai', 'site:s', 'group:a', 'castellan:facts'])
    if (draw === 1) return `manage:${random.pick(resources)}`
    const resource = random.pick(draw < 4 ? crowded : resources)
    return random.chance(0.3) ? resource : `${resource}:${random.pick(endsOf(resource))}`
  }
  return [
    ...NAMESPACES.map((each): Fact => {
      const modes = random.pick(LADDERS)
      return { kind: 'namespace', name: each, description: 'x', ...(modes && { modes }) }
    }),
    ...users.map((id): Fact => ({ kind: 'user', id, ...name() })),
    ...groups.map((id): Fact => ({ kind: 'group', id, owner: owner() })),
    ...apps.map((id): Fact => ({ kind: 'app', id, owner: owner(), ...name() })),
    ...tokens.map((id): Fact => {
      const full = random.chance(0.4)
      return { kind: 'token', id, issuer: full || random.chance(0.5) ? user() : acting(), full, ...expiry() }
    }),
    ...resources.map((each): Fact => ({
      kind: 'resource',
      permission: each,
      owner: owner(),
      ...name(),
      ...parentOf(each),
    })),
    ...Array.from({ length: MANY }, (): Fact => {
      const member = random.chance(0.9) ? user() : `group:${random.pick(groups)}`
      return { kind: 'member', group: random.pick([...groups, 'admin']), member }
    }),
    ...Array.from({ length: 2 * MANY }, (): Fact => {
      const issuer = random.pick([owner, owner, acting])()
      const holders = [
        user,
        () => `group:${random.pick([...groups, 'user'])}`,
        () => (random.chance(0.5) ? `${issuer}/app:${random.pick(apps)}` : acting()),
        () => `app:${random.pick(apps)}`,
        () => `token:${random.pick(tokens)}`,
      ]
      const extra = random.chance(0.1) ? { n: random.int(3) } : {}
      const reason = random.chance(0.1) ? { reason: 'why' } : {}
      const holder = random.pick(holders)()
      return { kind: 'grant', issuer, holder, permission: permission(), extra, ...expiry(), ...reason }
    }),
    ...users.flatMap((id): Fact[] => (random.chance(0.03) ? [{ kind: 'suspension', of: `user:${id}` }] : [])),
  ]
}

function ids(random: Random, prefix: string, count: number): string[] {
  const many = Array.from({ length: count }, () => `${prefix}${random.int(1e9).toString(36)}`)
  return [...new Set([...NAMES, ...many])]
}

/** Deeper ones and shallower ones, of every namespace in turn, most of them on their own. */
function randomResource(random: Random, users: readonly string[]): string {
  const component = () => (random.chance(0.3) ? random.pick(COMPONENTS) : random.int(1e12).toString(36))
  const draw = random.int(6)
  if (draw < 2) return `fs:${component()}`
  if (draw === 2) return `kv:${random.pick(users)}:${component()}`
  const depth = 1 + random.int(2) + (random.chance(0.1) ? 8 : 0)
  return [random.pick(NAMESPACES), ...Array.from({ length: depth }, component)].join(':')
}

function endsOf(resource: string): readonly string[] {
  if (resource.startsWith('fs:')) return ['see', 'list', 'read', 'write']
  return resource.startsWith('kv:') ? ['get', 'set'] : ['read', 'write', 'toString', 'x', 'x:y:read', 'é']
}

function someChanges(random: Random, facts: readonly Fact[]): Change[] {
  const grants = facts.filter((fact) => fact.kind === 'grant')
  const removals = random.some(facts, 300, 300).map((fact): Change => ({ remove: removalOf(fact) }))
  const additions = Array.from({ length: 200 }, (): Change => {
    const { permission, extra } = random.pick(grants)
    return { add: { ...random.pick(grants), permission, extra } }
  })
  return [...removals, ...additions]
}
