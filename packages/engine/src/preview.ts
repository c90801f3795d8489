import type { PreviewItem } from './answer.ts'
import type { Effect } from './change.ts'
import { NONE } from './columns.ts'
import type { Fact } from './fact.ts'
import { KIND_APP, KIND_GROUP, KIND_TOKEN, KIND_USER, KIND_USER_APP } from './facts-index.ts'
import { findHolders } from './holders.ts'
import type { Inquiry } from './inquiry.ts'
import { LimitExceededError } from './errors.ts'
import { compareText, isAtOrBeneath, namespaceOf } from './permission.ts'
import { plainNodes } from './plain.ts'

/**
 * What a change reaches in one world, before it or after it: the permissions it names and those of the grants that
 * rest on what it touches, each with the actors for whom the answer may differ.
 */
export class Reach {
  /** Permissions to compare. */
  readonly named = new Set<string>()
  /** By actor, the strings through which something of theirs may differ. */
  private readonly touched = new Map<string, Set<string>>()
  /** The same for those whom only `everybody` brings in. */
  private readonly compared = new Map<string, Set<string>>()
  /** Permissions for which everybody is compared: no single link says whom the change concerns. */
  private readonly everybody = new Set<string>()
  private readonly inquiry: Inquiry
  private readonly pending: { readonly row: number; readonly permission: string }[] = []
  private readonly max: number
  private noted = 0

  /** @param max - pairs of actor and permission */
  constructor(inquiry: Inquiry, effects: readonly Effect[], side: 'before' | 'after', max: number) {
    this.inquiry = inquiry
    this.max = max
    for (const effect of effects) {
      const fact = effect[side]
      const other = effect[side === 'before' ? 'after' : 'before']
      if (fact !== null) this.seed(fact, other)
    }
    this.spread()
  }

  private seed(fact: Fact, other: Fact | null): void {
    const { index } = this.inquiry
    switch (fact.kind) {
      case 'grant':
        this.named.add(fact.permission)
        return this.seedGrant(index.findGrant(fact))
      case 'member':
        return this.seedMember(fact.group, fact.member)
      case 'suspension':
      case 'user':
      case 'app':
      case 'token':
        return this.seedParty(fact.kind === 'suspension' ? fact.of : `${fact.kind}:${fact.id}`, fact, other)
      case 'group':
        return this.seedEverybody(`manage:group:${fact.id}`)
      case 'resource':
        return this.seedResource(fact.permission, fact.owner)
      case 'namespace':
        return this.seedNamespace(fact.name)
    }
  }

  /** A grant counts where it stands and its issuer holds it. */
  private seedGrant(grant: number): void {
    if (grant === NONE) return
    const { inquiry } = this
    const { index } = inquiry
    if (inquiry.now >= index.expiryOf(grant)) return
    const permission = index.permissionOf(index.grantNode.get(grant))
    const issuer = index.grantIssuer.get(grant)
    if (inquiry.holds(index.partyText[issuer]!, permission)) this.deliver(grant, permission)
  }

  private seedMember(group: string, member: string): void {
    const { index } = this.inquiry
    const row = index.findExisting(`group:${group}`)
    const memberRow = index.findExisting(member)
    if (row === NONE || memberRow === NONE) return
    for (const each of [row, ...index.groupClosure(row).keys()]) {
      for (const grant of index.grantsHeld.of(each)) {
        const permission = index.permissionOf(index.grantNode.get(grant))
        this.named.add(permission)
        if (!this.inquiry.holds(index.partyText[index.grantIssuer.get(grant)]!, permission)) continue
        for (const user of index.kind.get(memberRow) === KIND_GROUP ? index.usersIn(memberRow) : [memberRow])
          this.touch(user, permission)
      }
    }
  }

  /** Everything that reaches a party, or an app's users, comes or goes with it. */
  private seedParty(text: string, fact: Fact, other: Fact | null): void {
    const { index } = this.inquiry
    // A new name changes no answer.
    if (other !== null && fact.kind === 'user') return
    const party = index.parties.get(text)
    if (party === undefined) return
    for (const permission of this.namedBy(party)) {
      this.named.add(permission)
      this.touch(party, permission)
      for (const acting of index.kind.get(party) === KIND_APP
        ? index.appSide.of(party)
        : index.belongsTo.of(party)) {
        if (index.kind.get(acting) === KIND_USER_APP || index.kind.get(acting) === KIND_TOKEN)
          this.touch(acting, permission)
      }
      if (index.kind.get(party) === KIND_APP)
        for (const user of index.allUsers()) this.touchVirtual(user, party, permission)
    }
    if (index.kind.get(party) === KIND_USER) this.seedAppsOf(party)
    for (const acting of [...index.belongsTo.of(party), ...index.appSide.of(party)]) {
      if (index.kind.get(acting) !== KIND_USER_APP) continue
      for (const permission of this.namedBy(acting)) {
        this.named.add(permission)
        this.touch(acting, permission)
      }
    }
  }

