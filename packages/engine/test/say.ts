import assert from 'node:assert/strict'
import {
  CastellanError,
  openEngine,
  type AnyCastellanError,
  type Change,
  type Engine,
  type EngineOptions,
  type Fact,
  type FactKey,
  type GrantFact,
  type ResourceFact,
} from '../src/index.ts'

/** Facts as they are said: `ed.owns('a')`, `ed.grants('a:b', fred)`. */
export interface Said {
  /** The party as facts name it. */
  readonly as: string
  readonly exists: Fact
  owns(permission: string, more?: { readonly parent?: string; readonly name?: string }): ResourceFact
  grants(
    permission: string,
    holder: Said | string,
    more?: Partial<Pick<GrantFact, 'extra' | 'expiresAt' | 'reason'>>,
  ): GrantFact
  joins(group: Said): Fact
  isSuspended(): Fact
}

export function user(id: string, name?: string): Said {
  return said(`user:${id}`, { kind: 'user', id, ...(name === undefined ? {} : { name }) })
}

export function group(id: string, owner: Said | string = 'system'): Said {
  return said(`group:${id}`, { kind: 'group', id, owner: text(owner) })
}

export function app(id: string, owner: Said | string = 'system', name?: string): Said {
  return said(`app:${id}`, { kind: 'app', id, owner: text(owner), ...(name === undefined ? {} : { name }) })
}

/** An app acting for a user; both are made elsewhere. */
export function acting(who: Said, by: Said): Said {
  return said(`${who.as}/${by.as}`, who.exists)
}

export function token(
  id: string,
  issuer: Said | string,
  more: { full?: boolean; expiresAt?: string } = {},
): Said {
  return said(`token:${id}`, { kind: 'token', id, issuer: text(issuer), full: false, ...more })
}

export const system: Said = said('system', { kind: 'user', id: 'system' })

/** An engine over these facts, in which `a`, `proj` and `doc` (with modes) are declared and it is noon, 1 June 2026. */
export function world(facts: readonly Fact[], options: EngineOptions = {}): Engine {
  return openEngine({ catalog: CATALOG, now: () => NOON, facts, ...options })
}

export const NOON = Date.parse('2026-06-01T12:00:00.000Z')
export const at = (milliseconds: number): string => new Date(milliseconds).toISOString()

const CATALOG = [
  { name: 'a', description: 'for examples' },
  { name: 'proj', description: 'projects, without modes' },
  { name: 'doc', description: 'documents', modes: ['see', 'read', 'write'] },
]

export function add(...facts: readonly Fact[]): Change[] {
  return facts.map((fact) => ({ add: fact }))
}

export function remove(...facts: readonly (Fact | FactKey)[]): Change[] {
  return facts.map((fact) => ({ remove: keyOf(fact) }))
}

/** Runs it for the error it must throw. */
export function errorOf(run: () => unknown, code: AnyCastellanError['code']): AnyCastellanError {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof CastellanError, `${String(error)} is not one of ours`)
    assert.equal(error.code, code, error.message)
    return error as AnyCastellanError
  }
  assert.fail(`${code} was expected`)
}

/** What names the fact, without the rest. */
function keyOf(fact: Fact | FactKey): FactKey {
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

function said(as: string, exists: Fact): Said {
  return {
    as,
    exists,
    owns: (permission, more = {}) => ({ kind: 'resource', permission, owner: as, ...more }),
    grants: (permission, holder, more = {}) => ({
      kind: 'grant',
      issuer: as,
      holder: text(holder),
      permission,
      extra: {},
      ...more,
    }),
    joins: (group) => ({ kind: 'member', group: group.as.slice('group:'.length), member: as }),
    isSuspended: () => ({ kind: 'suspension', of: as }),
  }
}

function text(party: Said | string): string {
  return typeof party === 'string' ? party : party.as
}
