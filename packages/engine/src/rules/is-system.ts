import type { BuiltInImplicator } from './built-in.ts'

export const isSystem: BuiltInImplicator = {
  kind: 'implicator',
  id: 'is-system',
  doc: '`system` holds everything',
  actors: ['system'],
  implies: () => ({}),
  /** `system` is in no list. */
  holdersOf: () => [],
  permissionsOf: (_, index) => index.namespaces.keys(),
}
