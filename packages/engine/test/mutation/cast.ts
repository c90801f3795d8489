import { FactsIndex } from '../../src/facts-index.ts'
import type { Fact } from '../../src/index.ts'
import { acting, app, at, group, NOON, type Said, system, token, user } from '../say.ts'
import type { Random } from '../worlds.ts'

/** Who is in the worlds of `ways.test.ts` and `check.test.ts`: of every kind, enough of them to be a crowd. */
export const people = Array.from({ length: 14 }, (_, i) => user(`u${i}`))
export const groups = Array.from({ length: 6 }, (_, i) => group(`g${i}`))
const apps = [app('x', people[0]), app('y', people[1])]
export const tokens = [
  token('full', people[2]!, { full: true }),
  token('scoped', people[2]!),
  token('late', people[3]!, { full: true, expiresAt: at(NOON + 1) }),
  token('over', people[3]!, { full: true, expiresAt: at(NOON) }),
]
export const agents = [
  acting(people[3]!, apps[0]!),
  acting(people[4]!, apps[0]!),
  acting(people[3]!, apps[1]!),
]
export const actors = [...people, ...apps, ...tokens, ...agents, system].map((each) => each.as)
export const PARTIES = [...people, ...groups, ...apps, ...tokens].map((each) => each.exists)

/** Most of a few of the permissions, some of any. */
export function randomGrants(random: Random, length: number, permissions: readonly string[]): Fact[] {
  const holders = [...people, ...people, ...groups, ...apps]
  const few = random.some(permissions, 8, 12)
  return Array.from({ length }, () => {
    const issuer = random.pick([system, people[0]!, people[1]!, people[2]!, random.pick(people)])
    const own = [...agents.filter((each) => each.as.startsWith(`${issuer.as}/`)), ...ownTokens(issuer)]
    const holder = random.chance(0.25) && own.length > 0 ? random.pick(own) : random.pick(holders)
    const more = random.chance(0.2) ? { expiresAt: at(NOON + random.int(3) - 1) } : {}
    return issuer.grants(random.chance(0.7) ? random.pick(few) : random.pick(permissions), holder, more)
  }).filter((fact) => fact.issuer !== fact.holder)
}

function ownTokens(issuer: Said): Said[] {
  return issuer === people[2] ? tokens.slice(0, 2) : issuer === people[3] ? tokens.slice(2) : []
}

export function randomMembers(random: Random): Fact[] {
  return Array.from({ length: 14 }, () =>
    random.pick([...people, ...groups]).joins(random.pick([...groups, group('user')])),
  )
}

export function randomSuspensions(random: Random): Fact[] {
  return random.some([...people.slice(5), ...apps, ...tokens], 0, 2).map((each) => each.isSuspended())
}

export const NAMESPACES: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'without modes or resources' },
  { kind: 'namespace', name: 'proj', description: 'without modes' },
  { kind: 'namespace', name: 'doc', description: 'with modes', modes: ['see', 'read', 'write'] },
  {
    kind: 'namespace',
    name: 'other',
    description: 'with modes like the namespace itself',
    modes: ['x', 'y'],
  },
]

/** These facts in the namespaces above and the built-in ones, as the engine holds them. */
export function indexOf(facts: readonly Fact[]): FactsIndex {
  const index = new FactsIndex()
  index.load([...NAMESPACES, ...facts])
  index.pack()
  return index
}
