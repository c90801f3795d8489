import type { Fact } from '@castellan/engine'

/**
 * The floor for strings: a breadth-first walk over plain Maps keyed by the strings of the facts, its questions an
 * actor's string and a permission's.
 *
 * Of the model it knows what the generated world needs: modes, folders, prefixes, groups in groups, users' apps,
 * issuers back to an owner. No input is checked, nothing can change, nothing expires, nobody is suspended, no rule is
 * asked, and an answer could not be explained afterwards. Which groups somebody is in, through groups as well, was
 * worked out while loading.
 */
export interface StringFloor {
  check(actor: string, permission: string): boolean
}

interface Place {
  owner: string | undefined
  /** The folder, or else the nearest prefix that is known: what is held there is held here. */
  above: Place | undefined
  given: (string | number)[]
  /** Where there are many, by holder. */
  givenTo: Map<string, Given[]> | undefined
}

interface Given {
  readonly holder: string
  readonly rank: number
  readonly issuer: string
}

/** The ladder of `fs`. Who holds or asks for no mode holds or asks for the whole. */
const RANKS = new Map([
  ['see', 0],
  ['list', 1],
  ['read', 2],
  ['write', 3],
])
const WHOLE = RANKS.size

/** Grants of one place that are still faster walked than looked up. */
const CROWD = 32

export function openStringFloor(facts: Iterable<Fact>): StringFloor {
  const { places, reach } = load(facts)
  const whos: string[] = []
  const wheres: Place[] = []
  const ranks: number[] = []
  let tail = 0

  return { check }

  function check(actor: string, permission: string): boolean {
    const mode = modeAt(permission)
    const asked = mode < 0 ? nearest(places, permission) : places.get(permission.slice(0, mode))
    if (asked === undefined) return actor === 'system'
    tail = 0
    visit(actor, asked, mode < 0 ? WHOLE : RANKS.get(permission.slice(mode + 1))!)
    for (let head = 0; head < tail; head++) {
      const who = whos[head]!
      const least = ranks[head]!
      if (who === 'system') return true
      const groups = reach.get(who) ?? byNature(who)
      for (let at: Place | undefined = wheres[head]; at !== undefined; at = at.above) {
        if (at.owner === who) return true
        if (at.givenTo !== undefined) {
          visitGivenTo(at, who, least)
          for (const group of groups) visitGivenTo(at, group, least)
          continue
        }
        const { given } = at
        for (let index = 0; index < given.length; index += 3) {
          const rank = given[index] as number
          if (rank < least) continue
          const holder = given[index + 1] as string
          if (groups.has(holder) || holder === who) visit(given[index + 2] as string, at, rank)
        }
      }
    }
    return false
  }

  function visitGivenTo(at: Place, holder: string, least: number): void {
    const given = at.givenTo!.get(holder)
    if (given === undefined) return
    for (const grant of given) if (grant.rank >= least) visit(grant.issuer, at, grant.rank)
  }

  function visit(who: string, place: Place, rank: number): void {
    for (let index = 0; index < tail; index++) {
      if (wheres[index] === place && ranks[index] === rank && whos[index] === who) return
    }
    whos[tail] = who
    wheres[tail] = place
    ranks[tail++] = rank
  }
}

/** Where the mode's colon is; -1 when there is none. Only `fs:<uuid>:<mode>` has one. */
function modeAt(permission: string): number {
  return permission.startsWith('fs:') ? permission.indexOf(':', 3) : -1
}

function nearest(places: ReadonlyMap<string, Place>, permission: string): Place | undefined {
  for (let at: string | undefined = permission; at !== undefined; at = prefixOf(at)) {
    const place = places.get(at)
    if (place !== undefined) return place
  }
  return undefined
}

function prefixOf(permission: string): string | undefined {
  const colon = permission.lastIndexOf(':')
  return colon < 0 ? undefined : permission.slice(0, colon)
}

/** What those are in who joined nothing: every user the group `user`, and a user's app that app. */
function byNature(who: string): Set<string> {
  if (!who.startsWith('user:')) return NOTHING
  const slash = who.indexOf('/')
  return slash < 0 ? EVERYONE : new Set([who.slice(slash + 1)])
}

const NOTHING = new Set<string>()
const EVERYONE = new Set(['group:user'])

function load(facts: Iterable<Fact>): { places: Map<string, Place>; reach: Map<string, Set<string>> } {
  const places = new Map<string, Place>()
  const folders = new Map<string, string>()
  const groups = new Map<string, string[]>()
  const once = interner()
  for (const fact of facts) {
    if (fact.kind === 'resource') {
      placeOf(places, fact.permission).owner = once(fact.owner)
      if (fact.parent !== undefined) folders.set(fact.permission, fact.parent)
    } else if (fact.kind === 'member') {
      append(groups, once(fact.member), once(`group:${fact.group}`))
    } else if (fact.kind === 'grant') {
      const mode = modeAt(fact.permission)
      const rank = mode < 0 ? WHOLE : RANKS.get(fact.permission.slice(mode + 1))!
      const place = placeOf(places, mode < 0 ? fact.permission : fact.permission.slice(0, mode))
      place.given.push(rank, once(fact.holder), once(fact.issuer))
    }
  }
  for (const [text, place] of places) {
    place.above = nearest(places, folders.get(text) ?? prefixOf(text) ?? '')
    if (place.given.length <= CROWD * 3) continue
    place.givenTo = new Map()
    for (let i = 0; i < place.given.length; i += 3)
      append(place.givenTo, place.given[i + 1] as string, {
        rank: place.given[i] as number,
        holder: place.given[i + 1] as string,
        issuer: place.given[i + 2] as string,
      })
  }
  return { places, reach: new Map(Array.from(groups.keys(), (who) => [who, closure(groups, who)])) }
}

/** One object for all equal strings: they are sooner found equal, and fewer of them fill the processor's caches. */
function interner(): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    const first = known.get(text)
    if (first !== undefined) return first
    known.set(text, text)
    return text
  }
}

function placeOf(places: Map<string, Place>, text: string): Place {
  let place = places.get(text)
  if (place === undefined)
    places.set(text, (place = { owner: undefined, above: undefined, given: [], givenTo: undefined }))
  return place
}

function closure(groups: ReadonlyMap<string, readonly string[]>, who: string): Set<string> {
  const reached = new Set([...(groups.get(who) ?? []), ...byNature(who)])
  for (const group of reached) for (const further of groups.get(group) ?? []) reached.add(further)
  return reached
}

function append<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
