import type { PreviewItem } from './answer.ts'
import type { Effect } from './change.ts'
import { NONE } from './columns.ts'
import type { Fact } from './fact.ts'
import { KIND_APP, KIND_GROUP, KIND_TOKEN, KIND_USER, KIND_USER_APP } from './facts-index.ts'
import { findHolders } from './holders.ts'
import type { Inquiry } from './inquiry.ts'
import { compareText } from './permission.ts'

/**
 * What a change reaches in one world, before it or after it: the permissions it names and those of the grants that
 * rest on what it touches, each with the actors for whom the answer may differ.
 */
export class Reach {
  /** Permissions to compare. */
  readonly named = new Set<string>()
  /** By actor, the strings through which something of theirs may differ. */
  readonly touched = new Map<string, Set<string>>()
  /** Permissions for which everybody is compared. */
  readonly everybody = new Set<string>()
  private readonly inquiry: Inquiry
  private readonly pending: { row: number; actor: string; permission: string }[] = []

  constructor(inquiry: Inquiry, effects: readonly Effect[], side: 'before' | 'after') {
    this.inquiry = inquiry
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
        return this.seedResource(fact.permission)
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
    for (const acting of [...index.belongsTo.of(party), ...index.appSide.of(party)]) {
      if (index.kind.get(acting) !== KIND_USER_APP) continue
      for (const permission of this.namedBy(acting)) {
        this.named.add(permission)
        this.touch(acting, permission)
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
  private seedResource(permission: string): void {
    const { index } = this.inquiry
    const ladder = index.roots.get(permission.split(':')[0]!)?.ladder ?? []
    this.seedEverybody(permission)
    this.seedEverybody(`manage:${permission}`)
    for (const mode of ladder) this.seedEverybody(`${permission}:${mode}`)
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
    if (this.everybody.has(permission)) return
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
    const through = this.touched.get(actor)
    if (through?.has(permission) === true) return
    if (through === undefined) this.touched.set(actor, new Set([permission]))
    else through.add(permission)
    if (row !== NONE) this.pending.push({ row, actor, permission })
  }

  /** Along everything that rests on what was touched: grants issued over it, and full-access tokens. */
  private spread(): void {
    const { index, now } = this.inquiry
    for (const permission of this.everybody) {
      for (const actor of findHolders(this.inquiry, permission).holders.keys())
        this.touchActor(index.parties.get(actor) ?? NONE, actor, permission)
    }
    for (const { row, permission } of this.pending) {
      for (const token of index.belongsTo.of(row))
        if (index.kind.get(token) === KIND_TOKEN && index.isFullToken(token)) this.touch(token, permission)
      for (const grant of index.grantsIssued.of(row)) {
        const granted = index.permissionOf(index.grantNode.get(grant))
        if (now < index.expiryOf(grant) && this.covers(permission, granted)) this.deliver(grant, granted)
      }
    }
  }

  private covers(held: string, asked: string): boolean {
    return held === asked || this.inquiry.explode(asked).strings.includes(held)
  }

  /** The questions for which this world's answer may differ from the other's. */
  *questions(named: Iterable<string>): Generator<{ actor: string; permission: string }> {
    const touchedBy = new Map<string, string[]>()
    for (const [actor, through] of this.touched) {
      for (const permission of through) {
        const actors = touchedBy.get(permission)
        if (actors === undefined) touchedBy.set(permission, [actor])
        else actors.push(actor)
      }
    }
    for (const permission of named) {
      const actors = new Set<string>()
      for (const enough of this.inquiry.explode(permission).strings)
        for (const actor of touchedBy.get(enough) ?? []) actors.add(actor)
      for (const actor of actors) if (actor !== 'system') yield { actor, permission }
    }
  }
}

/** Compares the two worlds over the questions of both. @returns ordered by permission, then actor */
export function compareWorlds(
  questions: readonly {
    actor: string
    permission: string
    before: boolean
    after: boolean
    supported: boolean
  }[],
): PreviewItem[] {
  const items: PreviewItem[] = []
  for (const { actor, permission, before, after, supported } of questions) {
    if (before && !after) items.push({ change: 'lost', actor, permission })
    else if (!before && after) items.push({ change: 'gained', actor, permission })
    else if (before && after && supported) items.push({ change: 'kept', actor, permission })
  }
  return items.sort((a, b) => compareText(a.permission, b.permission) || compareText(a.actor, b.actor))
}
