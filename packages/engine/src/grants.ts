import { Chains, NONE, renameKeys, type Rows, sortByKey, Table } from './columns.ts'
import { invariant } from './errors.ts'
import type { GrantFact, JsonObject } from './fact.ts'
import { GIVEN } from './gathered.ts'
import { CROWD } from './nodes.ts'
import { KIND_GROUP, PARTY_COLD } from './parties.ts'
import { Resources } from './resources.ts'

export const EXPIRES = 1
export const TO_GROUP = 2

/** Grants of one permission beyond which they are looked up by holder instead of walked. */
const CROWDED = 24

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

/** Grants: beside those on the same string, of the same holder and of the same issuer. */
export class Grants extends Resources {
  readonly grantTable = new Table(GRANT.width, GRANT_COLD.width)
  readonly grantIssuer = this.grantTable.hot.field(GRANT.issuer)
  readonly grantHolder = this.grantTable.hot.field(GRANT.holder)
  readonly grantNode = this.grantTable.cold.field(GRANT_COLD.node)
  /** EXPIRES, TO_GROUP. */
  private readonly grantFlags = this.grantTable.hot.field(GRANT.flags)
  /** Milliseconds, of those that expire. */
  private readonly expiries = new Map<number, number>()
  readonly grantsOn = new Chains(
    this.firstGrant,
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
  /** Of crowded nodes: grants by holder. */
  readonly crowds = new Map<number, Map<number, number[]>>()
  private readonly extras = new Map<number, JsonObject>()
  private readonly reasons = new Map<number, string>()

  protected putGrant(fact: GrantFact): void {
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

  protected removeGrant(grant: number): void {
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

  /** The grants of this permission to this holder. */
  *grantsOf(node: number, holder: number): Generator<number> {
    const crowd = this.crowds.get(node)
    if (crowd !== undefined) {
      yield* crowd.get(holder) ?? []
      return
    }
    for (const grant of this.grantsOn.of(node)) if (this.grantHolder.get(grant) === holder) yield grant
  }

  /** Of a node with many grants: those by holder. */
  crowdOn(node: number): ReadonlyMap<number, readonly number[]> | undefined {
    return (this.nodeFlags.get(node) & CROWD) === 0 ? undefined : this.crowds.get(node)
  }

  isToGroup(grant: number): boolean {
    return (this.grantFlags.get(grant) & TO_GROUP) !== 0
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

  // ---- order in memory

  protected gatherGrants(grants: Rows): void {
    for (let grant = 0; grant < this.grantTable.size; grant++) {
      const at = grants.add()
      grants.data[at + GIVEN.node] = this.grantNode.get(grant)
      grants.data[at + GIVEN.holder] = this.grantHolder.get(grant)
      grants.data[at + GIVEN.issuer] = this.grantIssuer.get(grant)
    }
  }

  /** Sorts the grants by node and threads their lists anew. */
  protected layGrants(grants: Rows, newNodeOf: Int32Array): void {
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
