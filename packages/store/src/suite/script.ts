import type { Change, Commit, Effect, Fact, FactKey } from '@castellan/engine'
import { nameOf } from '../keys.ts'

/** Writes commits as the engine would, and remembers what they lead to: a model of a store, simple enough to trust. */
export class Script {
  readonly commits: Commit[] = []
  readonly #facts = new Map<string, Fact>()
  readonly #changedAt = new Map<string, number>()

  get revision(): number {
    return this.commits.length
  }

  /** The next commit; it is up to the caller to give it to a store. */
  commit(changes: readonly Change[], reason: string | null = null): Commit {
    const revision = this.revision + 1
    const effects = changes.map((change) => this.#effect(change, revision))
    const commit = { revision, time: 1_700_000_000_000 + revision, actor: 'user:writer', reason, effects }
    this.commits.push(commit)
    return commit
  }

  add(...facts: readonly Fact[]): Commit {
    return this.commit(facts.map((add) => ({ add })))
  }

  remove(...keys: readonly FactKey[]): Commit {
    return this.commit(keys.map((remove) => ({ remove })))
  }

  facts(): Fact[] {
    return [...this.#facts.values()]
  }

  removed(): FactKey[] {
    return [...this.#changedAt.keys()].filter((name) => !this.#facts.has(name)).map(keyOf)
  }

  changedAt(key: FactKey): number {
    return this.#changedAt.get(nameOf(key)) ?? 0
  }

  #effect(change: Change, revision: number): Effect {
    const name = nameOf('add' in change ? change.add : change.remove)
    const before = this.#facts.get(name) ?? null
    this.#changedAt.set(name, revision)
    if ('add' in change) {
      this.#facts.set(name, change.add)
      return before === null ? { before, after: change.add } : { before, after: change.add }
    }
    if (before === null) throw new Error(`${name} is not there to be removed`)
    this.#facts.delete(name)
    return { before, after: null }
  }
}

function keyOf(name: string): FactKey {
  const [kind, a, b, c] = JSON.parse(name) as [Fact['kind'], string, string, string]
  switch (kind) {
    case 'namespace':
      return { kind, name: a }
    case 'resource':
      return { kind, permission: a }
    case 'member':
      return { kind, group: a, member: b }
    case 'grant':
      return { kind, issuer: a, holder: b, permission: c }
    case 'suspension':
      return { kind, of: a }
    default:
      return { kind, id: a }
  }
}

/** A fact of every kind, with every optional field and without. */
export const SAMPLES: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'things' },
  {
    kind: 'namespace',
    name: 'b',
    description: '',
    modes: ['see', 'read'],
    requestable: true,
    enforcedBy: 'us',
  },
  { kind: 'user', id: 'alice' },
  { kind: 'user', id: 'bob', name: 'Bob' },
  { kind: 'group', id: 'staff', owner: 'system' },
  { kind: 'group', id: 'crew', owner: 'user:alice' },
  { kind: 'app', id: 'editor', owner: 'user:alice' },
  { kind: 'app', id: 'viewer', owner: 'user:bob', name: 'Viewer' },
  { kind: 'token', id: 't1', issuer: 'user:alice', full: true },
  {
    kind: 'token',
    id: 't2',
    issuer: 'user:bob/app:editor',
    full: false,
    expiresAt: '2030-01-01T00:00:00.000Z',
  },
  { kind: 'resource', permission: 'a:1', owner: 'user:alice' },
  { kind: 'resource', permission: 'a:2', owner: 'user:bob', parent: 'a:1', name: 'two' },
  { kind: 'member', group: 'crew', member: 'user:bob' },
  { kind: 'member', group: 'staff', member: 'group:crew' },
  { kind: 'grant', issuer: 'user:alice', holder: 'user:bob', permission: 'a:1', extra: {} },
  {
    kind: 'grant',
    issuer: 'user:alice',
    holder: 'user:bob/app:editor',
    permission: 'a:1:read',
    extra: { hosts: ['x.example', 'y.example'], quota: { bytes: 1e21, ratio: 0.1 }, on: true, off: null },
    expiresAt: '2031-12-31T23:59:59.999Z',
    reason: 'default',
  },
  { kind: 'suspension', of: 'app:viewer' },
]

/** Chance that can be repeated: a generator of whole numbers below `limit`. */
export function makeChance(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return (limit) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}