  /** An app acting for this user has what the app's owner granted the app, unless the user is out. */
  private seedAppsOf(user: number): void {
    const { index } = this.inquiry
    for (const app of index.partiesOf(KIND_APP)) {
      for (const grant of index.grantsHeld.of(app)) {
        if (index.grantIssuer.get(grant) !== index.base.get(app)) continue
        const permission = index.permissionOf(index.grantNode.get(grant))
        this.named.add(permission)
        this.touchVirtual(user, app, permission)
      }
    }
  }

  /** Strings of grants and rights that name a party, its groups' included; a full token's are its issuer's. */
  private namedBy(party: number): Set<string> {
    const { index } = this.inquiry
    const permissions = new Set<string>()
    const holders =
      index.kind.get(party) === KIND_USER ? [party, ...index.groupClosure(party).keys()] : [party]
    if (index.kind.get(party) === KIND_TOKEN && index.isFullToken(party))
      for (const each of this.namedBy(index.base.get(party))) permissions.add(each)
    for (const holder of holders)
      for (const grant of index.grantsHeld.of(holder))
        permissions.add(index.permissionOf(index.grantNode.get(grant)))
    for (const grant of index.grantsIssued.of(party))
      permissions.add(index.permissionOf(index.grantNode.get(grant)))
    for (const node of index.ownedBy.of(party)) {
      permissions.add(index.permissionOf(node))
      permissions.add(`manage:${index.permissionOf(node)}`)
    }
    for (const owned of index.belongsTo.of(party))
      if (index.kind.get(owned) === KIND_GROUP) permissions.add(`manage:${index.partyText[owned]!}`)
    return permissions
  }

  /** Who owns it or where it lies decides about it, each of its modes, and all granted beneath it and in it. */
  private seedResource(permission: string, owner: string): void {
    const { index } = this.inquiry
    const ladder = index.roots.get(permission.split(':')[0]!)?.ladder ?? []
    this.seedEverybody(permission)
    this.seedEverybody(`manage:${permission}`)
    for (const mode of ladder) this.seedEverybody(`${permission}:${mode}`)
    this.touch(index.parties.get(owner)!, permission)
    this.touch(index.parties.get(owner)!, `manage:${permission}`)
    const inside = new Set([index.findNode(permission)])
    for (const node of inside) {
      if (node === NONE) continue
      for (const child of index.contents.of(node)) inside.add(child)
      const own = index.permissionOf(node)
      for (const top of [node, index.findNode(`manage:${own}`)]) {
        if (top === NONE) continue
        for (const beneath of index.nodesBeneath(top))
          if (index.grantsOn.first(beneath) !== NONE) this.seedEverybody(index.permissionOf(beneath))
      }
    }
  }

  private seedNamespace(name: string): void {
    const { index } = this.inquiry
    for (const text of [name, `manage:${name}`]) {
      const top = index.findNode(text)
      if (top === NONE) continue
      for (const node of index.nodesBeneath(top))
        if (index.grantsOn.first(node) !== NONE) this.seedEverybody(index.permissionOf(node))
    }
  }

  private seedEverybody(permission: string): void {
    this.everybody.add(permission)
    this.named.add(permission)
  }

  // ---- spreading

  private deliver(grant: number, permission: string): void {
    const { index } = this.inquiry
    const holder = index.grantHolder.get(grant)
    this.named.add(permission)
    switch (index.kind.get(holder)) {
      case KIND_GROUP:
        for (const user of index.usersIn(holder)) this.touch(user, permission)
        return
      case KIND_APP:
        this.touch(holder, permission)
        if (index.base.get(holder) === index.grantIssuer.get(grant))
          for (const user of index.allUsers()) this.touchVirtual(user, holder, permission)
        return
      default:
        this.touch(holder, permission)
    }
  }

  private touch(row: number, permission: string): void {
    this.touchActor(row, this.inquiry.index.partyText[row]!, permission)
  }

  private touchVirtual(user: number, app: number, permission: string): void {
    const { index } = this.inquiry
    const text = `${index.partyText[user]!}/${index.partyText[app]!}`
    this.touchActor(index.parties.get(text) ?? NONE, text, permission)
  }

  private touchActor(row: number, actor: string, permission: string): void {
    if (this.note(this.touched, actor, permission)) this.pending.push({ row, permission })
  }

  private note(where: Map<string, Set<string>>, actor: string, permission: string): boolean {
    const through = where.get(actor)
    if (through === undefined) where.set(actor, new Set([permission]))
    else if (through.has(permission)) return false
    else through.add(permission)
    this.count(++this.noted)
    return true
  }

  private count(pairs: number): void {
    if (pairs > this.max)
      throw new LimitExceededError(
        'previewMax',
        this.max,
        'these changes concern too many people and permissions',
      )
  }

