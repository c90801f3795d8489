import { createMongoAbility, subject, type MongoAbility, type RawRuleOf } from '@casl/ability'
import { placeText } from '../text.ts'
import { LEVELS, type World } from '../world.ts'
import type { PlacePeer } from './casbin.ts'
import { actionText, ancestry, listDirect, listReached, partyTexts, type LiveGrant } from './given.ts'

/**
 * CASL knows one actor's abilities at a time and nothing of groups, folders or issuers. So each actor's ability is
 * built beforehand from the live grants that reach it, and every question brings the file's folders along.
 */
export function openCasl(world: World, live: readonly LiveGrant[]): PlacePeer {
  const party = partyTexts(world)
  const direct = listDirect(world)
  const byHolder = new Map<number, LiveGrant[]>()
  for (const grant of live) {
    const grants = byHolder.get(grant.holder)
    if (grants === undefined) byHolder.set(grant.holder, [grant])
    else grants.push(grant)
  }
  const abilities = new Map<number, MongoAbility>()

  return {
    prepare(actor, place, level) {
      let ability = abilities.get(actor)
      if (ability === undefined) abilities.set(actor, (ability = build(actor)))
      const action = actionText(world, place, level)
      const asked = subject('place', {
        within: ancestry(world, place),
        owner: party(world.owner[place] ?? -1),
      })
      return () => ability.can(action, asked)
    },
  }

  function build(actor: number): MongoAbility {
    const rules: RawRuleOf<MongoAbility>[] = [
      { action: 'manage', subject: 'place', conditions: { owner: party(actor) } },
    ]
    for (const holder of listReached(direct, actor)) {
      for (const { place, level } of byHolder.get(holder) ?? []) {
        rules.push({
          action: coveredBy(level),
          subject: 'place',
          conditions: { within: placeText(world, place) },
        })
      }
    }
    return createMongoAbility(rules)
  }
}

/** `manage` is CASL's word for everything. */
function coveredBy(level: number): string | string[] {
  return level === LEVELS.length ? 'manage' : LEVELS.slice(0, level + 1)
}
