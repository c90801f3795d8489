import { Chains, NONE, renameKeys } from './columns.ts'
import { invariant } from './errors.ts'
import type { ResourceFact } from './fact.ts'
import type { GatheredStrings } from './gathered.ts'
import { Nodes, NODE_COLD, type Root } from './nodes.ts'
import { PARTY_COLD } from './parties.ts'
import { encodeComponent } from './permission.ts'

/** Resources: nodes with an owner, within folders or not, with a name or without. */
export class Resources extends Nodes {
  readonly ownedBy = new Chains(
    this.partyTable.cold.field(PARTY_COLD.firstOwned),
    this.nodeTable.cold.field(NODE_COLD.nextOwned),
    this.nodeTable.cold.field(NODE_COLD.prevOwned),
  )
  readonly contents = new Chains(
    this.firstContent,
    this.nodeTable.cold.field(NODE_COLD.nextContent),
    this.nodeTable.cold.field(NODE_COLD.prevContent),
  )
  readonly resourceNames = new Map<number, string>()
  /** By folder (or root node, for what is in none), then by given name: who bears it, a list when several do. */
  private readonly named = new Map<number, Map<string, Bearers>>()

  protected putResource(fact: ResourceFact): void {
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

  protected removeResource(node: number): void {
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

  /** Folders before what is in them. */
  protected *resourcesIn(root: number): Generator<ResourceFact> {
    const pending: number[] = []
    for (const node of this.nodesBeneath(root)) {
      if (this.owner.get(node) !== NONE && this.folder.get(node) === NONE) pending.push(node)
    }
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      yield this.resourceFact(node)
      for (const child of this.contents.of(node)) pending.push(child)
    }
  }

  // ---- order in memory

  /** @returns the new row of each old one */
  protected layNodes(strings: GatheredStrings): Int32Array {
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
