import { isBoxName } from '../box-name.ts'
import { AppRequestError, notFoundError } from './errors.ts'

/** An app's path, once decoded: there is no second reading of it. */
export interface AppPath {
  /** Names, none of them empty, `.`, `..` or with a separator in it. */
  readonly names: readonly string[]
  /** Whether the address ends with `/`. */
  readonly isFolder: boolean
}

/** Names on the way, and characters of each. */
const NAMES_MAX = 32
const NAME_LENGTH_MAX = 255

/**
 * Takes a path apart, once and for all: what is decoded here is never decoded again.
 *
 * @param path - as it was sent, from its first `/`, without the query
 * @throws {AppRequestError} REQUEST_INVALID for what is not UTF-8; NOT_FOUND for every name that some file system would
 *   read as another, and for `box`, however it is spelled
 */
export function parseAppPath(path: string): AppPath {
  const parts = path.split('/').slice(1)
  const isFolder = parts.at(-1) === ''
  if (isFolder) parts.pop()
  if (parts.length > NAMES_MAX) throw notFoundError()
  const names = parts.map(decodeName)
  if (!names.every((name) => isPlainName(name) && !name.startsWith('.')) || isBoxName(names[0]))
    throw notFoundError()
  return { names, isFolder }
}

function decodeName(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new AppRequestError(
      'REQUEST_INVALID',
      'the path is not UTF-8 in percent-encoding',
      'encode each part of it',
    )
  }
}

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const UNPLAIN = /[\u0000-\u001f\u007f/\\:*?"<>|]/u

/** A name that means the same on every file system. */
export function isPlainName(name: string): boolean {
  return (
    name !== '' &&
    name.length <= NAME_LENGTH_MAX &&
    !/[. ]$/u.test(name) &&
    !UNPLAIN.test(name) &&
    name.isWellFormed()
  )
}
