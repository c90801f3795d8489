import { NONE } from '../columns.ts'
import type { FactsIndex } from '../facts-index.ts'
import { LIMITS } from '../limits.ts'

export const resourceTree = {
  kind: 'exploder',
  id: 'resource-tree',
  doc: 'what is held on a folder is held on its content: the same right on the folder is enough',
  /** One step up for every resource on the string, the deepest first; the queue takes the steps after it. */
  explode(permission: string, index: FactsIndex): string[] {
    const found: string[] = []
    let end = permission.indexOf(':')
    let node = index.rootNode(end < 0 ? permission : permission.slice(0, end))
    while (node !== NONE) {
      const folder = index.folder.get(node)
      if (folder !== NONE) {
        const above = index.permissionOf(folder) + (end < 0 ? '' : permission.slice(end))
        // Longer ones are no permissions: nobody could have been granted them.
        if (above.length <= LIMITS.permissionBytesMax) found.push(above)
      }
      if (end < 0) break
      const start = end + 1
      end = permission.indexOf(':', start)
      node = index.child(node, end < 0 ? permission.slice(start) : permission.slice(start, end))
    }
    return found.toReversed()
  },
} as const
