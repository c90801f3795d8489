import type { Fact, GrantFact, MemberFact } from '@castellan/engine'

/** What the clients of a history do: change one fact, or ask one question. */
export type Operation =
  | { readonly kind: 'add' | 'remove'; readonly fact: GrantFact | MemberFact }
  | { readonly kind: 'check'; readonly actor: string; readonly permission: string }

const USERS = ['user:u0', 'user:u1', 'user:u2', 'user:u3', 'user:u4', 'user:u5'] as const
const GROUPS = ['g0', 'g1', 'g2'] as const
const PERMISSIONS = ['a:0', 'a:0:x', 'a:1'] as const

/** Who owns everything, and so makes the first grant of each chain and says who is in the groups. */
const OWNER = USERS[0]
/** Who asks about everyone. */
const ASKER = 'user:asker'

/** So small that the same facts are fought over all the time: that is where orders go wrong. */
export const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'what the history is about' },
  ...[...USERS, ASKER].map((user) => ({ kind: 'user', id: user.slice('user:'.length) }) as const),
  ...GROUPS.map((id) => ({ kind: 'group', id, owner: OWNER }) as const),
  { kind: 'resource', permission: 'a', owner: OWNER },
  { kind: 'grant', issuer: 'system', holder: ASKER, permission: 'castellan:check', extra: {} },
]

/** Everyone whose token operations are sent with. */
export function callersOf(facts: readonly Fact[]): string[] {
  return facts.flatMap((fact) => (fact.kind === 'user' ? [`user:${fact.id}`] : []))
}

/** Whose token an operation is sent with. */
export function callerOf(operation: Operation): string {
  if (operation.kind === 'check') return ASKER
  return operation.fact.kind === 'grant' ? operation.fact.issuer : OWNER
}

/** @param chance - a whole number from 0 to below its argument */
export function randomOperation(chance: (limit: number) => number): Operation {
  const pick: Pick = (items) => items[chance(items.length)]!
  const roll = chance(100)
  if (roll < 60) return { kind: 'check', actor: pick(USERS), permission: pick(PERMISSIONS) }
  // Seldom added, often removed: so that about half of the checks are denied, and a commit changes some answer.
  const fact = roll < 84 ? randomGrant(pick) : randomMember(pick)
  return { kind: chance(8) === 0 ? 'add' : 'remove', fact }
}

type Pick = <Item>(items: readonly Item[]) => Item

function randomGrant(pick: Pick): GrantFact {
  const issuer = pick(USERS)
  const holders = [...USERS.filter((user) => user !== issuer), ...GROUPS.map((id) => `group:${id}`)]
  return { kind: 'grant', issuer, holder: pick(holders), permission: pick(PERMISSIONS), extra: {} }
}

function randomMember(pick: Pick): MemberFact {
  const group = pick(GROUPS)
  const members = [...USERS, ...GROUPS.filter((id) => id !== group).map((id) => `group:${id}`)]
  return { kind: 'member', group, member: pick(members) }
}
