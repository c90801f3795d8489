import type { FactsIndex } from '../facts-index.ts'
import { isAtOrBeneath } from '../permission.ts'
import type { JsonObject } from '../fact.ts'
import type { BuiltInImplicator } from './built-in.ts'

export const userSelf: BuiltInImplicator = {
  kind: 'implicator',
  id: 'user-self',
  doc: 'every user holds `user:<own id>`',
  actors: ['user'],
  implies(actor: string, permission: string): JsonObject | undefined {
    return isAtOrBeneath(permission, actor) ? {} : undefined
  },
  *holdersOf(permission: string, index: FactsIndex): Generator<string> {
    const [namespace, id] = permission.split(':')
    if (namespace === 'user' && id !== undefined && index.user(id) !== undefined) yield `user:${id}`
  },
  *permissionsOf(actor: string): Generator<string> {
    yield actor
  },
}
