import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  read,
  renameSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { copyFile, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isBoxName } from '../../box-name.ts'
import { OperationError } from '../../broker/operation.ts'
import { Folder, hasCode, openFile } from './folder.ts'
import { assertPlace, type Names, type Scope } from './path.ts'

/** Where one app's files are. */
export interface OverlayFolders {
  readonly packageFolder: string
  readonly dataFolder: string
}

export interface OverlayLimits {
  /** Largest file read or written in one call, in bytes. It travels in one frame. */
  readonly fileBytesMax: number
  /** Most files and folders that one call lists, copies or moves. */
  readonly listMax: number
}

/** What the app may still add. Asked before anything is written. */
export interface Allowance {
  /** @throws {OperationError} FS_QUOTA when that is more than is left */
  spend(bytes: number, entries: number): void
}

export interface FileFacts {
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number
  readonly isFile: boolean
  readonly isDirectory: boolean
  readonly isSymbolicLink: false
  readonly mode: number
}

type Kind = 'file' | 'folder'

const readSome = promisify(read)

/**
 * What an app sees of one of its scopes: what it wrote, and beneath it the files of its package, which never change.
 * A packaged file that the app deleted is marked by a file of `gone/`, named by a digest of its path: it hides
 * everything at and below that path in the package, for good. What the app itself wrote there is seen.
 *
 * INVARIANT: nothing is ever written outside the data folder, and nothing is ever removed from the package.
 */
export class Overlay {
  readonly #folders: OverlayFolders
  readonly #limits: OverlayLimits

  constructor(folders: OverlayFolders, limits: OverlayLimits) {
    this.#folders = folders
    this.#limits = limits
  }

  exists(scope: Scope, names: Names): boolean {
    return this.#find(scope, names, (entry) => entry?.kind !== undefined)
  }

  stat(scope: Scope, names: Names): FileFacts {
    return this.#find(scope, names, (entry) => factsOf(existing(entry, names).stat))
  }

  async read(scope: Scope, names: Names): Promise<Uint8Array> {
    const { fd, stat } = this.#open(scope, names)
    try {
      this.#assertSize(stat.size, names)
      return await readAll(fd, stat.size)
    } finally {
      closeSync(fd)
    }
  }

