import { flatten, NONE } from './columns.ts'
import type { Fact, GrantFact, MemberFact, NamespaceFact, ResourceFact } from './fact.ts'
import type { FactsIndex } from './facts-index.ts'
import type { Root } from './nodes.ts'
import { BATCH, type Gathered, GIVEN, MEMBERSHIP } from './gathered.ts'
import { isAt } from './name-table.ts'

/** Facts that a store kept, on their way into an index: what strings, memberships and grants they are is gathered. */
export class Loading {
  /** What must wait until all is laid out. */
  readonly late: Fact[] = []
  private readonly index: FactsIndex
  private readonly gathered: Gathered
  /** Namespaces with strings beneath them. */
  private readonly begun = new Set<Root>()
  private lastRoot: Root | undefined
  private lastName = ''
  private lastGroup = ''
  private lastGroupRow = NONE
  private lastIssuer = ''
  private lastIssuerRow = NONE

  constructor(index: FactsIndex, gathered: Gathered) {
    this.index = index
    this.gathered = gathered
    for (const root of index.roots.values())
      if (index.children.first(root.node) !== NONE) this.begun.add(root)
  }

  take(facts: Iterable<Fact>): void {
    const batch: Fact[] = []
    for (const fact of facts) {
      if (batch.length === BATCH || (batch.length > 0 && batch[0]!.kind !== fact.kind)) {
        this.takeBatch(batch)
        batch.length = 0
      }
      batch.push(fact)
    }
    if (batch.length > 0) this.takeBatch(batch)
  }

  /** @param batch - of one kind */
  private takeBatch(batch: readonly Fact[]): void {
    switch (batch[0]!.kind) {
      case 'namespace':
        for (const fact of batch as readonly NamespaceFact[]) this.takeNamespace(fact)
        return
      case 'resource':
        return this.takeResources(batch as readonly ResourceFact[])
      case 'member':
        return this.takeMembers(batch as readonly MemberFact[])
      case 'grant':
        return this.takeGrants(batch as readonly GrantFact[])
      case 'suspension':
        for (const fact of batch) this.late.push(fact)
        return
      default:
        for (const fact of batch) this.index.put(fact)
    }
  }

  private takeNamespace(fact: NamespaceFact): void {
    const known = this.index.roots.get(fact.name)
    if (known !== undefined && this.begun.has(known)) {
      this.late.push(fact)
      return
    }
    this.index.namespaces.set(fact.name, fact)
    const root = known ?? this.makeRoot(fact.name)
    root.ladder = fact.modes ?? NO_MODES
  }

  private takeResources(facts: readonly ResourceFact[]): void {
    const { strings } = this.gathered
    const rows = this.intern(facts.map(({ permission }) => permission))
    const folders = this.intern(facts.flatMap(({ parent }) => parent ?? []))
    const owners = this.index.internParties(facts.map(({ owner }) => owner))
    let inFolders = 0
    for (let i = 0; i < facts.length; i++) {
      const { parent, name } = facts[i]!
      strings.setResource(rows[i]!, owners[i]!, parent === undefined ? NONE : folders[inFolders++]!)
      if (name !== undefined) this.index.resourceNames.set(rows[i]!, name)
    }
  }

  private takeMembers(facts: readonly MemberFact[]): void {
    const { memberships } = this.gathered
    const members = this.index.internParties(facts.map(({ member }) => member))
    for (let i = 0; i < facts.length; i++) {
      const at = memberships.add()
      memberships.data[at + MEMBERSHIP.group] = this.groupOf(facts[i]!)
      memberships.data[at + MEMBERSHIP.party] = members[i]!
    }
  }

  /** Memberships come from a store by group: most have that of the one before. */
  private groupOf({ group }: MemberFact): number {
    if (group !== this.lastGroup) {
      this.lastGroupRow = this.index.internParty(`group:${group}`)
      this.lastGroup = group
    }
    return this.lastGroupRow
  }

  private takeGrants(facts: readonly GrantFact[]): void {
    const { grants } = this.gathered
    const nodes = this.intern(facts.map(({ permission }) => permission))
    const holders = this.index.internParties(facts.map(({ holder }) => holder))
    for (let i = 0; i < facts.length; i++) {
      this.index.noteGrant(facts[i]!, grants.count)
      const at = grants.add()
      grants.data[at + GIVEN.node] = nodes[i]!
      grants.data[at + GIVEN.holder] = holders[i]!
      grants.data[at + GIVEN.issuer] = this.issuerOf(facts[i]!)
    }
  }

  /** Grants come from a store by issuer: most have that of the one before. */
  private issuerOf({ issuer }: GrantFact): number {
    if (issuer !== this.lastIssuer) {
      this.lastIssuerRow = this.index.internParty(issuer)
      this.lastIssuer = issuer
    }
    return this.lastIssuerRow
  }

  private intern(texts: readonly string[]): Int32Array {
    return this.gathered.strings.internAll(
      texts,
      texts.map((text) => this.spaceOf(text)),
    )
  }

  private spaceOf(permission: string): Root {
    const colon = permission.indexOf(':')
    const end = colon < 0 ? permission.length : colon
    const { lastRoot, lastName } = this
    if (lastRoot !== undefined && lastName.length === end && isAt(lastName, permission, 0)) return lastRoot
    this.lastName = permission.slice(0, end)
    this.lastRoot = this.index.roots.get(this.lastName) ?? this.makeRoot(this.lastName)
    this.begun.add(this.lastRoot)
    return this.lastRoot
  }

  private makeRoot(name: string): Root {
    const root: Root = {
      node: this.gathered.strings.add(NONE, NONE, flatten(name)),
      ladder: NO_MODES,
      isIrregular: false,
      hasLongFolders: false,
      isGone: false,
    }
    this.index.roots.set(name, root)
    return root
  }
}

const NO_MODES: readonly string[] = []
