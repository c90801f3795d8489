import {
  preparsePolicySet,
  statefulIsAuthorized,
  type EntityJson,
  type TemplateLink,
} from '@cedar-policy/cedar-wasm/nodejs'
import { placeText } from '../text.ts'
import { LEVELS, WHOLE, type World } from '../world.ts'
import type { PlacePeer } from './casbin.ts'
import { actionText, ancestry, listDirect, listReached, partyTexts, type LiveGrant } from './given.ts'

/**
 * Cedar knows groups and folders but no issuers, and it looks at every policy on every question. So each live grant
 * is a linked template, each actor's question is put to those only that reach the actor, parsed beforehand, and the
 * entities it needs (the actor with its groups, the file with its folders) are gathered beforehand as well.
 */
export function openCedar(world: World, live: readonly LiveGrant[]): PlacePeer {
  const party = partyTexts(world)
  const direct = listDirect(world)
  const byHolder = new Map<number, LiveGrant[]>()
  for (const grant of live) {
    const grants = byHolder.get(grant.holder)
    if (grants === undefined) byHolder.set(grant.holder, [grant])
    else grants.push(grant)
  }
  const parsed = new Set<number>()

  return {
    prepare(actor, place, level) {
      if (!parsed.has(actor)) parse(actor)
      parsed.add(actor)
      const call = {
        principal: { type: 'Party', id: party(actor) },
        action: { type: 'Action', id: actionText(world, place, level) },
        resource: { type: 'Place', id: placeText(world, place) },
        context: {},
        preparsedPolicySetId: party(actor),
        entities: entitiesFor(actor, place),
      }
      return () => {
        const answer = statefulIsAuthorized(call)
        if (answer.type === 'failure') throw new Error(answer.errors[0]?.message ?? 'cedar failed')
        return answer.response.decision === 'allow'
      }
    },
  }

  function parse(actor: number): void {
    const templateLinks: TemplateLink[] = []
    for (const holder of listReached(direct, actor)) {
      for (const { place, level } of byHolder.get(holder) ?? []) {
        const values = {
          '?principal': { type: 'Party', id: party(holder) },
          '?resource': { type: 'Place', id: placeText(world, place) },
        }
        templateLinks.push({ templateId: `level${level}`, newId: `grant${templateLinks.length}`, values })
      }
    }
    const answer = preparsePolicySet(party(actor), {
      staticPolicies: OWNERS,
      templates: TEMPLATES,
      templateLinks,
    })
    if (answer.type === 'failure') throw new Error(answer.errors[0]?.message ?? 'cedar failed')
  }

  function entitiesFor(actor: number, place: number): EntityJson[] {
    // Cedar refuses groups that are in each other, so the actor is put into all it reaches at once.
    const groups = listReached(direct, actor).slice(1)
    const parties = [
      {
        uid: { type: 'Party', id: party(actor) },
        attrs: {},
        parents: groups.map((group) => ({ type: 'Party', id: party(group) })),
      },
    ]
    const within = ancestry(world, place)
    const owner = world.owner[place]!
    const places = within.map((id, index) => ({
      uid: { type: 'Place', id },
      attrs: owner < 0 ? {} : { owner: { __entity: { type: 'Party', id: party(owner) } } },
      parents: within.slice(index + 1, index + 2).map((folder) => ({ type: 'Place', id: folder })),
    }))
    return [...parties, ...places]
  }
}

const OWNERS = {
  owner: 'permit(principal, action, resource) when { resource has owner && resource.owner == principal };',
}

const TEMPLATES = Object.fromEntries(
  [...LEVELS, 'whole'].map((_, level) => {
    const actions = LEVELS.slice(0, level + 1).map((action) => `Action::"${action}"`)
    const scope = level === WHOLE ? 'action' : `action in [${actions.join(', ')}]`
    return [`level${level}`, `permit(principal in ?principal, ${scope}, resource in ?resource);`]
  }),
)
