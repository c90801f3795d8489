import { NONE } from '../columns.ts'
import type { FactsIndex } from '../facts-index.ts'
import { LIMITS } from '../limits.ts'
import type { BuiltInExploder } from './built-in.ts'

export const resourceTree: BuiltInExploder = {
  kind: 'exploder',
  id: 'resource-tree',
  doc: 'what is held on a folder is held on its content: the same right on the folder is enough',
  /** One step up for every resource on the string, the deepest first; the queue takes the steps after it. */
  explode(permission: string, index: FactsIndex): string[] {
    const found: string[] = []
    for (const { node, end } of index.nodesAlong(permission)) {
      const folder = index.folder.get(node)
      if (folder === NONE) continue
      const above = index.permissionOf(folder) + permission.slice(end)
      // Longer ones are no permissions: nobody could have been granted them.
      if (above.length <= LIMITS.permissionBytesMax) found.push(above)
    }
    return found.toReversed()
  },
}