  /** Along everything that rests on what was touched: grants issued over it, and full-access tokens. */
  private spread(): void {
    const { index, now } = this.inquiry
    for (const permission of this.everybody) this.touchHolders(permission)
    for (const { row, permission } of this.pending) {
      this.followRules(permission)
      if (row === NONE) continue
      for (const token of index.belongsTo.of(row)) {
        if (index.kind.get(token) === KIND_TOKEN && index.isFullToken(token)) this.touch(token, permission)
      }
      for (const grant of index.grantsIssued.of(row)) {
        if (now >= index.expiryOf(grant)) continue
        const granted = index.permissionOf(index.grantNode.get(grant))
        if (this.covers(permission, granted)) this.deliver(grant, granted)
      }
    }
  }

  /** Where a registered rule has a say, links of its own may lead anywhere. */
  private followRules(permission: string): void {
    if (this.everybody.has(permission) || !this.inquiry.rules.touches(namespaceOf(permission))) return
    this.seedEverybody(permission)
    this.touchHolders(permission)
  }

  /** Whoever holds it may lose it by a way that leads through none of their own links. */
  private touchHolders(permission: string): void {
    for (const actor of findHolders(this.inquiry, permission).holders.keys()) {
      if (this.touched.get(actor)?.has(permission) === true) continue
      this.note(this.compared, actor, permission)
      this.pending.push({ row: this.inquiry.index.parties.get(actor) ?? NONE, permission })
    }
  }

  private covers(held: string, asked: string): boolean {
    if (isAtOrBeneath(asked, held)) return true
    const nodes = plainNodesOf(this.inquiry, asked)
    if (nodes === undefined) return this.inquiry.explode(asked).strings.includes(held)
    const node = this.inquiry.index.findNode(held)
    return node !== NONE && nodes.includes(node)
  }

  /**
   * The questions for which this world's answer may differ from the other's.
   *
   * @param named - permissions of both worlds
   * @returns in the order of `named`, then by actor
   */
  *questions(named: Iterable<string>): Generator<AskedOnce> {
    if (this.touched.size === 0 && this.compared.size === 0) return
    const touching = new ByPermission(this.inquiry, this.touched)
    const comparing = new ByPermission(this.inquiry, this.compared)
    let asked = 0
    for (const permission of named) {
      const touched = touching.actorsFor(permission)
      const compared = comparing.actorsFor(permission)
      this.count((asked += touched.size + compared.size))
      for (const actor of [...new Set([...touched, ...compared])].sort(compareText)) {
        if (actor !== 'system') yield { actor, permission, isTouched: touched.has(actor) }
      }
    }
  }
}

/** Actors by the strings through which something of theirs may differ. */
class ByPermission {
  private readonly inquiry: Inquiry
  private readonly byString = new Map<string, string[]>()
  /** The same by node; undefined when some string has none. */
  private byNode: Map<number, readonly string[]> | undefined = new Map()

  constructor(inquiry: Inquiry, through: ReadonlyMap<string, ReadonlySet<string>>) {
    this.inquiry = inquiry
    for (const [actor, permissions] of through) {
      for (const permission of permissions) {
        const actors = this.byString.get(permission)
        if (actors === undefined) this.byString.set(permission, [actor])
        else actors.push(actor)
      }
    }
    for (const [permission, actors] of this.byString) {
      const node = inquiry.index.findNode(permission)
      if (node === NONE) this.byNode = undefined
      this.byNode?.set(node, actors)
    }
  }

  /** Those with a string that is enough for the permission. */
  actorsFor(permission: string): Set<string> {
    const found = new Set<string>()
    if (this.byString.size === 0) return found
    const { inquiry, byNode } = this
    const nodes = byNode === undefined ? undefined : plainNodesOf(inquiry, permission)
    if (nodes !== undefined)
      for (const node of nodes) for (const actor of byNode!.get(node) ?? NOBODY) found.add(actor)
    else
      for (const enough of inquiry.explode(permission).strings)
        for (const actor of this.byString.get(enough) ?? NOBODY) found.add(actor)
    return found
  }
}

function plainNodesOf(inquiry: Inquiry, permission: string): number[] | undefined {
  return inquiry.rules.touches(namespaceOf(permission)) ? undefined : plainNodes(inquiry.index, permission)
}

/** A question to put to both worlds; `isTouched` when a link it may rest on comes or goes. */
export interface AskedOnce {
  readonly actor: string
  readonly permission: string
  readonly isTouched: boolean
}

const NOBODY: readonly string[] = []

/** Puts the two answers to each question side by side. */
export function compareWorlds(
  questions: readonly AskedOnce[],
  before: readonly boolean[],
  after: readonly boolean[],
): PreviewItem[] {
  const items: PreviewItem[] = []
  for (const [i, { actor, permission, isTouched }] of questions.entries()) {
    if (before[i] === true && after[i] === false) items.push({ change: 'lost', actor, permission })
    else if (before[i] === false && after[i] === true) items.push({ change: 'gained', actor, permission })
    else if (before[i] === true && isTouched) items.push({ change: 'kept', actor, permission })
  }
  return items
}
