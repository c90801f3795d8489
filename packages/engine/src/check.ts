import { fitsShape } from './catalog.ts'
import { NONE } from './columns.ts'
import type { FactsIndex } from './facts-index.ts'
import { EXPIRES, GRANT, TO_GROUP } from './grants.ts'
import { MEMBER } from './memberships.ts'
import { CROWD, MANY_CHILDREN, NODE, type Root } from './nodes.ts'
import {
  EXISTS,
  KIND_GROUP,
  KIND_TOKEN,
  KIND_USER,
  KIND_USER_APP,
  PARTY,
  SUSPENDED,
  SYSTEM,
} from './parties.ts'
import { isAt } from './name-table.ts'
import { Pairs } from './pairs.ts'

/**
 * The walk of `Inquiry.holds` over numbers, for the questions nearly everybody asks: built-in rules, one resource on
 * a string, modes only at its end. Everything else is left to the general walk; tests hold both to one answer.
 *
 * What a string explodes to is walked in the trie, never built: for each folder upwards, the nodes beneath it that
 * the asked suffix passes. So the cost follows the pathway, the depth and the fan-in, not the number of grants, and
 * nothing is remembered that a move could make wrong.
 */
export class FastCheck {
  private readonly index: FactsIndex
  /** Namespaces in which a registered rule has a say, or names are rewritten, or rights come from elsewhere. */
  private readonly isLeftOut: (namespace: string) => boolean
  /** The namespace of the question before: the next one is likely in the same. Undefined when not for this walk. */
  private name = ''
  private prefix = ':'
  private space: Root | undefined

  // States (party, node) to visit; node ASKED stands for the string asked, which may have no node.
  private readonly stateParty: number[] = []
  private readonly stateNode: number[] = []
  private states = 0
  private readonly visited = new Set<number>()

  // Party rows in the group closure of the current user bear the current stamp.
  private stamps = new Int32Array(0)
  private stamp = 0
  private readonly closure: number[] = []
  private hasClosure = false

  /** While many questions are asked of the same facts: what is known of states met before. */
  private known: Pairs | undefined
  private knownHolds: boolean[] = []
  private readonly cameFrom: number[] = []
  private at = NONE

  // The current state.
  private party = NONE
  private user = NONE
  private app = NONE
  private appOwner = NONE
  /** Who owns the resource that is being walked; NONE above resources. */
  private owner = NONE

  // The string asked: its deepest node, and what of it no fact names: a mode, or components.
  private root = NONE
  private ladder: readonly string[] = NO_MODES
  private askedNode = NONE
  private askedRank = NONE
  private askedRest: readonly string[] = NOTHING
  /** From a resource down to the string walked, deepest first: components and their ranks. */
  private readonly suffix: string[] = []
  private readonly suffixRank: number[] = []

  // The tables as they are now: they move when they grow.
  private nodes: Int32Array
  private grants: Int32Array
  private partyRows: Int32Array
  private members: Int32Array

  private now = NaN
  private clock: () => number = NO_CLOCK

  constructor(index: FactsIndex, isLeftOut: (namespace: string) => boolean) {
    this.index = index
    this.isLeftOut = isLeftOut
    this.nodes = index.nodeTable.hot.data
    this.grants = index.grantTable.hot.data
    this.partyRows = index.partyTable.hot.data
    this.members = index.memberTable.hot.data
  }

  /**
   * @param clock - read once, when the first grant with an expiry turns up
   * @returns undefined when the question is for the general walk, which also finds what is wrong with it
   */
  check(actor: string, permission: string, clock: () => number): boolean | undefined {
    const { index } = this
    const party = index.parties.get(actor)
    if (party === undefined || index.kind.get(party) === KIND_GROUP) return undefined
    this.readTables()
    if (!this.locate(permission)) return undefined
    if (party === SYSTEM) return true
    return this.walk(party, this.known !== undefined && this.isNamed() ? this.askedNode : ASKED, clock)
  }

