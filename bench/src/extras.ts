import { randomUUID } from 'node:crypto'
import type { Fact, FactKey } from '@castellan/engine'

/** What is put beside a generated world for one question, its users and files all its own. */
export interface Extra {
  readonly facts: readonly Fact[]
  readonly permission: string
}

/** One file that exactly 1,000 may read: its owner, 500 by name, 399 in a group, 100 at second hand. */
export function widelyHeld(): Extra {
  const file = `fs:${randomUUID()}`
  const permission = `${file}:read`
  const users = Array.from({ length: 1000 }, (_, index) => `holder-${index}`)
  const [owner, ...others] = users.map((id) => `user:${id}`)
  const [named, grouped, second] = [others.slice(0, 500), others.slice(500, 899), others.slice(899)]
  return {
    permission,
    facts: [
      ...users.map((id): Fact => ({ kind: 'user', id })),
      { kind: 'group', id: 'holders', owner: owner! },
      { kind: 'resource', permission: file, owner: owner! },
      ...grouped.map((member): Fact => ({ kind: 'member', group: 'holders', member })),
      ...named.map((holder) => grant(owner!, holder, permission)),
      grant(owner!, 'group:holders', permission),
      ...second.map((holder, index) => grant(named[index]!, holder, permission)),
    ],
  }
}

/** A grant on which 15,000 others depend, and what takes it away. */
export interface Dependence extends Extra {
  readonly revoked: FactKey
  /** Who would lose something: the dependants, and the one in the middle. */
  readonly losers: number
}

export const DEPENDANTS = 15_000

/** Ed gave Fred a file, and Fred handed it on to 15,000 others. */
export function fannedOut(): Dependence {
  const file = `fs:${randomUUID()}`
  const permission = `${file}:read`
  const users = Array.from({ length: DEPENDANTS }, (_, index) => `fan-${index}`)
  return {
    permission,
    facts: [
      ...[...users, 'fan-ed', 'fan-fred'].map((id): Fact => ({ kind: 'user', id })),
      { kind: 'resource', permission: file, owner: 'user:fan-ed' },
      grant('user:fan-ed', 'user:fan-fred', permission),
      ...users.map((id) => grant('user:fan-fred', `user:${id}`, permission)),
    ],
    revoked: { kind: 'grant', issuer: 'user:fan-ed', holder: 'user:fan-fred', permission },
    losers: DEPENDANTS + 1,
  }
}

/** Ed gave Fred a folder, and Fred gave away 15,000 files in it, 15 to each of 1,000 others. */
export function spreadOut(): Dependence {
  const folder = `fs:${randomUUID()}`
  const files = Array.from({ length: DEPENDANTS }, () => `fs:${randomUUID()}`)
  const users = Array.from({ length: 1000 }, (_, index) => `spread-${index}`)
  return {
    permission: folder,
    facts: [
      ...[...users, 'spread-ed', 'spread-fred'].map((id): Fact => ({ kind: 'user', id })),
      { kind: 'resource', permission: folder, owner: 'user:spread-ed' },
      ...files.map((permission): Fact => ({
        kind: 'resource',
        permission,
        owner: 'user:spread-ed',
        parent: folder,
      })),
      grant('user:spread-ed', 'user:spread-fred', folder),
      ...files.map((file, index) =>
        grant('user:spread-fred', `user:${users[index % users.length]!}`, `${file}:read`),
      ),
    ],
    revoked: { kind: 'grant', issuer: 'user:spread-ed', holder: 'user:spread-fred', permission: folder },
    losers: 1001,
  }
}

function grant(issuer: string, holder: string, permission: string): Fact {
  return { kind: 'grant', issuer, holder, permission, extra: {} }
}
