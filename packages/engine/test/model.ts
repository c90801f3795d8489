import type { Change } from '../src/change.ts'
import { keyParts, type Fact, type FactKey } from '../src/fact.ts'
import { isBeneath, split } from './oracle.ts'

/** Facts and the keys that were removed for good, told as plainly as `oracle.ts` tells who holds what. */
export interface State {
  readonly facts: readonly Fact[]
  readonly retired: ReadonlySet<string>
}

/**
 * What section 6 says these changes do, authority aside.
 *
 * @returns the state after them, or why they are refused as a whole: a word of the error's code
 */
export function afterwards(before: State, changes: readonly Change[]): State | string {
  let state = before
  for (const change of changes) {
    const next =
      'add' in change ? adding(state, change.add) : removing(state, change.remove, change.recursive ?? false)
    if (typeof next === 'string') return next
    state = next
  }
  return state
}

export function textOfKey(key: FactKey): string {
  return JSON.stringify([key.kind, ...keyParts(key)])
}

const BUILT_IN_GROUPS = ['user', 'admin', 'developer', 'guest']
const BUILT_IN_NAMESPACES = [
  'fs',
  'kv',
  'ai',
  'hosting',
  'site',
  'module',
  'castellan',
  'user',
  'app',
  'group',
  'manage',
]
const RETIRING = ['user', 'group', 'app', 'token', 'resource']

function adding(state: State, fact: Fact): State | string {
  const key = textOfKey(fact)
  // Strings are read before the world is looked at.
  const named = fact.kind === 'grant' || fact.kind === 'resource' ? fact.permission : undefined
  if (named !== undefined && !isDeclared(state.facts, named)) return 'PERMISSION_UNKNOWN'
  if (state.retired.has(key)) return 'ID_RETIRED'
  const refusal = whyIllegal(state.facts, fact)
  if (refusal !== undefined) return refusal
  // Everyone is in it already.
  if (fact.kind === 'member' && fact.group === 'user' && isUser(fact.member)) return state
  const kept = state.facts.filter((each) => textOfKey(each) !== key)
  return { ...state, facts: [...kept, fact] }
}

function whyIllegal(facts: readonly Fact[], fact: Fact): string | undefined {
  const missing = namedBy(fact).find((party) => !exists(facts, party))
  if (missing !== undefined) return 'REFERENCE_UNKNOWN'
  if (fact.kind === 'grant') return whyGrantIllegal(facts, fact)
  if (fact.kind === 'resource') return whyResourceIllegal(facts, fact)
  if (fact.kind === 'token' && fact.full && !isUser(fact.issuer)) return 'FACT_INVALID'
  return undefined
}

function whyGrantIllegal(
  facts: readonly Fact[],
  { issuer, holder }: Extract<Fact, { kind: 'grant' }>,
): string | undefined {
  if (issuer === holder) return 'FACT_INVALID'
  const { kind, id, user } = split(holder)
  if (user !== undefined && issuer !== `user:${user}`) return 'ISSUER_WRONG'
  if (
    kind === 'token' &&
    !facts.some((fact) => fact.kind === 'token' && fact.id === id && fact.issuer === issuer)
  )
    return 'ISSUER_WRONG'
  return undefined
}

function whyResourceIllegal(
  facts: readonly Fact[],
  { permission, parent }: Extract<Fact, { kind: 'resource' }>,
): string | undefined {
  if (parent === undefined) return undefined
  if (parent.split(':')[0] !== permission.split(':')[0]) return 'TREE_INVALID'
  const parentOf = (child: string): string | undefined =>
    facts.flatMap((fact) => (fact.kind === 'resource' && fact.permission === child ? [fact.parent] : []))[0]
  for (let above: string | undefined = parent; above !== undefined; above = parentOf(above)) {
    if (above === permission) return 'TREE_INVALID'
    if (above === parent && !exists(facts, above)) return 'REFERENCE_UNKNOWN'
  }
  return growsForEver(facts, permission, parent) ? 'TREE_INVALID' : undefined
}

/**
 * Steps from what is in a folder to the folder, from every resource, until a string is longer than any can be. Each
 * string is followed as far as it goes before the next: where folders are tangled in several ways, the strings of
 * each length are more than memory holds.
 */
