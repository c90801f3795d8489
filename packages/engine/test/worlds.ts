import type { Change } from '../src/change.ts'
import type { Fact, FactKey, GrantFact } from '../src/fact.ts'
import { afterwards, textOfKey, type State } from './model.ts'
import { explosion, parents } from './oracle.ts'

/** A start, and batches of changes to make one after the other; some of them must be refused. */
export interface World {
  readonly seed: number
  /** Milliseconds since 1970; expiries lie around it. */
  readonly now: number
  readonly facts: readonly Fact[]
  readonly batches: readonly (readonly Change[])[]
}

export interface Questions {
  readonly actors: readonly string[]
  readonly permissions: readonly string[]
}

/** Small and dense: few names used for everything, so that coincidences are the rule. The same seed, the same world. */
export function randomWorld(seed: number): World {
  const random = makeRandom(seed)
  const facts = randomFacts(random)
  const batches: Change[][] = []
  let state: State = { facts, retired: new Set() }
  for (let left = random.int(3) + 2; left > 0; left--) {
    const batch = Array.from({ length: random.chance(0.7) ? 1 : 2 + random.int(2) }, () =>
      randomChange(random, state),
    )
    const next = afterwards(state, batch)
    if (typeof next !== 'string' && !isFinite(next.facts)) continue
    batches.push(batch)
    if (typeof next !== 'string') state = next
  }
  return { seed, now: NOW, facts, batches }
}

/** Every actor, and strings from the facts, beneath them, above, beside, `manage:` of them, and some nobody knows. */
export function questionsOf(facts: readonly Fact[]): Questions {
  const users = idsOf(facts, 'user')
  const apps = idsOf(facts, 'app')
  const acting = users.flatMap((user) => apps.map((app) => `user:${user}/app:${app}`))
  const actors = [
    'system',
    ...users.map((id) => `user:${id}`),
    ...apps.map((id) => `app:${id}`),
    ...acting,
    ...idsOf(facts, 'token').map((id) => `token:${id}`),
    'user:nobody',
    'token:nobody',
    `user:nobody/app:${apps[0] ?? 'nobody'}`,
    `user:${users[0] ?? 'nobody'}/app:nobody`,
  ]
  const said = facts.flatMap((fact) => ('permission' in fact ? [fact.permission] : []))
  const around = said.flatMap((each) => [each, ...parents(each), ...beneath(each, facts)])
  const others = [
    ...users.map((id) => `user:${id}`),
    'user:nobody:mail',
    'fs:nothing:read',
    'ai:chat',
    'manage:ai',
  ]
  const groups = [...idsOf(facts, 'group'), 'admin'].map((id) => `manage:group:${id}`)
  const plain = [...around, ...others, ...groups]
  const managing = plain.filter((each) => !each.startsWith('manage')).map((each) => `manage:${each}`)
  const unique = [...new Set([...plain, ...managing.filter((_, place) => place % 6 === 0)])]
  return { actors, permissions: unique.filter((each) => isOfShape(each)) }
}

/** The instants around which everything expires. */
export const NOW = Date.parse('2026-06-01T12:00:00.000Z')
export const INSTANTS = [NOW - 1000, NOW, NOW + 1, NOW + 1000]

const IDS = ['ann', 'bob', 'cyd', 'dan', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '7']
const FOLDERS = ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', '__proto__', 'f1.x']
const NAMESPACES = [
  { kind: 'namespace', name: 'proj', description: 'no ladder' },
  { kind: 'namespace', name: 'doc', description: 'a ladder', modes: ['see', 'read', 'write'] },
  { kind: 'namespace', name: 'constructor', description: 'a hostile name', modes: ['toString', '__proto__'] },
] as const satisfies readonly Fact[]
const RESOURCES = {
  proj: [
    'proj',
    'proj:7',
    'proj:7:doc',
    'proj:7:doc:read',
    'proj:8',
    'proj:a\\Cb',
    'proj:\u{1f600}',
    'proj:\uff5e',
  ],
  doc: ['doc', 'doc:1', 'doc:read', 'doc:read:write', 'doc:write', 'doc:1:2'],
  constructor: ['constructor', 'constructor:toString', 'constructor:__proto__', 'constructor:x'],
} as const
const FREE = [
  'ai',
  'ai:chat',
  'module:fs',
  'castellan:facts',
  'hosting:create',
  'site:s1',
  'site:s1:read',
  'manage',
  'fs',
  'user',
]
const MODES = ['see', 'list', 'read', 'write', 'x', 'toString', 'get', 'chat', '7']

