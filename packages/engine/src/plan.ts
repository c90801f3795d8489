import type { Change, ChangeResult, Effect } from './change.ts'
import { isBuiltInNamespace, validateShape } from './catalog.ts'
import { NONE } from './columns.ts'
import {
  ConflictError,
  FactInvalidError,
  InUseError,
  IssuerWrongError,
  ReferenceUnknownError,
} from './errors.ts'
import type {
  AppFact,
  Fact,
  FactKey,
  GrantFact,
  GroupFact,
  MemberFact,
  NamespaceFact,
  ResourceFact,
  SuspensionFact,
  TokenFact,
  UserFact,
} from './fact.ts'
import type { FactsIndex } from './facts-index.ts'
import { isBuiltInGroup, KIND_APP, KIND_GROUP, KIND_TOKEN, KIND_USER_APP } from './parties.ts'
import type { Inquiry } from './inquiry.ts'
import { LIMITS } from './limits.ts'
import { factKey, parseFact, parseFactKey, sameJson } from './parse-fact.ts'
import { decodeComponent, isAtOrBeneath, namespaceOf, splitManage } from './permission.ts'
import { isUnresolvedPath } from './rules/fs-path.ts'

/**
 * What a batch of wishes does to the facts: each is checked against the world as the ones before it left it, and
 * applied to the index at once. `undo` walks back; whoever plans must either keep the effects durably or undo them.
 */
export class Plan {
  readonly effects: Effect[] = []
  private readonly index: FactsIndex
  /** A fresh one for each wish: the facts change in between. */
  private readonly inquire: () => Inquiry

  constructor(index: FactsIndex, inquire: () => Inquiry) {
    this.index = index
    this.inquire = inquire
  }

  /** A wish with its fact parsed and its permission strings rewritten: what authority is checked for and what is kept. */
  resolve(change: Change): Change {
    if ('add' in change) return { add: this.resolveFact(parseFact(change.add)) }
    return {
      remove: this.resolveKey(parseFactKey(change.remove)),
      ...(change.recursive === true && { recursive: true }),
    }
  }

  /** Applies a resolved wish. @throws {CastellanError} and then nothing of this wish was applied */
  apply(change: Change): ChangeResult {
    const before = this.effects.length
    try {
      return 'add' in change ? this.add(change.add) : this.remove(change.remove, change.recursive === true)
    } catch (error) {
      this.undoTo(before)
      throw error
    }
  }

  undo(): void {
    this.undoTo(0)
  }

  /** Does again what was undone; the facts must be what they were when it was done first. */
  redo(effects: readonly Effect[]): void {
    for (const effect of effects) {
      const { before, after } = effect
      if (after === null) this.index.remove(factKey(before))
      else this.index.put(after)
      if (after === null) retirementOf(this.index, before)?.add(entityId(before))
      this.effects.push(effect)
    }
  }

  private undoTo(length: number): void {
    while (this.effects.length > length) {
      const { before, after } = this.effects.pop()!
      if (before === null) this.index.remove(factKey(after))
      else this.index.put(before)
      if (after === null) retirementOf(this.index, before)?.delete(entityId(before))
    }
  }

  // ---- strings

  private resolveFact(fact: Fact): Fact {
    switch (fact.kind) {
      case 'resource':
        return {
          ...fact,
          permission: this.canonicalResource(fact.permission),
          ...(fact.parent !== undefined && { parent: this.canonicalResource(fact.parent) }),
        }
      case 'grant':
        return { ...fact, permission: this.canonical(fact.permission) }
      default:
        return fact
    }
  }

  private resolveKey(key: FactKey): FactKey {
    if (key.kind === 'resource') return { ...key, permission: this.canonicalResource(key.permission) }
    return key.kind === 'grant' ? { ...key, permission: this.canonical(key.permission) } : key
  }

  private canonical(permission: string): string {
    const canonical = this.inquire().canonical(permission)
    // Nothing could ever answer to it, and to store it would tell later whether the path was there.
    if (isUnresolvedPath(splitManage(canonical).rest)) throw new ReferenceUnknownError('path', permission)
    return canonical
  }

