import type { BrokenLink, Explanation, Graph, GraphEdge, GraphNode, LinkGrant } from './answer.ts'
import { NONE } from './columns.ts'
import type { FactsIndex } from './facts-index.ts'
import type { ActorRef, FoundLink, Inquiry } from './inquiry.ts'
import { LIMITS } from './limits.ts'
import { splitManage } from './permission.ts'
import { findHolders } from './holders.ts'
import { maySeeResource } from './redact.ts'
import { isUnresolvedPath } from './rules/fs-path.ts'
import { activeStates, MISSING_LINK, type State, storedStates } from './walk.ts'

/**
 * Why an actor holds a permission, as a graph linear in the facts it rests on; or why not, as the smallest sets of
 * facts that would mend it.
 */
export function explain(
  inquiry: Inquiry,
  actorText: string,
  permission: string,
): Omit<Explanation, 'revision'> {
  const canonical = inquiry.canonical(permission)
  const state = activeStates(inquiry, actorText, canonical)[0]!
  if (state.isLive) return { allowed: true, graph: graphOf(inquiry.index, state) }
  return { allowed: false, graph: { nodes: [], edges: [] }, ...mendsOf(inquiry, actorText, canonical) }
}

function graphOf(index: FactsIndex, root: State): Graph {
  const ids = new Map<State, number>([[root, 0]])
  const nodes: GraphNode[] = []
  const edges: GraphEdge[] = []
  for (const [state, id] of ids) {
    nodes.push({ id, actor: state.actor.text, permission: state.permission, options: state.options })
    for (const { link, to } of state.links) {
      if (!to.isLive) continue
      if (!ids.has(to)) ids.set(to, ids.size)
      edges.push({
        from: id,
        to: ids.get(to)!,
        via: link.via,
        grant: grantOf(index, link),
        ...(link.groups && { groups: link.groups }),
      })
    }
  }
  return { nodes, edges }
}

function grantOf(index: FactsIndex, link: FoundLink): LinkGrant | null {
  if (link.grant === NONE) return null
  const { issuer, holder, permission, extra, expiresAt } = index.grantFact(link.grant)
  return { issuer, holder, permission, extra, ...(expiresAt !== undefined && { expiresAt }) }
}

// ---- denials

/**
 * Follows what is stored, dead or alive, to the places where a pathway breaks. Each break is one fact; the fewest
 * that close a pathway are the answer, every tie among stored pathways with it. A grant straight to the actor counts
 * only where it takes fewer facts than any of them, as when no grant reaches the actor at all.
 */
function mendsOf(
  inquiry: Inquiry,
  actorText: string,
  permission: string,
): Pick<Explanation, 'brokenLinks' | 'owners'> {
  const actor = inquiry.actor(actorText)
  if (!actor.exists) return { brokenLinks: [unknownParties(inquiry, actorText)] }
  const isReached = inquiry.storedLinks(actor, inquiry.explode(permission)).length > 0
  const owners = isReached ? [] : ownersOf(inquiry, permission)
  return { brokenLinks: smallestMends(inquiry, actorText, permission), ...(owners.length > 0 && { owners }) }
}

/**
 * One suspension may stand in the way at several places of a pathway, yet it is one fact: so who is resumed is
 * chosen first, the fewest first, and what else is missing counted for each choice.
 */
function smallestMends(inquiry: Inquiry, actorText: string, permission: string): BrokenLink[][] {
  const suspended = suspendedAround(inquiry, actorText, permission)
  let best = Infinity
  let sets: BrokenLink[][] = []
  for (const resumed of choices(suspended)) {
    if (resumed.length > best) break
    const isBlocked = (actor: ActorRef): boolean =>
      inquiry.suspendedOn(actor).some((each) => !resumed.includes(each))
    const mender = new Mender(inquiry, storedStates(inquiry, actorText, permission, isBlocked), isBlocked)
    const cost = resumed.length + mender.cost
    if (cost > best || cost === Infinity) continue
    if (cost < best) [best, sets] = [cost, []]
    const resumptions = resumed.map((of) => resumption(inquiry, of))
    for (const set of mender.smallestSets())
      if (sets.length < LIMITS.mendsMax) sets.push([...resumptions, ...set])
  }
  return sets
}

/** Everybody suspended on some stored pathway. */
function suspendedAround(inquiry: Inquiry, actorText: string, permission: string): string[] {
  const suspended = new Set<string>()
  for (const { actor } of storedStates(inquiry, actorText, permission, () => false))
    for (const each of inquiry.suspendedOn(actor)) suspended.add(each)
  return [...suspended].slice(0, SUSPENDED_MAX)
}

/** Of more than these a smallest set is not looked for among all: nobody mends by resuming a dozen people. */
const SUSPENDED_MAX = 12
const RESUMED_MAX = 3