  /** The same for a party that is no group and a string that has a node. */
  checkNode(party: number, node: number, clock: () => number): boolean | undefined {
    const root = this.index.rootOf(node)
    if (this.space?.node !== root || this.space.isGone) this.enterNamespace(this.index.component[root]!)
    if (this.space === undefined || this.space.isIrregular) return undefined
    this.readTables()
    this.root = root
    this.ladder = this.space.ladder
    return party === SYSTEM || this.walk(party, node, clock)
  }

  private readTables(): void {
    const { index } = this
    this.nodes = index.nodeTable.hot.data
    this.grants = index.grantTable.hot.data
    this.partyRows = index.partyTable.hot.data
    this.members = index.memberTable.hot.data
  }

  private walk(party: number, node: number, clock: () => number): boolean {
    this.clock = clock
    this.now = NaN
    this.states = 0
    if (this.visited.size > 0) this.visited.clear()
    this.at = NONE
    this.push(party, node)
    for (let i = 0; i < this.states; i++) {
      this.at = i
      const known = this.known === undefined ? undefined : this.recall(this.known, i)
      if (known === false) continue
      if (known === true || this.visit(this.stateParty[i]!, this.stateNode[i]!)) return this.remember(true)
    }
    return this.remember(false)
  }

  /**
   * Answers many questions of the same facts at the same instant, remembering what it learns from one for the next
   * and forgetting it at the end: nothing can change in between, since `ask` is synchronous and changes nothing.
   */
  batch<Answer>(ask: () => Answer): Answer {
    this.known = new Pairs()
    try {
      return ask()
    } finally {
      this.known = undefined
      this.knownHolds = []
    }
  }

  /** From a yes, all on the way to it hold; from a no, nobody met does. */
  private remember(holds: boolean): boolean {
    const { known } = this
    if (known === undefined) return holds
    if (holds) for (let i = this.at; i !== NONE; i = this.cameFrom[i]!) this.learn(known, i, true)
    else for (let i = 0; i < this.states; i++) this.learn(known, i, false)
    return holds
  }

  private recall(known: Pairs, state: number): boolean | undefined {
    const place = known.find(this.stateParty[state]!, this.stateNode[state]!)
    return place === NONE ? undefined : this.knownHolds[place]
  }

  private learn(known: Pairs, state: number, holds: boolean): void {
    // What has no node is this question's alone.
    if (this.stateNode[state] !== ASKED)
      this.knownHolds[known.add(this.stateParty[state]!, this.stateNode[state]!)] = holds
  }

  private isNamed(): boolean {
    return this.askedRank === NONE && this.askedRest === NOTHING
  }

  /** Finds the asked string's deepest node. False where the fast walk does not apply or the string is not plain. */
  private locate(permission: string): boolean {
    if (!permission.startsWith(this.prefix) || this.space?.isGone !== false) this.enterNamespace(permission)
    const { name, space } = this
    if (space === undefined || space.isIrregular) return false
    const root = space.node
    this.root = root
    this.ladder = space.ladder
    this.askedRank = NONE
    this.askedRest = NOTHING
    let node = root
    let end = permission.length > name.length ? name.length : -1
    while (end >= 0) {
      const start = end + 1
      end = permission.indexOf(':', start)
      const stop = end < 0 ? permission.length : end
      const child = this.findChild(node, permission, start, stop)
      if (child === NONE) return this.locateRest(permission, node, start, stop)
      node = child
    }
    this.askedNode = node
    return true
  }

  private enterNamespace(permission: string): void {
    const colon = permission.indexOf(':')
    this.name = colon < 0 ? permission : permission.slice(0, colon)
    this.prefix = `${this.name}:`
    this.space = this.isLeftOut(this.name) ? undefined : this.index.roots.get(this.name)
  }

