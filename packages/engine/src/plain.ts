import { NONE } from './columns.ts'
import type { FactsIndex } from './facts-index.ts'
import { namespaceOf } from './permission.ts'

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

/** @returns undefined when the string is not plain; only built-in exploders are followed */
export function explodePlain(index: FactsIndex, permission: string): PlainExplosion | undefined {
  const place = placeOf(index, permission)
  if (place === undefined) return undefined
  const { ladder } = index.roots.get(namespaceOf(permission))!
  const rank = ladder.indexOf(place.component)
  const components =
    place.component === '' ? [] : [place.component, ...(rank === NONE ? [] : ladder.slice(rank + 1))]
  const strings: string[] = []
  const nodes: number[] = []
  const owners: number[] = []
  const add = (text: string, node: number, owner: number): void => {
    strings.push(text)
    nodes.push(node)
    owners.push(owner)
  }
  const addBeneath = (resource: number, text: string, from: number, to: number): void => {
    const owner = index.owner.get(resource)
    for (let i = from; i < to; i++)
      add(`${text}:${components[i]!}`, index.child(resource, components[i]!), owner)
  }
  let resource = place.resource
  let text = index.permissionOf(resource)
  if (components.length > 0) addBeneath(resource, text, 0, components.length)
  else add(text, resource, index.owner.get(resource))
  const above = new Set<number>()
  while (resource !== NONE) {
    const folder = index.folder.get(resource)
    const folderText = folder === NONE ? '' : index.permissionOf(folder)
    if (folder !== NONE) {
      if (components.length > 0) addBeneath(folder, folderText, 0, 1)
      else add(folderText, folder, index.owner.get(folder))
    }
    if (components.length > 0) add(text, resource, index.owner.get(resource))
    for (let up = index.parent.get(resource); up !== NONE; up = index.parent.get(up)) {
      if (above.has(up)) break
      above.add(up)
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
  const isResource = index.owner.get(node) !== NONE
  const resource = isResource ? node : index.parent.get(node)
  if (resource === NONE || index.owner.get(resource) === NONE) return undefined
  const root = index.rootOf(resource)
  const { ladder, isIrregular } = index.roots.get(index.component[root]!)!
  if (isIrregular || resource === root) return undefined
  const component = index.component[node]!
  const rank = isResource ? NONE : index.rank.get(node)
  const strongerModes = rank === NONE ? [] : ladder.slice(rank + 1)
  const nodes = [root]
  for (let at = resource; at !== NONE; at = index.folder.get(at)) {
    for (let up = at; up !== root; up = index.parent.get(up)) nodes.push(up)
    if (isResource) continue
    const same = index.child(at, component)
    if (same !== NONE) nodes.push(same)
    for (const stronger of strongerModes) {
      const beside = index.child(at, stronger)
      if (beside !== NONE) nodes.push(beside)
    }
  }
  return nodes
}

/** The resource a plain string lies on, and the component beneath it ('' when there is none). */
function placeOf(index: FactsIndex, permission: string): { resource: number; component: string } | undefined {
  const root = index.roots.get(namespaceOf(permission))
  if (root === undefined || root.isIrregular) return undefined
  const whole = index.findNode(permission)
  if (whole !== NONE && index.owner.get(whole) !== NONE)
    return whole === root.node ? undefined : { resource: whole, component: '' }
  const colon = permission.lastIndexOf(':')
  const resource =
    whole === NONE ? (colon < 0 ? NONE : index.findNode(permission.slice(0, colon))) : index.parent.get(whole)
  if (resource === NONE || resource === root.node || index.owner.get(resource) === NONE) return undefined
  return { resource, component: permission.slice(colon + 1) }
}
