import type { Effect } from './change.ts'
import { NONE } from './columns.ts'
import { LimitExceededError } from './errors.ts'
import type { Fact } from './fact.ts'
import type { FactsIndex } from './facts-index.ts'
import { KIND_APP, KIND_GROUP, KIND_TOKEN, KIND_USER, KIND_USER_APP, SYSTEM } from './parties.ts'
import { findHolders } from './holders.ts'
import type { Inquiry } from './inquiry.ts'
import { Pairs } from './pairs.ts'
import { namespaceOf } from './permission.ts'
import { plainNodes } from './plain.ts'

export interface Names {
  readonly actors: Actors
  /** Of strings that facts may not name. */
  readonly nodeFor: (permission: string) => number
}

/** Actors by number: a party's row, or beyond all rows that of an app acting for a user of whom no fact tells. */
export class Actors {
  private readonly index: FactsIndex
  private readonly rowless = new Map<string, number>()
  private readonly rowlessTexts: string[] = []

  constructor(index: FactsIndex) {
    this.index = index
  }

  numberOf(text: string): number {
    const known = this.index.parties.get(text) ?? this.rowless.get(text)
    if (known !== undefined) return known
    const number = ROWS_MAX + this.rowlessTexts.push(text) - 1
    this.rowless.set(text, number)
    return number
  }

  rowOf(actor: number): number {
    return actor < ROWS_MAX ? actor : NONE
  }

  textOf(actor: number): string {
    return this.index.partyText[actor] ?? this.rowlessTexts[actor - ROWS_MAX]!
  }
}

const ROWS_MAX = 2 ** 27

/** Actors and the strings they are to be asked for. */
export interface Questions {
  readonly pairs: Pairs
  /** By place in the pairs: does a link it may rest on come or go. */
  readonly isTouched: readonly boolean[]
}

/**
 * What a change reaches in one world, before it or after it: the permissions it names and those of the grants that
 * rest on what it touches, each with the actors for whom the answer may differ.
 */
export class Reach {
  /** Permissions to compare, by node. */
  readonly named = new Set<number>()
  /** Actors and the strings through which something of theirs may differ. Grows while it is walked: a queue. */
  private readonly reached = new Pairs()
  /** By place in `reached`: through a link of their own. The others are compared with everybody. */
  private readonly isTouched: boolean[] = []
  /** Strings for which everybody is compared: no single link says whom the change concerns. */
  private readonly everybody = new Set<number>()
  /** Grants handed on already. */
  private readonly delivered = new Set<number>()
  private readonly inquiry: Inquiry
  private readonly names: Names
  private readonly max: number