function* choices(from: readonly string[]): Generator<string[]> {
  let level: string[][] = [[]]
  for (let size = 0; size <= RESUMED_MAX && level.length > 0; size++) {
    yield* level
    level = level.flatMap((chosen) =>
      from.slice(chosen.length === 0 ? 0 : from.indexOf(chosen.at(-1)!) + 1).map((each) => [...chosen, each]),
    )
  }
  if (from.length > RESUMED_MAX) yield [...from]
}

/** The facts that are missing on stored pathways, and the ways along which the fewest are. */
class Mender {
  /** The fewest facts that make the state asked about hold; Infinity when no facts of these kinds can. */
  readonly cost: number
  private readonly inquiry: Inquiry
  private readonly root: State
  /** Fewest breaks from a state on, those of its own actor included. */
  private readonly costs = new Map<State, number>()
  /** What stands in the way at a state itself. */
  private readonly onActor = new Map<State, readonly BrokenLink[]>()
  /** What is missing if the pathway ends at a state; nothing where there is an option, undefined where it cannot. */
  private readonly atEnd = new Map<State, readonly BrokenLink[] | undefined>()

  constructor(inquiry: Inquiry, states: readonly State[], isBlocked: (actor: ActorRef) => boolean) {
    this.inquiry = inquiry
    this.root = states[0]!
    for (const state of states) {
      this.onActor.set(state, actorBreaks(inquiry, state))
      if (state !== this.root && !isBlocked(state.actor)) this.atEnd.set(state, endBreaks(inquiry, state))
    }
    if (this.root.options.length > 0) this.atEnd.set(this.root, [])
    this.settleCosts(states)
    const isHopeless = this.root.options.length > 0 || isBlocked(this.root.actor)
    const straight = isHopeless ? undefined : endBreaks(inquiry, this.root)
    const straightCost =
      straight === undefined ? Infinity : this.onActor.get(this.root)!.length + straight.length
    if (straightCost < (this.costs.get(this.root) ?? Infinity)) {
      this.atEnd.set(this.root, straight)
      this.costs.set(this.root, straightCost)
    }
    this.cost = this.costs.get(this.root) ?? Infinity
  }

  private settleCosts(states: readonly State[]): void {
    const restingOn = new Map<State, { from: State; link: FoundLink }[]>()
    for (const from of states) {
      for (const { link, to } of from.links) {
        const resting = restingOn.get(to)
        if (resting === undefined) restingOn.set(to, [{ from, link }])
        else resting.push({ from, link })
      }
    }
    // Costs are small whole numbers: one bucket for each takes the place of a heap.
    const buckets: State[][] = []
    const offer = (state: State, cost: number): void => {
      if (cost >= (this.costs.get(state) ?? Infinity)) return
      this.costs.set(state, cost)
      while (buckets.length <= cost) buckets.push([])
      buckets[cost]!.push(state)
    }
    for (const state of states) {
      const end = this.atEnd.get(state)
      if (end !== undefined) offer(state, this.onActor.get(state)!.length + end.length)
    }
    for (let cost = 0; cost < buckets.length; cost++) {
      for (const state of buckets[cost]!) {
        if (this.costs.get(state) !== cost) continue
        for (const { from, link } of restingOn.get(state) ?? []) {
          offer(from, cost + this.onActor.get(from)!.length + linkBreaks(this.inquiry, link).length)
        }
      }
    }
  }

  /** Walks along cheapest ways only, so that each set it meets is a smallest one. */
  smallestSets(): BrokenLink[][] {
    const sets = new Map<string, BrokenLink[]>()
    if (!this.costs.has(this.root)) return []
    const pending: { state: State; breaks: BrokenLink[]; visited: Set<State> }[] = []
    // Links that break nothing may lead in circles: with the same breaks so far each state is entered once.
    const enter = (
      state: State,
      before: BrokenLink[],
      visited: Set<State>,
      crossing: readonly BrokenLink[],
    ): void => {
      const added = [...crossing, ...this.onActor.get(state)!]
      if (added.length > 0) pending.push({ state, breaks: [...before, ...added], visited: new Set([state]) })
      else if (!visited.has(state)) pending.push({ state, breaks: before, visited: visited.add(state) })
    }
    enter(this.root, [], new Set(), [])
    for (let at = pending.pop(); at !== undefined && sets.size < LIMITS.mendsMax; at = pending.pop()) {
      const { state, breaks, visited } = at
      const left = this.costs.get(state)! - this.onActor.get(state)!.length
      const end = this.atEnd.get(state)
      if (end?.length === left) {
        const set = [...breaks, ...end]
        sets.set(JSON.stringify(set), set)
      }
      for (const { link, to } of state.links) {
        const broken = linkBreaks(this.inquiry, link)
        if (broken.length + (this.costs.get(to) ?? Infinity) === left) enter(to, breaks, visited, broken)
      }
    }
    return [...sets.values()]
  }
}