function randomFacts(random: Random): Fact[] {
  const facts: Fact[] = random.some(NAMESPACES, 1, 3)
  for (const [place, id] of random.some(IDS, 3, 5).entries()) {
    facts.push({ kind: 'user', id, ...(random.chance(0.2) ? { name: `n${place}` } : {}) })
  }
  for (const id of random.some(IDS, 1, 3))
    facts.push({ kind: 'group', id, owner: randomOwner(random, facts) })
  for (const id of random.some(IDS, 1, 2)) facts.push({ kind: 'app', id, owner: randomOwner(random, facts) })
  for (const id of random.some(IDS, 1, 3)) facts.push(randomToken(random, facts, id))
  for (let left = 3 + random.int(6); left > 0; left--) addIfLegal(facts, randomResource(random, facts))
  for (let left = 3 + random.int(5); left > 0; left--) addIfLegal(facts, randomMember(random, facts))
  const hot = hotPermissions(random, facts)
  for (let left = 6 + random.int(8); left > 0; left--) addIfLegal(facts, randomGrant(random, facts, hot))
  if (random.chance(0.5)) for (const grant of randomChain(random, facts, hot)) addIfLegal(facts, grant)
  for (const of of partiesOf(facts)) if (random.chance(0.06)) facts.push({ kind: 'suspension', of })
  return facts
}

function addIfLegal(facts: Fact[], fact: Fact): void {
  const state = { facts, retired: new Set<string>() }
  if (facts.some((each) => textOfKey(each) === textOfKey(fact))) return
  const after = afterwards(state, [{ add: fact }])
  if (
    typeof after !== 'string' &&
    after.facts.includes(fact) &&
    (fact.kind !== 'resource' || isFinite(after.facts))
  )
    facts.push(fact)
}

/** A resource in a folder beneath itself would explode for ever; none of these does. */
function isFinite(facts: readonly Fact[]): boolean {
  const resources = facts.flatMap((fact) => (fact.kind === 'resource' ? [fact.permission] : []))
  const ends = resources.flatMap((each) =>
    resources.map((other) => other.slice(each.length)).filter((rest) => rest.startsWith(':')),
  )
  try {
    for (const each of resources) for (const end of [':x', ':read:x', ...ends]) explosion(facts, each + end)
    return true
  } catch {
    return false
  }
}

function randomOwner(random: Random, facts: readonly Fact[]): string {
  return random.chance(0.15) ? 'system' : `user:${random.pick(usersOf(facts))}`
}

function randomToken(random: Random, facts: readonly Fact[], id: string): Fact {
  const user = `user:${random.pick(usersOf(facts))}`
  const issuer = random.chance(0.3) ? `${user}/app:${random.pick(idsOf(facts, 'app'))}` : user
  return { kind: 'token', id, issuer, full: issuer === user && random.chance(0.4), ...randomExpiry(random) }
}

function randomResource(random: Random, facts: readonly Fact[]): Fact {
  const declared = (['proj', 'doc', 'constructor'] as const).filter((name) =>
    facts.some((fact) => fact.kind === 'namespace' && fact.name === name),
  )
  const namespace = random.chance(0.5) ? 'fs' : random.pick([...declared, 'site', 'kv'] as const)
  const permission =
    namespace === 'fs'
      ? `fs:${random.pick(FOLDERS)}`
      : namespace === 'site'
        ? 'site:s1'
        : namespace === 'kv'
          ? `kv:${random.pick(usersOf(facts))}:${random.pick(IDS)}`
          : random.pick<string>(RESOURCES[namespace])
  const siblings = facts.flatMap((fact) =>
    fact.kind === 'resource' && fact.permission.split(':')[0] === namespace ? [fact.permission] : [],
  )
  const parent = siblings.length > 0 && random.chance(0.8) ? { parent: random.pick(siblings.slice(-3)) } : {}
  return { kind: 'resource', permission, owner: randomOwner(random, facts), ...parent }
}

function randomMember(random: Random, facts: readonly Fact[]): Fact {
  const groups = [...idsOf(facts, 'group'), ...idsOf(facts, 'group'), 'admin', 'user']
  const member = random.chance(0.6) ? `user:${random.pick(usersOf(facts))}` : `group:${random.pick(groups)}`
  return { kind: 'member', group: random.pick(groups), member }
}

/** Few strings, near one another, so that grants meet. */
function hotPermissions(random: Random, facts: readonly Fact[]): string[] {
  const resources = facts.flatMap((fact) => (fact.kind === 'resource' ? [fact.permission] : []))
  const groups = idsOf(facts, 'group').map((id) => `group:${id}`)
  const all = [...resources, ...resources, ...FREE, ...groups]
  const few = random.some(all, 3, 5)
  const near = few
    .flatMap((each) => [each, ...parents(each), ...beneath(each, facts)])
    .filter((each) => isOfShape(each))
  const managing = random.some(near, 1, 2).map((each) => `manage:${each}`)
  return [...random.some(near, 4, 7), ...managing]
}

