import { parseParty } from './actor.ts'
import { BUILT_IN_NAMESPACES, isBuiltInNamespace } from './catalog.ts'
import { Chains, flatten, NONE, type Rows, sortByKey, Table } from './columns.ts'
import { invariant } from './errors.ts'
import type {
  AppFact,
  Fact,
  FactKey,
  GrantFact,
  GroupFact,
  JsonObject,
  MemberFact,
  NamespaceFact,
  ResourceFact,
  TokenFact,
  UserFact,
} from './fact.ts'
import { FACT_KINDS } from './fact.ts'
import { compareText, encodeComponent, namespaceOf } from './permission.ts'
import { BATCH, Gathered, GatheredStrings, GIVEN, MEMBERSHIP, STRING } from './gathered.ts'
import { Loading } from './loading.ts'
import { isAt, NameTable, Pieces } from './name-table.ts'
import type { FactReader } from './rule.ts'

/**
 * The facts in memory, made for one access: the grants of these permissions that reach this holder.
 *
 * Parties and permission strings are interned to integers. Strings form a trie, one node a component, so that what
 * a string explodes to is found by walking numbers: nothing exploded is remembered, and nothing can go stale.
 *
 * The index believes what it is given: `plan.ts` decides what may become a fact.
 */

const KIND_SYSTEM = 0
export const KIND_USER = 1
export const KIND_GROUP = 2
export const KIND_APP = 3
export const KIND_TOKEN = 4
export const KIND_USER_APP = 5

/** Kinds by the numbers above. */
export const PARTY_KINDS = ['system', 'user', 'group', 'app', 'token', 'user-app'] as const

export const SYSTEM = 0

export const EXISTS = 1
export const SUSPENDED = 2
const FULL = 4

export const EXPIRES = 1
export const TO_GROUP = 2

/** Grants of one permission beyond which they are looked up by holder instead of walked. */
const CROWDED = 24
/** Children of one node beyond which they are looked up by name instead of walked. */
const SIBLINGS_MAX = 8

/** There without being stated, owned by `system`. */
export const BUILT_IN_GROUPS = ['user', 'admin', 'developer', 'guest'] as const

/** A namespace as the walk needs it; one object for as long as the namespace is there. */
export interface Root {
  node: number
  /** Its modes; empty when it has none. */
  ladder: readonly string[]
  /** Resources lie within one another, or are named like a mode: not for the fast walk. */
  isIrregular: boolean
  /** Some folder's string has more components than what is in it. */
  hasLongFolders: boolean
  isGone: boolean
}

const NO_MODES: readonly string[] = []

/** What the walk reads of a node: half a cache line. */
export const NODE = {
  width: 8,
  parent: 0,
  firstChild: 1,
  nextChild: 2,
  rank: 3,
  owner: 4,
  folder: 5,
  firstGrant: 6,
  flags: 7,
} as const
const NODE_COLD = {
  width: 8,
  prevChild: 0,
  childCount: 1,
  nextOwned: 2,
  prevOwned: 3,
  firstContent: 4,
  nextContent: 5,
  prevContent: 6,
  grantCount: 7,
} as const

/** Of nodes: children are looked up by name, grants by holder. */
export const MANY_CHILDREN = 1
export const CROWD = 2

/** What the walk reads of a grant. */
export const GRANT = { width: 4, holder: 0, nextOn: 1, issuer: 2, flags: 3 } as const
const GRANT_COLD = {
  width: 6,
  node: 0,
  prevOn: 1,
  nextHeld: 2,
  prevHeld: 3,
  nextIssued: 4,
  prevIssued: 5,
} as const

/** What the walk reads of a party. */
export const PARTY = { width: 4, kind: 0, flags: 1, base: 2, firstGroup: 3 } as const
const PARTY_COLD = {
  width: 11,
  firstBased: 0,
  nextBased: 1,
  prevBased: 2,
  app: 3,
  firstOfApp: 4,
  nextOfApp: 5,
  prevOfApp: 6,
  firstMember: 7,
  firstOwned: 8,
  firstHeld: 9,
  firstIssued: 10,
} as const

/** What the walk reads of a membership. */
export const MEMBER = { width: 2, group: 0, nextGroup: 1 } as const
const MEMBER_COLD = { width: 4, party: 0, prevGroup: 1, nextMember: 2, prevMember: 3 } as const

