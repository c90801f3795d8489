import { isBoxName } from '../../box-name.ts'
import { OperationError } from '../../broker/operation.ts'

/** The two folders of an app: what is private, and what is served. */
export type Scope = 'BOX' | 'WEB'

/** A place in a scope, as the names that lead to it. Empty for the scope's own folder. */
export type Names = readonly string[]

/** Longest path from the scope's root, in bytes of UTF-8. */
const PATH_BYTES_MAX = 1_024
/** Longest name, in bytes of UTF-8: what the common file systems take. */
const NAME_BYTES_MAX = 255
/** Most folders on the way. Bounds the descriptors that one walk holds. */
const DEPTH_MAX = 32

/** What Windows takes for a device, whatever follows the first dot. Refused everywhere, so that an app moves. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i
/** A path that somebody else would decode into another one. */
const ENCODED = /%(?:2e|2f|5c|00|25)/i
const DRIVE = /^[a-z]:/i
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001F\u007F]/

const encoder = new TextEncoder()

/**
 * Where a path leads, before anything on the disk is asked. Both of its parts come from an app.
 *
 * @param folder - of the calling script, from the scope's root; what a path without a leading `/` is relative to
 * @param path - with a leading `/`, from the scope's root
 * @throws {OperationError} FS_PATH when it leaves the scope, or is spelled in a way that somebody could read otherwise
 */
export function resolvePath(scope: Scope, folder: string, path: string): Names {
  const names = path.startsWith('/') ? [] : walk([], split(folder), folder)
  const resolved = walk(names, split(path), path)
  assertPlace(scope, resolved)
  return resolved
}

/** @throws {OperationError} FS_PATH when nothing may be there, however one got there */
export function assertPlace(scope: Scope, names: Names): void {
  const path = names.join('/')
  if (names.length > DEPTH_MAX) throw refused(path, `is deeper than ${DEPTH_MAX} folders`)
  if (encoder.encode(path).length > PATH_BYTES_MAX)
    throw refused(path, `is longer than ${PATH_BYTES_MAX} bytes`)
  if (scope === 'WEB' && isBoxName(names[0])) throw refused(path, 'is in the private folder')
}

function split(path: string): string[] {
  if (path.length > PATH_BYTES_MAX) throw refused(path, `is longer than ${PATH_BYTES_MAX} bytes`)
  if (!path.isWellFormed()) throw refused(path, 'is not Unicode')
  if (CONTROL.test(path)) throw refused(path, 'has a control character')
  if (path.includes('\\')) throw refused(path, 'has a backslash')
  if (ENCODED.test(path)) throw refused(path, 'is encoded')
  if (path.includes('//')) throw refused(path, 'has a doubled separator')
  const inner = path.replace(/^\//, '').replace(/\/$/, '')
  return inner === '' ? [] : inner.split('/')
}

function walk(from: Names, names: Names, path: string): Names {
  const at = [...from]
  for (const name of names) {
    if (name === '.') continue
    if (name !== '..') {
      assertName(name, path)
      at.push(name)
    } else if (at.pop() === undefined) throw refused(path, 'leaves its scope')
  }
  return at
}

function assertName(name: string, path: string): void {
  if (encoder.encode(name).length > NAME_BYTES_MAX)
    throw refused(path, `has a name longer than ${NAME_BYTES_MAX} bytes`)
  // Windows drops both, and would find another file.
  if (name.endsWith('.') || name.endsWith(' '))
    throw refused(path, 'has a name that ends with a dot or a space')
  if (DEVICE.test(name)) throw refused(path, 'has a name that means a device')
  if (DRIVE.test(name) && (name.length === 2 || process.platform === 'win32'))
    throw refused(path, 'names a drive')
  if (process.platform === 'win32' && name.includes(':')) throw refused(path, 'names a stream')
}

function refused(path: string, why: string): OperationError {
  return new OperationError('FS_PATH', `the path \`${shown(path)}\` ${why}`)
}

/** A path in a message: one line, no longer than a reader wants. */
function shown(path: string): string {
  const short = path.length > 100 ? `${path.slice(0, 100)}…` : path
  return JSON.stringify(short.toWellFormed()).slice(1, -1)
}