function randomGrant(random: Random, facts: readonly Fact[], hot: readonly string[]): GrantFact {
  const permission = random.pick(hot)
  const users = usersOf(facts).map((id) => `user:${id}`)
  const acting = users.flatMap((user) => idsOf(facts, 'app').map((app) => `${user}/app:${app}`))
  const owners = facts.flatMap((fact) =>
    fact.kind === 'resource' && explosion(facts, permission).includes(fact.permission) ? [fact.owner] : [],
  )
  const sources = [
    () => 'system',
    () => random.pick(users),
    () => random.pick(users),
    () => random.pick([...acting, ...users]),
    () => random.pick([...owners, ...owners, ...users]),
    () => random.pick([...owners, ...owners, ...users]),
  ]
  const issuer = random.pick(sources)()
  const holders = [
    () => random.pick(users),
    () => random.pick(users),
    () => `group:${random.pick([...idsOf(facts, 'group'), ...idsOf(facts, 'group'), 'user', 'admin'])}`,
    () => random.pick([...acting.filter((each) => each.startsWith(`${issuer}/`)), random.pick(users)]),
    () => random.pick([...idsOf(facts, 'app').map((id) => `app:${id}`), ...users.slice(0, 1)]),
    () =>
      random.pick([
        ...facts.flatMap((fact) =>
          fact.kind === 'token' && fact.issuer === issuer ? [`token:${fact.id}`] : [],
        ),
        random.pick(users),
      ]),
  ]
  return {
    kind: 'grant',
    issuer,
    holder: random.pick(holders)(),
    permission,
    extra: randomExtra(random),
    ...randomExpiry(random),
  }
}

/** Each hands on to the next, sometimes around to the first: what random pairs make too seldom. */
function randomChain(random: Random, facts: readonly Fact[], hot: readonly string[]): GrantFact[] {
  const users = random.some(idsOf(facts, 'user'), 2, 4).map((id) => `user:${id}`)
  const permission = random.pick(hot)
  return users.map((issuer, place) => ({
    kind: 'grant',
    issuer,
    holder: users[(place + 1) % users.length] ?? issuer,
    permission,
    extra: randomExtra(random),
  }))
}

function randomExtra(random: Random): GrantFact['extra'] {
  return random.chance(0.5) ? {} : { n: random.int(5), list: ['__proto__', random.int(2)] }
}

function randomExpiry(random: Random): { expiresAt?: string } {
  return random.chance(0.25) ? { expiresAt: new Date(random.pick(INSTANTS)).toISOString() } : {}
}

/** Mostly possible; about one in ten must be refused. */
function randomChange(random: Random, { facts }: State): Change {
  const hot = [...new Set(facts.flatMap((fact) => ('permission' in fact ? [fact.permission] : [])))]
  const any = <Kind extends Fact['kind']>(kind: Kind): Extract<Fact, { kind: Kind }> | undefined => {
    const all = facts.filter((fact): fact is Extract<Fact, { kind: Kind }> => fact.kind === kind)
    return all.length === 0 ? undefined : random.pick(all)
  }
  const kinds: (() => Change | undefined)[] = [
    () => ({ add: randomGrant(random, facts, hot) }),
    () => ({ add: randomGrant(random, facts, hot) }),
    () => removal(any('grant')),
    () => removal(any('grant')),
    () => {
      const grant = any('grant')
      if (grant === undefined) return undefined
      const { expiresAt: _, ...rest } = grant
      return { add: { ...rest, extra: randomExtra(random), ...randomExpiry(random) } }
    },
    () => ({ add: randomMember(random, facts) }),
    () => removal(any('member')),
    () => ({ add: { kind: 'suspension', of: random.pick(partiesOf(facts)) } }),
    () => removal(any('suspension')),
    () => ({ add: randomResource(random, facts) }),
    () => {
      const moved = any('resource')
      if (moved === undefined) return undefined
      const { parent: _, ...rest } = moved
      const parent = facts.flatMap((fact) =>
        fact.kind === 'resource' && fact.permission.split(':')[0] === moved.permission.split(':')[0]
          ? [fact.permission]
          : [],
      )
      return {
        add: {
          ...rest,
          owner: randomOwner(random, facts),
          ...(random.chance(0.7) ? { parent: random.pick(parent) } : {}),
        },
      }
    },
    () => {
      const gone = removal(any('resource'))
      return gone === undefined || random.chance(0.5) ? gone : { ...gone, recursive: true }
    },
    () => removal(any(random.pick(['user', 'group', 'app', 'token'] as const))),
    () => ({ add: { kind: 'user', id: random.pick(IDS) } }),
    () => ({ add: { kind: 'group', id: random.pick(IDS), owner: randomOwner(random, facts) } }),
    () => {
      const app = any('app')
      return app === undefined ? undefined : { add: { ...app, owner: randomOwner(random, facts) } }
    },
    () => {
      const token = any('token')
      if (token === undefined) return undefined
      const { expiresAt: _, ...rest } = token
      return { add: { ...rest, full: random.chance(0.3), ...randomExpiry(random) } }
    },
    () => ({ add: { ...random.pick(NAMESPACES), modes: random.some(MODES, 2, 3) } }),
    () => ({
      add: {
        kind: 'grant',
        issuer: 'user:ann',
        holder: random.pick(['user:ann', 'user:nobody', 'user:ann/app:nobody']),
        permission: 'ai',
        extra: {},
      },
    }),
  ]
  for (;;) {
    const change = random.pick(kinds)()
    if (change !== undefined) return change
  }
}

