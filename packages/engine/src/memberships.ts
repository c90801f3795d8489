import { Chains, NONE, type Rows, sortByKey, Table } from './columns.ts'
import { invariant } from './errors.ts'
import type { MemberFact } from './fact.ts'
import { MEMBERSHIP } from './gathered.ts'
import { KIND_GROUP, KIND_USER, Parties, PARTY, PARTY_COLD } from './parties.ts'

/** What the walk reads of a membership. */
export const MEMBER = { width: 2, group: 0, nextGroup: 1 } as const
const MEMBER_COLD = { width: 4, party: 0, prevGroup: 1, nextMember: 2, prevMember: 3 } as const

/** Who is in which group. */
export class Memberships extends Parties {
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

  protected putMember(fact: MemberFact): void {
    if (this.findMember(fact) !== NONE) return
    const row = this.memberTable.take()
    const group = this.internParty(`group:${fact.group}`)
    const member = this.internParty(fact.member)
    this.memberGroup.set(row, group)
    this.memberParty.set(row, member)
    this.groupsOf.link(member, row)
    this.membersOf.link(group, row)
  }

  protected removeMember(key: { readonly group: string; readonly member: string }): void {
    const row = this.findMember(key)
    invariant(row !== NONE, 'a membership that is not there was removed')
    this.groupsOf.unlink(this.memberParty.get(row), row)
    this.membersOf.unlink(this.memberGroup.get(row), row)
    this.memberTable.give(row)
  }

  protected findMember(key: { readonly group: string; readonly member: string }): number {
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

  isMember(user: string, group: string): boolean {
    const from = this.findExisting(`user:${user}`)
    const to = this.findExisting(`group:${group}`)
    return from !== NONE && to !== NONE && this.groupClosure(from).has(to)
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

  // ---- order in memory

  protected gatherMemberships(memberships: Rows): void {
    for (let party = 0; party < this.partyTable.size; party++) {
      for (let row = this.groupsOf.first(party); row !== NONE; row = this.groupsOf.after(row)) {
        const at = memberships.add()
        memberships.data[at + MEMBERSHIP.group] = this.memberGroup.get(row)
        memberships.data[at + MEMBERSHIP.party] = party
      }
    }
  }

  /** Members of one party beside each other. */
  protected layMembers(memberships: Rows): void {
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
}
