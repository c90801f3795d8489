import { NONE } from './columns.ts'
import type { FactsIndex } from './facts-index.ts'
import type { Root } from './nodes.ts'
import { KIND_APP, KIND_TOKEN, KIND_USER } from './parties.ts'
import { findHolders } from './holders.ts'
import type { Inquiry } from './inquiry.ts'
import { namespaceOf } from './permission.ts'
import { collectPermissions } from './permissions-of.ts'

/**
 * Where a search has to look. Each of these yields everything that can be an answer and perhaps more: whoever
 * searches asks `check` of each, so that a search and a check cannot disagree. Where registered rules have a say,
 * that is everything there is: a rule answers for one question, with what came with it.
 */

/** Those who act and are one thing: what an app acting for a user is made of, and groups, are not looked for. */
export type ActorKind = 'user' | 'app' | 'token'

const KINDS = { user: KIND_USER, app: KIND_APP, token: KIND_TOKEN } as const

/**
 * Actors of one kind who may hold a permission: whoever facts say holds it, or all.
 *
 * @param canonical - what the permission becomes
 */
export function* holderCandidates(
  inquiry: Inquiry,
  kind: ActorKind,
  permission: string,
  canonical: string,
): Generator<string> {
  const { index, rules } = inquiry
  if (rules.maySpeakOf(namespaceOf(permission)) || rules.maySpeakOf(namespaceOf(canonical))) {
    for (const party of index.partiesOf(KINDS[kind])) yield index.partyText[party]!
    return
  }
  for (const holder of findHolders(inquiry, canonical).holders.keys())
    if (holder.startsWith(`${kind}:`) && !holder.includes('/')) yield holder
}

/**
 * Ids (second components of a namespace's strings, encoded) beneath which an actor may hold a right, each once:
 * of those that facts name, and of those the actor holds.
 *
 * @param namespace - declared
 * @param right - what stands behind the id, encoded
 */
export function resourceCandidates(
  inquiry: Inquiry,
  actor: string,
  namespace: string,
  right: string,
): Set<string> {
  const { index } = inquiry
  const root = index.roots.get(namespace)
  const ids = new Set<string>()
  if (root === undefined) return ids
  const held = collectPermissions(inquiry, actor, namespace).found
  for (const permission of held.keys()) addSecond(ids, permission)
  if (!isPlain(inquiry, root, namespace) || held.has(namespace)) {
    for (const child of index.children.of(root.node)) ids.add(index.component[child]!)
    return ids
  }
  const enough = new Set([right, ...strongerThan(right, root.ladder)])
  for (const node of resourcesCovered(index, held.keys(), enough))
    ids.add(index.component[secondOf(index, root, node)]!)
  // An id that is named like a mode is covered by what is held on a stronger one.
  for (const mode of root.ladder) if (index.child(root.node, mode) !== NONE) ids.add(mode)
  return ids
}

function addSecond(ids: Set<string>, permission: string): void {
  const start = permission.indexOf(':') + 1
  if (start === 0) return
  const end = permission.indexOf(':', start)
  ids.add(permission.slice(start, end < 0 ? permission.length : end))
}

/** Whether what covers a resource can be told from the tree of resources: no rule adds to it, and none lie within others. */
function isPlain({ rules }: Inquiry, root: Root, namespace: string): boolean {
  return !root.isIrregular && !rules.maySpeakOf(namespace) && !RENAMED.has(namespace)
}

/** Where an id may stand for another, or what stands behind it is exploded in its own way. */
const RENAMED: ReadonlySet<string> = new Set(['manage', 'app', 'site'])

function strongerThan(right: string, ladder: readonly string[]): readonly string[] {
  const rank = ladder.indexOf(right)
  return rank < 0 ? [] : ladder.slice(rank + 1)
}

/** Resources held whole or with one of these rights, those beneath what is held, and all that is in them. */
function resourcesCovered(
  index: FactsIndex,
  held: Iterable<string>,
  enough: ReadonlySet<string>,
): Set<number> {
  const found = new Set<number>()
  for (const permission of held) {
    for (const { node, end } of index.nodesAlong(permission)) {
      if (index.owner.get(node) === NONE) continue
      if (end === permission.length || enough.has(permission.slice(end + 1))) found.add(node)
    }
    const own = index.findNode(permission)
    if (own === NONE || index.children.first(own) === NONE) continue
    for (const beneath of index.nodesBeneath(own)) if (index.owner.get(beneath) !== NONE) found.add(beneath)
  }
  // The set grows while it is walked: what is in folders that are in these folders.
  for (const folder of found) for (const content of index.contents.of(folder)) found.add(content)
  return found
}

function secondOf(index: FactsIndex, root: Root, node: number): number {
  let at = node
  for (let up = index.parent.get(at); up !== root.node && up !== NONE; up = index.parent.get(up)) at = up
  return at
}

/**
 * What may stand behind a resource's string, encoded, each once: the modes of its namespace, what facts name there,
 * and what they name behind its folders as far as the actor holds it there (of the rest it is not to know).
 *
 * @param resource - canonical
 */
export function rightCandidates(inquiry: Inquiry, actor: string, resource: string): Set<string> {
  const { index } = inquiry
  const names = new Set<string>(index.namespaces.get(namespaceOf(resource))?.modes)
  const own = index.findNode(resource)
  if (own !== NONE) for (const child of index.children.of(own)) names.add(index.component[child]!)
  const { strings, nodes } = inquiry.explode(resource)
  for (const [place, folder] of strings.entries()) {
    const node = nodes[place]!
    if (node === NONE || index.owner.get(node) === NONE || resource.startsWith(`${folder}:`)) continue
    for (const child of index.children.of(node)) {
      const name = index.component[child]!
      if (!names.has(name) && inquiry.holds(actor, `${folder}:${name}`)) names.add(name)
    }
  }
  return names
}
