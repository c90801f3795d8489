import { NONE } from './columns.ts'
import type { ActorRef, Explosion, FoundLink, FoundOption, Inquiry } from './inquiry.ts'

/** An actor asked for a permission: one vertex of the graph that the facts span. */
export interface State {
  readonly actor: ActorRef
  readonly permission: string
  readonly explosion: Explosion
  readonly options: readonly FoundOption[]
  readonly links: readonly { readonly link: FoundLink; readonly to: State }[]
}

type Growing = { -readonly [Field in keyof State]: State[Field] }

/**
 * Every state that links lead to, the one asked about first, each once, in the order found.
 *
 * @param linksOf - which links to follow: those active now, or what is stored
 * @param isAsked - whose options and links are looked at; others end the walk
 */
function reachableStates(
  inquiry: Inquiry,
  actorText: string,
  permission: string,
  linksOf: (state: Pick<State, 'actor' | 'permission' | 'explosion'>) => readonly FoundLink[],
  isAsked: (actor: ActorRef) => boolean,
): State[] {
  const known = new Map<string, Map<string, Growing>>()
  const states: Growing[] = []
  const stateOf = (actor: string, held: string): Growing => {
    let ofActor = known.get(actor)
    if (ofActor === undefined) known.set(actor, (ofActor = new Map<string, Growing>()))
    let state = ofActor.get(held)
    if (state === undefined) {
      state = {
        actor: inquiry.actor(actor),
        permission: held,
        explosion: inquiry.explode(held),
        options: [],
        links: [],
      }
      ofActor.set(held, state)
      states.push(state)
    }
    return state
  }
  stateOf(actorText, permission)
  // The list grows while it is walked: a queue.
  for (const state of states) {
    if (!isAsked(state.actor)) continue
    state.options = inquiry.options(state.actor, state.explosion)
    state.links = linksOf(state).map((link) => ({ link, to: stateOf(link.issuer, link.permission) }))
  }
  return states
}

/** The states that active links lead to. */
export function activeStates(inquiry: Inquiry, actorText: string, permission: string): State[] {
  return reachableStates(
    inquiry,
    actorText,
    permission,
    ({ actor, explosion }) => inquiry.links(actor, explosion),
    (actor) => inquiry.isLive(actor),
  )
}

/**
 * Those of the states that hold their permission: an option, or a link to one that does.
 *
 * @returns each with the state it rests on along a shortest way to an option; undefined where it has one itself
 */
export function liveStates(states: readonly State[]): Map<State, State | undefined> {
  const restingOn = new Map<State, State[]>()
  for (const state of states) {
    for (const { to } of state.links) {
      const resting = restingOn.get(to)
      if (resting === undefined) restingOn.set(to, [state])
      else resting.push(state)
    }
  }
  const live = new Map<State, State | undefined>()
  for (const state of states) if (state.options.length > 0) live.set(state, undefined)
  for (const state of live.keys()) {
    for (const resting of restingOn.get(state) ?? []) if (!live.has(resting)) live.set(resting, state)
  }
  return live
}

/** The `via` of a link nobody made yet. */
export const MISSING_LINK = 'missing'

/**
 * The states that stored links lead to, of the dead and the expired too; and for an app or a token that was given
 * nothing, the grants that those who could make them did not make.
 *
 * @param isBlocked - who stays suspended
 */
export function storedStates(
  inquiry: Inquiry,
  actorText: string,
  permission: string,
  isBlocked: (actor: ActorRef) => boolean,
): State[] {
  return reachableStates(
    inquiry,
    actorText,
    permission,
    (state) => linksToMend(inquiry, state),
    (actor) => actor.exists && !isBlocked(actor),
  )
}

function linksToMend(
  inquiry: Inquiry,
  { actor, permission, explosion }: Pick<State, 'actor' | 'permission' | 'explosion'>,
): FoundLink[] {
  const stored = inquiry.storedLinks(actor, explosion)
  if (stored.length > 0 || actor.kind === 'user' || actor.kind === 'system') return stored
  const { index } = inquiry
  const missing = (issuer: string, holder: string): FoundLink => {
    return {
      via: MISSING_LINK,
      place: 0,
      permission,
      issuer,
      issuerRow: index.parties.get(issuer)!,
      holder,
      grant: NONE,
      extra: {},
    }
  }
  if (actor.kind !== 'user-app') return [missing(index.partyText[index.base.get(actor.row)]!, actor.text)]
  const user = actor.text.slice(0, actor.text.indexOf('/'))
  return [
    missing(user, actor.text),
    missing(index.partyText[index.base.get(actor.app)]!, index.partyText[actor.app]!),
  ]
}
