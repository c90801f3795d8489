import type { Change, Fact, FactKey } from '@castellan/engine'
import { makeChance } from '@castellan/store/suite'

export const CALLERS = 8
const USERS = Array.from({ length: 12 }, (_, i) => `u${i}`)

export const BASICS: readonly Change[] = [
  { add: { kind: 'namespace', name: 'a', description: 'things' } },
  { add: { kind: 'group', id: 'crew', owner: 'system' } },
  ...USERS.map((id) => ({ add: { kind: 'user', id } as const })),
]

export function idOf(round: string, caller: number, n: number): string {
  return `${round}/${caller}/${n}`
}

/**
 * The changes of one call, from its id alone: so whoever finds the id in the journal knows what must have been done.
 * No wish of a batch undoes another of the same.
 */
export function batchOf(id: string): readonly Change[] {
  const chance = makeChance(Buffer.from(id).reduce((hash, byte) => Math.imul(hash, 31) + byte, 7))
  const pick = () => USERS[chance(USERS.length)] as string
  const start = chance(USERS.length)
  const several = Array.from({ length: 1 + chance(5) }, (_, i) => USERS[(start + i) % USERS.length] as string)
  switch (chance(6)) {
    case 0:
      return several.map((user) => ({
        remove: { kind: 'grant', issuer: 'system', holder: `user:${user}`, permission: `a:${start}` },
      }))
    case 1:
      return several.map((user) => ({ add: { kind: 'member', group: 'crew', member: `user:${user}` } }))
    case 2:
      return several.map((user) => ({ remove: { kind: 'member', group: 'crew', member: `user:${user}` } }))
    case 3: {
      const app = `app-${id.replaceAll('/', '.')}`
      return [
        { add: { kind: 'app', id: app, owner: 'system' } },
        { add: { kind: 'resource', permission: `a:${app}`, owner: `user:${pick()}` } },
        { add: { kind: 'grant', issuer: 'system', holder: `app:${app}`, permission: 'a', extra: { id } } },
      ]
    }
    default:
      return several.map((user) => ({
        add: {
          kind: 'grant',
          issuer: 'system',
          holder: `user:${user}`,
          permission: `a:${start}`,
          extra: { id },
        },
      }))
  }
}

/** Whether a wish is fulfilled by what there is. */
export function isFulfilled(change: Change, find: (key: FactKey) => Fact | undefined): boolean {
  if ('remove' in change) return find(change.remove) === undefined
  const found = find(change.add)
  return found !== undefined && JSON.stringify(sorted(found)) === JSON.stringify(sorted(change.add))
}

function sorted(fact: Fact): unknown {
  return Object.entries(fact).sort(([a], [b]) => (a < b ? -1 : 1))
}
