/**
 * Paths in an app's box, as in `api/hello.js`. Nothing here reads a file: all there is of an app is a map of its sources.
 *
 * @returns undefined for a path that leaves the box
 */
export function findPath(folder: string, path: string): string | undefined {
  const parts = path.startsWith('/') || folder === '' ? [] : folder.split('/')
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