  private canonicalResource(permission: string): string {
    const canonical = this.canonical(permission)
    const name = namespaceOf(canonical)
    if (name === 'manage') throw new FactInvalidError('permission', 'nothing beneath `manage:` is a resource')
    if (isBuiltInNamespace(name)) {
      const length = name === 'kv' ? 3 : 2
      if (canonical.split(':').length < length)
        throw new FactInvalidError('permission', `\`${canonical}\` is not one resource of \`${name}\``)
      if (name === 'fs' || name === 'kv') validateShape(`${canonical}:${name === 'fs' ? 'see' : 'get'}`, name)
    }
    return canonical
  }

  // ---- primitives

  private put(after: Fact): ChangeResult {
    const key = factKey(after)
    const before = this.index.fact(key)
    if (before === undefined) {
      this.index.put(after)
      this.effects.push({ before: null, after })
      return { outcome: 'added' }
    }
    if (sameJson(before, after)) return { outcome: 'unchanged' }
    this.index.put(after)
    this.effects.push({ before, after })
    return { outcome: 'updated' }
  }

  private drop(key: FactKey): void {
    const before = this.index.fact(key)
    if (before === undefined) return
    this.index.remove(key)
    retirementOf(this.index, before)?.add(entityId(before))
    this.effects.push({ before, after: null })
  }

  private dropGrants(grants: Iterable<number>): number {
    // Copied first: dropping takes rows out of the list being walked, and one grant may be in two lists.
    const keys = [...new Set(grants)].map((grant) => factKey(this.index.grantFact(grant)))
    for (const key of keys) this.drop(key)
    return keys.length
  }

  // ---- adding

  private add(fact: Fact): ChangeResult {
    if (retirementOf(this.index, fact)?.has(entityId(fact)) === true) {
      throw new ConflictError(
        'ID_RETIRED',
        `${fact.kind} \`${entityId(fact)}\` was removed, and ids are never made again`,
        'choose another id',
      )
    }
    switch (fact.kind) {
      case 'namespace':
        return this.addNamespace(fact)
      case 'user':
        return this.put(fact)
      case 'group':
        return this.addGroup(fact)
      case 'app':
        return this.addApp(fact)
      case 'token':
        return this.addToken(fact)
      case 'resource':
        return this.addResource(fact)
      case 'member':
        return this.addMember(fact)
      case 'grant':
        return this.addGrant(fact)
      case 'suspension':
        return this.addSuspension(fact)
    }
  }

  private addNamespace(fact: NamespaceFact): ChangeResult {
    if (isBuiltInNamespace(fact.name) && !sameJson(fact, this.index.namespaces.get(fact.name)))
      throw builtIn('namespace', fact.name)
    return this.put(fact)
  }

  private addGroup(fact: GroupFact): ChangeResult {
    if (isBuiltInGroup(`group:${fact.id}`) && fact.owner !== 'system') throw builtIn('group', fact.id)
    this.requireParty(fact.owner)
    return this.put(fact)
  }

  private addApp(fact: AppFact): ChangeResult {
    this.requireParty(fact.owner)
    return this.put(fact)
  }

  private addToken(fact: TokenFact): ChangeResult {
    this.requireParty(fact.issuer)
    if (fact.full && fact.issuer.includes('/'))
      throw new FactInvalidError('full', 'apps make no full-access token')
    const before = this.index.token(fact.id)
    if (before !== undefined && before.issuer !== fact.issuer)
      throw new FactInvalidError('issuer', 'the issuer of a token never changes')
    return this.put(fact)
  }

  private addResource(fact: ResourceFact): ChangeResult {
    this.requireParty(fact.owner)
    if (fact.parent !== undefined) {
      this.requireFolder(fact, fact.parent)
      this.requireFiniteExplosion(fact.permission, fact.parent)
    }
    if (namespaceOf(fact.permission) === 'fs') this.requireFreeName(fact)
    return this.put(fact)
  }

