import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from './folder.ts'

/**
 * A disk of its own with room for `bytes`, or undefined where this process may not mount one (it takes root): what a
 * full disk does is then left untested.
 */
export function findSmallDisk(bytes: number): (Disposable & { readonly path: string }) | undefined {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return undefined
  const folder = makeFolder()
  const path = join(folder.path, 'disk')
  mkdirSync(path)
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path])
  if (status !== 0) {
    folder[Symbol.dispose]()
    return undefined
  }
  return {
    path,
    [Symbol.dispose]: () => {
      // Lazily: a test that failed has left its store open.
      spawnSync('umount', ['-l', path])
      rmSync(folder.path, { recursive: true, force: true })
    },
  }
}
