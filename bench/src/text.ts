import type { Fact, GrantFact } from '@castellan/engine'
import { scramble } from './random.ts'
import { LEVELS, SYSTEM, WHOLE, type World } from './world.ts'

/** When some of the grants end: long after any run. */
const LATER = '2099-01-01T00:00:00.000Z'

/**
 * Every fact of a world, things before what names them, one at a time. Each string is made for the fact and shared
 * with no other, as if it had just been read from a socket or a database.
 */
export function* factsOf(world: World): Generator<Fact> {
  const { parties, places } = world
  for (let user = 0; user < world.users; user++) yield { kind: 'user', id: userId(user) }
  for (let group = 0; group < world.groups; group++) {
    yield {
      kind: 'group',
      id: groupId(group),
      owner: partyText(world, parties.firstUser + (scramble(group) % world.users)),
    }
  }
  for (let app = 0; app < world.apps; app++)
    yield { kind: 'app', id: appId(app), owner: partyText(world, world.appOwner[app]!) }
  for (let place = 0; place < places.chat; place++) {
    const permission = placeText(world, place)
    const owner = partyText(world, world.owner[place]!)
    const parent = world.parent[place]!
    yield parent < 0
      ? { kind: 'resource', permission, owner }
      : { kind: 'resource', permission, owner, parent: placeText(world, parent) }
  }
  for (let index = 0; index < world.member.length; index++) {
    yield {
      kind: 'member',
      group: bareId(world, world.group[index]!),
      member: partyText(world, world.member[index]!),
    }
  }
  for (let grant = 0; grant < world.grants; grant++) yield grantFact(world, grant)
}

/** One grant in 50 has a claim, another one in 50 an end; those to users' apps have a reason. */
export function grantFact(world: World, grant: number): GrantFact {
  const holder = world.holder[grant]!
  return {
    kind: 'grant',
    issuer: partyText(world, world.issuer[grant]!),
    holder: partyText(world, holder),
    permission: permissionText(world, world.place[grant]!, world.level[grant]!),
    extra: grant % 50 === 0 ? { perDay: 100 + (grant % 7) } : {},
    ...(grant % 50 === 1 ? { expiresAt: LATER } : {}),
    ...(holder >= world.parties.firstPair ? { reason: 'default' } : {}),
  }
}

/** As it stands in a fact or a question: `user:<id>`, `user:<id>/app:<id>` and so on. */
export function partyText(world: World, party: number): string {
  const { parties } = world
  if (party === SYSTEM) return 'system'
  if (party < parties.everyone) return fresh(`user:${userId(party - parties.firstUser)}`)
  if (party < parties.firstApp) return fresh(`group:${bareId(world, party)}`)
  if (party < parties.firstPair) return fresh(`app:${appId(party - parties.firstApp)}`)
  const pair = party - parties.firstPair
  return fresh(`${partyText(world, world.pairUser[pair]!)}/${partyText(world, world.pairApp[pair]!)}`)
}

function bareId(world: World, group: number): string {
  return group === world.parties.everyone ? 'user' : groupId(group - world.parties.firstGroup)
}

export function permissionText(world: World, place: number, level: number): string {
  if (level === WHOLE) return placeText(world, place)
  const last = place < world.places.firstStore ? LEVELS[level]! : STORE_VERBS[level]!
  return fresh(`${placeText(world, place)}:${last}`)
}

/** What may be asked of a key-value store. No ladder: only its whole is ever granted. */
const STORE_VERBS = ['get', 'set', 'delete', 'list'] as const

export function placeText(world: World, place: number): string {
  const { places } = world
  if (place < places.firstStore) return fresh(`fs:${uuid(place)}`)
  if (place === places.chat) return 'ai:chat'
  if (place === places.ai) return 'ai'
  const pair = place - places.firstStore
  const user = userId(world.pairUser[pair]! - world.parties.firstUser)
  return fresh(`kv:${user}:${appId(world.pairApp[pair]! - world.parties.firstApp)}`)
}

function userId(index: number): string {
  return fresh(`u${scramble(index).toString(36)}`)
}

function groupId(index: number): string {
  return fresh(`team-${index.toString(36)}`)
}

function appId(index: number): string {
  return fresh(`app-${index.toString(36)}`)
}

/** Shaped as a version 4 UUID; the first 32 bits alone tell any two apart. */
function uuid(index: number): string {
  const [a, b, c, d] = [
    scramble(index),
    scramble(index + 0x1234_5678),
    scramble(index ^ 0x5555_5555),
    scramble(~index),
  ]
  const low = hex(b) + hex(c)
  return `${hex(a)}-${low.slice(0, 4)}-4${low.slice(5, 8)}-a${low.slice(9, 12)}-${low.slice(12)}${hex(d)}`
}

function hex(word: number): string {
  return (word + 0x1_0000_0000).toString(16).slice(1)
}

const scratch = Buffer.alloc(1024)

/** The same text as a string of its own: one flat piece, its hash not yet known. */
function fresh(text: string): string {
  return scratch.toString('latin1', 0, scratch.write(text, 'latin1'))
}
