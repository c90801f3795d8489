import type { Fact, GrantFact } from '../src/fact.ts'

export type Holds = (actor: string, permission: string) => boolean

/**
 * The model of `permissions.md` section 4, said as slowly and plainly as possible: no index, no search order, nothing
 * shared with the engine. Grants start out dead; one stands once its issuer holds what it grants by those that stand
 * so far; again until no more stand. So a loop of grants never supports itself.
 */
export function holdsAll(facts: readonly Fact[], now: number): Holds {
  const standing = new Set<GrantFact>()
  const holds = holdsBy(facts, standing, now)
  for (;;) {
    const dead = facts.filter((fact) => fact.kind === 'grant').filter((grant) => !standing.has(grant))
    const more = dead.filter((grant) => !isOver(grant, now) && holds(grant.issuer, grant.permission))
    if (more.length === 0) return holds
    for (const grant of more) standing.add(grant)
  }
}

/** The sentences of section 4, one branch each, given the grants whose issuers hold what they grant. */
function holdsBy(facts: readonly Fact[], standing: ReadonlySet<GrantFact>, now: number): Holds {
  const find = (kind: string, id: string) =>
    facts.find((fact) => fact.kind === kind && 'id' in fact && fact.id === id)
  return function holds(actor, permission): boolean {
    if (actor === 'system') return true
    const covering = explosion(facts, permission)
    const reached = [...standing].filter((grant) => covering.includes(grant.permission))
    const { kind, id, user } = split(actor)
    if (user !== undefined) {
      const app = find('app', id)
      if (app?.kind !== 'app' || find('user', user) === undefined) return false
      if (isSuspended(facts, `user:${user}`) || isSuspended(facts, `app:${id}`)) return false
      const isByOwner = (grant: GrantFact) => grant.holder === `app:${id}` && grant.issuer === app.owner
      return reached.some((grant) => grant.holder === actor || isByOwner(grant))
    }
    const party = find(kind, id)
    if (isSuspended(facts, actor)) return false
    switch (party?.kind) {
      case 'user':
        if (covering.some((each) => rightsOf(facts, actor, each).length > 0)) return true
        return reached.some((grant) => [actor, ...groupsOf(facts, actor)].includes(grant.holder))
      case 'app':
        return reached.some((grant) => grant.holder === actor)
      case 'token':
        if (isOver(party, now)) return false
        if (party.full && holds(party.issuer, permission)) return true
        return reached.some((grant) => grant.holder === actor && grant.issuer === party.issuer)
      default:
        return false
    }
  }
}

/** The implicators that give a user this very permission, in their order. */
export function rightsOf(facts: readonly Fact[], actor: string, permission: string): string[] {
  const isOwner = ownedBy(facts, actor).some((root) => isBeneath(permission, root))
  return [...(isOwner ? ['is-owner'] : []), ...(isBeneath(permission, actor) ? ['user-self'] : [])]
}

const ownedBy = remembered((facts, user) =>
  facts.flatMap((fact) => {
    if (fact.kind === 'resource' && fact.owner === user) return [fact.permission, `manage:${fact.permission}`]
    return fact.kind === 'group' && fact.owner === user ? [`manage:group:${fact.id}`] : []
  }),
)

/** Everything that is enough for `permission`, itself first, in the order of section 3. */
export const explosion = remembered((facts, permission): string[] => {
  if (permission.startsWith('manage:')) {
    return [...explosion(facts, permission.slice(7)).map((each) => `manage:${each}`), 'manage']
  }
  const found = [permission]
  for (const next of found) {
    const covering = [...strongerModes(facts, next), ...throughFolders(facts, next), ...parents(next)]
    for (const other of covering) if (!found.includes(other)) found.push(other)
    if (found.length > 200 || next.length > 400) throw new RangeError(`${permission} explodes for ever`)
  }
  return found
})

function strongerModes(facts: readonly Fact[], permission: string): string[] {
  const components = permission.split(':')
  const [namespace] = components
  const declared = facts.find((fact) => fact.kind === 'namespace' && fact.name === namespace)
  const own = declared?.kind === 'namespace' ? (declared.modes ?? []) : []
  const modes = namespace === 'fs' ? ['see', 'list', 'read', 'write'] : own
  const place = components.length < 2 ? -1 : modes.indexOf(components.pop() ?? '')
  return place < 0 ? [] : modes.slice(place + 1).map((mode) => [...components, mode].join(':'))
}

/** For each declared resource it lies in, nearest first, the same thing said of the folder that resource is in. */
function throughFolders(facts: readonly Fact[], permission: string): string[] {
  return [permission, ...parents(permission)].flatMap((prefix) => {
    const resource = facts.find((fact) => fact.kind === 'resource' && fact.permission === prefix)
    if (resource?.kind !== 'resource' || resource.parent === undefined) return []
    return [resource.parent + permission.slice(prefix.length)]
  })
}

/** `a:b:c` has `a:b` and `a`. */
export function parents(permission: string): string[] {
  const end = permission.lastIndexOf(':')
  return end < 0 ? [] : [permission.slice(0, end), ...parents(permission.slice(0, end))]
}

export function isBeneath(permission: string, above: string): boolean {
  return permission === above || permission.startsWith(`${above}:`)
}

/** As holders. Every user is in `user`, and the members of a member are members. */
export const groupsOf = remembered((facts, user) => {
  const found = [user, 'group:user']
  for (const next of found) {
    const direct = facts.flatMap((fact) =>
      fact.kind === 'member' && fact.member === next ? [`group:${fact.group}`] : [],
    )
    for (const group of direct) if (!found.includes(group)) found.push(group)
  }
  return found.slice(1)
})

/** At the instant of expiry it is over. */
export function isOver(fact: { readonly expiresAt?: string }, now: number): boolean {
  return fact.expiresAt !== undefined && now >= Date.parse(fact.expiresAt)
}

export function isSuspended(facts: readonly Fact[], party: string): boolean {
  return facts.some((fact) => fact.kind === 'suspension' && fact.of === party)
}

/** `user:u/app:a` is the app `a` with its user `u`; everything else is a kind and an id. */
export function split(party: string): { kind: string; id: string; user?: string } {
  const [, user, app] = /^user:(.+)\/app:(.+)$/.exec(party) ?? []
  if (user !== undefined && app !== undefined) return { kind: 'user-app', id: app, user }
  const colon = party.indexOf(':')
  return { kind: party.slice(0, colon), id: party.slice(colon + 1) }
}

/** For facts that stay as they are: what was worked out once is worked out. */
function remembered<Value>(compute: (facts: readonly Fact[], text: string) => Value) {
  const known = new WeakMap<readonly Fact[], Map<string, Value>>()
  return (facts: readonly Fact[], text: string): Value => {
    const values = known.get(facts) ?? new Map<string, Value>()
    known.set(facts, values)
    if (!values.has(text)) values.set(text, compute(facts, text))
    return values.get(text) as Value
  }
}