function growsForEver(facts: readonly Fact[], permission: string, parent: string): boolean {
  const folders = new Map([[permission, parent]])
  for (const fact of facts) {
    if (fact.kind === 'resource' && fact.parent !== undefined && fact.permission !== permission)
      folders.set(fact.permission, fact.parent)
  }
  const pending = [...folders.keys()].flatMap((each) => [each, `${each}:x`])
  const met = new Set(pending)
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    if (each.split(':').length > 32) return true
    for (const [inside, folder] of folders) {
      if (each !== inside && !each.startsWith(`${inside}:`)) continue
      const above = folder + each.slice(inside.length)
      if (met.has(above)) continue
      met.add(above)
      pending.push(above)
    }
  }
  return false
}

/** The parties and things a fact rests on. */
function namedBy(fact: Fact): string[] {
  switch (fact.kind) {
    case 'group':
    case 'app':
      return [fact.owner]
    case 'token':
      return [fact.issuer]
    case 'resource':
      return [fact.owner]
    case 'member':
      return [`group:${fact.group}`, fact.member]
    case 'grant':
      return [fact.issuer, fact.holder]
    case 'suspension':
      return [fact.of]
    default:
      return []
  }
}

export function exists(facts: readonly Fact[], name: string): boolean {
  if (name === 'system') return true
  const { kind, id, user } = split(name)
  if (user !== undefined) return exists(facts, `user:${user}`) && exists(facts, `app:${id}`)
  if (kind === 'group' && BUILT_IN_GROUPS.includes(id)) return true
  return facts.some((fact) =>
    fact.kind === 'resource'
      ? fact.permission === name
      : 'id' in fact && fact.kind === kind && fact.id === id,
  )
}

function isDeclared(facts: readonly Fact[], permission: string): boolean {
  const [namespace, ...rest] = permission.split(':')
  if (namespace === 'manage' && rest.length > 0) return isDeclared(facts, rest.join(':'))
  return (
    BUILT_IN_NAMESPACES.includes(namespace ?? '') ||
    facts.some((fact) => fact.kind === 'namespace' && fact.name === namespace)
  )
}

function isUser(party: string): boolean {
  return /^user:[^/]+$/.test(party)
}

function removing(state: State, key: FactKey, recursive: boolean): State | string {
  if (key.kind === 'group' && BUILT_IN_GROUPS.includes(key.id)) return 'BUILT_IN'
  if (key.kind === 'namespace' && BUILT_IN_NAMESPACES.includes(key.name)) return 'BUILT_IN'
  if (key.kind === 'member' && key.group === 'user' && isUser(key.member)) return 'BUILT_IN'
  const gone = state.facts.find((fact) => textOfKey(fact) === textOfKey(key))
  if (gone === undefined) return state
  const removed = new Set<Fact>([gone])
  if (key.kind === 'resource') {
    for (const each of removed) for (const child of childrenOf(state.facts, each)) removed.add(child)
    if (removed.size > 1 && !recursive) return 'HAS_CHILDREN'
  }
  if (key.kind === 'user' && state.facts.some((fact) => 'owner' in fact && fact.owner === `user:${key.id}`))
    return 'IN_USE'
  for (const each of removed) for (const other of state.facts) if (endsWith(other, each)) removed.add(other)
  return {
    facts: state.facts.filter((fact) => !removed.has(fact)),
    retired: new Set([
      ...state.retired,
      ...[...removed].filter((fact) => RETIRING.includes(fact.kind)).map(textOfKey),
    ]),
  }
}

/** What is in a folder, and what lies beneath its string. */
function childrenOf(facts: readonly Fact[], folder: Fact): Fact[] {
  return facts.filter(
    (fact) =>
      fact.kind === 'resource' &&
      folder.kind === 'resource' &&
      fact !== folder &&
      (fact.parent === folder.permission || isBeneath(fact.permission, folder.permission)),
  )
}

/** Does `other` end in the commit that removes `gone`? */
function endsWith(other: Fact, gone: Fact): boolean {
  switch (gone.kind) {
    case 'user':
      return names(other, (party) => party === `user:${gone.id}` || party.startsWith(`user:${gone.id}/`))
    case 'app':
      return names(other, (party) => party === `app:${gone.id}` || party.endsWith(`/app:${gone.id}`))
    case 'token':
      return names(other, (party) => party === `token:${gone.id}`)
    case 'group':
      return names(other, (party) => party === `group:${gone.id}`)
    case 'resource':
      return other.kind === 'grant' && isBeneath(other.permission.replace(/^(manage:)+/, ''), gone.permission)
    default:
      return false
  }
}

function names(fact: Fact, isIt: (party: string) => boolean): boolean {
  return fact.kind !== 'resource' && namedBy(fact).some(isIt)
}
