import { BUILT_IN_NAMESPACES } from './catalog.ts'
import { Chains, flatten, NONE, type Rows, sortByKey, Table } from './columns.ts'
import type { NamespaceFact } from './fact.ts'
import { GatheredStrings, STRING } from './gathered.ts'
import { Memberships } from './memberships.ts'
import { isAt, NameTable } from './name-table.ts'

/** Children of one node beyond which they are looked up by name instead of walked. */
const SIBLINGS_MAX = 8

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
export const NODE_COLD = {
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

/**
 * Permission strings as a trie, one node a component, and the namespaces they begin with. So what a string explodes
 * to is found by walking numbers: nothing exploded is remembered, and nothing can go stale.
 */
export class Nodes extends Memberships {
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
  protected readonly names = new NameTable(this.component)
  readonly roots = new Map<string, Root>()
  readonly namespaces = new Map<string, NamespaceFact>()
  /** Place of the component in the ladder of its namespace; NONE when it is no mode. */
  readonly rank = this.nodeTable.hot.field(NODE.rank)
  /** Resources are nodes with an owner. */
  readonly owner = this.nodeTable.hot.field(NODE.owner)
  /** The folder a resource is in. */
  readonly folder = this.nodeTable.hot.field(NODE.folder)
  protected readonly firstContent = this.nodeTable.cold.field(NODE_COLD.firstContent)
  protected readonly firstGrant = this.nodeTable.hot.field(NODE.firstGrant)
  readonly grantCount = this.nodeTable.cold.field(NODE_COLD.grantCount)
  /** Nodes to be looked at once they may go. */
  private kept: Set<number> | undefined

  constructor() {
    super()
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

  /** The node of a namespace, NONE when there is none. */
  rootNode(name: string): number {
    return this.roots.get(name)?.node ?? NONE
  }

  protected spaceOf(node: number): Root {
    return this.roots.get(this.component[this.rootOf(node)]!)!
  }

  /** The node itself and all beneath it. */
  *nodesBeneath(top: number): Generator<number> {
    const pending = [top]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      yield node
      for (const child of this.children.of(node)) pending.push(child)
    }
  }

  // ---- namespaces

  protected putNamespace(fact: NamespaceFact): void {
    this.namespaces.set(fact.name, fact)
    const root = this.internRoot(fact.name)
    root.ladder = fact.modes ?? NO_MODES
    for (const node of this.nodesBeneath(root.node)) {
      if (node !== root.node) this.setRank(node, root.ladder.indexOf(this.component[node]!))
    }
    for (const node of this.nodesBeneath(root.node))
      if (this.owner.get(node) !== NONE) this.noteIrregular(node)
  }

  protected removeNamespace(name: string): void {
    this.namespaces.delete(name)
    this.prune(this.roots.get(name)!.node)
  }

  private setRank(node: number, rank: number): void {
    const wasNamed = this.isNamed(node)
    this.rank.set(node, rank)
    if (this.isNamed(node) === wasNamed) return
    if (wasNamed) this.names.remove(this.parent.get(node), node)
    else this.names.add(this.parent.get(node), node)
  }

  /** The fast walk takes one resource on a string and modes only at its end; where facts go beyond, the general one answers. */
  protected noteIrregular(node: number): void {
    const root = this.spaceOf(node)
    if (root.isIrregular) return
    this.noteAbove(node, root)
    if (this.childCount.get(node) === 0) return
    for (const beneath of this.nodesBeneath(node)) {
      if (beneath !== node && this.owner.get(beneath) !== NONE) root.isIrregular = true
    }
  }

  protected noteAbove(node: number, root: Root): void {
    for (let at = node; at !== NONE; at = this.parent.get(at)) {
      const isMode = at !== root.node && this.rank.get(at) !== NONE
      if (isMode || (at !== node && this.owner.get(at) !== NONE)) root.isIrregular = true
    }
  }

  protected noteLongFolder(node: number, root: Root): void {
    let above = this.folder.get(node)
    for (let at = node; at !== NONE && above !== NONE; at = this.parent.get(at))
      above = this.parent.get(above)
    if (above !== NONE) root.hasLongFolders = true
  }

  // ---- nodes that come and go

  protected internNode(permission: string): number {
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

  protected setNodeFlag(node: number, flag: number, on: boolean): void {
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
  protected prune(from: number): void {
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
      this.firstGrant.get(node) !== NONE
    )
      return false
    // A folder that is not declared yet, while facts are being loaded in any order.
    if (this.firstContent.get(node) !== NONE) return false
    return this.parent.get(node) !== NONE || !this.namespaces.has(this.component[node]!)
  }

  // ---- order in memory

  protected gatherStrings(): GatheredStrings {
    const strings = new GatheredStrings(this.component, this.names)
    for (let node = 0; node < this.nodeTable.size; node++) {
      strings.add(this.parent.get(node), this.rank.get(node), this.component[node]!)
      strings.setResource(node, this.owner.get(node), this.folder.get(node))
    }
    for (let node = 0; node < this.nodeTable.size; node++)
      if (this.rank.get(node) !== NONE) strings.linkMode(node)
    return strings
  }

  /** Nodes as they shall lie, and the new row of each old one. */
  protected orderNodes({ data, count }: Rows): { order: Int32Array; newOf: Int32Array } {
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

  protected fillNodes({ data }: Rows, order: Int32Array, newOf: Int32Array): void {
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

  protected markCrowdedParents(): void {
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
}
