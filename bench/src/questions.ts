import type { IntegerFloor } from './floors/integers.ts'
import { seededRandom, zipf, type Random } from './random.ts'
import { partyText, permissionText } from './text.ts'
import { WHOLE, type World } from './world.ts'

/** Questions as integers, as bytes and with their answers; half the answers are yes. */
export interface Questions {
  readonly count: number
  readonly actor: Int32Array
  readonly place: Int32Array
  readonly level: Uint8Array
  readonly answer: Uint8Array
  /** Strings made for this call: flat, shared with no other, their hashes not yet known, as from a socket. */
  readonly decode: (from: number, to: number) => TextQuestions
}

interface TextQuestions {
  readonly actors: readonly string[]
  readonly permissions: readonly string[]
}

export type Spread = 'uniform' | 'zipf'

/**
 * Makes questions of which no two are alike.
 *
 * A yes is found from a grant: its holder, or somebody in the group, asks for it, or for a weaker mode, or for what
 * lies in the folder; one in ten comes from an owner asking about his own. A no is, every other time, a near miss
 * (someone with a grant asks for more than it gives), else somebody asking about anything.
 *
 * `uniform` draws every grant alike. `zipf` draws the n-th most widely held grant with a weight of 1 / n, those to
 * the largest groups first, so that few files get most of the questions, as in life.
 */
export function drawQuestions(
  world: World,
  floor: IntegerFloor,
  spread: Spread,
  count: number,
  seed = 2,
): Questions {
  const random = seededRandom(seed)
  const grant = spread === 'uniform' ? () => random.below(world.grants) : popularGrant(world, random)
  const actor = new Int32Array(count)
  const place = new Int32Array(count)
  const level = new Uint8Array(count)
  const answer = new Uint8Array(count)
  const asked = new Set<number>()

  for (let index = 0; index < count;) {
    const wanted = random.chance(0.5)
    // Redraw until truth and wish agree; where everything hot was asked before, whatever comes next will do.
    for (;;) {
      const drawn = wanted
        ? drawLikely(world, random, grant())
        : random.chance(0.5)
          ? drawNearMiss(world, random, grant())
          : drawAny(world, random, grant())
      const key = (drawn.actor * world.places.count + drawn.place) * (WHOLE + 1) + drawn.level
      if (asked.has(key) || floor.check(drawn.actor, drawn.place, drawn.level) !== wanted) continue
      asked.add(key)
      actor[index] = drawn.actor
      place[index] = drawn.place
      level[index] = drawn.level
      answer[index] = wanted ? 1 : 0
      index++
      break
    }
  }
  return { count, actor, place, level, answer, decode: decoder(world, actor, place, level) }
}

interface Drawn {
  actor: number
  place: number
  level: number
}

function drawLikely(world: World, random: Random, grant: number): Drawn {
  const drawn = {
    actor: someoneReached(world, random, grant),
    place: world.place[grant]!,
    level: world.level[grant]!,
  }
  if (random.chance(0.1) && drawn.place < world.places.firstStore) drawn.actor = world.owner[drawn.place]!
  while (random.chance(0.5) && world.firstChild[drawn.place]! >= 0)
    drawn.place = someChild(world, random, drawn.place)
  if (drawn.place < world.places.chat) drawn.level = random.below(drawn.level + 1)
  return drawn
}

function drawNearMiss(world: World, random: Random, grant: number): Drawn {
  const actor = someoneReached(world, random, grant)
  const place = world.place[grant]!
  const level = world.level[grant]!
  if (level < WHOLE && random.chance(0.5))
    return { actor, place, level: level + 1 + random.below(WHOLE - level) }
  const folder = world.parent[place]!
  return {
    actor,
    place: folder < 0 ? random.below(world.files) : someChild(world, random, folder),
    level: random.below(WHOLE + 1),
  }
}

function drawAny(world: World, random: Random, grant: number): Drawn {
  const place = world.place[grant]!
  const actor = world.parties.firstUser + random.below(world.users)
  return {
    actor,
    place: place < world.places.chat ? place : random.below(world.files),
    level: random.below(WHOLE + 1),
  }
}

/** The holder itself, or somebody it stands for. */
function someoneReached(world: World, random: Random, grant: number): number {
  const { parties } = world
  const holder = world.holder[grant]!
  if (holder === parties.everyone) return parties.firstUser + random.below(world.users)
  if (holder < parties.firstGroup || holder >= parties.firstApp) return holder
  const users = world.usersIn[holder - parties.firstGroup]!
  return users[random.below(users.length)]!
}

function someChild(world: World, random: Random, folder: number): number {
  let child = world.firstChild[folder]!
  while (world.nextSibling[child]! >= 0 && random.chance(0.6)) child = world.nextSibling[child]!
  return child
}

function popularGrant(world: World, random: Random): () => number {
  const reach = Int32Array.from(world.holder, (holder) => {
    const group = holder - world.parties.firstGroup
    return group >= 0 && group < world.groups ? world.usersIn[group]!.length : 1
  })
  const byReach = Int32Array.from(reach.keys()).sort((a, b) => reach[b]! - reach[a]! || a - b)
  const rank = zipf(world.grants, random)
  return () => byReach[rank()]!
}

function decoder(world: World, actor: Int32Array, place: Int32Array, level: Uint8Array): Questions['decode'] {
  const actors = pack(actor.length, (index) => partyText(world, actor[index]!))
  const permissions = pack(actor.length, (index) => permissionText(world, place[index]!, level[index]!))
  return (from, to) => ({ actors: actors(from, to), permissions: permissions(from, to) })
}

/** Texts as bytes in one piece, to be made strings again as often as wanted. */
function pack(count: number, text: (index: number) => string): (from: number, to: number) => string[] {
  const ends = new Uint32Array(count + 1)
  let bytes = Buffer.alloc(64 * count)
  for (let index = 0; index < count; index++) {
    const one = text(index)
    const start = ends[index]!
    if (start + one.length > bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2)
    ends[index + 1] = start + bytes.write(one, start, 'latin1')
  }
  return (from, to) => {
    const texts: string[] = []
    for (let index = from; index < to; index++)
      texts.push(bytes.toString('latin1', ends[index], ends[index + 1]))
    return texts
  }
}