  private requireFolder(fact: ResourceFact, parent: string): void {
    const { index } = this
    if (namespaceOf(parent) !== namespaceOf(fact.permission))
      throw new FactInvalidError('parent', 'a parent is in the same namespace')
    const folder = index.findNode(parent)
    if (folder === NONE || index.owner.get(folder) === NONE)
      throw new ReferenceUnknownError('resource', parent)
    const own = index.findNode(fact.permission)
    let depth = 1
    for (let at = folder; at !== NONE; at = index.folder.get(at)) {
      if (at === own)
        throw new ConflictError(
          'TREE_INVALID',
          `\`${fact.permission}\` cannot be in itself`,
          'choose a folder outside of it',
        )
      depth++
    }
    const height = own === NONE ? 0 : this.heightOf(own)
    if (depth + height > LIMITS.treeDepthMax) {
      throw new ConflictError(
        'TREE_INVALID',
        `the tree would be ${depth + height} deep (limit \`treeDepthMax\`: ${LIMITS.treeDepthMax})`,
        'choose a folder nearer to the root',
      )
    }
  }

  /**
   * Each step up the tree puts a folder's string in the place of the resource's. Where folders lie beneath what they
   * hold, those steps could lead in a circle that makes the string longer each time: that circle is refused.
   */
  private requireFiniteExplosion(permission: string, parent: string): void {
    const { index } = this
    const grows = (from: string, to: string): number => to.split(':').length - from.split(':').length
    const root = index.roots.get(namespaceOf(permission))!
    if (!root.hasLongFolders && grows(permission, parent) <= 0) return
    const longest = new Map<string, number>()
    const pending = [{ folder: parent, growth: grows(permission, parent) }]
    for (let at = pending.pop(), steps = 0; at !== undefined; at = pending.pop(), steps++) {
      const { folder, growth } = at
      const isBack = isAtOrBeneath(folder, permission) || isAtOrBeneath(permission, folder)
      if ((isBack && growth > 0) || steps > STEPS_MAX) {
        throw new ConflictError(
          'TREE_INVALID',
          `\`${permission}\` in \`${parent}\` would be in itself, again and again`,
          'choose a folder outside of it',
        )
      }
      for (const { permission: next, parent: above } of this.resourcesAround(folder)) {
        if (above === undefined || next === permission) continue
        const grown = growth + grows(next, above)
        if ((longest.get(next) ?? -Infinity) >= grown) continue
        longest.set(next, grown)
        pending.push({ folder: above, growth: grown })
      }
    }
  }

  /** Resources that a string at or beneath this one may lie on. */
  private *resourcesAround(permission: string): Generator<ResourceFact> {
    const { index } = this
    const node = index.findNode(permission)
    if (node === NONE) return
    for (let up = index.parent.get(node); up !== NONE; up = index.parent.get(up))
      if (index.owner.get(up) !== NONE) yield index.resourceFact(up)
    for (const beneath of index.nodesBeneath(node))
      if (index.owner.get(beneath) !== NONE) yield index.resourceFact(beneath)
  }

  /** Levels of content beneath a resource. */
  private heightOf(node: number): number {
    let height = 0
    let level = [...this.index.contents.of(node)]
    while (level.length > 0) {
      height++
      level = level.flatMap((each) => [...this.index.contents.of(each)])
    }
    return height
  }

  /** A file's name is a path segment, unique in its folder. */
  private requireFreeName(fact: ResourceFact): void {
    const { index } = this
    const name = fact.name ?? decodeComponent(fact.permission.slice(fact.permission.indexOf(':') + 1))
    if (name === '.' || name === '..' || name.includes('/'))
      throw new FactInvalidError('name', `\`${name}\` is no path segment`)
    const place = fact.parent === undefined ? index.rootNode('fs') : index.findNode(fact.parent)
    const taken = index.findNamed(place, name)
    if (taken !== NONE && index.permissionOf(taken) !== fact.permission) {
      throw new ConflictError(
        'NAME_TAKEN',
        `there is a \`${name}\` in that folder already`,
        'choose another name',
      )
    }
  }

  private addMember(fact: MemberFact): ChangeResult {
    this.requireParty(`group:${fact.group}`)
    this.requireParty(fact.member)
    if (fact.group === 'user' && fact.member.startsWith('user:')) return { outcome: 'unchanged' }
    return this.put(fact)
  }

