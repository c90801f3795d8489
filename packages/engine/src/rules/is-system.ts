import type { FactsIndex } from '../facts-index.ts'
import type { JsonObject } from '../fact.ts'

export const isSystem = {
  kind: 'implicator',
  id: 'is-system',
  doc: '`system` holds everything',
  actors: ['system'],
  implies(actor: string): JsonObject | undefined {
    return actor === 'system' ? {} : undefined
  },
  /** `system` is in no list. */
  *holdersOf(): Generator<string> {},
  permissionsOf(actor: string, index: FactsIndex): Iterable<string> {
    return actor === 'system' ? index.namespaces.keys() : []
  },
} as const
