import { newEnforcer, newModelFromString } from 'casbin'
import { placeText } from '../text.ts'
import { LEVELS, WHOLE, type World } from '../world.ts'
import { actionText, ancestry, listDirect, partyTexts, type LiveGrant } from './given.ts'

const MODEL = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g2(r.obj, p.obj) && g(r.sub, p.sub) && covers(p.act, r.act)
`

export interface PlacePeer {
  /** What the peer wants for a question is made ready first, untimed; then it is only asked. */
  prepare(actor: number, place: number, level: number): () => boolean
}

/** node-casbin: role-based, with groups as roles of actors and folders as roles of files; live grants as policies. */
export async function openCasbin(world: World, live: readonly LiveGrant[]): Promise<PlacePeer> {
  const enforcer = await newEnforcer(newModelFromString(MODEL))
  enforcer.enableLog(false)
  await enforcer.addFunction(
    'covers',
    (held: string, asked: string) => held === 'whole' || held === asked || rank(held) > rank(asked),
  )

  const party = partyTexts(world)
  const direct = listDirect(world)
  const roles: string[][] = []
  for (let who = 0; who < world.parties.count; who++)
    for (const group of direct(who)) roles.push([party(who), party(group)])
  const folders: string[][] = []
  const policies = live.map(({ holder, place, level }) => [
    party(holder),
    placeText(world, place),
    actionText(world, place, level),
  ])
  for (let place = 0; place < world.places.count; place++) {
    if (world.parent[place]! >= 0) folders.push(ancestry(world, place).slice(0, 2))
    if (world.owner[place]! >= 0)
      policies.push([party(world.owner[place]!), placeText(world, place), 'whole'])
  }
  await enforcer.addNamedGroupingPolicies('g', unique(roles))
  await enforcer.addNamedGroupingPolicies('g2', folders)
  await enforcer.addPolicies(unique(policies))

  return {
    prepare(actor, place, level) {
      const request = [party(actor), placeText(world, place), actionText(world, place, level)] as const
      return () => enforcer.enforceSync(...request)
    },
  }
}

function rank(action: string): number {
  const rank = (LEVELS as readonly string[]).indexOf(action)
  return rank < 0 ? (action === 'whole' ? WHOLE : Infinity) : rank
}

function unique(rows: string[][]): string[][] {
  return [...new Map(rows.map((row) => [row.join(' '), row])).values()]
}