  private addGrant(fact: GrantFact): ChangeResult {
    this.requireParty(fact.issuer)
    this.requireParty(fact.holder)
    requireIssuer(fact, this.index)
    return this.put(fact)
  }

  private addSuspension(fact: SuspensionFact): ChangeResult {
    this.requireParty(fact.of)
    return this.put(fact)
  }

  private requireParty(text: string): void {
    for (const part of text === 'system' ? [] : text.split('/')) {
      if (this.index.findExisting(part) === NONE)
        throw new ReferenceUnknownError(part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1))
    }
  }

  // ---- removing

  private remove(key: FactKey, recursive: boolean): ChangeResult {
    const dropped = this.removeFact(key, recursive)
    if (dropped === undefined) return { outcome: 'absent', revoked: 0 }
    return { outcome: 'removed', revoked: dropped }
  }

  /** @returns how many grants ended, undefined when there was nothing to remove */
  private removeFact(key: FactKey, recursive: boolean): number | undefined {
    if (key.kind === 'namespace' && isBuiltInNamespace(key.name)) throw builtIn('namespace', key.name)
    if (key.kind === 'group' && isBuiltInGroup(`group:${key.id}`)) throw builtIn('group', key.id)
    if (key.kind === 'member' && key.group === 'user' && key.member.startsWith('user:'))
      throw builtIn('group', 'user')
    if (this.index.fact(key) === undefined) return undefined
    switch (key.kind) {
      case 'namespace':
        return this.removeNamespace(key)
      case 'user':
      case 'group':
      case 'app':
      case 'token':
        return this.removeParty(key)
      case 'resource':
        return this.removeResource(key.permission, recursive)
      default:
        this.drop(key)
        return key.kind === 'grant' ? 1 : 0
    }
  }

  private removeNamespace(key: FactKey & { kind: 'namespace' }): number {
    const used: string[] = []
    for (let depth = 0; depth < LIMITS.componentsMax; depth++) {
      const top = this.index.findNode('manage:'.repeat(depth) + key.name)
      if (top === NONE) continue
      for (const node of this.index.nodesBeneath(top)) {
        if (this.index.owner.get(node) !== NONE || this.index.grantsOn.first(node) !== NONE)
          used.push(this.index.permissionOf(node))
      }
    }
    if (used.length > 0)
      throw new InUseError(
        'IN_USE',
        `namespace \`${key.name}\` has resources or grants`,
        used,
        'remove them first',
      )
    this.drop(key)
    return 0
  }

  private removeParty(key: FactKey & { kind: 'user' | 'group' | 'app' | 'token' }): number {
    const { index } = this
    const party = index.findExisting(`${key.kind}:${key.id}`)
    this.requireOwnsNothing(party)
    let revoked = 0
    for (const actingFor of actingApps(index, party)) {
      for (const token of tokensOf(index, actingFor))
        revoked += this.removeParty({ kind: 'token', id: token })
      revoked += this.dropGrants([...index.grantsHeld.of(actingFor), ...index.grantsIssued.of(actingFor)])
    }
    for (const token of tokensOf(index, party)) revoked += this.removeParty({ kind: 'token', id: token })
    revoked += this.dropGrants([...index.grantsHeld.of(party), ...index.grantsIssued.of(party)])
    for (const row of [
      ...index.groupsOf.of(party),
      ...(index.kind.get(party) === KIND_GROUP ? index.membersOf.of(party) : []),
    ])
      this.drop(factKey(index.memberFact(row)))
    this.drop({ kind: 'suspension', of: index.partyText[party]! })
    this.drop(key)
    return revoked
  }

  private requireOwnsNothing(party: number): void {
    const { index } = this
    const owned: string[] = []
    for (const node of index.ownedBy.of(party)) owned.push(index.permissionOf(node))
    for (const row of index.belongsTo.of(party))
      if (index.kind.get(row) === KIND_GROUP || index.kind.get(row) === KIND_APP)
        owned.push(index.partyText[row]!)
    if (owned.length > 0)
      throw new InUseError(
        'IN_USE',
        `\`${index.partyText[party]!}\` owns ${owned.length === 1 ? owned[0]! : `${owned.length} things`}`,
        owned,
        'give them away or remove them first',
      )
  }

  private removeResource(permission: string, recursive: boolean): number {
    const inside = this.resourcesInside(permission)
    if (inside.length > 1 && !recursive) {
      throw new InUseError(
        'HAS_CHILDREN',
        `\`${permission}\` has ${inside.length - 1} within`,
        inside.slice(1),
        'remove them first, or remove with `recursive`',
      )
    }
    let revoked = 0
    for (const each of inside) revoked += this.dropGrants(this.grantsBeneath(each))
    for (const each of inside.toReversed()) this.drop({ kind: 'resource', permission: each })
    return revoked
  }

  /** The resource, then all in it: what its folder tree holds, and what is declared beneath its string. */
  private resourcesInside(permission: string): string[] {
    const { index } = this
    const nodes = new Set([index.findNode(permission)])
    for (const node of nodes) {
      for (const child of index.contents.of(node)) nodes.add(child)
      for (const beneath of index.nodesBeneath(node))
        if (index.owner.get(beneath) !== NONE) nodes.add(beneath)
    }
    return [...nodes].map((node) => index.permissionOf(node))
  }

  /** Grants of a string and all beneath it, and of managing them. */
  private grantsBeneath(permission: string): number[] {
    const { index } = this
    const grants: number[] = []
    for (let depth = 0; depth < LIMITS.componentsMax; depth++) {
      const top = index.findNode('manage:'.repeat(depth) + permission)
      if (top === NONE) continue
      for (const node of index.nodesBeneath(top)) grants.push(...index.grantsOn.of(node))
    }
    return grants
  }
}

