import { fitsShape } from './catalog.ts'
import { NONE } from './columns.ts'
import { type FactsIndex, KIND_GROUP, KIND_TOKEN, KIND_USER, KIND_USER_APP, SYSTEM } from './facts-index.ts'

/**
 * The walk of `Inquiry.holds` over numbers, for the questions nearly everybody asks: built-in rules, one resource on
 * a string, modes only at its end. Everything else is left to the general walk; tests hold both to one answer.
 *
 * What a string explodes to is walked in the trie, never built: for each folder upwards, the nodes beneath it that
 * the asked suffix covers. So the cost follows the pathway, the depth and the fan-in, not the number of grants.
 */
export class FastCheck {
  private readonly index: FactsIndex
  /** Namespaces in which a registered rule has a say, or names are rewritten, or rights come from elsewhere. */
  private readonly isLeftOut: (namespace: string) => boolean
  /** States (party, node) to visit; node ASKED stands for the string asked, which may have no node. */
  private readonly stateParty: number[] = []
  private readonly stateNode: number[] = []
  private readonly visited = new Set<number>()
  /** Party rows in the group closure of the current actor hold the current stamp. */
  private stamps = new Int32Array(0)
  private stamp = 0
  private readonly closure: number[] = []
  private hasClosure = false

  // The current state.
  private party = NONE
  private user = NONE
  private app = NONE
  private appOwner = NONE

  // The string asked: its deepest node, and the components beneath it that no fact names.
  private askedNode = NONE
  private rest: readonly string[] = NOTHING
  private readonly suffix: string[] = []
  private now = NaN
  private clock: () => number = NO_CLOCK
  private root = NONE
  private ladder: readonly string[] | undefined

  constructor(index: FactsIndex, isLeftOut: (namespace: string) => boolean) {
    this.index = index
    this.isLeftOut = isLeftOut
  }

  /**
   * @param clock - read once, when the first grant with an expiry turns up
   * @returns undefined when the question is for the general walk, which also finds what is wrong with it
   */
  check(actor: string, permission: string, clock: () => number): boolean | undefined {
    const { index } = this
    const party = index.parties.get(actor)
    if (party === undefined || index.kind[party] === KIND_GROUP || !this.locate(permission)) return undefined
    this.clock = clock
    this.now = NaN
    this.stateParty.length = 0
    this.stateNode.length = 0
    if (this.visited.size > 0) this.visited.clear()
    if (party === SYSTEM) return true
    this.push(party, ASKED)
    for (let i = 0; i < this.stateParty.length; i++) {
      if (this.visit(this.stateParty[i]!, this.stateNode[i]!)) return true
    }
    return false
  }

  /** Finds the asked string's deepest node. False where the fast walk does not apply or the string is not plain. */
  private locate(permission: string): boolean {
    const { index } = this
    let end = permission.indexOf(':')
    const name = end < 0 ? permission : permission.slice(0, end)
    const root = index.roots.get(name)
    if (root === undefined || this.isLeftOut(name) || index.irregular.has(root)) return false
    let node = root
    this.rest = NOTHING
    while (end >= 0) {
      const start = end + 1
      end = permission.indexOf(':', start)
      const child = index.child(node, end < 0 ? permission.slice(start) : permission.slice(start, end))
      if (child === NONE) {
        // Nothing vouches for what is not in the trie: unusual characters, lengths and shapes are looked into there.
        if (permission.length > LENGTH_MAX || !PLAIN.test(permission) || !fitsShape(permission, name))
          return false
        this.rest = permission.slice(start).split(':')
        break
      }
      node = child
    }
    this.root = root
    this.ladder = index.ladders.get(root)
    this.askedNode = node
    return true
  }