function resumption(inquiry: Inquiry, of: string): BrokenLink {
  return {
    problem: 'suspended',
    detail: `${of} is suspended`,
    mend: { remove: { kind: 'suspension', of } },
    by: whoResumes(inquiry, of),
  }
}

/** What keeps this very actor from holding anything, whoever is resumed. */
function actorBreaks(inquiry: Inquiry, { actor }: State): BrokenLink[] {
  if (!inquiry.hasTokenExpired(actor)) return []
  const issuer = inquiry.index.partyText[inquiry.index.base.get(actor.row)]!
  return [
    {
      problem: 'expired',
      detail: `${actor.text} has expired; its issuer can make a new one`,
      mend: null,
      by: [issuer],
    },
  ]
}

function linkBreaks(inquiry: Inquiry, link: FoundLink): BrokenLink[] {
  if (link.via === MISSING_LINK)
    return [notHeld(inquiry, link.holder, link.permission, link.issuer, [link.issuer])]
  if (!inquiry.hasExpired(link)) return []
  const { expiresAt, ...fact } = inquiry.index.grantFact(link.grant)
  return [
    {
      problem: 'expired',
      detail: `the grant of ${fact.permission} by ${fact.issuer} to ${fact.holder} expired at ${expiresAt}`,
      mend: { add: fact },
      by: [fact.issuer],
    },
  ]
}

/** What is missing for a pathway to end here: nothing where there is an option; a user could be given it by an owner. */
function endBreaks(inquiry: Inquiry, { actor, permission, options }: State): BrokenLink[] | undefined {
  if (options.length > 0) return []
  if (actor.kind !== 'user') return undefined
  const owners = ownersOf(inquiry, permission).filter(
    (owner) => owner !== actor.text && inquiry.holds(owner, permission),
  )
  return [
    notHeld(inquiry, actor.text, permission, owners[0] ?? 'system', owners.length > 0 ? owners : ['system']),
  ]
}

function notHeld(
  inquiry: Inquiry,
  holder: string,
  permission: string,
  issuer: string,
  by: string[],
): BrokenLink {
  if (isUnresolvedPath(splitManage(permission).rest)) {
    // No grant of a path that leads nowhere can be made, and who could make the path is not to be known.
    return { problem: 'unknown', detail: `${permission} is no path that can be seen`, mend: null, by: [] }
  }
  const missing = missingResource(inquiry, permission)
  return {
    problem: missing === undefined ? 'not-held' : 'unknown',
    detail:
      missing === undefined
        ? `${holder} does not hold ${permission}`
        : `${holder} does not hold ${permission}, and ${missing}`,
    mend: { add: { kind: 'grant', issuer, holder, permission, extra: {} } },
    by,
  }
}

/** Owners of the resources the string lies on, nearest first, as far as the viewer may see them. */
function ownersOf(inquiry: Inquiry, permission: string): string[] {
  const { depth, rest } = splitManage(permission)
  if (depth > 1) return []
  const owners = new Set<string>()
  for (const each of inquiry.explode(rest).strings) {
    const resource = inquiry.index.resource(each)
    if (resource === undefined) continue
    if (maySeeResource(inquiry, resource.permission)) owners.add(resource.owner)
  }
  return [...owners].slice(0, 20)
}

/**
 * A file, store or website that nobody declared; other namespaces need no resources. One that the viewer may not see
 * is told of in the same words.
 */
function missingResource(inquiry: Inquiry, permission: string): string | undefined {
  const { rest } = splitManage(permission)
  const components = rest.split(':')
  const length = RESOURCE_COMPONENTS.get(components[0]!)
  if (length === undefined || components.length < length) return undefined
  const resource = components.slice(0, length).join(':')
  if (!maySeeResource(inquiry, resource)) return `${resource} does not exist or may not be seen`
  return inquiry.index.resource(resource) === undefined ? `${resource} does not exist` : undefined
}

const RESOURCE_COMPONENTS: ReadonlyMap<string, number> = new Map([
  ['fs', 2],
  ['kv', 3],
  ['site', 2],
])

/** At most 20, `system` first. */
function whoResumes(inquiry: Inquiry, suspended: string): string[] {
  if (suspended.startsWith('token:'))
    return [inquiry.index.partyText[inquiry.index.base.get(inquiry.index.parties.get(suspended)!)]!]
  const { holders } = findHolders(
    inquiry,
    suspended.startsWith('app:') ? 'castellan:apps' : 'castellan:users',
  )
  return ['system', ...[...holders.keys()].filter((holder) => holder !== suspended).slice(0, 19)]
}

function unknownParties(inquiry: Inquiry, actorText: string): BrokenLink[] {
  return actorText
    .split('/')
    .filter((part) => inquiry.index.findExisting(part) === NONE)
    .map((part) => ({ problem: 'unknown', detail: `${part} does not exist`, mend: null, by: [] }))
}
