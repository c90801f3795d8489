import type { IntegerFloor } from '../floors/integers.ts'
import { partyText, placeText } from '../text.ts'
import { LEVELS, SYSTEM, WHOLE, type World } from '../world.ts'

/**
 * What the peers are given that know no issuers: the grants whose issuer holds what they give, found for them
 * beforehand. They need not follow a chain, and could not notice when one breaks.
 */
export interface LiveGrant {
  readonly holder: number
  readonly place: number
  readonly level: number
}

export function listLiveGrants(world: World, floor: IntegerFloor): LiveGrant[] {
  const live: LiveGrant[] = []
  for (let grant = 0; grant < world.grants; grant++) {
    const [place, level] = [world.place[grant]!, world.level[grant]!]
    const issuer = world.issuer[grant]!
    if (issuer === SYSTEM || floor.check(issuer, place, level))
      live.push({ holder: world.holder[grant]!, place, level })
  }
  return live
}

/** The mode or verb asked for; the whole has a word of its own here. */
export function actionText(world: World, place: number, level: number): string {
  if (level === WHOLE) return 'whole'
  return place < world.places.firstStore ? LEVELS[level]! : 'verb'
}

/** The place and what it is in, nearest first. */
export function ancestry(world: World, place: number): string[] {
  const texts: string[] = []
  for (let at = place; at >= 0; at = world.parent[at]!) texts.push(placeText(world, at))
  return texts
}

/** The groups (and, for a user's app, the app) that somebody is directly in. */
export function listDirect(world: World): (party: number) => readonly number[] {
  const direct = new Map<number, number[]>()
  for (let index = 0; index < world.member.length; index++) {
    const groups = direct.get(world.member[index]!)
    if (groups === undefined) direct.set(world.member[index]!, [world.group[index]!])
    else groups.push(world.group[index]!)
  }
  return (party) => {
    if (party >= world.parties.firstPair) return [world.pairApp[party - world.parties.firstPair]!]
    const groups = direct.get(party) ?? []
    return party < world.parties.everyone ? [...groups, world.parties.everyone] : groups
  }
}

/** Those, and those that they are in. */
export function listReached(direct: (party: number) => readonly number[], party: number): number[] {
  const reached = new Set([party])
  for (const each of reached) for (const further of direct(each)) reached.add(further)
  return [...reached]
}

/** Texts of parties, made once each. */
export function partyTexts(world: World): (party: number) => string {
  const texts: string[] = []
  return (party) => (texts[party] ??= partyText(world, party))
}