  private push(party: number, node: number): void {
    const { stateParty, stateNode } = this
    if (stateParty.length < 16) {
      for (let i = 0; i < stateParty.length; i++) if (stateParty[i] === party && stateNode[i] === node) return
    } else {
      if (this.visited.size === 0)
        for (let i = 0; i < stateParty.length; i++) this.visited.add(stateKey(stateParty[i]!, stateNode[i]!))
      const key = stateKey(party, node)
      if (this.visited.has(key)) return
      this.visited.add(key)
    }
    stateParty.push(party)
    stateNode.push(node)
  }

  /** True when an option is found here; else the links of this state were pushed. */
  private visit(party: number, node: number): boolean {
    const { index } = this
    const kind = index.kind[party]
    if (kind === KIND_TOKEN) {
      if (!index.isLive(party, this.time())) return false
      if (index.isFullToken(party)) this.push(index.base.data[party]!, node)
    } else if (!index.isLive(party, 0)) {
      return false
    }
    this.party = party
    this.user = kind === KIND_USER ? party : NONE
    this.app = kind === KIND_USER_APP ? index.appOf.data[party]! : NONE
    this.appOwner = this.app === NONE ? NONE : index.base.data[this.app]!
    this.hasClosure = false
    return node === ASKED ? this.walkExplosion(this.askedNode, this.rest) : this.walkExplosion(node, NOTHING)
  }

  /** Walks everything a string explodes to that a fact names. */
  private walkExplosion(bottom: number, rest: readonly string[]): boolean {
    const { index, suffix, root } = this
    const parent = index.parent.data
    const owner = index.owner.data
    suffix.length = 0
    let resource = bottom
    while (resource !== root && owner[resource] === NONE) {
      suffix.push(index.component[resource]!)
      resource = parent[resource]!
    }
    if (owner[resource] === NONE) return this.walkBeneath(root, rest) || this.visitNode(root)
    const { user } = this
    // Owners first: no grant needs to be looked at when one of them asks.
    if (user !== NONE)
      for (let at = resource; at !== NONE; at = index.folder.data[at]!) if (owner[at] === user) return true
    for (let at = resource; at !== NONE; at = index.folder.data[at]!) {
      if (this.visitNode(at) || this.walkBeneath(at, rest)) return true
      for (let up = parent[at]!; up !== root; up = parent[up]!) if (this.visitNode(up)) return true
    }
    return this.visitNode(root)
  }

  /** Visits the nodes beneath `top` that the suffix passes, and the stronger modes beside each. */
  private walkBeneath(top: number, rest: readonly string[]): boolean {
    const { suffix } = this
    let at = top
    for (let i = suffix.length - 1; i >= -rest.length; i--) {
      at = this.stepDown(at, i >= 0 ? suffix[i]! : rest[-1 - i]!)
      if (at === FOUND) return true
      if (at === NONE) return false
      if (this.visitNode(at)) return true
    }
    return false
  }

  /** The child of this name, or FOUND; the stronger modes beside it are visited on the way. */
  private stepDown(parent: number, component: string): number {
    const { index, ladder } = this
    const rank = ladder === undefined ? NONE : ladder.indexOf(component)
    if (rank === NONE) return index.child(parent, component)
    if (!index.hasFewChildren(parent)) return this.stepAmongMany(parent, rank)
    const ranks = index.rank.data
    const next = index.children.next.data
    let same = NONE
    for (let child = index.children.head.data[parent]!; child !== NONE; child = next[child]!) {
      if (ranks[child]! > rank && this.visitNode(child)) return FOUND
      if (ranks[child] === rank) same = child
    }
    return same
  }

  private stepAmongMany(parent: number, rank: number): number {
    const { index } = this
    const ladder = this.ladder!
    for (let stronger = rank + 1; stronger < ladder.length; stronger++) {
      const beside = index.child(parent, ladder[stronger]!)
      if (beside !== NONE && this.visitNode(beside)) return FOUND
    }
    return index.child(parent, ladder[rank]!)
  }