  /** @param max - pairs of actor and permission */
  constructor(
    inquiry: Inquiry,
    names: Names,
    effects: readonly Effect[],
    side: 'before' | 'after',
    max: number,
  ) {
    this.inquiry = inquiry
    this.names = names
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
        this.named.add(this.names.nodeFor(fact.permission))
        return this.seedGrant(index.findGrant(fact))
      case 'member':
        return this.seedMember(fact.group, fact.member)
      case 'suspension':
      case 'user':
      case 'app':
      case 'token':
        return this.seedParty(fact.kind === 'suspension' ? fact.of : `${fact.kind}:${fact.id}`, fact, other)
      case 'group':
        return this.seedEverybody(this.names.nodeFor(`manage:group:${fact.id}`))
      case 'resource':
        return this.seedResource(fact.permission, fact.owner)
      case 'namespace':
        return this.seedNamespace(fact.name)
    }
  }

  /** A grant counts where it stands and its issuer holds it. */
  private seedGrant(grant: number): void {
    if (grant !== NONE && this.isActive(grant) && this.isHeldByIssuer(grant)) this.deliver(grant)
  }

  private isActive(grant: number): boolean {
    return this.inquiry.now < this.inquiry.index.expiryOf(grant)
  }

  private isHeldByIssuer(grant: number): boolean {
    const { index } = this.inquiry
    const issuer = index.partyText[index.grantIssuer.get(grant)]!
    return this.inquiry.holds(issuer, index.permissionOf(index.grantNode.get(grant)))
  }

  private seedMember(group: string, member: string): void {
    const { index } = this.inquiry
    const row = index.findExisting(`group:${group}`)
    const memberRow = index.findExisting(member)
    if (row === NONE || memberRow === NONE) return
    for (const each of [row, ...index.groupClosure(row).keys()]) {
      for (const grant of index.grantsHeld.of(each)) {
        const node = index.grantNode.get(grant)
        this.named.add(node)
        if (!this.isHeldByIssuer(grant)) continue
        for (const user of index.kind.get(memberRow) === KIND_GROUP ? index.usersIn(memberRow) : [memberRow])
          this.touch(user, node)
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
    for (const node of this.namedBy(party)) {
      this.named.add(node)
      this.touch(party, node)
      for (const acting of index.kind.get(party) === KIND_APP
        ? index.appSide.of(party)
        : index.belongsTo.of(party)) {
        if (index.kind.get(acting) === KIND_USER_APP || index.kind.get(acting) === KIND_TOKEN)
          this.touch(acting, node)
      }
      if (index.kind.get(party) === KIND_APP)
        for (const user of index.allUsers()) this.touchActing(user, party, node)
    }
    if (index.kind.get(party) === KIND_USER) this.seedAppsOf(party)
    for (const acting of [...index.belongsTo.of(party), ...index.appSide.of(party)]) {
      if (index.kind.get(acting) !== KIND_USER_APP) continue
      for (const node of this.namedBy(acting)) {
        this.named.add(node)
        this.touch(acting, node)
      }
    }
  }

  /** An app acting for this user has what the app's owner granted the app, unless the user is out. */
  private seedAppsOf(user: number): void {
    const { index } = this.inquiry
    for (const app of index.partiesOf(KIND_APP)) {
      for (const grant of index.grantsHeld.of(app)) {
        if (index.grantIssuer.get(grant) !== index.base.get(app)) continue
        const node = index.grantNode.get(grant)
        this.named.add(node)
        this.touchActing(user, app, node)
      }
    }
  }

  /** Strings of grants and rights that name a party, its groups' included; a full token's are its issuer's. */
  private namedBy(party: number): Set<number> {
    const { index } = this.inquiry
    const nodes = new Set<number>()
    const holders =
      index.kind.get(party) === KIND_USER ? [party, ...index.groupClosure(party).keys()] : [party]
    if (index.kind.get(party) === KIND_TOKEN && index.isFullToken(party))
      for (const each of this.namedBy(index.base.get(party))) nodes.add(each)
    for (const holder of holders)
      for (const grant of index.grantsHeld.of(holder)) nodes.add(index.grantNode.get(grant))
    for (const grant of index.grantsIssued.of(party)) nodes.add(index.grantNode.get(grant))
    for (const node of index.ownedBy.of(party)) {
      nodes.add(node)
      nodes.add(this.names.nodeFor(`manage:${index.permissionOf(node)}`))
    }
    for (const owned of index.belongsTo.of(party))
      if (index.kind.get(owned) === KIND_GROUP)
        nodes.add(this.names.nodeFor(`manage:${index.partyText[owned]!}`))
    return nodes
  }

  /** Who owns it or where it lies decides about it, each of its modes, and all granted beneath it and in it. */
  private seedResource(permission: string, owner: string): void {
    const { index } = this.inquiry
    const { nodeFor } = this.names
    const ladder = index.roots.get(namespaceOf(permission))?.ladder ?? []
    const own = nodeFor(permission)
    const managing = nodeFor(`manage:${permission}`)
    for (const node of [own, managing]) {
      this.seedEverybody(node)
      this.touch(index.parties.get(owner)!, node)
    }
    for (const mode of ladder) this.seedEverybody(nodeFor(`${permission}:${mode}`))
    // The set grows while it is walked: a queue.
    const inside = new Set([own])
    for (const node of inside) {
      for (const child of index.contents.of(node)) inside.add(child)
      this.seedGrantedBeneath(node)
      this.seedGrantedBeneath(index.findNode(`manage:${index.permissionOf(node)}`))
    }
  }

  private seedNamespace(name: string): void {
    for (const text of [name, `manage:${name}`]) this.seedGrantedBeneath(this.inquiry.index.findNode(text))
  }

  private seedGrantedBeneath(top: number): void {
    if (top === NONE) return
    const { index } = this.inquiry
    for (const node of index.nodesBeneath(top))
      if (index.grantsOn.first(node) !== NONE) this.seedEverybody(node)
  }

  private seedEverybody(node: number): void {
    this.everybody.add(node)
    this.named.add(node)
  }

  // ---- spreading

  private deliver(grant: number): void {
    const { index } = this.inquiry
    const node = index.grantNode.get(grant)
    const holder = index.grantHolder.get(grant)
    this.named.add(node)
    switch (index.kind.get(holder)) {
      case KIND_GROUP:
        for (const user of index.usersIn(holder)) this.touch(user, node)
        return
      case KIND_APP:
        this.touch(holder, node)
        if (index.base.get(holder) === index.grantIssuer.get(grant))
          for (const user of index.allUsers()) this.touchActing(user, holder, node)
        return
      default:
        this.touch(holder, node)
    }
  }

  private touchActing(user: number, app: number, node: number): void {
    const { partyText } = this.inquiry.index
    this.touch(this.names.actors.numberOf(`${partyText[user]!}/${partyText[app]!}`), node)
  }

  private touch(actor: number, node: number): void {
    this.isTouched[this.reach(actor, node)] = true
  }

  private reach(actor: number, node: number): number {
    const place = this.reached.add(actor, node)
    if (place === this.isTouched.length) {
      this.isTouched.push(false)
      this.requireFew(this.reached.size)
    }
    return place
  }

  private requireFew(pairs: number): void {
    if (pairs > this.max)
      throw new LimitExceededError(
        'previewMax',
        this.max,
        'these changes concern too many people and permissions',
      )
  }

  /** Along everything that rests on what was reached: full-access tokens, and grants issued over it. */
  private spread(): void {
    for (const node of this.everybody) this.reachHolders(node)
    let place = 0
    while (place < this.reached.size) {
      // Once for all strings an actor was reached through by now: whoever loses much may have issued much.
      const issuers = new Set<number>()
      for (; place < this.reached.size; place++) {
        const row = this.names.actors.rowOf(this.reached.left[place]!)
        this.followRules(this.reached.right[place]!)
        if (row === NONE) continue
        this.followTokens(row, this.reached.right[place]!)
        issuers.add(row)
      }
      for (const issuer of issuers) this.followGrants(issuer)
    }
  }

  /** Where a registered rule has a say, links of its own may lead anywhere. */
  private followRules(node: number): void {
    if (this.everybody.has(node) || !touchesNode(this.inquiry, node)) return
    this.seedEverybody(node)
    this.reachHolders(node)
  }

  /** Whoever holds it may lose it by a way that leads through none of their own links. */
  private reachHolders(node: number): void {
    const { holders } = findHolders(this.inquiry, this.inquiry.index.permissionOf(node))
    for (const actor of holders.keys()) this.reach(this.names.actors.numberOf(actor), node)
  }

  private followTokens(issuer: number, node: number): void {
    const { index } = this.inquiry
    for (const token of index.belongsTo.of(issuer))
      if (index.kind.get(token) === KIND_TOKEN && index.isFullToken(token)) this.touch(token, node)
  }

  private followGrants(issuer: number): void {
    const { index } = this.inquiry
    for (const grant of index.grantsIssued.of(issuer)) {
      if (this.delivered.has(grant) || !this.isActive(grant)) continue
      const enough = nodesEnoughFor(this.inquiry, index.grantNode.get(grant))
      if (!enough.some((node) => this.reached.find(issuer, node) !== NONE)) continue
      this.delivered.add(grant)
      this.deliver(grant)
    }
  }

  /**
   * The questions for which this world's answer may differ from the other's.
   *
   * @param named - permissions of both worlds
   * @param asked - left out
   */
  pairsFor(named: Iterable<number>, asked?: Questions): Questions {
    const pairs = new Pairs()
    const isTouched: boolean[] = []
    const actorsBy = this.placesByNode()
    for (const permission of actorsBy.size === 0 ? [] : named) {
      for (const node of nodesEnoughFor(this.inquiry, permission)) {
        for (const place of actorsBy.get(node) ?? NOBODY) {
          const actor = this.reached.left[place]!
          if (actor === SYSTEM || (asked !== undefined && asked.pairs.find(actor, permission) !== NONE))
            continue
          const at = pairs.add(actor, permission)
          // Newly met where nobody met has it: by no link of before the change.
          isTouched[at] = asked === undefined && (this.isTouched[place]! || isTouched[at] === true)
        }
      }
      this.requireFew(pairs.size)
    }
    return { pairs, isTouched }
  }

  private placesByNode(): Map<number, number[]> {
    const byNode = new Map<number, number[]>()
    for (let place = 0; place < this.reached.size; place++) {
      const node = this.reached.right[place]!
      const places = byNode.get(node)
      if (places === undefined) byNode.set(node, [place])
      else places.push(place)
    }
    return byNode
  }
}

const NOBODY: readonly number[] = []

function touchesNode({ index, rules }: Inquiry, node: number): boolean {
  return rules.touches(index.component[index.rootOf(node)]!)
}

/** The nodes of all strings that are each enough for that of a node. */
function nodesEnoughFor(inquiry: Inquiry, node: number): readonly number[] {
  const { index } = inquiry
  return (
    (touchesNode(inquiry, node) ? undefined : plainNodes(index, node)) ??
    // Looked up anew: some may have got a node since the explosion was remembered.
    inquiry
      .explode(index.permissionOf(node))
      .strings.map((each) => index.findNode(each))
      .filter((each) => each !== NONE)
  )
}
