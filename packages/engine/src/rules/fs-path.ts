import type { Rewriter } from '../rule.ts'

/**
 * `fs:/alice/notes.txt:read` → `fs:<uuid>:read`. The path is one component, split at `/`; each segment is a name in
 * the folder before it. A path that leads nowhere stays as it is, and so does one the viewer may not see.
 */
export const fsPath: Rewriter = {
  kind: 'rewriter',
  id: 'fs-path',
  doc: 'a path names its file: `fs:/alice/notes.txt:read` is `fs:<uuid>:read`',
  namespaces: ['fs'],
  rewrite(components, { facts, mayViewerSee }) {
    const path = components[1]
    if (path === undefined || !path.startsWith('/')) return undefined
    let at: string | undefined
    for (const segment of path.slice(1).split('/')) {
      at = facts.resourceNamed('fs', at, segment)?.permission
      if (at === undefined) return undefined
    }
    if (at === undefined || !mayViewerSee(`${at}:see`)) return undefined
    return ['fs', ...at.split(':').slice(1), ...components.slice(2)]
  },
}

/** Does a rewritten string still hold a path, which then leads nowhere the viewer knows of. */
export function isUnresolvedPath(permission: string): boolean {
  return permission.startsWith('fs:/')
}