  private findChild(node: number, text: string, start: number, stop: number): number {
    const wanted =
      (this.nodes[node * NODE.width + NODE.flags]! & MANY_CHILDREN) === 0
        ? this.rankOf(text, start, stop)
        : NONE
    return wanted === NONE ? this.index.childAt(node, text, start, stop) : this.childOfRank(node, wanted)
  }

  /** Place of this piece of text in the ladder, NONE when it is no mode. */
  private rankOf(text: string, start: number, stop: number): number {
    const { ladder } = this
    for (let rank = 0; rank < ladder.length; rank++) {
      const mode = ladder[rank]!
      if (mode.length === stop - start && isAt(mode, text, start)) return rank
    }
    return NONE
  }

  private childOfRank(node: number, wanted: number): number {
    const { nodes } = this
    for (let child = nodes[node * NODE.width + NODE.firstChild]!; child !== NONE;) {
      const row = child * NODE.width
      if (nodes[row + NODE.rank] === wanted) return child
      child = nodes[row + NODE.nextChild]!
    }
    return NONE
  }

  /** The asked string goes on beneath the last node that facts name, so nothing vouches for the rest of it yet. */
  private locateRest(permission: string, node: number, start: number, stop: number): boolean {
    this.askedNode = node
    const mode = stop === permission.length ? this.rankOf(permission, start, stop) : NONE
    // A mode on a resource is what files are asked for most: short enough, its characters are those of the ladder.
    const isOnResource =
      this.nodes[node * NODE.width + NODE.owner] !== NONE &&
      this.nodes[node * NODE.width + NODE.parent] === this.root
    if (mode !== NONE && isOnResource && permission.length <= SHORT_MAX) {
      this.askedRank = mode
      return true
    }
    if (permission.length > LENGTH_MAX || !PLAIN.test(permission) || !fitsShape(permission, this.name))
      return false
    if (mode === NONE) this.askedRest = permission.slice(start).split(':')
    else this.askedRank = mode
    return true
  }

  private push(party: number, node: number): void {
    const { stateParty, stateNode, states, visited } = this
    if (states < 16) {
      for (let i = 0; i < states; i++) if (stateParty[i] === party && stateNode[i] === node) return
    } else {
      if (visited.size === 0)
        for (let i = 0; i < states; i++) visited.add(stateKey(stateParty[i]!, stateNode[i]!))
      const key = stateKey(party, node)
      if (visited.has(key)) return
      visited.add(key)
    }
    stateParty[states] = party
    stateNode[states] = node
    this.cameFrom[states] = this.at
    this.states = states + 1
  }

  /** True when an option is found here; else the links of this state were pushed. */
  private visit(party: number, node: number): boolean {
    const { index } = this
    const kind = this.partyRows[party * PARTY.width + PARTY.kind]
    this.party = party
    this.hasClosure = false
    if (kind === KIND_USER) {
      if (!this.isLiveUser(party)) return false
      this.user = party
      this.app = NONE
    } else {
      if (!index.isLive(party, kind === KIND_TOKEN ? this.time() : 0)) return false
      if (kind === KIND_TOKEN && index.isFullToken(party)) this.push(index.base.get(party), node)
      this.user = NONE
      this.app = kind === KIND_USER_APP ? index.appOf.get(party) : NONE
      this.appOwner = this.app === NONE ? NONE : index.base.get(this.app)
    }
    return this.walkExplosion(node === ASKED ? this.askedNode : node, node === ASKED)
  }

  private isLiveUser(party: number): boolean {
    const row = party * PARTY.width
    return (
      this.partyRows[row + PARTY.kind] === KIND_USER &&
      (this.partyRows[row + PARTY.flags]! & (EXISTS | SUSPENDED)) === EXISTS
    )
  }

