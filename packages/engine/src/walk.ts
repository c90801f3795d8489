import { NONE } from './columns.ts'
import type { ActorRef, Explosion, FoundLink, FoundOption, Inquiry } from './inquiry.ts'
import { Pairs } from './pairs.ts'

/** An actor asked for a permission: one vertex of the graph that the facts span. */
export interface State {
  /** Among the states found with it. */
  readonly place: number
  readonly actor: ActorRef
  readonly permission: string
  readonly explosion: Explosion
  readonly options: readonly FoundOption[]
  readonly links: readonly Edge[]
  /** Once `markLive` has seen it: whether it holds its permission, by an option or a link to one that does. */
  readonly isLive: boolean
  /** Of a live state: the one it rests on along a shortest way to an option; undefined where it has one itself. */
  readonly towards: State | undefined
}

export interface Edge {
  readonly link: FoundLink
  readonly to: State
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
  const places = new Pairs()
  const states: Growing[] = []
  const stateOf = (actor: ActorRef, explosion: Explosion): Growing => {
    const place = places.add(actor.number, explosion.number)
    if (place === states.length)
      states.push({
        place,
        actor,
        permission: explosion.strings[0]!,
        explosion,
        options: NOTHING,
        links: NOTHING,
        isLive: false,
        towards: undefined,
      })
    return states[place]!
  }
  stateOf(inquiry.actor(actorText), inquiry.explode(permission))
  // The list grows while it is walked: a queue.
  for (const state of states) {
    if (!isAsked(state.actor)) continue
    state.options = inquiry.options(state.actor, state.explosion)
    const links = linksOf(state)
    if (links.length > 0)
      state.links = links.map((link) => ({
        link,
        to: stateOf(inquiry.issuerOf(link), inquiry.explodePlace(state.explosion, link.place)),
      }))
  }
  return states
}

const NOTHING: readonly never[] = []

/** The states that active links lead to, each with whether it holds its permission. */
export function activeStates(inquiry: Inquiry, actorText: string, permission: string): State[] {
  const states = reachableStates(
    inquiry,
    actorText,
    permission,
    ({ actor, explosion }) => inquiry.links(actor, explosion),
    (actor) => inquiry.isLive(actor),
  )
  markLive(states)
  return states
}

/** Backwards from the options. */
function markLive(states: readonly Growing[]): void {
  const live: Growing[] = states.filter(({ options }) => options.length > 0)
  for (const state of live) state.isLive = true
  if (live.length === 0 || live.length === states.length) return
  const restingOn = restingStates(states)
  // The list grows while it is walked: a queue.
  for (const state of live) {
    for (const resting of restingOn[state.place] ?? NOTHING) {
      if (resting.isLive) continue
      resting.isLive = true
      resting.towards = state
      live.push(resting)
    }
  }
}

/** The links of all states found together the other way round, by place. */
export function restingStates<Some extends State>(
  states: readonly Some[],
): readonly (readonly Some[] | undefined)[] {
  const restingOn: (Some[] | undefined)[] = states.map(() => undefined)
  for (const state of states) {
    for (const { to } of state.links) {
      const resting = restingOn[to.place]
      if (resting === undefined) restingOn[to.place] = [state]
      else resting.push(state)
    }
  }
  return restingOn
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
): readonly FoundLink[] {
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
