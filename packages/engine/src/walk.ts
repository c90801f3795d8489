import { NONE } from './columns.ts'
import type { ActorRef, Explosion, FoundLink, FoundOption, Inquiry } from './inquiry.ts'

/** An actor asked for a permission: one vertex of the graph that the facts span. */
export interface State {
  readonly actor: ActorRef
  readonly permission: string
  readonly explosion: Explosion
  readonly isActorLive: boolean
  /** Empty for the dead. */
  readonly options: readonly FoundOption[]
  /** Links with where they lead; of the dead and the expired too when `stored` was asked for. */
  readonly links: readonly { readonly link: FoundLink; readonly to: State }[]
}

type Growing = { -readonly [Field in keyof State]: State[Field] }

/**
 * Every state that links lead to, the one asked about first, each once, in the order found.
 *
 * @param stored - follow what is stored rather than what is active now: for `explain` of a denial
 */
export function reachableStates(
  inquiry: Inquiry,
  actorText: string,
  permission: string,
  stored: boolean,
): State[] {
  const known = new Map<string, Map<string, Growing>>()
  const states: Growing[] = []
  const stateOf = (actor: string, held: string): Growing => {
    let ofActor = known.get(actor)
    if (ofActor === undefined) known.set(actor, (ofActor = new Map<string, Growing>()))
    let state = ofActor.get(held)
    if (state === undefined) {
      const ref = inquiry.actor(actor)
      state = {
        actor: ref,
        permission: held,
        explosion: inquiry.explode(held),
        isActorLive: inquiry.isLive(ref),
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
    if (!state.isActorLive && !stored) continue
    // By right even while suspended: resuming alone would give it back.
    if (state.isActorLive || (stored && state.actor.exists))
      state.options = inquiry.options(state.actor, state.explosion)
    const links = stored ? linksToMend(inquiry, state) : inquiry.links(state.actor, state.explosion)
    state.links = links.map((link) => ({ link, to: stateOf(link.issuer, link.permission) }))
  }
  return states
}

/** The `via` of a link nobody made yet. */
export const MISSING_LINK = 'missing'

/**
 * What is stored; and for an app or a token that was given nothing here, the grant that the one person who could
 * make it did not make.
 */
function linksToMend(inquiry: Inquiry, { actor, permission }: State): FoundLink[] {
  const links = inquiry.storedLinks(actor, inquiry.explode(permission))
  if (links.length > 0 || !actor.exists || actor.kind === 'user' || actor.kind === 'system') return links
  const { index } = inquiry
  const giver =
    actor.kind === 'user-app'
      ? actor.text.slice(0, actor.text.indexOf('/'))
      : index.partyText[index.base.get(actor.row)]!
  const issuerRow = index.parties.get(giver)!
  return [
    {
      via: MISSING_LINK,
      place: 0,
      permission,
      issuer: giver,
      issuerRow,
      holder: actor.text,
      grant: NONE,
      extra: {},
    },
  ]
}

/** Those of the states that hold their permission: an option, or a link to one that does. */
export function liveStates(states: readonly State[]): Set<State> {
  const restingOn = new Map<State, State[]>()
  for (const state of states) {
    for (const { to } of state.links) {
      const resting = restingOn.get(to)
      if (resting === undefined) restingOn.set(to, [state])
      else resting.push(state)
    }
  }
  const live = new Set(states.filter((state) => state.options.length > 0))
  for (const state of live) for (const resting of restingOn.get(state) ?? []) live.add(resting)
  return live
}