/** A tangle of folders that takes longer to follow than this is refused with the circles. */
const STEPS_MAX = 10_000

/** Who may stand as issuer for which holder. Whether the caller may act for that issuer is another matter: `authority.ts`. */
function requireIssuer(fact: GrantFact, index: FactsIndex): void {
  if (fact.issuer === fact.holder) throw new FactInvalidError('holder', 'nobody grants to themselves')
  if (fact.holder.startsWith('token:')) {
    const { issuer } = index.token(fact.holder.slice('token:'.length))!
    if (issuer !== fact.issuer)
      throw new IssuerWrongError(
        `only \`${issuer}\`, who made it, grants to \`${fact.holder}\``,
        `let \`${issuer}\` grant it`,
      )
  }
  if (fact.holder.includes('/')) {
    const user = fact.holder.slice(0, fact.holder.indexOf('/'))
    if (user !== fact.issuer)
      throw new IssuerWrongError(`only \`${user}\` grants to \`${fact.holder}\``, `let \`${user}\` grant it`)
  }
}

/** Rows of the apps acting for this user, or of this app acting for users. */
function* actingApps(index: FactsIndex, party: number): Generator<number> {
  for (const row of [...index.belongsTo.of(party), ...index.appSide.of(party)])
    if (index.kind.get(row) === KIND_USER_APP) yield row
}

function tokensOf(index: FactsIndex, issuer: number): string[] {
  return [...index.belongsTo.of(issuer)]
    .filter((row) => index.kind.get(row) === KIND_TOKEN && index.exists(row))
    .map((row) => index.partyText[row]!.slice('token:'.length))
}

function builtIn(kind: string, name: string): ConflictError {
  return new ConflictError('BUILT_IN', `${kind} \`${name}\` is built in`, 'it stays as it is')
}

/** The ids that are never made again, for kinds that have any. */
function retirementOf(index: FactsIndex, fact: Fact): Set<string> | undefined {
  switch (fact.kind) {
    case 'user':
    case 'group':
    case 'app':
    case 'token':
    case 'resource':
      return index.retired.get(fact.kind)
    default:
      return undefined
  }
}

function entityId(fact: Fact): string {
  return fact.kind === 'resource' ? fact.permission : (fact as UserFact).id
}