  /** Pushes the issuers of the grants on a node that reach the current actor. True when one of them is `system`. */
  private visitNode(node: number): boolean {
    const { index } = this
    let grant = index.grantsOn.head.data[node]!
    if (grant === NONE) return false
    const crowd = index.crowds.get(node)
    if (crowd !== undefined) return this.visitCrowd(node, crowd)
    const next = index.grantsOn.next.data
    const holders = index.grantHolder.data
    for (; grant !== NONE; grant = next[grant]!) {
      const holder = holders[grant]!
      const reaches =
        holder === this.party ||
        (this.user !== NONE && index.kind[holder] === KIND_GROUP && this.isInGroup(holder)) ||
        (holder === this.app && index.grantIssuer.data[grant] === this.appOwner)
      if (reaches && this.follow(grant, node)) return true
    }
    return false
  }

  private visitCrowd(node: number, crowd: ReadonlyMap<number, readonly number[]>): boolean {
    const { index } = this
    for (const grant of crowd.get(this.party) ?? NO_GRANTS) if (this.follow(grant, node)) return true
    if (this.app !== NONE) {
      for (const grant of crowd.get(this.app) ?? NO_GRANTS)
        if (index.grantIssuer.data[grant] === this.appOwner && this.follow(grant, node)) return true
    }
    if (this.user === NONE) return false
    this.closeGroups()
    for (const group of this.closure)
      for (const grant of crowd.get(group) ?? NO_GRANTS) if (this.follow(grant, node)) return true
    return false
  }

  private follow(grant: number, node: number): boolean {
    const expiry = this.index.grantExpiry.data[grant]!
    if (expiry !== Infinity && this.time() >= expiry) return false
    const issuer = this.index.grantIssuer.data[grant]!
    if (issuer === SYSTEM) return true
    this.push(issuer, node)
    return false
  }

  private time(): number {
    if (Number.isNaN(this.now)) this.now = this.clock()
    return this.now
  }

  private isInGroup(group: number): boolean {
    this.closeGroups()
    return this.stamps[group] === this.stamp
  }

  /** Stamps every group the current user is in. Done once a state, when the first group turns up. */
  private closeGroups(): void {
    if (this.hasClosure) return
    this.hasClosure = true
    const { index, closure } = this
    if (this.stamps.length < index.kind.length) this.stamps = new Int32Array(index.kind.length)
    if (this.stamp === 0x7fffffff) {
      this.stamps.fill(0)
      this.stamp = 0
    }
    this.stamp++
    closure.length = 0
    this.enter(index.userGroup)
    this.enterGroupsOf(this.user)
    for (let i = 0; i < closure.length; i++) this.enterGroupsOf(closure[i]!)
  }

  private enterGroupsOf(member: number): void {
    const { groupsOf, memberGroup } = this.index
    const next = groupsOf.next.data
    for (let row = groupsOf.head.data[member]!; row !== NONE; row = next[row]!)
      this.enter(memberGroup.data[row]!)
  }

  private enter(group: number): void {
    if (this.stamps[group] === this.stamp) return
    this.stamps[group] = this.stamp
    this.closure.push(group)
  }
}

const NO_CLOCK = (): number => NaN
const ASKED = -2
const FOUND = -2
const NOTHING: readonly string[] = []
const NO_GRANTS: readonly number[] = []
/** Below this no component and no string can break a limit; PLAIN bounds how many components there are. */
const LENGTH_MAX = 255
const PLAIN =
  // oxlint-disable-next-line no-control-regex -- control characters are what is being looked for
  /^[^\\:/\u0000-\u001f\u007f-\u009f\ud800-\udfff]+(?::[^\\:/\u0000-\u001f\u007f-\u009f\ud800-\udfff]+){0,31}$/

/** Two rows as one exact number: rows stay below 2^26 and 2^27. */
function stateKey(party: number, node: number): number {
  return party * 0x8000000 + (node + 2)
}
