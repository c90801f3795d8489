import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Dirent,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { OperationError } from '../../broker/operation.ts'

/**
 * A folder that is held open. What is done in it is done in that very folder, whatever its name leads to by then: on
 * Linux through its descriptor, as with `openat`. Elsewhere its path is used after each step was looked at, which an
 * outsider who may write there could race; an app cannot, since nothing here makes links.
 */
export class Folder {
  readonly #fd: number | undefined
  readonly #path: string

  private constructor(fd: number | undefined, path: string) {
    this.#fd = fd
    this.#path = path
  }

  /** @param path - the host's own; @returns undefined when there is none, or when it is no folder or a link */
  static open(path: string): Folder | undefined {
    if (process.platform !== 'linux') return isFolder(path) ? new Folder(undefined, path) : undefined
    try {
      const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
      return new Folder(fd, `/proc/self/fd/${fd}`)
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
      throw error
    }
  }

  /** The path of something in it, for a call that does not follow a link in the last place. */
  at(name: string): string {
    return this.#fd === undefined ? join(this.#path, name) : `${this.#path}/${name}`
  }

  /** @returns undefined when there is no such folder in it */
  child(name: string): Folder | undefined {
    return Folder.open(this.at(name))
  }

  /** Makes it if it is not there. @throws {OperationError} ENOTDIR when something else is */
  makeChild(name: string): Folder {
    try {
      mkdirSync(this.at(name), { mode: 0o700 })
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
    const child = this.child(name)
    if (child === undefined) throw new OperationError('ENOTDIR', 'a file is where a folder should be')
    return child
  }

  /** @returns undefined when there is nothing by that name */
  stat(name: string): Stats | undefined {
    return lstatSync(this.at(name), { throwIfNoEntry: false })
  }

  list(): Dirent[] {
    return readdirSync(this.#fd === undefined ? this.#path : `${this.#path}/.`, { withFileTypes: true })
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** Opens a regular file and nothing else: no link, no pipe that would wait for its other end. */
export function openFile(path: string): { readonly fd: number; readonly stat: Stats } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const stat = fstatSync(fd)
  if (stat.isFile()) return { fd, stat }
  closeSync(fd)
  throw new OperationError('FS_KIND', 'it is neither a file nor a folder')
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