  async write(scope: Scope, names: Names, bytes: Uint8Array, allowance: Allowance): Promise<void> {
    this.#assertSize(bytes.length, names)
    const before = this.#find(scope, names, (entry) => {
      if (entry?.kind === 'folder') throw isFolder(names)
      return entry?.upper?.size
    })
    allowance.spend(bytes.length - (before ?? 0), before === undefined ? 1 : 0)
    // Written aside and renamed, so that nobody reads half a file, not even after a power cut.
    const aside = this.#aside()
    try {
      const file = await open(aside, 'wx', 0o600)
      try {
        await file.writeFile(bytes)
      } finally {
        await file.close()
      }
      this.#place(aside, scope, names, allowance)
    } finally {
      await rm(aside, { force: true })
    }
  }

  async append(scope: Scope, names: Names, bytes: Uint8Array, allowance: Allowance): Promise<void> {
    const before = this.exists(scope, names) ? await this.read(scope, names) : new Uint8Array()
    const whole = new Uint8Array(before.length + bytes.length)
    whole.set(before)
    whole.set(bytes, before.length)
    await this.write(scope, names, whole, allowance)
  }

  deleteFile(scope: Scope, names: Names, allowance: Allowance): void {
    this.#find(scope, names, (entry) => {
      const { kind, upper, lower, upperFolder, name } = existing(entry, names)
      if (kind === 'folder') throw isFolder(names)
      // The mark first: if the power goes in between, the app's own file is still there, and nothing older in its place.
      if (lower !== undefined) this.#markGone(scope, names)
      if (upper === undefined || upperFolder === undefined) return
      unlinkSync(upperFolder.at(name))
      allowance.spend(-upper.size, -1)
    })
  }

  makeFolder(scope: Scope, names: Names, allowance: Allowance): void {
    this.#upperFolder(scope, names, allowance).close()
  }

  async removeFolder(scope: Scope, names: Names, recursive: boolean, allowance: Allowance): Promise<void> {
    if (names.length === 0) throw new OperationError('EPERM', 'the folder of a scope cannot be removed')
    const kind = this.#find(scope, names, (entry) => entry?.kind)
    if (kind === undefined && recursive) return
    if (kind === undefined) throw missing(names)
    if (kind === 'file') throw new OperationError('ENOTDIR', `it is a file: ${shown(names)}`)
    if (!recursive && this.list(scope, names).length > 0)
      throw new OperationError('ENOTEMPTY', `the folder is not empty: ${shown(names)}`)
    await this.#detach(scope, names, allowance)
  }

  async copyFile(from: Scope, source: Names, to: Scope, target: Names, allowance: Allowance): Promise<void> {
    if (isSame(from, source, to, target)) {
      closeSync(this.#open(from, source).fd)
      return
    }
    const before = this.#find(to, target, (entry) => {
      if (entry?.kind === 'folder') throw isFolder(target)
      return entry?.upper?.size
    })
    const aside = this.#aside()
    try {
      const bytes = await this.#copyAside(from, source, aside)
      allowance.spend(bytes - (before ?? 0), before === undefined ? 1 : 0)
      this.#place(aside, to, target, allowance)
    } finally {
      await rm(aside, { force: true })
    }
  }

  async moveFile(from: Scope, source: Names, to: Scope, target: Names, allowance: Allowance): Promise<void> {
    const isOwn = this.#find(from, source, (entry) => {
      const { kind, upper } = existing(entry, source)
      if (kind === 'folder') throw isFolder(source)
      return upper !== undefined
    })
    if (isSame(from, source, to, target)) return
    if (isOwn) {
      const replaced = this.#find(to, target, (entry) => {
        if (entry?.kind === 'folder') throw isFolder(target)
        return entry?.upper
      })
      this.#moveOwn(from, source, to, target, allowance)
      if (replaced !== undefined) allowance.spend(-replaced.size, -1)
    } else {
      await this.copyFile(from, source, to, target, allowance)
      this.deleteFile(from, source, allowance)
    }
  }

  /** Merges into what is there. */
  async copyFolder(
    from: Scope,
    source: Names,
    to: Scope,
    target: Names,
    allowance: Allowance,
  ): Promise<void> {
    assertApart(from, source, to, target)
    const entries = this.walk(from, source, Infinity)
    this.makeFolder(to, target, allowance)
    for (const { path, kind } of entries) {
      const at = path.split('/')
      if (kind === 'folder') this.makeFolder(to, [...target, ...at], allowance)
      // In turn, so that a copy that is too large stops where the quota ends.
      else await this.copyFile(from, [...source, ...at], to, [...target, ...at], allowance)
    }
  }

  async moveFolder(
    from: Scope,
    source: Names,
    to: Scope,
    target: Names,
    allowance: Allowance,
  ): Promise<void> {
    assertApart(from, source, to, target)
    if (source.length === 0) throw new OperationError('EPERM', 'the folder of a scope cannot be moved')
    if (this.exists(to, target)) throw new OperationError('EEXIST', `it exists already: ${shown(target)}`)
    const isOwn = this.#find(from, source, (entry) => {
      const { kind, lower } = existing(entry, source)
      if (kind === 'file') throw new OperationError('ENOTDIR', `it is a file: ${shown(source)}`)
      return lower === undefined
    })
    if (isOwn) {
      this.#moveOwn(from, source, to, target, allowance)
    } else {
      await this.copyFolder(from, source, to, target, allowance)
      await this.#detach(from, source, allowance)
    }
  }

  /** @returns names in order */
  list(scope: Scope, names: Names): { readonly name: string; readonly kind: Kind }[] {
    return this.#find(scope, names, (entry) => {
      const { kind, upperFolder, lowerFolder, name, upper, lower } = existing(entry, names)
      if (kind === 'file') throw new OperationError('ENOTDIR', `it is a file: ${shown(names)}`)
      const found = new Map<string, Kind>()
      const isCovered = upper !== undefined && !upper.isDirectory()
      const lowerInner = lower === undefined || isCovered ? undefined : lowerFolder?.child(name)
      const upperInner = upper === undefined ? undefined : upperFolder?.child(name)
      try {
        for (const child of lowerInner?.list() ?? []) {
          const childKind = kindOf(child)
          const at = [...names, child.name]
          if (childKind === undefined || isHidden(scope, at) || this.#isGone(scope, at)) continue
          found.set(child.name, childKind)
        }
        for (const child of upperInner?.list() ?? []) {
          const childKind = kindOf(child)
          if (childKind !== undefined) found.set(child.name, childKind)
        }
      } finally {
        lowerInner?.close()
        upperInner?.close()
      }
      if (found.size > this.#limits.listMax) throw tooMany(this.#limits.listMax)
      return [...found]
        .map(([name, kind]) => ({ name, kind }))
        .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    })
  }

  /** @param depth - 1 for what is in the folder itself; @returns paths from the folder, each folder before what is in it */
  walk(scope: Scope, names: Names, depth: number): { readonly path: string; readonly kind: Kind }[] {
    const found: { path: string; kind: Kind }[] = []
    const visit = (at: Names, prefix: string, left: number): void => {
      for (const { name, kind } of this.list(scope, at)) {
        found.push({ path: prefix + name, kind })
        if (found.length > this.#limits.listMax) throw tooMany(this.#limits.listMax)
        if (kind === 'folder' && left > 1) visit([...at, name], `${prefix}${name}/`, left - 1)
      }
    }
    visit(names, '', depth)
    return found
  }

  #assertSize(bytes: number, names: Names): void {
    if (bytes > this.#limits.fileBytesMax)
      throw new OperationError(
        'FS_TOO_LARGE',
        `${bytes} bytes are more than the ${this.#limits.fileBytesMax} of one file: ${shown(names)}`,
      )
  }

  #open(scope: Scope, names: Names): { readonly fd: number; readonly stat: Stats } {
    return this.#find(scope, names, (entry) => {
      const { kind, upper, upperFolder, lowerFolder, name } = existing(entry, names)
      if (kind === 'folder') throw isFolder(names)
      const folder = upper === undefined ? lowerFolder : upperFolder
      if (folder === undefined) throw missing(names)
      return openFile(folder.at(name))
    })
  }

  async #copyAside(scope: Scope, names: Names, aside: string): Promise<number> {
    const { fd, stat } = this.#open(scope, names)
    try {
      if (process.platform === 'linux') await copyFile(`/proc/self/fd/${fd}`, aside)
      else {
        this.#assertSize(stat.size, names)
        writeFileSync(aside, await readAll(fd, stat.size), { flag: 'wx', mode: 0o600 })
      }
      return stat.size
    } finally {
      closeSync(fd)
    }
  }

  /** Puts a finished file where the app will see it, in one step. */
  #place(aside: string, scope: Scope, names: Names, allowance: Allowance): void {
    const name = names.at(-1)
    if (name === undefined) throw isFolder(names)
    assertPlace(scope, names)
    const folder = this.#upperFolder(scope, names.slice(0, -1), allowance)
    try {
      renameSync(aside, folder.at(name))
    } finally {
      folder.close()
    }
  }

  /** Moves what the app wrote itself, in one step. */
  #moveOwn(from: Scope, source: Names, to: Scope, target: Names, allowance: Allowance): void {
    const name = target.at(-1)
    if (name === undefined) throw isFolder(target)
    const folder = this.#upperFolder(to, target.slice(0, -1), allowance)
    try {
      this.#find(from, source, (entry) => {
        const { lower, upperFolder, name: sourceName } = existing(entry, source)
        if (upperFolder === undefined) throw missing(source)
        assertPlace(to, target)
        if (lower !== undefined) this.#markGone(from, source)
        renameSync(upperFolder.at(sourceName), folder.at(name))
      })
    } finally {
      folder.close()
    }
  }

  /** Takes a folder out of sight in one step, then removes what the app had written there. */
  async #detach(scope: Scope, names: Names, allowance: Allowance): Promise<void> {
    const aside = this.#aside()
    const isDetached = this.#find(scope, names, (entry) => {
      const { upper, lower, upperFolder, name } = existing(entry, names)
      if (lower !== undefined) this.#markGone(scope, names)
      if (upper === undefined || upperFolder === undefined) return false
      renameSync(upperFolder.at(name), aside)
      return true
    })
    if (!isDetached) return
    const { bytes, entries } = measure(aside)
    allowance.spend(-bytes, -entries - 1)
    await rm(aside, { recursive: true, force: true })
  }

  #aside(): string {
    const folder = join(this.#folders.dataFolder, 'aside')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return join(folder, randomUUID())
  }

  /** Opens a folder to write in, making it and its parents where they are not. The caller closes it. */
  #upperFolder(scope: Scope, names: Names, allowance: Allowance): Folder {
    assertPlace(scope, names)
    for (let depth = 1; depth <= names.length; depth += 1) {
      const at = names.slice(0, depth)
      if (this.#find(scope, at, (entry) => entry?.kind) === 'file')
        throw new OperationError(depth === names.length ? 'EEXIST' : 'ENOTDIR', `it is a file: ${shown(at)}`)
    }
    const root = join(this.#folders.dataFolder, dataName(scope))
    mkdirSync(root, { recursive: true, mode: 0o700 })
    let folder = Folder.open(root)
    if (folder === undefined) throw new Error(`the data folder is no folder: ${root}`)
    for (const name of names) {
      const parent: Folder = folder
      try {
        if (parent.stat(name) === undefined) allowance.spend(0, 1)
        folder = parent.makeChild(name)
      } finally {
        parent.close()
      }
    }
    return folder
  }

  /** Calls `use` with what is at a path, while the folders that hold it are open. */
  #find<T>(scope: Scope, names: Names, use: (entry: Entry | undefined) => T): T {
    let upperFolder = Folder.open(join(this.#folders.dataFolder, dataName(scope)))
    let lowerFolder = Folder.open(this.#packageRoot(scope))
    try {
      const parents = names.slice(0, -1)
      for (const [index, name] of parents.entries()) {
        const upperStat = upperFolder?.stat(name)
        const isLowerSeen =
          lowerFolder !== undefined &&
          (upperStat === undefined || upperStat.isDirectory()) &&
          !this.#isGone(scope, names.slice(0, index + 1))
        const nextUpper = upperStat === undefined ? undefined : upperFolder?.child(name)
        upperFolder?.close()
        upperFolder = nextUpper
        const nextLower = isLowerSeen ? lowerFolder?.child(name) : undefined
        lowerFolder?.close()
        lowerFolder = nextLower
        if (upperFolder === undefined && lowerFolder === undefined) return use(undefined)
      }
      return use(this.#entry(scope, names, upperFolder, lowerFolder))
    } finally {
      upperFolder?.close()
      lowerFolder?.close()
    }
  }

  #entry(
    scope: Scope,
    names: Names,
    upperFolder: Folder | undefined,
    lowerFolder: Folder | undefined,
  ): Entry | undefined {
    // The scope's own folder is there even before anything is in it.
    const name = names.at(-1) ?? '.'
    if (name === '.') {
      const stat =
        lowerFolder?.stat(name) ?? upperFolder?.stat(name) ?? lstatSync(this.#folders.packageFolder)
      const upper = upperFolder?.stat(name)
      const lower = lowerFolder?.stat(name)
      return { kind: 'folder', stat, upper, lower, upperFolder, lowerFolder, name }
    }
    const upper = upperFolder?.stat(name)
    const below = lowerFolder?.stat(name)
    const lower =
      below !== undefined && !isHidden(scope, names) && !this.#isGone(scope, names) ? below : undefined
    const stat = upper ?? lower
    // A link, or whatever else somebody put there, is nothing.
    const kind = stat && kindOf(stat)
    if (stat === undefined || kind === undefined) return undefined
    return { kind, stat, upper, lower, upperFolder, lowerFolder, name }
  }

  #packageRoot(scope: Scope): string {
    return scope === 'BOX' ? join(this.#folders.packageFolder, 'box') : this.#folders.packageFolder
  }

  #isGone(scope: Scope, names: Names): boolean {
    return lstatSync(this.#mark(scope, names), { throwIfNoEntry: false }) !== undefined
  }

  #markGone(scope: Scope, names: Names): void {
    const mark = this.#mark(scope, names)
    mkdirSync(join(this.#folders.dataFolder, 'gone'), { recursive: true, mode: 0o700 })
    try {
      writeFileSync(mark, `${scope} /${names.join('/')}\n`, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }

  /** A digest, since a path may be longer than a name, and the list keeps scope and names apart. */
  #mark(scope: Scope, names: Names): string {
    const digest = createHash('sha256')
      .update(JSON.stringify([scope, ...names]))
      .digest('hex')
    return join(this.#folders.dataFolder, 'gone', digest)
  }
}

interface Entry {
  readonly kind: Kind
  readonly stat: Stats
  readonly upper: Stats | undefined
  readonly lower: Stats | undefined
  readonly upperFolder: Folder | undefined
  readonly lowerFolder: Folder | undefined
  readonly name: string
}

/** How much the app has written, links not followed. */
export function measure(folder: string): { readonly bytes: number; readonly entries: number } {
  const opened = Folder.open(folder)
  if (opened === undefined) return { bytes: 0, entries: 0 }
  try {
    let bytes = 0
    let entries = 0
    for (const child of opened.list()) {
      entries += 1
      if (child.isDirectory()) {
        const below = measure(opened.at(child.name))
        bytes += below.bytes
        entries += below.entries
      } else bytes += opened.stat(child.name)?.size ?? 0
    }
    return { bytes, entries }
  } finally {
    opened.close()
  }
}

export function dataName(scope: Scope): string {
  return scope === 'BOX' ? 'box' : 'web'
}

function existing(entry: Entry | undefined, names: Names): Entry {
  if (entry === undefined) throw missing(names)
  return entry
}

/** What `box/` holds is no part of what is served. */
function isHidden(scope: Scope, names: Names): boolean {
  return scope === 'WEB' && isBoxName(names[0])
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): Kind | undefined {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : undefined
}

function factsOf(stat: Stats): FileFacts {
  return {
    size: stat.isDirectory() ? 0 : stat.size,
    mtimeMs: stat.mtimeMs,
    ctimeMs: stat.ctimeMs,
    birthtimeMs: stat.birthtimeMs,
    isFile: stat.isFile(),
    isDirectory: stat.isDirectory(),
    isSymbolicLink: false,
    mode: stat.mode,
  }
}

async function readAll(fd: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let filled = 0
  while (filled < size) {
    const { bytesRead } = await readSome(fd, bytes, filled, size - filled, filled)
    if (bytesRead === 0) return bytes.subarray(0, filled)
    filled += bytesRead
  }
  return bytes
}

function isSame(from: Scope, source: Names, to: Scope, target: Names): boolean {
  return (
    from === to && source.length === target.length && source.every((name, index) => name === target[index])
  )
}

/** A folder in itself has no end. */
function assertApart(from: Scope, source: Names, to: Scope, target: Names): void {
  if (from === to && source.every((name, index) => name === target[index]))
    throw new OperationError('EINVAL', `a folder cannot go into itself: ${shown(target)}`)
}

function missing(names: Names): OperationError {
  return new OperationError('ENOENT', `there is no such file or folder: ${shown(names)}`)
}

function isFolder(names: Names): OperationError {
  return new OperationError('EISDIR', `it is a folder: ${shown(names)}`)
}

function tooMany(max: number): OperationError {
  return new OperationError('FS_TOO_MANY', `there are more than ${max} files and folders`)
}

function shown(names: Names): string {
  return `\`/${names.join('/')}\``
}