export class FactsIndex implements FactReader {
  readonly partyTable = new Table(PARTY.width, PARTY_COLD.width)
  readonly partyText: string[] = []
  readonly parties = new PartyNames(this.partyText)
  readonly kind = this.partyTable.hot.field(PARTY.kind)
  /** EXISTS, SUSPENDED, FULL. */
  readonly flags = this.partyTable.hot.field(PARTY.flags)
  /** user-app: its user; token: its issuer; app and group: their owner. */
  readonly base = this.partyTable.hot.field(PARTY.base)
  readonly belongsTo = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstBased),
    this.partyTable.cold.field(PARTY_COLD.nextBased),
    this.partyTable.cold.field(PARTY_COLD.prevBased),
  )
  /** user-app: its app. */
  readonly appOf = this.partyTable.cold.field(PARTY_COLD.app)
  readonly appSide = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstOfApp),
    this.partyTable.cold.field(PARTY_COLD.nextOfApp),
    this.partyTable.cold.field(PARTY_COLD.prevOfApp),
  )
  private readonly tokenExpiry = new Map<number, number>()
  private readonly partyNames = new Map<number, string>()
  private readonly appNames = new Map<string, Set<number>>()

  readonly memberTable = new Table(MEMBER.width, MEMBER_COLD.width)
  readonly memberGroup = this.memberTable.hot.field(MEMBER.group)
  readonly memberParty = this.memberTable.cold.field(MEMBER_COLD.party)
  readonly groupsOf = new Chains(
    this.partyTable.hot.field(PARTY.firstGroup),
    this.memberTable.hot.field(MEMBER.nextGroup),
    this.memberTable.cold.field(MEMBER_COLD.prevGroup),
  )
  readonly membersOf = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstMember),
    this.memberTable.cold.field(MEMBER_COLD.nextMember),
    this.memberTable.cold.field(MEMBER_COLD.prevMember),
  )

  /** Permission strings as a trie, one node a component. */
  readonly nodeTable = new Table(NODE.width, NODE_COLD.width)
  readonly component: string[] = []
  readonly parent = this.nodeTable.hot.field(NODE.parent)
  readonly children = new Chains(
    this.nodeTable.hot.field(NODE.firstChild),
    this.nodeTable.hot.field(NODE.nextChild),
    this.nodeTable.cold.field(NODE_COLD.prevChild),
  )
  readonly nodeFlags = this.nodeTable.hot.field(NODE.flags)
  readonly childCount = this.nodeTable.cold.field(NODE_COLD.childCount)
  /** Nodes by parent and name: all but namespaces, and modes that have few nodes beside them. */
  private readonly names = new NameTable(this.component)
  readonly roots = new Map<string, Root>()
  /** Place of the component in the ladder of its namespace; NONE when it is no mode. */
  readonly rank = this.nodeTable.hot.field(NODE.rank)

  /** Resources are nodes with an owner. */
  readonly owner = this.nodeTable.hot.field(NODE.owner)
  readonly ownedBy = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstOwned),
    this.nodeTable.cold.field(NODE_COLD.nextOwned),
    this.nodeTable.cold.field(NODE_COLD.prevOwned),
  )
  /** The folder a resource is in. */
  readonly folder = this.nodeTable.hot.field(NODE.folder)
  readonly contents = new Chains(
    this.nodeTable.cold.field(NODE_COLD.firstContent),
    this.nodeTable.cold.field(NODE_COLD.nextContent),
    this.nodeTable.cold.field(NODE_COLD.prevContent),
  )
  readonly resourceNames = new Map<number, string>()
  /** By folder (or root node, for what is in none), then by given name: who bears it, a list when several do. */
  private readonly named = new Map<number, Map<string, Bearers>>()

  readonly grantTable = new Table(GRANT.width, GRANT_COLD.width)
  readonly grantIssuer = this.grantTable.hot.field(GRANT.issuer)
  readonly grantHolder = this.grantTable.hot.field(GRANT.holder)
  readonly grantNode = this.grantTable.cold.field(GRANT_COLD.node)
  /** EXPIRES, TO_GROUP. */
  private readonly grantFlags = this.grantTable.hot.field(GRANT.flags)
  /** Milliseconds, of those that expire. */
  private readonly expiries = new Map<number, number>()
  readonly grantsOn = new Chains(
    this.nodeTable.hot.field(NODE.firstGrant),
    this.grantTable.hot.field(GRANT.nextOn),
    this.grantTable.cold.field(GRANT_COLD.prevOn),
  )
  readonly grantsHeld = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstHeld),
    this.grantTable.cold.field(GRANT_COLD.nextHeld),
    this.grantTable.cold.field(GRANT_COLD.prevHeld),
  )
  readonly grantsIssued = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstIssued),
    this.grantTable.cold.field(GRANT_COLD.nextIssued),
    this.grantTable.cold.field(GRANT_COLD.prevIssued),
  )
  readonly grantCount = this.nodeTable.cold.field(NODE_COLD.grantCount)
  /** Of crowded nodes: grants by holder. */
  readonly crowds = new Map<number, Map<number, number[]>>()
  private readonly extras = new Map<number, JsonObject>()
  private readonly reasons = new Map<number, string>()

  readonly namespaces = new Map<string, NamespaceFact>()
  readonly retired = new Map<string, Set<string>>()
  readonly userGroup: number
  /** Nodes to be looked at once they may go. */
  private kept: Set<number> | undefined

  constructor() {
    for (const kind of FACT_KINDS) this.retired.set(kind, new Set())
    this.internParty('system')
    this.setFlag(SYSTEM, EXISTS, true)
    for (const group of BUILT_IN_GROUPS) this.putGroup({ kind: 'group', id: group, owner: 'system' })
    this.userGroup = this.parties.get('group:user')!
    for (const { name, description, modes, requestable, enforcedBy } of BUILT_IN_NAMESPACES) {
      this.putNamespace({
        kind: 'namespace',
        name,
        description,
        ...(modes && { modes }),
        ...(requestable !== undefined && { requestable }),
        ...(enforcedBy !== undefined && { enforcedBy }),
      })
    }
  }

  // ---- facts in and out

  /**
   * Adds a fact or puts it in the place of the one with its key.
   */
  put(fact: Fact): void {
    switch (fact.kind) {
      case 'namespace':
        return this.putNamespace(fact)
      case 'user':
        return this.putUser(fact)
      case 'group':
        return this.putGroup(fact)
      case 'app':
        return this.putApp(fact)
      case 'token':
        return this.putToken(fact)
      case 'resource':
        return this.putResource(fact)
      case 'member':
        return this.putMember(fact)
      case 'grant':
        return this.putGrant(fact)
      case 'suspension':
        return this.setFlag(this.getParty(fact.of), SUSPENDED, true)
    }
  }

  /** Adds facts that a store kept, in any order, no two of one key. All is laid out anew. */
  load(facts: Iterable<Fact>): void {
    const gathered = this.gather()
    const loading = new Loading(this, gathered)
    loading.take(facts)
    this.layOut(gathered)
    for (const fact of loading.late) this.put(fact)
  }

  remove(key: FactKey): void {
    switch (key.kind) {
      case 'namespace':
        this.namespaces.delete(key.name)
        return this.prune(this.roots.get(key.name)!.node)
      case 'user':
      case 'group':
      case 'app':
      case 'token':
        return this.removeParty(this.getParty(`${key.kind}:${key.id}`))
      case 'resource':
        return this.removeResource(this.findNode(key.permission))
      case 'member':
        return this.removeMember(key)
      case 'grant':
        return this.removeGrant(this.findGrant(key))
      case 'suspension':
        return this.setFlag(this.getParty(key.of), SUSPENDED, false)
    }
  }

  fact(key: FactKey): Fact | undefined {
    switch (key.kind) {
      case 'namespace':
        return this.namespaces.get(key.name)
      case 'user':
      case 'group':
      case 'app':
      case 'token': {
        const party = this.findExisting(`${key.kind}:${key.id}`)
        return party === NONE ? undefined : this.partyFact(party)
      }
      case 'resource': {
        const node = this.findNode(key.permission)
        return node === NONE || this.owner.get(node) === NONE ? undefined : this.resourceFact(node)
      }
      case 'member':
        return this.findMember(key) === NONE
          ? undefined
          : { kind: 'member', group: key.group, member: key.member }
      case 'grant': {
        const grant = this.findGrant(key)
        return grant === NONE ? undefined : this.grantFact(grant)
      }
      case 'suspension':
        return this.isSuspended(key.of) ? { kind: 'suspension', of: key.of } : undefined
    }
  }

  /** Every fact but the built-in ones, in an order that can be loaded again: kinds as in FACT_KINDS, folders first. */
  *facts(kind?: Fact['kind']): Generator<Fact> {
    for (const each of FACT_KINDS) {
      if (kind === undefined || kind === each) yield* this.factsOf(each)
    }
  }

  private *factsOf(kind: Fact['kind']): Generator<Fact> {
    switch (kind) {
      case 'namespace':
        for (const [name, fact] of this.namespaces) if (!isBuiltInNamespace(name)) yield fact
        return
      case 'user':
      case 'group':
      case 'app':
      case 'token':
        for (let party = 1; party < this.partyTable.size; party++) {
          const text = this.partyText[party]!
          if (
            text.startsWith(`${kind}:`) &&
            this.kind.get(party) !== KIND_USER_APP &&
            this.exists(party) &&
            !isBuiltInGroup(text)
          )
            yield this.partyFact(party)
        }
        return
      case 'resource':
        for (const root of this.roots.values()) yield* this.resourcesIn(root.node)
        return
      case 'member':
        for (let party = 0; party < this.partyTable.size; party++) {
          for (const row of this.groupsOf.of(party)) yield this.memberFact(row)
        }
        return
      case 'grant':
        for (const grant of this.allGrants()) yield this.grantFact(grant)
        return
      case 'suspension':
        for (let party = 1; party < this.partyTable.size; party++) {
          if ((this.flags.get(party) & SUSPENDED) !== 0)
            yield { kind: 'suspension', of: this.partyText[party]! }
        }
    }
  }

  /** Folders before what is in them. */
  private *resourcesIn(root: number): Generator<ResourceFact> {
    const pending: number[] = []
    for (const node of this.nodesBeneath(root)) {
      if (this.owner.get(node) !== NONE && this.folder.get(node) === NONE) pending.push(node)
    }
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      yield this.resourceFact(node)
      for (const child of this.contents.of(node)) pending.push(child)
    }
  }

  /** The node itself and all beneath it. */
  *nodesBeneath(top: number): Generator<number> {
    const pending = [top]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      yield node
      for (const child of this.children.of(node)) pending.push(child)
    }
  }

  // ---- order in memory

  /**
   * Lays the rows out as the walk reads them: memberships by member, each folder before its content, a resource's
   * modes beside it, grants beside those on the same string. Answers stay what they were. Done once, after facts were
   * put: what changes later is little.
   */
  pack(): void {
    this.layOut(this.gather())
  }

  private layOut(gathered: Gathered): void {
    const newOf = this.layNodes(gathered)
    this.layMembers(gathered)
    this.layGrants(gathered, newOf)
  }

  /** What is there, in plain columns; rows keep their numbers. */
  private gather(): Gathered {
    const gathered = new Gathered(new GatheredStrings(this.component, this.names))
    const { strings, memberships, grants } = gathered
    for (let node = 0; node < this.nodeTable.size; node++) {
      strings.add(this.parent.get(node), this.rank.get(node), this.component[node]!)
      strings.setResource(node, this.owner.get(node), this.folder.get(node))
    }
    for (let node = 0; node < this.nodeTable.size; node++)
      if (this.rank.get(node) !== NONE) strings.linkMode(node)
    for (let party = 0; party < this.partyTable.size; party++) {
      for (let row = this.groupsOf.first(party); row !== NONE; row = this.groupsOf.after(row)) {
        const at = memberships.add()
        memberships.data[at + MEMBERSHIP.group] = this.memberGroup.get(row)
        memberships.data[at + MEMBERSHIP.party] = party
      }
    }
    for (let grant = 0; grant < this.grantTable.size; grant++) {
      const at = grants.add()
      grants.data[at + GIVEN.node] = this.grantNode.get(grant)
      grants.data[at + GIVEN.holder] = this.grantHolder.get(grant)
      grants.data[at + GIVEN.issuer] = this.grantIssuer.get(grant)
    }
    return gathered
  }

  /** Members of one party beside each other. */
  private layMembers({ memberships }: Gathered): void {
    const { memberTable, partyTable } = this
    const { data, count } = memberships
    const parties = new Int32Array(count)
    for (let row = 0; row < count; row++) parties[row] = data[row * MEMBERSHIP.width + MEMBERSHIP.party]!
    const { rows } = sortByKey(parties, partyTable.size)
    memberTable.restart(rows.length)
    for (let to = 0; to < rows.length; to++) {
      const at = rows[to]! * MEMBERSHIP.width
      memberTable.take()
      this.memberGroup.set(to, data[at + MEMBERSHIP.group]!)
      this.memberParty.set(to, data[at + MEMBERSHIP.party]!)
    }
    this.groupsOf.thread(this.memberParty, memberTable.size, partyTable.size)
    this.membersOf.thread(this.memberGroup, memberTable.size, partyTable.size)
  }

  /** @returns the new row of each old one */
  private layNodes({ strings }: Gathered): Int32Array {
    const { nodeTable, partyTable } = this
    const { order, newOf } = this.orderNodes(strings.rows)
    for (let row = 0; row < newOf.length; row++)
      invariant(newOf[row] !== NONE || this.component[row] === '', 'a folder lies in itself')
    this.fillNodes(strings.rows, order, newOf)
    for (const root of this.roots.values()) root.node = newOf[root.node]!
    this.children.thread(this.parent, nodeTable.size, nodeTable.size)
    this.contents.thread(this.folder, nodeTable.size, nodeTable.size)
    this.ownedBy.thread(this.owner, nodeTable.size, partyTable.size)
    this.names.follow(newOf)
    this.markCrowdedParents()
    renameKeys(this.resourceNames, newOf)
    this.named.clear()
    for (const [node, name] of this.resourceNames) this.bear(node, name)
    this.noteAllResources()
    return newOf
  }

  private noteAllResources(): void {
    let root: Root | undefined
    for (let node = 0; node < this.nodeTable.size; node++) {
      if (this.owner.get(node) === NONE) continue
      const top = this.rootOf(node)
      if (root?.node !== top) root = this.roots.get(this.component[top]!)!
      this.noteAbove(node, root)
      this.noteLongFolder(node, root)
    }
  }

  private fillNodes({ data }: Rows, order: Int32Array, newOf: Int32Array): void {
    const { nodeTable } = this
    nodeTable.restart(order.length)
    for (let node = 0; node < order.length; node++) nodeTable.take()
    // One thing at a time, so that the memory of many rows is waited for together.
    for (let node = 0; node < order.length; node++) {
      const at = order[node]! * STRING.width
      this.parent.set(node, data[at + STRING.parent]!)
      this.rank.set(node, data[at + STRING.rank]!)
      this.owner.set(node, data[at + STRING.owner]!)
      this.folder.set(node, data[at + STRING.folder]!)
    }
    const components = this.component.slice()
    for (let node = 0; node < order.length; node++) this.component[node] = components[order[node]!]!
    this.component.length = order.length
    for (let node = 0; node < order.length; node++) {
      const parent = this.parent.get(node)
      const folder = this.folder.get(node)
      if (parent !== NONE) this.parent.set(node, newOf[parent]!)
      if (folder !== NONE) this.folder.set(node, newOf[folder]!)
      this.nodeFlags.set(node, 0)
      this.childCount.set(node, 0)
      this.grantCount.set(node, 0)
    }
  }

  private markCrowdedParents(): void {
    const { size } = this.nodeTable
    for (let node = 0; node < size; node++) {
      const parent = this.parent.get(node)
      if (parent !== NONE && this.countChild(parent, 1) > SIBLINGS_MAX)
        this.setNodeFlag(parent, MANY_CHILDREN, true)
    }
    for (let node = 0; node < size; node++) {
      const parent = this.parent.get(node)
      if (this.rank.get(node) === NONE || !this.hasMany(parent)) continue
      if (this.child(parent, this.component[node]!) === NONE) this.names.add(parent, node)
    }
  }

  /** Nodes as they shall lie, and the new row of each old one. */
  private orderNodes({ data, count }: Rows): { order: Int32Array; newOf: Int32Array } {
    // A namespace's own children that lie in a folder come with it; the others, and all deeper ones, with their parent.
    const above = new Int32Array(count)
    for (let row = 0; row < count; row++) {
      const at = row * STRING.width
      const parent = data[at + STRING.parent]!
      const folder = data[at + STRING.folder]!
      const isTop = parent !== NONE && data[parent * STRING.width + STRING.parent] === NONE
      above[row] = isTop && folder !== NONE ? folder : parent
    }
    const { rows, starts } = sortByKey(above, count)
    const newOf = new Int32Array(count).fill(NONE)
    const order = new Int32Array(count)
    const pending = new Int32Array(count)
    let size = 0
    for (const { node: top } of this.roots.values()) {
      let left = 0
      pending[left++] = top
      while (left > 0) {
        const row = pending[--left]!
        newOf[row] = size
        order[size++] = row
        // The last come first: modes, which came after the resources.
        for (let at = starts[row]!; at < starts[row + 1]!; at++) pending[left++] = rows[at]!
      }
    }
    return { order: order.subarray(0, size), newOf }
  }

  /** Sorts the grants by node and threads their lists anew. */
  private layGrants({ grants }: Gathered, newNodeOf: Int32Array): void {
    const { grantTable, nodeTable, partyTable } = this
    const { data, count } = grants
    const nodes = new Int32Array(count)
    for (let row = 0; row < count; row++) {
      const node = data[row * GIVEN.width + GIVEN.node]!
      nodes[row] = node === NONE ? NONE : newNodeOf[node]!
    }
    const { rows, starts } = sortByKey(nodes, nodeTable.size)
    const newOf = new Int32Array(count).fill(NONE)
    grantTable.restart(rows.length)
    for (let grant = 0; grant < rows.length; grant++) grantTable.take()
    for (let grant = 0; grant < rows.length; grant++) {
      const row = rows[grant]!
      const at = row * GIVEN.width
      newOf[row] = grant
      this.grantNode.set(grant, nodes[row]!)
      this.grantHolder.set(grant, data[at + GIVEN.holder]!)
      this.grantIssuer.set(grant, data[at + GIVEN.issuer]!)
    }
    for (let grant = 0; grant < rows.length; grant++)
      this.grantFlags.set(grant, this.kind.get(this.grantHolder.get(grant)) === KIND_GROUP ? TO_GROUP : 0)
    renameKeys(this.expiries, newOf)
    renameKeys(this.extras, newOf)
    renameKeys(this.reasons, newOf)
    for (const grant of this.expiries.keys()) this.grantFlags.set(grant, this.grantFlags.get(grant) | EXPIRES)
    this.grantsOn.thread(this.grantNode, grantTable.size, nodeTable.size)
    this.grantsHeld.thread(this.grantHolder, grantTable.size, partyTable.size)
    this.grantsIssued.thread(this.grantIssuer, grantTable.size, partyTable.size)
    this.crowds.clear()
    for (let node = 0; node < nodeTable.size; node++) {
      const held = starts[node + 1]! - starts[node]!
      this.grantCount.set(node, held)
      if (held > CROWDED) this.makeCrowd(node)
    }
  }

  // ---- parties

  /** The row of a party, made when new. A row does not say that the party exists. */
  internParty(text: string): number {
    const known = this.parties.get(text)
    if (known !== undefined) return known
    const party = this.partyTable.take()
    this.flags.set(party, 0)
    const kept = flatten(text)
    this.partyText[party] = kept
    this.parties.add(party)
    const parsed = parseParty(text)
    switch (parsed.kind) {
      case 'system':
        this.kind.set(party, KIND_SYSTEM)
        break
      case 'user':
        this.kind.set(party, KIND_USER)
        break
      case 'group':
        this.kind.set(party, KIND_GROUP)
        break
      case 'app':
        this.kind.set(party, KIND_APP)
        break
      case 'token':
        this.kind.set(party, KIND_TOKEN)
        break
      case 'user-app': {
        this.kind.set(party, KIND_USER_APP)
        this.setBase(party, this.internParty(`user:${parsed.user}`))
        const app = this.internParty(`app:${parsed.app}`)
        this.appOf.set(party, app)
        this.appSide.link(app, party)
      }
    }
    return party
  }

  /** The rows of parties, made when new. @param texts - at most BATCH */
  internParties(texts: readonly string[]): Int32Array {
    const rows = this.parties.getAll(texts)
    for (let i = 0; i < rows.length; i++) if (rows[i] === NONE) rows[i] = this.internParty(texts[i]!)
    return rows
  }

  private setBase(party: number, base: number): void {
    const before = this.base.get(party)
    if (before !== NONE) this.belongsTo.unlink(before, party)
    this.base.set(party, base)
    if (base !== NONE) this.belongsTo.link(base, party)
  }

  private getParty(text: string): number {
    const party = this.parties.get(text)
    invariant(party !== undefined, `party ${text} was never interned`)
    return party
  }

  /** NONE when no such user, group, app or token is there. */
  findExisting(text: string): number {
    const party = this.parties.get(text)
    return party !== undefined && this.exists(party) ? party : NONE
  }

  /** An app acting for a user exists when both do. */
  exists(party: number): boolean {
    if (this.kind.get(party) === KIND_USER_APP)
      return this.exists(this.base.get(party)) && this.exists(this.appOf.get(party))
    return (this.flags.get(party) & EXISTS) !== 0
  }

  isPartySuspended(party: number): boolean {
    return (this.flags.get(party) & SUSPENDED) !== 0
  }

  isFullToken(party: number): boolean {
    return (this.flags.get(party) & FULL) !== 0
  }

  /** Milliseconds, Infinity when it does not expire. */
  tokenExpiresAt(party: number): number {
    return this.tokenExpiry.get(party) ?? Infinity
  }

  /** Exists, is not suspended, has not expired: whoever is not live holds nothing. */
  isLive(party: number, now: number): boolean {
    switch (this.kind.get(party)) {
      case KIND_USER_APP:
        return this.isLive(this.base.get(party), now) && this.isLive(this.appOf.get(party), now)
      case KIND_TOKEN:
        return (this.flags.get(party) & (EXISTS | SUSPENDED)) === EXISTS && now < this.tokenExpiresAt(party)
      default:
        return (this.flags.get(party) & (EXISTS | SUSPENDED)) === EXISTS
    }
  }

  private setFlag(party: number, flag: number, on: boolean): void {
    this.flags.set(party, on ? this.flags.get(party) | flag : this.flags.get(party) & ~flag)
  }

  /** The name people see: the given one, else the id; other parties as they are written. */
  partyName(party: number): string {
    const text = this.partyText[party]!
    return this.partyNames.get(party) ?? (text.includes('/') ? text : text.slice(text.indexOf(':') + 1))
  }

  private putUser(fact: UserFact): void {
    const party = this.internParty(`user:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setPartyName(party, fact.name)
  }

  private putGroup(fact: GroupFact): void {
    const party = this.internParty(`group:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setBase(party, this.internParty(fact.owner))
  }

  private putApp(fact: AppFact): void {
    const party = this.internParty(`app:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setBase(party, this.internParty(fact.owner))
    this.setPartyName(party, fact.name)
  }

  private putToken(fact: TokenFact): void {
    const party = this.internParty(`token:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setFlag(party, FULL, fact.full)
    this.setBase(party, this.internParty(fact.issuer))
    if (fact.expiresAt === undefined) this.tokenExpiry.delete(party)
    else this.tokenExpiry.set(party, Date.parse(fact.expiresAt))
  }

  private setPartyName(party: number, name: string | undefined): void {
    const before = this.partyNames.get(party)
    const isApp = this.kind.get(party) === KIND_APP
    if (isApp && before !== undefined) {
      const namesakes = this.appNames.get(before)!
      namesakes.delete(party)
      if (namesakes.size === 0) this.appNames.delete(before)
    }
    if (name === undefined) {
      this.partyNames.delete(party)
      return
    }
    this.partyNames.set(party, name)
    if (isApp) {
      const namesakes = this.appNames.get(name)
      if (namesakes === undefined) this.appNames.set(name, new Set([party]))
      else namesakes.add(party)
    }
  }

  /** Its memberships, grants and dependants were removed before it, in the same commit. The row stays: ids never come back. */
  private removeParty(party: number): void {
    this.setPartyName(party, undefined)
    this.setFlag(party, EXISTS | FULL, false)
    this.tokenExpiry.delete(party)
    if (this.kind.get(party) !== KIND_USER) this.setBase(party, NONE)
  }

  partyFact(party: number): UserFact | GroupFact | AppFact | TokenFact {
    const text = this.partyText[party]!
    const id = text.slice(text.indexOf(':') + 1)
    const name = this.partyNames.get(party)
    const named = name === undefined ? {} : { name }
    const base = (): string => this.partyText[this.base.get(party)]!
    switch (this.kind.get(party)) {
      case KIND_USER:
        return { kind: 'user', id, ...named }
      case KIND_GROUP:
        return { kind: 'group', id, owner: base() }
      case KIND_APP:
        return { kind: 'app', id, owner: base(), ...named }
      default: {
        const expiry = this.tokenExpiry.get(party)
        return {
          kind: 'token',
          id,
          issuer: base(),
          full: this.isFullToken(party),
          ...(expiry !== undefined && { expiresAt: new Date(expiry).toISOString() }),
        }
      }
    }
  }

  // ---- memberships

  private putMember(fact: MemberFact): void {
    if (this.findMember(fact) !== NONE) return
    const row = this.memberTable.take()
    const group = this.internParty(`group:${fact.group}`)
    const member = this.internParty(fact.member)
    this.memberGroup.set(row, group)
    this.memberParty.set(row, member)
    this.groupsOf.link(member, row)
    this.membersOf.link(group, row)
  }

  private removeMember(key: { readonly group: string; readonly member: string }): void {
    const row = this.findMember(key)
    invariant(row !== NONE, 'a membership that is not there was removed')
    this.groupsOf.unlink(this.memberParty.get(row), row)
    this.membersOf.unlink(this.memberGroup.get(row), row)
    this.memberTable.give(row)
  }

  private findMember(key: { readonly group: string; readonly member: string }): number {
    const group = this.parties.get(`group:${key.group}`)
    const member = this.parties.get(key.member)
    if (group === undefined || member === undefined) return NONE
    for (let row = this.groupsOf.first(member); row !== NONE; row = this.groupsOf.after(row)) {
      if (this.memberGroup.get(row) === group) return row
    }
    return NONE
  }

  memberFact(row: number): MemberFact {
    const group = this.partyText[this.memberGroup.get(row)]!
    return { kind: 'member', group: group.slice(6), member: this.partyText[this.memberParty.get(row)]! }
  }

  // ---- permission strings

  /** The node of a string, NONE when no fact names it or anything beneath it. */
  findNode(permission: string): number {
    let end = permission.indexOf(':')
    let node = this.rootNode(end < 0 ? permission : permission.slice(0, end))
    while (end >= 0 && node !== NONE) {
      const start = end + 1
      end = permission.indexOf(':', start)
      node = this.childAt(node, permission, start, end < 0 ? permission.length : end)
    }
    return node
  }

  /** The nodes of a string's prefixes and its own, as far as facts name them, each with where its prefix ends. */
  *nodesAlong(permission: string): Generator<{ readonly node: number; readonly end: number }> {
    let end = permission.indexOf(':')
    let node = this.rootNode(end < 0 ? permission : permission.slice(0, end))
    while (node !== NONE) {
      yield { node, end: end < 0 ? permission.length : end }
      if (end < 0) return
      const start = end + 1
      end = permission.indexOf(':', start)
      node = this.childAt(node, permission, start, end < 0 ? permission.length : end)
    }
  }

  child(node: number, component: string): number {
    return this.childAt(node, component, 0, component.length)
  }

  /** The child whose component is `text` from `start` to `end`. */
  childAt(node: number, text: string, start: number, end: number): number {
    const { data } = this.nodeTable.hot
    if ((data[node * NODE.width + NODE.flags]! & MANY_CHILDREN) !== 0)
      return this.names.find(node, text, start, end)
    for (
      let child = data[node * NODE.width + NODE.firstChild]!;
      child !== NONE;
      child = data[child * NODE.width + NODE.nextChild]!
    ) {
      const name = this.component[child]!
      if (name.length === end - start && isAt(name, text, start)) return child
    }
    return NONE
  }

  permissionOf(node: number): string {
    let text = this.component[node]!
    for (let at = this.parent.get(node); at !== NONE; at = this.parent.get(at))
      text = `${this.component[at]!}:${text}`
    return text
  }

  rootOf(node: number): number {
    let root = node
    for (let up = this.parent.get(root); up !== NONE; up = this.parent.get(root)) root = up
    return root
  }

  private internNode(permission: string): number {
    let end = permission.indexOf(':')
    const { node: root, ladder } = this.internRoot(end < 0 ? permission : permission.slice(0, end))
    let node = root
    while (end >= 0) {
      const start = end + 1
      end = permission.indexOf(':', start)
      const stop = end < 0 ? permission.length : end
      const child = this.childAt(node, permission, start, stop)
      node = child === NONE ? this.makeNode(node, permission.slice(start, stop), ladder) : child
    }
    return node
  }

  private internRoot(name: string): Root {
    const known = this.roots.get(name)
    if (known !== undefined) return known
    const made = {
      node: this.makeNode(NONE, name, NO_MODES),
      ladder: NO_MODES,
      isIrregular: false,
      hasLongFolders: false,
      isGone: false,
    }
    this.roots.set(this.component[made.node]!, made)
    return made
  }

  /** The node of a namespace, NONE when there is none. */
  rootNode(name: string): number {
    return this.roots.get(name)?.node ?? NONE
  }

  private makeNode(parent: number, component: string, ladder: readonly string[]): number {
    const node = this.nodeTable.take()
    const rank = ladder.indexOf(component)
    // Modes are one string for all nodes that bear them.
    this.component[node] = rank === NONE ? flatten(component) : ladder[rank]!
    this.parent.set(node, parent)
    this.rank.set(node, rank)
    this.nodeFlags.set(node, 0)
    this.childCount.set(node, 0)
    this.grantCount.set(node, 0)
    if (parent !== NONE) this.adopt(parent, node)
    return node
  }

  private adopt(parent: number, node: number): void {
    this.children.link(parent, node)
    if (this.isNamed(node)) this.names.add(parent, node)
    if (this.countChild(parent, 1) !== SIBLINGS_MAX + 1) return
    this.setNodeFlag(parent, MANY_CHILDREN, true)
    for (const child of this.children.of(parent))
      if (this.rank.get(child) !== NONE) this.names.add(parent, child)
  }

  private disown(parent: number, node: number): void {
    if (this.isNamed(node)) this.names.remove(parent, node)
    this.children.unlink(parent, node)
    if (this.countChild(parent, -1) !== SIBLINGS_MAX) return
    for (const child of this.children.of(parent))
      if (this.rank.get(child) !== NONE) this.names.remove(parent, child)
    this.setNodeFlag(parent, MANY_CHILDREN, false)
  }

  /** Whether `names` has it: modes are found by walking, as long as there are few nodes beside them. */
  private isNamed(node: number): boolean {
    return this.rank.get(node) === NONE || this.hasMany(this.parent.get(node))
  }

  private hasMany(node: number): boolean {
    return (this.nodeFlags.get(node) & MANY_CHILDREN) !== 0
  }

  private setNodeFlag(node: number, flag: number, on: boolean): void {
    this.nodeFlags.set(node, on ? this.nodeFlags.get(node) | flag : this.nodeFlags.get(node) & ~flag)
  }

  private countChild(parent: number, by: 1 | -1): number {
    const count = this.childCount.get(parent) + by
    this.childCount.set(parent, count)
    return count
  }

  /**
   * Runs something that goes to and fro between two worlds: the node of a string is the same in both, and stays where
   * the facts that name it have gone. No answer depends on it.
   *
   * @param compare - is given a way to make nodes of its own, which go with the others in the end
   */
  keepingNodes<Answer>(compare: (nodeFor: (permission: string) => number) => Answer): Answer {
    const kept = new Set<number>()
    this.kept = kept
    try {
      return compare((permission) => {
        const node = this.internNode(permission)
        kept.add(node)
        return node
      })
    } finally {
      this.kept = undefined
      // What went with a node before it has no component.
      for (const node of kept) if (this.component[node] !== '') this.prune(node)
    }
  }

  /** Takes away nodes that no fact names any more, upwards. */
  private prune(from: number): void {
    if (this.kept !== undefined) {
      this.kept.add(from)
      return
    }
    let node = from
    while (node !== NONE && this.isUnused(node)) {
      const parent = this.parent.get(node)
      if (parent === NONE) {
        this.roots.get(this.component[node]!)!.isGone = true
        this.roots.delete(this.component[node]!)
      } else {
        this.disown(parent, node)
      }
      this.component[node] = ''
      this.parent.set(node, NONE)
      this.nodeTable.give(node)
      node = parent
    }
  }

  private isUnused(node: number): boolean {
    if (
      this.children.first(node) !== NONE ||
      this.owner.get(node) !== NONE ||
      this.grantsOn.first(node) !== NONE
    )
      return false
    // A folder that is not declared yet, while facts are being loaded in any order.
    if (this.contents.first(node) !== NONE) return false
    return this.parent.get(node) !== NONE || !this.namespaces.has(this.component[node]!)
  }

  private putNamespace(fact: NamespaceFact): void {
    this.namespaces.set(fact.name, fact)
    const root = this.internRoot(fact.name)
    root.ladder = fact.modes ?? NO_MODES
    for (const node of this.nodesBeneath(root.node)) {
      if (node !== root.node) this.setRank(node, root.ladder.indexOf(this.component[node]!))
    }
    for (const node of this.nodesBeneath(root.node))
      if (this.owner.get(node) !== NONE) this.noteIrregular(node)
  }

  private setRank(node: number, rank: number): void {
    const wasNamed = this.isNamed(node)
    this.rank.set(node, rank)
    if (this.isNamed(node) === wasNamed) return
    if (wasNamed) this.names.remove(this.parent.get(node), node)
    else this.names.add(this.parent.get(node), node)
  }

  // ---- resources

  private putResource(fact: ResourceFact): void {
    const node = this.internNode(fact.permission)
    if (this.owner.get(node) !== NONE) this.unlinkResource(node)
    else this.noteIrregular(node)
    const owner = this.internParty(fact.owner)
    this.owner.set(node, owner)
    this.ownedBy.link(owner, node)
    if (fact.parent !== undefined) {
      const folder = this.internNode(fact.parent)
      this.folder.set(node, folder)
      this.contents.link(folder, node)
      this.noteLongFolder(node, this.spaceOf(node))
    }
    if (fact.name !== undefined) {
      this.resourceNames.set(node, fact.name)
      this.bear(node, fact.name)
    }
  }

  private bear(node: number, name: string): void {
    const place = this.placeOf(node)
    const siblings = this.named.get(place)
    if (siblings === undefined) this.named.set(place, new Map([[name, node]]))
    else siblings.set(name, withBearer(siblings.get(name), node))
  }

  private unlinkResource(node: number): void {
    const name = this.resourceNames.get(node)
    if (name !== undefined) {
      const place = this.placeOf(node)
      const siblings = this.named.get(place)!
      const left = withoutBearer(siblings.get(name), node)
      if (left === undefined) siblings.delete(name)
      else siblings.set(name, left)
      if (siblings.size === 0) this.named.delete(place)
      this.resourceNames.delete(node)
    }
    this.ownedBy.unlink(this.owner.get(node), node)
    this.owner.set(node, NONE)
    const folder = this.folder.get(node)
    if (folder !== NONE) this.contents.unlink(folder, node)
    this.folder.set(node, NONE)
  }

  private removeResource(node: number): void {
    const folder = this.folder.get(node)
    this.unlinkResource(node)
    this.prune(node)
    if (folder !== NONE) this.prune(folder)
  }

  /** Where its name must be unique: its folder, or its namespace's root. */
  placeOf(node: number): number {
    const folder = this.folder.get(node)
    return folder === NONE ? this.rootOf(node) : folder
  }

  /** The fast walk takes one resource on a string and modes only at its end; where facts go beyond, the general one answers. */
  private noteIrregular(node: number): void {
    const root = this.spaceOf(node)
    if (root.isIrregular) return
    this.noteAbove(node, root)
    if (this.childCount.get(node) === 0) return
    for (const beneath of this.nodesBeneath(node)) {
      if (beneath !== node && this.owner.get(beneath) !== NONE) root.isIrregular = true
    }
  }

  private noteAbove(node: number, root: Root): void {
    for (let at = node; at !== NONE; at = this.parent.get(at)) {
      const isMode = at !== root.node && this.rank.get(at) !== NONE
      if (isMode || (at !== node && this.owner.get(at) !== NONE)) root.isIrregular = true
    }
  }

  private noteLongFolder(node: number, root: Root): void {
    let above = this.folder.get(node)
    for (let at = node; at !== NONE && above !== NONE; at = this.parent.get(at))
      above = this.parent.get(above)
    if (above !== NONE) root.hasLongFolders = true
  }

  private spaceOf(node: number): Root {
    return this.roots.get(this.component[this.rootOf(node)]!)!
  }

  resourceFact(node: number): ResourceFact {
    const folder = this.folder.get(node)
    const name = this.resourceNames.get(node)
    return {
      kind: 'resource',
      permission: this.permissionOf(node),
      owner: this.partyText[this.owner.get(node)]!,
      ...(folder !== NONE && { parent: this.permissionOf(folder) }),
      ...(name !== undefined && { name }),
    }
  }

  /** In this folder (or root node) the resource of this name, given or by its id. NONE when there is none, or several. */
  findNamed(place: number, name: string): number {
    const given = this.named.get(place)?.get(name)
    if (given !== undefined) return typeof given === 'number' ? given : NONE
    const root = this.rootOf(place)
    const byId = this.child(root, encodeComponent(name))
    const isHere =
      byId !== NONE &&
      this.owner.get(byId) !== NONE &&
      !this.resourceNames.has(byId) &&
      this.placeOf(byId) === place
    return isHere ? byId : NONE
  }

  resourceName(node: number): string | undefined {
    return this.resourceNames.get(node)
  }

  // ---- grants

  private putGrant(fact: GrantFact): void {
    const issuer = this.internParty(fact.issuer)
    const holder = this.internParty(fact.holder)
    const node = this.internNode(fact.permission)
    const known = this.grantAt(node, holder, issuer)
    const grant = known === NONE ? this.makeGrant(node, holder, issuer) : known
    if (known !== NONE) this.forgetNotes(known)
    const toGroup = this.kind.get(holder) === KIND_GROUP ? TO_GROUP : 0
    this.grantFlags.set(grant, fact.expiresAt === undefined ? toGroup : toGroup | EXPIRES)
    this.noteGrant(fact, grant)
  }

  noteGrant(fact: GrantFact, grant: number): void {
    if (fact.expiresAt !== undefined) this.expiries.set(grant, Date.parse(fact.expiresAt))
    if (!isEmpty(fact.extra)) this.extras.set(grant, fact.extra)
    if (fact.reason !== undefined) this.reasons.set(grant, fact.reason)
  }

  private forgetNotes(grant: number): void {
    this.expiries.delete(grant)
    this.extras.delete(grant)
    this.reasons.delete(grant)
  }

  private makeGrant(node: number, holder: number, issuer: number): number {
    const grant = this.grantTable.take()
    this.grantIssuer.set(grant, issuer)
    this.grantHolder.set(grant, holder)
    this.grantNode.set(grant, node)
    this.linkGrant(grant)
    return grant
  }

  private linkGrant(grant: number): void {
    const node = this.grantNode.get(grant)
    const holder = this.grantHolder.get(grant)
    this.grantsOn.link(node, grant)
    this.grantsHeld.link(holder, grant)
    this.grantsIssued.link(this.grantIssuer.get(grant), grant)
    this.grantCount.set(node, this.grantCount.get(node) + 1)
    this.crowd(node, holder, grant)
  }

  private crowd(node: number, holder: number, grant: number): void {
    if ((this.nodeFlags.get(node) & CROWD) !== 0) {
      addTo(this.crowds.get(node)!, holder, grant)
    } else if (this.grantCount.get(node) > CROWDED) this.makeCrowd(node)
  }

  private makeCrowd(node: number): void {
    const made = new Map<number, number[]>()
    for (const each of this.grantsOn.of(node)) addTo(made, this.grantHolder.get(each), each)
    this.crowds.set(node, made)
    this.setNodeFlag(node, CROWD, true)
  }

  private removeGrant(grant: number): void {
    invariant(grant !== NONE, 'a grant that is not there was removed')
    const node = this.grantNode.get(grant)
    const holder = this.grantHolder.get(grant)
    this.grantsOn.unlink(node, grant)
    this.grantsHeld.unlink(holder, grant)
    this.grantsIssued.unlink(this.grantIssuer.get(grant), grant)
    this.grantCount.set(node, this.grantCount.get(node) - 1)
    const crowd = this.crowds.get(node)
    if (crowd !== undefined) {
      const left = crowd.get(holder)!.filter((each) => each !== grant)
      if (left.length === 0) crowd.delete(holder)
      else crowd.set(holder, left)
      if (this.grantCount.get(node) < CROWDED / 2) {
        this.crowds.delete(node)
        this.setNodeFlag(node, CROWD, false)
      }
    }
    this.forgetNotes(grant)
    this.grantNode.set(grant, NONE)
    this.grantTable.give(grant)
    this.prune(node)
  }

  findGrant(key: { readonly issuer: string; readonly holder: string; readonly permission: string }): number {
    const issuer = this.parties.get(key.issuer)
    const holder = this.parties.get(key.holder)
    if (issuer === undefined || holder === undefined) return NONE
    const node = this.findNode(key.permission)
    if (node === NONE) return NONE
    return this.grantAt(node, holder, issuer)
  }

  private grantAt(node: number, holder: number, issuer: number): number {
    for (const grant of this.grantsOf(node, holder)) if (this.grantIssuer.get(grant) === issuer) return grant
    return NONE
  }

  /** Of a node with many grants: those by holder. */
  crowdOn(node: number): ReadonlyMap<number, readonly number[]> | undefined {
    return (this.nodeFlags.get(node) & CROWD) === 0 ? undefined : this.crowds.get(node)
  }

  isToGroup(grant: number): boolean {
    return (this.grantFlags.get(grant) & TO_GROUP) !== 0
  }

  /** The grants of this permission to this holder. */
  *grantsOf(node: number, holder: number): Generator<number> {
    const crowd = this.crowds.get(node)
    if (crowd !== undefined) {
      yield* crowd.get(holder) ?? []
      return
    }
    for (const grant of this.grantsOn.of(node)) if (this.grantHolder.get(grant) === holder) yield grant
  }

  grantFact(grant: number): GrantFact {
    const expiry = this.expiryOf(grant)
    const reason = this.reasons.get(grant)
    return {
      kind: 'grant',
      issuer: this.partyText[this.grantIssuer.get(grant)]!,
      holder: this.partyText[this.grantHolder.get(grant)]!,
      permission: this.permissionOf(this.grantNode.get(grant)),
      extra: this.grantExtra(grant),
      ...(expiry !== Infinity && { expiresAt: new Date(expiry).toISOString() }),
      ...(reason !== undefined && { reason }),
    }
  }

  *allGrants(): Generator<number> {
    for (let party = 0; party < this.partyTable.size; party++) yield* this.grantsIssued.of(party)
  }

  /** Milliseconds; Infinity when it does not expire. */
  expiryOf(grant: number): number {
    return (this.grantFlags.get(grant) & EXPIRES) === 0 ? Infinity : this.expiries.get(grant)!
  }

  grantExtra(grant: number): JsonObject {
    return this.extras.get(grant) ?? EMPTY
  }

  // ---- what rules may read

  user(id: string): UserFact | undefined {
    return this.fact({ kind: 'user', id }) as UserFact | undefined
  }

  group(id: string): GroupFact | undefined {
    return this.fact({ kind: 'group', id }) as GroupFact | undefined
  }

  token(id: string): TokenFact | undefined {
    return this.fact({ kind: 'token', id }) as TokenFact | undefined
  }

  resource(permission: string): ResourceFact | undefined {
    return this.fact({ kind: 'resource', permission }) as ResourceFact | undefined
  }

  resourceNamed(namespace: string, parent: string | undefined, name: string): ResourceFact | undefined {
    const place = parent === undefined ? this.rootNode(namespace) : this.findNode(parent)
    if (place === NONE || namespaceOf(this.permissionOf(place)) !== namespace) return undefined
    const node = this.findNamed(place, name)
    return node === NONE ? undefined : this.resourceFact(node)
  }

  app(id: string): AppFact | undefined {
    return this.fact({ kind: 'app', id }) as AppFact | undefined
  }

  /** Undefined also when several bear the name. */
  appNamed(name: string): AppFact | undefined {
    const namesakes = this.appNames.get(name)
    if (namesakes?.size !== 1) return undefined
    const [party] = namesakes
    return this.partyFact(party!) as AppFact
  }

  isMember(user: string, group: string): boolean {
    const from = this.findExisting(`user:${user}`)
    const to = this.findExisting(`group:${group}`)
    return from !== NONE && to !== NONE && this.groupClosure(from).has(to)
  }

  isSuspended(party: string): boolean {
    const row = this.parties.get(party)
    return row !== undefined && this.isPartySuspended(row)
  }

  /** Every group a party is in, directly or not, each with the one it came through (or the party itself). */
  groupClosure(party: number): Map<number, number> {
    const from = new Map<number, number>()
    if (this.kind.get(party) === KIND_USER) from.set(this.userGroup, party)
    const collect = (member: number): void => {
      const groups: number[] = []
      for (let row = this.groupsOf.first(member); row !== NONE; row = this.groupsOf.after(row))
        groups.push(this.memberGroup.get(row))
      // By name, so that of two ways into a group the same is told whatever was joined first.
      const isForked = groups.length > 1 && groups.some((group) => this.groupsOf.first(group) !== NONE)
      for (const group of isForked ? this.byText(groups) : groups)
        if (!from.has(group)) from.set(group, member)
    }
    collect(party)
    for (const group of from.keys()) collect(group)
    return from
  }

  /** Parties in the order of their texts: what is told must not depend on the order in which facts came. */
  byText(parties: Iterable<number>): number[] {
    return [...parties].sort((a, b) => compareText(this.partyText[a]!, this.partyText[b]!))
  }

  /** Every user in a group, directly or not. */
  usersIn(group: number): Set<number> {
    const groups = new Set([group])
    const users = new Set<number>()
    for (const each of groups) {
      if (each === this.userGroup) for (const user of this.allUsers()) users.add(user)
      for (let row = this.membersOf.first(each); row !== NONE; row = this.membersOf.after(row)) {
        const member = this.memberParty.get(row)
        if (this.kind.get(member) === KIND_GROUP) groups.add(member)
        else users.add(member)
      }
    }
    return users
  }

  allUsers(): Iterable<number> {
    return this.partiesOf(KIND_USER)
  }

  /** Those of a kind that exist. */
  *partiesOf(kind: number): Generator<number> {
    for (let party = 1; party < this.partyTable.size; party++) {
      if (this.kind.get(party) === kind && this.exists(party)) yield party
    }
  }
}

/** Rows of parties by their text. */
class PartyNames {
  private readonly table: NameTable
  private readonly pieces = new Pieces(BATCH)

  constructor(texts: readonly string[]) {
    this.table = new NameTable(texts)
  }

  get(text: string): number | undefined {
    const row = this.table.find(TOP, text, 0, text.length)
    return row === NONE ? undefined : row
  }

  /** NONE for those not there. @param texts - at most BATCH */
  getAll(texts: readonly string[]): Int32Array {
    const { pieces } = this
    pieces.clear()
    for (const text of texts) pieces.add(TOP, text, 0, text.length)
    const rows = new Int32Array(texts.length)
    this.table.findAll(pieces, rows)
    return rows
  }

  add(row: number): void {
    this.table.add(TOP, row)
  }
}

/** Parties are beneath nothing. */
const TOP = 0

export function isBuiltInGroup(text: string): boolean {
  return (BUILT_IN_GROUPS as readonly string[]).some((id) => text === `group:${id}`)
}

const EMPTY: JsonObject = Object.freeze({})

function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false
  return true
}

function addTo(crowd: Map<number, number[]>, holder: number, grant: number): void {
  const grants = crowd.get(holder)
  if (grants === undefined) crowd.set(holder, [grant])
  else grants.push(grant)
}

function renameKeys<Value>(map: Map<number, Value>, newOf: Int32Array): void {
  const entries = [...map]
  map.clear()
  for (const [row, value] of entries) map.set(newOf[row]!, value)
}

type Bearers = number | readonly number[]

function withBearer(bearers: Bearers | undefined, row: number): Bearers {
  if (bearers === undefined) return row
  return [...(typeof bearers === 'number' ? [bearers] : bearers), row]
}

function withoutBearer(bearers: Bearers | undefined, row: number): Bearers | undefined {
  if (bearers === undefined || typeof bearers === 'number') return bearers === row ? undefined : bearers
  const left = bearers.filter((each) => each !== row)
  return left.length === 1 ? left[0] : left
}
