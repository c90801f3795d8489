import { seededRandom, type Random } from './random.ts'

/**
 * A generated app platform, held as integers so that the strings of its facts and questions can be made afresh
 * whenever they are wanted, and so that what an engine keeps of them is the engine's own.
 *
 * Of its grants 60 % go from a user to a user, 25 % to groups whose sizes follow Zipf's law, 10 % to apps (mostly
 * apps acting for a user), and 5 % hand on what was granted, in chains of up to 8 grants. There is a user for every
 * 10 grants, a group for every 200, an app for every 1,000, a file or folder for every 2, at most 6 deep; a user is
 * in three groups on average, some groups are in groups, two of them in each other. One user grant in 50 is dead:
 * its issuer does not hold it.
 */
export interface World {
  readonly grants: number
  readonly users: number
  readonly groups: number
  readonly apps: number
  /** Users' apps: `user:<id>/app:<id>`. */
  readonly pairs: number
  /** Files and folders. */
  readonly files: number
  readonly places: Places
  readonly parties: Parties

  /** Grant by grant: who gave it, to whom, where and what, as party, party, place and level. */
  readonly issuer: Int32Array
  readonly holder: Int32Array
  readonly place: Int32Array
  readonly level: Uint8Array

  /** Owner and parent of each place, as party and place; -1 for none. */
  readonly owner: Int32Array
  readonly parent: Int32Array
  /** Children of a place, as a linked list; -1 ends it. */
  readonly firstChild: Int32Array
  readonly nextSibling: Int32Array

  /** Memberships: party `member[n]` is in party `group[n]`. The built-in group `user` is not among them. */
  readonly group: Int32Array
  readonly member: Int32Array
  /** The users directly in the n-th group. */
  readonly usersIn: readonly Int32Array[]

  readonly appOwner: Int32Array
  readonly pairUser: Int32Array
  readonly pairApp: Int32Array
}

/** Parties are numbered: `system`, users, groups, apps, users' apps. */
interface Parties {
  readonly firstUser: number
  /** The built-in group `user`. */
  readonly everyone: number
  readonly firstGroup: number
  readonly firstApp: number
  readonly firstPair: number
  readonly count: number
}

/** Places are numbered: files and folders, the key-value stores of users' apps, `ai:chat`, `ai`. */
interface Places {
  readonly firstStore: number
  readonly chat: number
  readonly ai: number
  readonly count: number
}

export const SYSTEM = 0

/** What may be held of a place: a mode of `fs`, or the whole of it. */
export const LEVELS = ['see', 'list', 'read', 'write'] as const
export const WHOLE = LEVELS.length

const DEPTH_MAX = 6
const CHAIN_MAX = 8

export function generateWorld(grants: number, seed = 1): World {
  const random = seededRandom(seed)
  const users = Math.ceil(grants / 10)
  const groups = Math.ceil(grants / 200)
  const apps = Math.ceil(grants / 1000)
  const files = Math.ceil(grants / 2)
  const pairs = Math.floor(grants * 0.03)

  const firstUser = SYSTEM + 1
  const everyone = firstUser + users
  const firstGroup = everyone + 1
  const firstApp = firstGroup + groups
  const firstPair = firstApp + apps
  const parties: Parties = { firstUser, everyone, firstGroup, firstApp, firstPair, count: firstPair + pairs }
  const firstStore = files
  const chat = firstStore + pairs
  const places: Places = { firstStore, chat, ai: chat + 1, count: chat + 2 }

  const trees = plantTrees(random, parties, places, users, files)
  const memberships = fillGroups(random, parties, users, groups)
  const drawn = drawGrants(random, {
    grants,
    users,
    groups,
    apps,
    pairs,
    files,
    parties,
    places,
    owner: trees.owner,
  })
  for (let pair = 0; pair < pairs; pair++) trees.owner[firstStore + pair] = drawn.pairUser[pair]!

  return { grants, users, groups, apps, pairs, files, parties, places, ...trees, ...memberships, ...drawn }
}

type Trees = Pick<World, 'owner' | 'parent' | 'firstChild' | 'nextSibling'>

/** Every third user or so has a home, of 15 files and folders on average; most are small. */
function plantTrees(random: Random, parties: Parties, places: Places, users: number, files: number): Trees {
  const owner = new Int32Array(places.count).fill(-1)
  const parent = new Int32Array(places.count).fill(-1)
  const firstChild = new Int32Array(places.count).fill(-1)
  const nextSibling = new Int32Array(places.count).fill(-1)
  const depth = new Uint8Array(files)

  let user = 0
  for (let home = 0; home < files;) {
    const size = Math.min(files - home, 1 + Math.floor(-14 * Math.log(1 - random.unit())))
    for (let file = home; file < home + size; file++) {
      owner[file] = parties.firstUser + (user % users)
      depth[file] = 1
      if (file === home) continue
      // A new file goes where work went on last, which makes paths deep rather than flat.
      let folder = file - 1 - random.below(Math.min(4, file - home))
      if (depth[folder]! >= DEPTH_MAX) folder = home
      adopt(folder, file)
      depth[file] = depth[folder]! + 1
    }
    home += size
    user += 1 + random.below(5)
  }
  parent[places.chat] = places.ai
  return { owner, parent, firstChild, nextSibling }

  function adopt(folder: number, file: number): void {
    parent[file] = folder
    nextSibling[file] = firstChild[folder]!
    firstChild[folder] = file
  }
}

