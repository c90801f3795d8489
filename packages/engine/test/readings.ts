import type { PathNode, Reading, ReadingNode } from '../src/answer.ts'
import type { Fact, GrantFact, JsonObject } from '../src/fact.ts'
import { explosion, groupsOf, isOver, isSuspended, rightsOf, split } from './oracle.ts'

/** A grant, or a full-access token, that reaches an actor. */
export interface Reach {
  readonly via: 'user' | 'user-group' | 'user-app' | 'app-owner' | 'app' | 'access-token'
  readonly permission: string
  readonly issuer: string
  readonly holder: string
  /** Undefined for a full-access token. */
  readonly grant: GrantFact | undefined
}

/**
 * The reading of one permission, by section 5, written down without any thought for speed: every pathway that never
 * visits an actor twice, and of those the live ones. Times are left at 0.
 *
 * @returns undefined when it would have more than `nodesMax` nodes
 */
export function readingOf(
  facts: readonly Fact[],
  now: number,
  actor: string,
  permission: string,
  nodesMax = 2_000,
): Reading | undefined {
  let left = nodesMax
  const read = (actor: string, permission: string, visited: readonly string[]): ReadingNode[] => {
    if (actor === 'system') return [option(permission, 'is-system'), TIME]
    const to = explosion(facts, permission)
    const nodes: ReadingNode[] = to.length > 1 ? [{ $: 'explode', from: permission, to }] : []
    nodes.push(...rights(facts, actor, to))
    for (const reach of reaching(facts, now, actor, permission)) {
      if (visited.includes(reach.issuer)) continue
      const reading = read(reach.issuer, reach.permission, [...visited, reach.issuer])
      if (isLive(reading)) nodes.push(path(facts, actor, reach, reading))
    }
    left -= nodes.length + 1
    if (left < 0) throw new RangeError('too large')
    return [...nodes, TIME]
  }
  try {
    return read(actor, permission, [actor])
  } catch (error) {
    if (error instanceof RangeError && error.message === 'too large') return undefined
    throw error
  }
}

export function isLive(reading: Reading): boolean {
  return reading.some((node) => node.$ === 'option' || node.$ === 'path')
}

/** The claims along each pathway of a reading, from the actor to whoever holds by right, however many rights say so. */
export function claimsOf(reading: Reading): JsonObject[][] {
  const byGrant = reading.flatMap((node) =>
    node.$ === 'path' ? claimsOf(node.reading).map((rest) => [node.data, ...rest]) : [],
  )
  return reading.some((node) => node.$ === 'option') ? [[], ...byGrant] : byGrant
}

export function withoutTimes(reading: Reading): Reading {
  return reading.map((node) => {
    if (node.$ === 'time') return TIME
    return node.$ === 'path' ? { ...node, reading: withoutTimes(node.reading) } : node
  })
}

/** Every active link that reaches an actor, live or dead, in the order of a reading. */
export function reaching(facts: readonly Fact[], now: number, actor: string, permission: string): Reach[] {
  if (!isAwake(facts, now, actor)) return []
  const grants = facts.filter((fact) => fact.kind === 'grant').filter((grant) => !isOver(grant, now))
  const covering = explosion(facts, permission)
  return scanners(facts, actor, permission).flatMap(({ via, isFor, full }) => {
    const links = grants.filter((grant) => covering.includes(grant.permission) && isFor(grant))
    const place = (grant: GrantFact) => covering.indexOf(grant.permission)
    links.sort(
      (a, b) => place(a) - place(b) || byCodePoint(a.issuer, b.issuer) || byCodePoint(a.holder, b.holder),
    )
    return [...(full ?? []), ...links.map((grant) => ({ via, ...grant, grant }))]
  })
}

const TIME = { $: 'time', value: 0 } as const

interface Finding {
  readonly via: Reach['via']
  readonly isFor: (grant: GrantFact) => boolean
  readonly full?: readonly Reach[]
}

function scanners(facts: readonly Fact[], actor: string, permission: string): Finding[] {
  const { kind, id, user } = split(actor)
  if (user !== undefined) {
    const owner = facts.flatMap((fact) => (fact.kind === 'app' && fact.id === id ? [fact.owner] : []))[0]
    return [
      { via: 'user-app', isFor: (grant) => grant.holder === actor },
      { via: 'app-owner', isFor: (grant) => grant.holder === `app:${id}` && grant.issuer === owner },
    ]
  }
  if (kind === 'app') return [{ via: 'app', isFor: (grant) => grant.holder === actor }]
  if (kind === 'token') {
    const token = facts.find((fact) => fact.kind === 'token' && fact.id === id)
    if (token?.kind !== 'token') return []
    const { issuer } = token
    const full = { via: 'access-token', permission, issuer, holder: actor, grant: undefined } as const
    const isFor = (grant: GrantFact) => grant.holder === actor && grant.issuer === issuer
    return [{ via: 'access-token', isFor, full: token.full ? [full] : [] }]
  }
  const groups = groupsOf(facts, actor)
  return [
    { via: 'user', isFor: (grant) => grant.holder === actor },
    { via: 'user-group', isFor: (grant) => groups.includes(grant.holder) },
  ]
}

function rights(facts: readonly Fact[], actor: string, permissions: readonly string[]): ReadingNode[] {
  const { kind, user } = split(actor)
  if (kind !== 'user' || user !== undefined || !isAwake(facts, 0, actor)) return []
  return permissions.flatMap((each) => rightsOf(facts, actor, each).map((by) => option(each, by)))
}

/** Known, not suspended, not expired: then it may hold something. */
function isAwake(facts: readonly Fact[], now: number, actor: string): boolean {
  const { kind, id, user } = split(actor)
  if (user !== undefined) return isAwake(facts, now, `user:${user}`) && isAwake(facts, now, `app:${id}`)
  const party = facts.find((fact) => fact.kind === kind && 'id' in fact && fact.id === id)
  return party !== undefined && !isSuspended(facts, actor) && !(party.kind === 'token' && isOver(party, now))
}

function option(permission: string, by: string): ReadingNode {
  return { $: 'option', permission, source: 'implied', by, data: {} }
}

function path(facts: readonly Fact[], actor: string, reach: Reach, reading: Reading): PathNode {
  const { via, permission, issuer, holder, grant } = reach
  return {
    $: 'path',
    via,
    has_terminal: true,
    permission,
    data: grant?.extra ?? {},
    holder_username: nameOf(facts, via === 'user-app' ? issuer : via === 'app-owner' ? holder : actor),
    issuer_username: nameOf(facts, issuer),
    ...(via === 'user-group' ? { group: split(holder).id } : {}),
    ...(via === 'user' || via === 'user-group' ? {} : { holder, issuer }),
    reading,
  }
}

/** Users, apps and tokens by name or id; an app acting for someone has two parts and no name of its own. */
function nameOf(facts: readonly Fact[], actor: string): string {
  const { kind, id, user } = split(actor)
  if (actor === 'system' || user !== undefined) return actor
  const party = facts.find((fact) => fact.kind === kind && 'id' in fact && fact.id === id)
  return party !== undefined && 'name' in party && party.name !== undefined ? party.name : id
}

function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  const at = left.findIndex((character, place) => character !== right[place])
  if (at < 0) return left.length - right.length
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1)
}