function removal(fact: Fact | undefined): Extract<Change, { remove: unknown }> | undefined {
  return fact === undefined ? undefined : { remove: removalOf(fact) }
}

/** The key of a fact. */
export function removalOf(fact: Fact): FactKey {
  switch (fact.kind) {
    case 'namespace':
      return { kind: fact.kind, name: fact.name }
    case 'resource':
      return { kind: fact.kind, permission: fact.permission }
    case 'member':
      return { kind: fact.kind, group: fact.group, member: fact.member }
    case 'grant':
      return { kind: fact.kind, issuer: fact.issuer, holder: fact.holder, permission: fact.permission }
    case 'suspension':
      return { kind: fact.kind, of: fact.of }
    default:
      return { kind: fact.kind, id: fact.id }
  }
}

/** Who can be suspended. */
function partiesOf(facts: readonly Fact[]): string[] {
  return facts.flatMap((fact) =>
    fact.kind === 'user' || fact.kind === 'app' || fact.kind === 'token' ? [`${fact.kind}:${fact.id}`] : [],
  )
}

/** At least one, so that one can be picked: grants of nobody must be refused. */
function usersOf(facts: readonly Fact[]): string[] {
  const users = idsOf(facts, 'user')
  return users.length > 0 ? users : ['nobody']
}

export function idsOf(facts: readonly Fact[], kind: 'user' | 'group' | 'app' | 'token'): string[] {
  return facts.flatMap((fact) => (fact.kind === kind ? [fact.id] : []))
}

function beneath(permission: string, facts: readonly Fact[]): string[] {
  const [namespace = ''] = permission.split(':')
  if (/(^|:)manage$/.test(permission)) return [`${permission}:fs`, `${permission}:ai:chat`]
  if (namespace === 'manage') return beneath(permission.slice(7), facts).map((each) => `manage:${each}`)
  const modes = facts.flatMap((fact) =>
    fact.kind === 'namespace' && fact.name === namespace ? (fact.modes ?? []) : [],
  )
  const ends =
    namespace === 'fs' ? ['see', 'read', 'write'] : namespace === 'kv' ? ['get'] : [...modes, 'x', 'x:read']
  return ends.map((end) => `${permission}:${end}`)
}

/** The built-in namespaces bound what may stand beneath them. */
function isOfShape(permission: string): boolean {
  const [namespace, ...rest] = permission.split(':')
  if (namespace === 'manage') return rest.length === 0 || isOfShape(rest.join(':'))
  if (namespace === 'fs')
    return rest.length < 2 || (rest.length === 2 && ['see', 'list', 'read', 'write'].includes(rest[1] ?? ''))
  if (namespace === 'kv')
    return rest.length < 3 || (rest.length === 3 && ['get', 'set', 'delete', 'list'].includes(rest[2] ?? ''))
  if (namespace === 'hosting') return rest.length === 0 || (rest.length === 1 && rest[0] === 'create')
  if (namespace === 'ai' || namespace === 'module' || namespace === 'castellan') return rest.length < 2
  return true
}

export interface Random {
  /** 0 to `bound - 1`. */
  int(bound: number): number
  chance(share: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** Different ones, in random order. */
  some<Item>(items: readonly Item[], min: number, max: number): Item[]
}

/** Mulberry32: short, and the same everywhere. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (bound: number): number => Math.floor(next() * bound)
  return {
    int,
    chance: (share) => next() < share,
    pick<Item>(items: readonly Item[]): Item {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[int(items.length)] as Item
    },
    some<Item>(items: readonly Item[], min: number, max: number): Item[] {
      const left = [...items]
      const wanted = Math.min(left.length, min + int(max - min + 1))
      return Array.from({ length: wanted }, () => left.splice(int(left.length), 1)[0] as Item)
    },
  }
}