type Memberships = Pick<World, 'group' | 'member' | 'usersIn'>

function fillGroups(random: Random, parties: Parties, users: number, groups: number): Memberships {
  let harmonic = 0
  for (let rank = 1; rank <= groups; rank++) harmonic += 1 / rank
  const group: number[] = []
  const member: number[] = []

  const usersIn = Array.from({ length: groups }, (_, rank) => {
    const size = Math.max(1, Math.min(users >> 1, Math.round((3 * users) / harmonic / (rank + 1))))
    const chosen = new Set<number>()
    while (chosen.size < size) chosen.add(parties.firstUser + random.below(users))
    return Int32Array.from(chosen)
  })
  for (const [rank, chosen] of usersIn.entries()) {
    for (const user of chosen) join(parties.firstGroup + rank, user)
  }
  for (let rank = 10; rank < groups; rank += 10)
    join(parties.firstGroup + random.below(rank), parties.firstGroup + rank)
  if (groups >= 10) {
    join(parties.firstGroup + groups - 1, parties.firstGroup + groups - 2)
    join(parties.firstGroup + groups - 2, parties.firstGroup + groups - 1)
  }
  return { group: Int32Array.from(group), member: Int32Array.from(member), usersIn }

  function join(into: number, who: number): void {
    group.push(into)
    member.push(who)
  }
}

type Drawn = Pick<World, 'issuer' | 'holder' | 'place' | 'level' | 'appOwner' | 'pairUser' | 'pairApp'>
type Frame = Pick<
  World,
  'grants' | 'users' | 'groups' | 'apps' | 'pairs' | 'files' | 'parties' | 'places' | 'owner'
>

function drawGrants(random: Random, frame: Frame): Drawn {
  const { grants, users, groups, apps, pairs, files, parties, places, owner } = frame
  const issuer = new Int32Array(grants)
  const holder = new Int32Array(grants)
  const place = new Int32Array(grants)
  const level = new Uint8Array(grants)
  const taken = new Set<number>()
  let count = 0

  const toGroups = Math.round(grants * 0.25)
  const handedOn = Math.round(grants * 0.05)
  const toApps = Math.round(grants * 0.1)
  const toUsers = grants - toGroups - handedOn - toApps

  while (count < toUsers) {
    const file = random.below(files)
    const dead = random.chance(0.02)
    give(dead ? someUser() : owner[file]!, someUser(), file, someLevel())
  }

  give(SYSTEM, parties.everyone, places.ai, WHOLE)
  while (count < toUsers + toGroups) {
    const file = random.below(files)
    give(owner[file]!, parties.firstGroup + random.below(groups), file, someLevel())
  }

  const chains = toUsers + toGroups + handedOn
  while (count < chains) {
    const first = random.below(toUsers)
    let giver = holder[first]!
    let what = level[first]!
    const links = Math.min(1 + random.below(CHAIN_MAX - 1), chains - count)
    for (let link = 0; link < links; link++) {
      const taker = someUser()
      if (what !== WHOLE && what > 0 && random.chance(0.2)) what--
      if (give(giver, taker, place[first]!, what)) giver = taker
    }
  }

  const appFile = Int32Array.from({ length: apps }, () => random.below(files))
  const appOwner = appFile.map((file) => owner[file]!)
  const pairUser = new Int32Array(pairs)
  const pairApp = new Int32Array(pairs)
  const known = new Set<number>()
  for (let pair = 0; pair < pairs; pair++) {
    let file: number
    let what = someLevel()
    let user: number
    let app: number
    do {
      const shared = random.chance(0.3) ? random.below(toUsers) : -1
      file = shared < 0 ? random.below(files) : place[shared]!
      user = shared < 0 ? owner[file]! : holder[shared]!
      if (shared >= 0) what = level[shared]!
      app = random.below(apps)
    } while (known.has(user * apps + app))
    known.add(user * apps + app)
    pairUser[pair] = user
    pairApp[pair] = parties.firstApp + app
    give(user, parties.firstPair + pair, places.firstStore + pair, WHOLE)
    give(user, parties.firstPair + pair, places.chat, WHOLE)
    give(user, parties.firstPair + pair, file, what)
  }
  while (count < grants) {
    const app = random.below(apps)
    let file = appFile[app]!
    while (file + 1 < files && owner[file + 1] === appOwner[app] && random.chance(0.8)) file++
    give(appOwner[app]!, parties.firstApp + app, file, someLevel())
  }
  return { issuer, holder, place, level, appOwner, pairUser, pairApp }

  function give(from: number, to: number, where: number, what: number): boolean {
    const key = (to * places.count + where) * (WHOLE + 1) + what
    if (from === to || taken.has(key)) return false
    taken.add(key)
    issuer[count] = from
    holder[count] = to
    place[count] = where
    level[count] = what
    count++
    return true
  }

  function someUser(): number {
    return parties.firstUser + random.below(users)
  }

  function someLevel(): number {
    const draw = random.unit()
    return draw < 0.05 ? 0 : draw < 0.15 ? 1 : draw < 0.6 ? 2 : draw < 0.9 ? 3 : WHOLE
  }
}
