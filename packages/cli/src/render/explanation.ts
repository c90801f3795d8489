import type { BrokenLink, Change, Explanation, GraphEdge, GraphNode, JsonObject } from '@castellan/engine'
import type { Screen } from '../screen.ts'
import { drawTree, type Branch } from './tree.ts'
import { clean, commandFor, sayChange } from './words.ts'

/** An explanation for people: the pathways as a tree, or what would mend a denial. */
export function renderExplanation(
  actor: string,
  permission: string,
  answer: Explanation,
  screen: Screen,
): string[] {
  const subject = screen.paint('bold', clean(actor))
  const object = screen.paint('bold', clean(permission))
  if (!answer.allowed)
    return [
      `${screen.paint('red', mark(screen, '✗ '))}${subject} does not hold ${object}`,
      ...renderMends(actor, answer, screen),
    ]
  const root: Branch = {
    text: `${screen.paint('green', mark(screen, '✓ '))}${subject} holds ${object}`,
    below: branchesOf(answer.graph.nodes, answer.graph.edges, screen),
  }
  return drawTree([root], screen.isTerminal ? 'box' : 'plain')
}

/** Signs help the eye on a terminal; a pipe gets words alone. */
function mark(screen: Screen, sign: string): string {
  return screen.isTerminal ? sign : ''
}

interface Growing extends Branch {
  readonly below: Growing[]
}

/**
 * A graph may join again and run in loops, so each state is unfolded once, where it is met first: the text is
 * linear in the graph.
 */
function branchesOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[], screen: Screen): Growing[] {
  const edgesFrom = Map.groupBy(edges, (edge) => edge.from)
  const unfolded = new Set<number>()
  const roots: Growing[] = []
  const queue: { readonly node: number; readonly into: Growing[] }[] = [{ node: 0, into: roots }]
  // Depth first, so that "above" is above.
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const node = nodes[next.node]
    if (node === undefined) continue
    if (unfolded.has(node.id)) {
      next.into.push({
        text: screen.paint('dim', `${node.actor} holds ${node.permission}: as shown above`),
        below: [],
      })
      continue
    }
    unfolded.add(node.id)
    next.into.push(...optionLines(node, screen))
    const further: typeof queue = []
    for (const edge of edgesFrom.get(node.id) ?? []) {
      const branch: Growing = { text: sayEdge(edge, node, nodes[edge.to], screen), below: [] }
      next.into.push(branch)
      further.push({ node: edge.to, into: branch.below })
    }
    queue.push(...further.toReversed())
  }
  return roots
}

/** The nearest of what covers it, once for each rule: whoever owns a folder holds a dozen strings that all say so. */
function optionLines(node: GraphNode, screen: Screen): Growing[] {
  return [...Map.groupBy(node.options, (option) => option.by)].map(([rule, options]) => ({
    text: `${node.actor} holds ${options[0]?.permission ?? node.permission} ${screen.paint('green', 'by right')} (${rule})`,
    below: [],
  }))
}

function sayEdge(edge: GraphEdge, from: GraphNode, to: GraphNode | undefined, screen: Screen): string {
  if (edge.via === 'hidden') return 'by a grant between others, which is hidden from you'
  const issuer = screen.paint('cyan', edge.grant?.issuer ?? to?.actor ?? 'hidden')
  const { grant } = edge
  if (grant === null) {
    if (edge.via === 'access-token') return `${issuer} gave ${from.actor} full access`
    return `${from.actor} comes by ${to?.permission ?? from.permission} from ${issuer} (${edge.via})`
  }
  const holder = screen.paint('cyan', grant.holder)
  const terms = sayTerms(grant.extra, grant.expiresAt, screen)
  const base = `${issuer} granted ${grant.permission} to ${holder}${terms}`
  switch (edge.via) {
    case 'user-group':
      return `${base}: ${sayMembership(from.actor, edge.groups ?? [])}`
    case 'app-owner':
      return `${base}, for all who use it`
    default:
      return base
  }
}

function sayTerms(extra: JsonObject, expiresAt: string | undefined, screen: Screen): string {
  const claims =
    Object.keys(extra).length === 0 ? '' : screen.paint('dim', ` with ${clean(JSON.stringify(extra))}`)
  return `${claims}${expiresAt === undefined ? '' : screen.paint('dim', ` until ${expiresAt}`)}`
}

/** `user:alice is in team, which is in cool_group`: from the holder up to the group that was granted. */
function sayMembership(actor: string, groups: readonly string[]): string {
  const [first, ...rest] = groups
  return first === undefined
    ? `${actor} is a member`
    : `${actor} is in ${[first, ...rest].join(', which is in ')}`
}

function renderMends(actor: string, answer: Explanation, screen: Screen): string[] {
  const mends = answer.brokenLinks ?? []
  const owners = answer.owners ?? []
  const lines: string[] = []
  if (owners.length > 0)
    lines.push('', `no grant of it reaches ${clean(actor)}; its owner: ${owners.join(', ')}`)
  if (mends.length === 0) return owners.length > 0 ? lines : ['', 'nothing is known that would mend it']
  lines.push('', mends.length === 1 ? 'what would mend it:' : 'what would mend it, any one of these:')
  for (const [index, links] of mends.entries()) {
    for (const [place, link] of links.entries()) {
      const lead = place === 0 ? `${String(index + 1).padStart(3)}. ` : '     and '
      lines.push(...mendLines(link, lead, screen))
    }
  }
  return lines
}

function mendLines({ problem, detail, mend, by }: BrokenLink, lead: string, screen: Screen): string[] {
  // That it is not held is why anyone asks; what expired or is suspended is news.
  const why = mend !== null && problem !== 'not-held' ? ` (${clean(detail)})` : ''
  const lines = [`${lead}${clean(mend === null ? detail : sayChange(mend))}${why}`]
  if (by.length > 0) lines.push(`     ${screen.paint('dim', `who could: ${by.join(', ')}`)}`)
  const command = mend === null ? undefined : commandFor(mend, mender(mend, by))
  if (command !== undefined) lines.push(`     ${screen.paint('cyan', command)}`)
  return lines
}

/** Whose authority the command to copy acts on: a grant is its issuer's to make. */
function mender(mend: Change, by: readonly string[]): string | undefined {
  if ('add' in mend && mend.add.kind === 'grant') return mend.add.issuer
  return by.find((party) => party.startsWith('user:') && !party.includes('/'))
}