  /** Walks everything a string explodes to that a fact names. */
  private walkExplosion(bottom: number, isAsked: boolean): boolean {
    const { root, nodes, user } = this
    let depth = 0
    let resource = bottom
    while (resource !== root && nodes[resource * NODE.width + NODE.owner] === NONE) {
      const row = resource * NODE.width
      const rank = nodes[row + NODE.rank]!
      if (rank === NONE) this.suffix[depth] = this.index.component[resource]!
      this.suffixRank[depth++] = rank
      resource = nodes[row + NODE.parent]!
    }
    this.owner = NONE
    if (nodes[resource * NODE.width + NODE.owner] === NONE)
      return this.walkBeneath(root, depth, isAsked) || this.visitNode(root)
    for (let at = resource; at !== NONE; at = nodes[at * NODE.width + NODE.folder]!) {
      const row = at * NODE.width
      this.owner = nodes[row + NODE.owner]!
      if (user !== NONE && this.owner === user) return true
      if (this.visitNode(at) || this.walkBeneath(at, depth, isAsked)) return true
      this.owner = NONE
      for (
        let up = nodes[row + NODE.parent]!;
        up !== root && up !== NONE;
        up = nodes[up * NODE.width + NODE.parent]!
      )
        if (this.visitNode(up)) return true
    }
    return this.visitNode(root)
  }

  /** Visits the nodes beneath `top` that the suffix passes, and the stronger modes beside each. */
  private walkBeneath(top: number, depth: number, isAsked: boolean): boolean {
    let at = top
    for (let i = depth - 1; i >= 0; i--) {
      at = this.stepDown(at, this.suffixRank[i]!, this.suffix[i]!)
      if (at < 0) return at === FOUND
      if (this.visitNode(at)) return true
    }
    return isAsked && this.walkRest(at)
  }

  /** On beneath a folder the asked string's end may have nodes, though it has none where it was asked. */
  private walkRest(from: number): boolean {
    if (this.askedRank !== NONE) {
      const at = this.stepDown(from, this.askedRank, '')
      return at >= 0 ? this.visitNode(at) : at === FOUND
    }
    let at = from
    for (const component of this.askedRest) {
      at = this.stepDown(at, this.ladder.indexOf(component), component)
      if (at < 0) return at === FOUND
      if (this.visitNode(at)) return true
    }
    return false
  }

  /** The child of this name, NONE or FOUND; the stronger modes beside it are visited on the way. */
  private stepDown(node: number, rank: number, component: string): number {
    if (rank === NONE) return this.index.child(node, component)
    if ((this.nodes[node * NODE.width + NODE.flags]! & MANY_CHILDREN) !== 0)
      return this.stepAmongMany(node, rank)
    const { nodes } = this
    let same = NONE
    for (let child = nodes[node * NODE.width + NODE.firstChild]!; child !== NONE;) {
      const row = child * NODE.width
      if (nodes[row + NODE.rank]! > rank && this.visitNode(child)) return FOUND
      if (nodes[row + NODE.rank] === rank) same = child
      child = nodes[row + NODE.nextChild]!
    }
    return same
  }

  private stepAmongMany(node: number, rank: number): number {
    const { index, ladder } = this
    for (let stronger = rank + 1; stronger < ladder.length; stronger++) {
      const beside = index.child(node, ladder[stronger]!)
      if (beside !== NONE && this.visitNode(beside)) return FOUND
    }
    return index.child(node, ladder[rank]!)
  }

  /** Pushes the issuers of the grants on a node that reach the current actor. True when one of them is `system`. */
  private visitNode(node: number): boolean {
    let grant = this.nodes[node * NODE.width + NODE.firstGrant]!
    if (grant === NONE) return false
    if ((this.nodes[node * NODE.width + NODE.flags]! & CROWD) !== 0) {
      return this.visitCrowd(node, this.index.crowds.get(node)!)
    }
    const { grants, party, user, app } = this
    while (grant !== NONE) {
      const row = grant * GRANT.width
      const holder = grants[row + GRANT.holder]!
      const reaches =
        holder === party ||
        (user !== NONE && (grants[row + GRANT.flags]! & TO_GROUP) !== 0 && this.isInGroup(holder)) ||
        (holder === app && grants[row + GRANT.issuer] === this.appOwner)
      if (reaches && this.follow(grant, node)) return true
      grant = grants[row + GRANT.nextOn]!
    }
    return false
  }

