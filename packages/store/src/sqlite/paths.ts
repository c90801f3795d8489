import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { StoreError } from '@castellan/engine'
import { missingError } from './database.ts'

// Nothing in this folder opens a database with `node:fs`: closing any descriptor of a file drops every POSIX lock that
// this process holds on it, SQLite's among them. Asking for its size or its links is harmless.

/** Links followed before a path counts as a loop, as in the kernel. */
const LINKS_MAX = 40

/**
 * The one name of a file however it is written, so that two paths to one database meet at one lock.
 *
 * @returns an absolute path without links; the file itself need not exist
 * @throws {StoreError} when its folder does not exist, or it is no file
 */
export function resolveFile(path: string): string {
  const file = followLinks(path)
  if (!existsSync(file)) return file
  const stat = statSync(file)
  if (!stat.isFile()) {
    throw new StoreError('STORE_FAILED', `\`${path}\` is not a file`, 'name the database file itself')
  }
  if (stat.nlink > 1) {
    throw new StoreError(
      'STORE_FAILED',
      `\`${path}\` has ${stat.nlink} names, which SQLite cannot keep apart from two databases`,
      'remove the other hard links, or copy the file',
    )
  }
  return file
}

function followLinks(path: string): string {
  let file = resolve(path)
  for (let links = 0; links < LINKS_MAX; links++) {
    const folder = dirname(file)
    if (!existsSync(folder)) throw missingError(folder)
    file = join(realpathSync(folder), basename(file))
    // A link that leads nowhere yet is followed too: the database is made where it points.
    if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return file
    file = resolve(dirname(file), readlinkSync(file))
  }
  throw new StoreError('STORE_FAILED', `\`${path}\` is a loop of links`, 'correct the links')
}

/** Makes the renames in a folder durable. Windows has no such thing, and needs none. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
