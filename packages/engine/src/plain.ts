import { NONE } from './columns.ts'
import type { FactsIndex } from './facts-index.ts'
import type { Root } from './nodes.ts'

/**
 * Explosion of the strings that are asked most: a resource, or one component beneath it, in a namespace where
 * resources do not lie within one another. Its order can be told without a queue, its nodes without a search.
 */
export interface PlainExplosion {
  readonly strings: readonly string[]
  readonly nodes: readonly number[]
  /** Who owns the resource each string lies on; NONE for strings above all resources. */
  readonly owners: readonly number[]
}

/**
 * @param node - of the string, NONE where no fact names it
 * @returns undefined when the string is not plain; only built-in exploders are followed
 */
export function explodePlain(
  index: FactsIndex,
  node: number,
  permission: string,
): PlainExplosion | undefined {
  const place = placeOf(index, node, permission)
  if (place === undefined) return undefined
  const components = place.component === '' ? [] : [place.component, ...strongerModes(place)]
  const strings: string[] = []
  const nodes: number[] = []
  const owners: number[] = []
  const add = (text: string, at: number, owner: number): void => {
    strings.push(text)
    nodes.push(at)
    owners.push(owner)
  }
  const addBeneath = (resource: number, text: string, from: number, to: number): void => {
    const owner = index.owner.get(resource)
    for (let i = from; i < to; i++)
      add(`${text}:${components[i]!}`, index.child(resource, components[i]!), owner)
  }
  let { resource } = place
  let text = index.permissionOf(resource)
  if (components.length > 0) addBeneath(resource, text, 0, components.length)
  else add(text, resource, index.owner.get(resource))
  while (resource !== NONE) {
    const folder = index.folder.get(resource)
    const folderText = folder === NONE ? '' : index.permissionOf(folder)
    if (folder !== NONE) {
      if (components.length > 0) addBeneath(folder, folderText, 0, 1)
      else add(folderText, folder, index.owner.get(folder))
    }
    if (components.length > 0) add(text, resource, index.owner.get(resource))
    for (let up = index.parent.get(resource); up !== NONE; up = index.parent.get(up)) {
      if (nodes.includes(up)) break
      add(index.permissionOf(up), up, NONE)
    }
    if (folder !== NONE && components.length > 0) addBeneath(folder, folderText, 1, components.length)
    resource = folder
    text = folderText
  }
  return { strings, nodes, owners }
}

/** The nodes among what the string of a node explodes to; undefined when it is not plain. Unordered. */
export function plainNodes(index: FactsIndex, node: number): number[] | undefined {
  const place = placeOf(index, node, '')
  if (place === undefined) return undefined
  const root = place.root.node
  const { component } = place
  const stronger = strongerModes(place)
  const nodes = [root]
  for (let at = place.resource; at !== NONE; at = index.folder.get(at)) {
    for (let up = at; up !== root; up = index.parent.get(up)) nodes.push(up)
    if (component === '') continue
    const same = index.child(at, component)
    if (same !== NONE) nodes.push(same)
    for (const mode of stronger) {
      const beside = index.child(at, mode)
      if (beside !== NONE) nodes.push(beside)
    }
  }
  return nodes
}

/** The resource a plain string lies on, and the component beneath it ('' when there is none). */
interface Place {
  readonly root: Root
  readonly resource: number
  readonly component: string
}

function placeOf(index: FactsIndex, node: number, permission: string): Place | undefined {
  let resource = node
  let component = ''
  if (node === NONE) {
    const colon = permission.lastIndexOf(':')
    resource = colon < 0 ? NONE : index.findNode(permission.slice(0, colon))
    component = permission.slice(colon + 1)
  } else if (index.owner.get(node) === NONE) {
    resource = index.parent.get(node)
    component = index.component[node]!
  }
  if (resource === NONE || index.owner.get(resource) === NONE) return undefined
  const root = index.roots.get(index.component[index.rootOf(resource)]!)!
  return root.isIrregular || resource === root.node ? undefined : { root, resource, component }
}

function strongerModes({ root: { ladder }, component }: Place): readonly string[] {
  const rank = component === '' ? NONE : ladder.indexOf(component)
  return rank === NONE ? [] : ladder.slice(rank + 1)
}