  private visitCrowd(node: number, crowd: ReadonlyMap<number, readonly number[]>): boolean {
    for (const grant of crowd.get(this.party) ?? NO_GRANTS) if (this.follow(grant, node)) return true
    if (this.app !== NONE) {
      for (const grant of crowd.get(this.app) ?? NO_GRANTS)
        if (this.grants[grant * GRANT.width + GRANT.issuer] === this.appOwner && this.follow(grant, node))
          return true
    }
    if (this.user === NONE) return false
    this.closeGroups()
    for (const group of this.closure)
      for (const grant of crowd.get(group) ?? NO_GRANTS) if (this.follow(grant, node)) return true
    return false
  }

  private follow(grant: number, node: number): boolean {
    const row = grant * GRANT.width
    if ((this.grants[row + GRANT.flags]! & EXPIRES) !== 0 && this.time() >= this.index.expiryOf(grant))
      return false
    const issuer = this.grants[row + GRANT.issuer]!
    if (issuer === SYSTEM) return true
    // Most grants are made by the owner of what they are on, who holds all there is beneath it.
    if (issuer === this.owner && this.isLiveUser(issuer)) return true
    this.push(issuer, node)
    return false
  }

  private time(): number {
    if (Number.isNaN(this.now)) this.now = this.clock()
    return this.now
  }

  /** Few people are in groups that are in groups: until one is met, looking through one's own few is enough. */
  private isInGroup(group: number): boolean {
    if (this.hasClosure) return this.stamps[group] === this.stamp
    const { partyRows, members, index } = this
    if (group === index.userGroup) return true
    let isNested = partyRows[index.userGroup * PARTY.width + PARTY.firstGroup] !== NONE
    for (
      let at = partyRows[this.user * PARTY.width + PARTY.firstGroup]!;
      at !== NONE;
      at = members[at * MEMBER.width + MEMBER.nextGroup]!
    ) {
      const joined = members[at * MEMBER.width + MEMBER.group]!
      if (joined === group) return true
      if (partyRows[joined * PARTY.width + PARTY.firstGroup] !== NONE) isNested = true
    }
    if (!isNested) return false
    this.closeGroups()
    return this.stamps[group] === this.stamp
  }

  /** Stamps every group the current user is in. Done once a state, when the first group turns up. */
  private closeGroups(): void {
    if (this.hasClosure) return
    this.hasClosure = true
    const { index, closure } = this
    if (this.stamps.length < index.partyTable.size) this.stamps = new Int32Array(index.partyTable.size * 2)
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
    for (let row = groupsOf.first(member); row !== NONE; row = groupsOf.after(row))
      this.enter(memberGroup.get(row))
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
const NO_MODES: readonly string[] = []
const NOTHING: readonly string[] = []
const NO_GRANTS: readonly number[] = []

/** At this length no limit can be broken, not even that of 32 components. */
const SHORT_MAX = 63
/** At this length no component and no string can break a limit; PLAIN bounds how many components there are. */
const LENGTH_MAX = 255
const PLAIN =
  // oxlint-disable-next-line no-control-regex -- control characters are what is being looked for
  /^[^\\:/\u0000-\u001f\u007f-\u009f\ud800-\udfff]+(?::[^\\:/\u0000-\u001f\u007f-\u009f\ud800-\udfff]+){0,31}$/

/** Two rows as one exact number: rows stay below 2^26 and 2^27. */
function stateKey(party: number, node: number): number {
  return party * 0x8000000 + (node + 2)
}
