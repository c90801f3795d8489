import { NONE } from '../columns.ts'
import type { FactsIndex } from '../facts-index.ts'
import { KIND_GROUP, KIND_USER } from '../parties.ts'
import type { JsonObject } from '../fact.ts'
import type { BuiltInImplicator } from './built-in.ts'

export const isOwner: BuiltInImplicator = {
  kind: 'implicator',
  id: 'is-owner',
  doc: 'who owns a resource holds it, all beneath it, and `manage:` of it; who owns a group holds `manage:group:<id>`',
  actors: ['user'],

  implies(actor: string, permission: string, index: FactsIndex): JsonObject | undefined {
    const row = index.parties.get(actor)
    if (row === undefined) return undefined
    const managed = permission.startsWith('manage:') ? permission.slice(7) : undefined
    if (managed?.startsWith('group:') === true && ownerOfGroup(managed, index) === row) return {}
    for (const owner of ownersAlong(managed ?? permission, index)) if (owner === row) return {}
    return undefined
  },

  *holdersOf(permission: string, index: FactsIndex): Generator<string> {
    const managed = permission.startsWith('manage:') ? permission.slice(7) : undefined
    const groupOwner = managed?.startsWith('group:') === true ? ownerOfGroup(managed, index) : NONE
    if (groupOwner !== NONE) yield index.partyText[groupOwner]!
    for (const owner of ownersAlong(managed ?? permission, index)) yield index.partyText[owner]!
  },

  *permissionsOf(actor: string, index: FactsIndex): Generator<string> {
    const row = index.parties.get(actor)
    if (row === undefined || index.kind.get(row) !== KIND_USER) return
    for (const node of index.ownedBy.of(row)) {
      const permission = index.permissionOf(node)
      yield permission
      yield `manage:${permission}`
    }
    for (const owned of index.belongsTo.of(row)) {
      if (index.kind.get(owned) === KIND_GROUP) yield `manage:${index.partyText[owned]!}`
    }
  },
}

/** Owners of the resources a string lies on: itself and every prefix. */
function* ownersAlong(permission: string, index: FactsIndex): Generator<number> {
  for (const { node } of index.nodesAlong(permission)) {
    const owner = index.owner.get(node)
    if (owner !== NONE) yield owner
  }
}

function ownerOfGroup(permission: string, index: FactsIndex): number {
  const [, id] = permission.split(':')
  const group = index.findExisting(`group:${id}`)
  return group === NONE ? NONE : index.base.get(group)
}
