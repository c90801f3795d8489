import { parseParty } from './actor.ts'
import { Chains, flatten, NONE, Table } from './columns.ts'
import { invariant } from './errors.ts'
import type { AppFact, GroupFact, TokenFact, UserFact } from './fact.ts'
import { BATCH } from './gathered.ts'
import { NameTable, Pieces } from './name-table.ts'
import { compareText } from './permission.ts'

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

/** There without being stated, owned by `system`. */
export const BUILT_IN_GROUPS = ['user', 'admin', 'developer', 'guest'] as const

/** What the walk reads of a party. */
export const PARTY = { width: 4, kind: 0, flags: 1, base: 2, firstGroup: 3 } as const
export const PARTY_COLD = {
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

/** Users, groups, apps, apps acting for users, and tokens; what belongs to whom, who is suspended. */
export class Parties {
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
  readonly userGroup: number

  constructor() {
    this.internParty('system')
    this.setFlag(SYSTEM, EXISTS, true)
    for (const group of BUILT_IN_GROUPS) this.putGroup({ kind: 'group', id: group, owner: 'system' })
    this.userGroup = this.parties.get('group:user')!
  }

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

  protected getParty(text: string): number {
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

  isSuspended(party: string): boolean {
    const row = this.parties.get(party)
    return row !== undefined && this.isPartySuspended(row)
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

  protected setFlag(party: number, flag: number, on: boolean): void {
    this.flags.set(party, on ? this.flags.get(party) | flag : this.flags.get(party) & ~flag)
  }

  /** The name people see: the given one, else the id; other parties as they are written. */
  partyName(party: number): string {
    const text = this.partyText[party]!
    return this.partyNames.get(party) ?? (text.includes('/') ? text : text.slice(text.indexOf(':') + 1))
  }

  /** Undefined also when several bear the name. */
  appNamed(name: string): AppFact | undefined {
    const namesakes = this.appNames.get(name)
    if (namesakes?.size !== 1) return undefined
    const [party] = namesakes
    return this.partyFact(party!) as AppFact
  }

  protected putUser(fact: UserFact): void {
    const party = this.internParty(`user:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setPartyName(party, fact.name)
  }

  protected putGroup(fact: GroupFact): void {
    const party = this.internParty(`group:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setBase(party, this.internParty(fact.owner))
  }

  protected putApp(fact: AppFact): void {
    const party = this.internParty(`app:${fact.id}`)
    this.setFlag(party, EXISTS, true)
    this.setBase(party, this.internParty(fact.owner))
    this.setPartyName(party, fact.name)
  }

  protected putToken(fact: TokenFact): void {
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
  protected removeParty(party: number): void {
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

  /** Parties in the order of their texts: what is told must not depend on the order in which facts came. */
  byText(parties: Iterable<number>): number[] {
    return [...parties].sort((a, b) => compareText(this.partyText[a]!, this.partyText[b]!))
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
