import type { FactsIndex } from '../facts-index.ts'
import { namespaceOf } from '../permission.ts'
import type { BuiltInExploder } from './built-in.ts'

export const modes: BuiltInExploder = {
  kind: 'exploder',
  id: 'modes',
  doc: 'where the last component is a mode of the namespace, every stronger mode is enough, weakest first',
  explode(permission: string, index: FactsIndex): string[] {
    const name = namespaceOf(permission)
    const ladder = index.namespaces.get(name)?.modes
    if (ladder === undefined || permission.length === name.length) return []
    const last = permission.lastIndexOf(':') + 1
    const rank = ladder.indexOf(permission.slice(last))
    if (rank < 0) return []
    const stem = permission.slice(0, last)
    return ladder.slice(rank + 1).map((mode) => stem + mode)
  },
}
