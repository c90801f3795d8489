import type { PathNode, Reading, ReadingNode } from './answer.ts'
import { NONE } from './columns.ts'
import type { Explosion, FoundLink, Inquiry } from './inquiry.ts'
import { LIMITS } from './limits.ts'
import { circleOf, HIDDEN, hideReading } from './redact.ts'

/** What a reading is made of besides the facts. */
interface Scan {
  readonly inquiry: Inquiry
  readonly stopwatch: () => number
  /** Nodes that may still be added. */
  budget: number
  /** States that hold by no pathway at all; whatever leads there is left out at once. */
  readonly dead: Map<string, Set<string>>
  /** Parties whose links the viewer may see; undefined when all. */
  readonly circle: ((party: string) => boolean) | undefined
}

/**
 * The reading: the tree of all live pathways, as `permissions.md` section 5 describes it.
 *
 * @param permissions - as asked; rewritten here, so that the reading can say so
 * @param stopwatch - milliseconds, from anywhere on
 */
export function scan(
  inquiry: Inquiry,
  actorText: string,
  permissions: readonly string[],
  stopwatch: () => number,
): Reading {
  const state: Scan = {
    inquiry,
    stopwatch,
    budget: LIMITS.readingNodesMax,
    dead: new Map(),
    circle: circleOf(inquiry),
  }
  const actor = inquiry.actor(actorText)
  const canonical = permissions.map((each) => inquiry.canonical(each))
  return readingOf(state, actor.text, permissions, canonical, new Set())
}

function readingOf(
  state: Scan,
  actorText: string,
  asked: readonly string[],
  canonical: readonly string[],
  passed: ReadonlySet<string>,
): ReadingNode[] {
  const { inquiry } = state
  const started = state.stopwatch()
  const nodes: ReadingNode[] = []
  const actor = inquiry.actor(actorText)
  const [first] = canonical
  if (actor.kind === 'system') {
    if (first !== undefined)
      nodes.push({ $: 'option', permission: first, source: 'implied', by: 'is-system', data: {} })
  } else {
    const scanned = new Set<string>()
    for (const [i, permission] of canonical.entries()) {
      if (asked[i] !== permission) spend(state, nodes, { $: 'rewrite', from: asked[i]!, to: permission })
      const explosion = inquiry.explode(permission)
      if (explosion.strings.length > 1)
        spend(state, nodes, { $: 'explode', from: permission, to: explosion.strings })
      if (inquiry.isLive(actor))
        scanStrings(state, nodes, actorText, notYet(explosion, scanned), new Set([...passed, actorText]))
      for (const each of explosion.strings) scanned.add(each)
    }
  }
  nodes.push({ $: 'time', value: Math.max(0, state.stopwatch() - started) })
  return nodes
}

/** The part of an explosion that no permission before it has covered, places kept. */
function notYet(explosion: Explosion, scanned: ReadonlySet<string>): Explosion {
  if (scanned.size === 0) return explosion
  const kept = explosion.strings
    .map((each, place) => ({ each, node: explosion.nodes[place]! }))
    .filter(({ each }) => !scanned.has(each))
  return { strings: kept.map(({ each }) => each), nodes: kept.map(({ node }) => node) }
}

function scanStrings(
  state: Scan,
  nodes: ReadingNode[],
  actorText: string,
  explosion: Explosion,
  passed: ReadonlySet<string>,
): void {
  if (explosion.strings.length === 0) return
  const { inquiry } = state
  const actor = inquiry.actor(actorText)
  for (const { permission, by, data } of inquiry.options(actor, explosion))
    spend(state, nodes, { $: 'option', permission, source: 'implied', by, data })
  const links = inquiry.links(actor, explosion).filter((link) => isLive(state, link, passed))
  for (const [i, link] of links.entries()) {
    if (state.budget <= 0) {
      nodes.push({
        $: 'truncated',
        reason: `a reading has at most ${LIMITS.readingNodesMax} nodes`,
        omitted: links.length - i,
      })
      return
    }
    spend(state, nodes, pathOf(state, link, passed))
  }
}

function spend(state: Scan, nodes: ReadingNode[], node: ReadingNode): void {
  if (node.$ !== 'path') state.budget--
  nodes.push(node)
}

/** Whether an option can be reached through this link without passing an actor twice. */
function isLive(state: Scan, link: FoundLink, passed: ReadonlySet<string>): boolean {
  if (passed.has(link.issuer)) return false
  if (state.dead.get(link.issuer)?.has(link.permission) === true) return false
  if (state.inquiry.holds(link.issuer, link.permission, passed)) return true
  if (!state.inquiry.holds(link.issuer, link.permission)) {
    const dead = state.dead.get(link.issuer)
    if (dead === undefined) state.dead.set(link.issuer, new Set([link.permission]))
    else dead.add(link.permission)
  }
  return false
}

function pathOf(state: Scan, link: FoundLink, passed: ReadonlySet<string>): PathNode {
  // The path counts before what is inside it, or a deep reading would spend what its outer nodes need.
  state.budget--
  const { index } = state.inquiry
  const group = link.groups?.at(-1)
  const carriesParties = PARTY_VIAS.has(link.via)
  const reading = readingOf(state, link.issuer, [link.permission], [link.permission], passed)
  if (state.circle !== undefined && !state.circle(link.holder) && !state.circle(link.issuer)) {
    return {
      $: 'path',
      via: HIDDEN,
      has_terminal: true,
      permission: HIDDEN,
      data: {},
      holder_username: HIDDEN,
      issuer_username: HIDDEN,
      reading: hideReading(reading),
    }
  }
  return {
    $: 'path',
    via: link.via,
    has_terminal: true,
    permission: link.permission,
    data: link.extra,
    ...(group !== undefined && { group }),
    holder_username: nameOf(state, link.via === 'user-group' ? [...passed].at(-1)! : link.holder),
    issuer_username: link.issuerRow === NONE ? link.issuer : index.partyName(link.issuerRow),
    ...(carriesParties && { holder: link.holder, issuer: link.issuer }),
    reading,
  }
}

const PARTY_VIAS: ReadonlySet<string> = new Set(['user-app', 'app-owner', 'app', 'access-token'])

/** The person's name; of an app acting for a person, that person's. */
function nameOf(state: Scan, party: string): string {
  const { index } = state.inquiry
  const row = index.parties.get(party.includes('/') ? party.slice(0, party.indexOf('/')) : party)
  return row === undefined ? party : index.partyName(row)
}

/** Whether a reading says yes. A truncated one does so by its paths, which are live by construction. */
export function hasOption(reading: Reading): boolean {
  return reading.some((node) => node.$ === 'option' || node.$ === 'path')
}
