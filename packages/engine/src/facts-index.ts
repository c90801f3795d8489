import { isBuiltInNamespace } from './catalog.ts'
import { NONE } from './columns.ts'
import type { AppFact, Fact, FactKey, GroupFact, ResourceFact, TokenFact, UserFact } from './fact.ts'
import { FACT_KINDS } from './fact.ts'
import { Gathered } from './gathered.ts'
import { Grants } from './grants.ts'
import { Loading } from './loading.ts'
import { isBuiltInGroup, KIND_USER_APP, SUSPENDED } from './parties.ts'
import { namespaceOf } from './permission.ts'
import type { FactReader } from './rule.ts'

/**
 * The facts in memory, made for one access: the grants of these permissions that reach this holder.
 *
 * Everything is a row of numbers, and the rows refer to each other: to parties in `parties.ts`, memberships in
 * `memberships.ts`, permission strings in `nodes.ts`, resources in `resources.ts`, grants in `grants.ts`. Each of
 * these classes adds its rows to those before it, so that the index is one object, as the walk reads it.
 *
 * The index believes what it is given: `plan.ts` decides what may become a fact.
 */
export class FactsIndex extends Grants implements FactReader {
  readonly retired = new Map<string, Set<string>>()

  constructor() {
    super()
    for (const kind of FACT_KINDS) this.retired.set(kind, new Set())
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
        return this.removeNamespace(key.name)
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
    const newOf = this.layNodes(gathered.strings)
    this.layMembers(gathered.memberships)
    this.layGrants(gathered.grants, newOf)
  }

  /** What is there, in plain columns; rows keep their numbers. */
  private gather(): Gathered {
    const gathered = new Gathered(this.gatherStrings())
    this.gatherMemberships(gathered.memberships)
    this.gatherGrants(gathered.grants)
    return gathered
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

  app(id: string): AppFact | undefined {
    return this.fact({ kind: 'app', id }) as AppFact | undefined
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
}
