import { SYSTEM, type World } from '../world.ts'

/**
 * The floor for integers: a breadth-first walk over plain Maps, its questions three integers.
 *
 * Nothing is parsed, nothing can change, nothing expires, nobody is suspended, no rule is asked, and an answer could
 * not be explained afterwards. Which groups somebody is in, through groups as well, was worked out while loading.
 */
export interface IntegerFloor {
  check(actor: number, place: number, level: number): boolean
}

interface Place {
  owner: number
  /** What is held there is held here. */
  above: Place | undefined
  /** Grants of this place, flat: holder, level, issuer. */
  given: number[]
  /** Where there are many, by holder: level, issuer. */
  givenTo: Map<number, number[]> | undefined
}

/** Grants of one place that are still faster walked than looked up. */
const CROWD = 32
const NOBODY = -1
const ALONE: readonly number[] = []

export function openIntegerFloor(world: World): IntegerFloor {
  const { places, reach } = load(world)
  const whos: number[] = []
  const wheres: Place[] = []
  const levels: number[] = []
  let tail = 0

  return { check }

  function check(actor: number, place: number, level: number): boolean {
    const asked = places.get(place)
    if (asked === undefined) return actor === SYSTEM
    tail = 0
    visit(actor, asked, level)
    for (let head = 0; head < tail; head++) {
      const who = whos[head]!
      const least = levels[head]!
      if (who === SYSTEM) return true
      const groups = reach.get(who) ?? ALONE
      for (let at: Place | undefined = wheres[head]; at !== undefined; at = at.above) {
        if (at.owner === who) return true
        if (at.givenTo !== undefined) {
          visitGivenTo(at, who, least)
          for (let index = 0; index < groups.length; index++) visitGivenTo(at, groups[index]!, least)
          continue
        }
        const { given } = at
        for (let index = 0; index < given.length; index += 3) {
          if (given[index + 1]! < least) continue
          if (given[index] === who || isIn(groups, given[index]!))
            visit(given[index + 2]!, at, given[index + 1]!)
        }
      }
    }
    return false
  }

  function visitGivenTo(at: Place, holder: number, least: number): void {
    const given = at.givenTo!.get(holder)
    if (given === undefined) return
    for (let index = 0; index < given.length; index += 2)
      if (given[index]! >= least) visit(given[index + 1]!, at, given[index]!)
  }

  function visit(who: number, place: Place, level: number): void {
    for (let index = 0; index < tail; index++) {
      if (whos[index] === who && wheres[index] === place && levels[index] === level) return
    }
    whos[tail] = who
    wheres[tail] = place
    levels[tail++] = level
  }
}

function isIn(groups: readonly number[], holder: number): boolean {
  for (let index = 0; index < groups.length; index++) if (groups[index] === holder) return true
  return false
}

function load(world: World): { places: Map<number, Place>; reach: Map<number, number[]> } {
  const { parties } = world
  const places = new Map<number, Place>()
  for (let place = 0; place < world.places.count; place++) {
    places.set(place, {
      owner: world.owner[place] ?? NOBODY,
      above: undefined,
      given: [],
      givenTo: undefined,
    })
  }
  for (const [place, node] of places) node.above = places.get(world.parent[place]!)
  for (let grant = 0; grant < world.grants; grant++) {
    places
      .get(world.place[grant]!)!
      .given.push(world.holder[grant]!, world.level[grant]!, world.issuer[grant]!)
  }
  for (const node of places.values()) if (node.given.length > CROWD * 3) byHolder(node)

  const groups = new Map<number, number[]>()
  for (let index = 0; index < world.member.length; index++)
    append(groups, world.member[index]!, world.group[index]!)
  for (let pair = 0; pair < world.pairs; pair++)
    append(groups, parties.firstPair + pair, world.pairApp[pair]!)
  for (let user = parties.firstUser; user < parties.everyone; user++) append(groups, user, parties.everyone)
  return { places, reach: new Map(Array.from(groups.keys(), (who) => [who, closure(groups, who)])) }
}

function byHolder(place: Place): void {
  place.givenTo = new Map()
  for (let index = 0; index < place.given.length; index += 3) {
    append(place.givenTo, place.given[index]!, place.given[index + 1]!, place.given[index + 2]!)
  }
}

function closure(groups: ReadonlyMap<number, readonly number[]>, who: number): number[] {
  const reached = new Set(groups.get(who))
  for (const group of reached) for (const further of groups.get(group) ?? []) reached.add(further)
  return [...reached]
}

function append(lists: Map<number, number[]>, key: number, ...values: number[]): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, values)
  else list.push(...values)
}
