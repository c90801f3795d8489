import { crc32 } from 'node:zlib'
import * as yauzl from 'yauzl'
import { isBoxName } from '../box-name.ts'
import { isPlainName } from '../front/path.ts'
import { PackageInvalidError } from '../errors.ts'

/** What of a package is taken at most: whoever made it may have wanted to fill a disk. */
export interface UnpackLimits {
  /** The package itself, in bytes. */
  readonly bytesMax: number
  /** All of its files, in bytes. */
  readonly unpackedBytesMax: number
  readonly filesMax: number
}

const UNPACK_LIMITS: UnpackLimits = {
  bytesMax: 32 * 1024 * 1024,
  unpackedBytesMax: 128 * 1024 * 1024,
  filesMax: 5_000,
}

/** Characters of a path in a package, and names in it. */
const PATH_LENGTH_MAX = 512
const DEPTH_MAX = 24

/** Files by their paths, `box/app.json`, in the order of their paths. Folders are where files are. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>

/**
 * Takes a package apart in memory. Nothing of it is on the disk before all of it was seen.
 *
 * @throws {PackageInvalidError}
 */
export async function unpack(bytes: Uint8Array, limits: UnpackLimits = UNPACK_LIMITS): Promise<PackageFiles> {
  if (bytes.length > limits.bytesMax)
    throw invalid('', `it is larger than ${limits.bytesMax} bytes`, 'leave out what the app does not need')
  try {
    return await readAll(bytes, limits)
  } catch (error) {
    if (error instanceof PackageInvalidError) throw error
    throw invalid('', `it is no ZIP as we read it: ${messageOf(error)}`, 'pack it with `castellan app pack`')
  }
}

async function readAll(bytes: Uint8Array, limits: UnpackLimits): Promise<PackageFiles> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const zip = await yauzl.fromBufferPromise(buffer, {
    lazyEntries: true,
    strictFileNames: true,
    validateEntrySizes: true,
  })
  const files = new Map<string, Uint8Array>()
  const names = new Names()
  let total = 0
  let entries = 0
  for await (const entry of zip.eachEntry()) {
    if (++entries > limits.filesMax)
      throw invalid('', `it has more than ${limits.filesMax} files`, 'leave some out')
    const path = pathOf(entry)
    names.add(path, entry.fileName.endsWith('/'))
    if (entry.fileName.endsWith('/')) continue
    const left = limits.unpackedBytesMax - total
    if (entry.uncompressedSize > left)
      throw invalid(path, `all files are larger than ${limits.unpackedBytesMax} bytes`, 'leave some out')
    const content = await readEntry(zip, entry, left)
    total += content.length
    files.set(path, content)
  }
  return new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

async function readEntry(zip: yauzl.ZipFile, entry: yauzl.Entry, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bytesMax) throw invalid(entry.fileName, 'it is larger than it says', 'pack it again')
    chunks.push(chunk)
  }
  const content = Buffer.concat(chunks)
  if (crc32(content) !== entry.crc32) throw invalid(entry.fileName, 'its checksum is wrong', 'pack it again')
  return content
}

const UNIX_TYPE = 0o170000
const UNIX_FILE = 0o100000
const UNIX_FOLDER = 0o040000

/** @throws {PackageInvalidError} for all but plain files and folders with plain names beneath the package */
function pathOf(entry: yauzl.Entry): string {
  const path = entry.fileName.replace(/\/$/u, '')
  const shown = JSON.stringify(path.slice(0, 120)).slice(1, -1)
  const type = (entry.externalFileAttributes >>> 16) & UNIX_TYPE
  if (type !== 0 && type !== UNIX_FILE && type !== UNIX_FOLDER)
    throw invalid(shown, 'it is a link or a device', 'pack the file itself')
  if (entry.isEncrypted()) throw invalid(shown, 'it is encrypted', 'pack it without a password')
  const names = path.split('/')
  if (path.length > PATH_LENGTH_MAX || names.length > DEPTH_MAX)
    throw invalid(
      shown,
      'its path is too long',
      `use at most ${DEPTH_MAX} folders and ${PATH_LENGTH_MAX} characters`,
    )
  if (!names.every((name) => isPlainName(name) && name !== '..' && name !== '.'))
    throw invalid(
      shown,
      'its path does not mean the same everywhere',
      'use plain names, and paths from the app’s folder',
    )
  if (names[0] !== 'box' && isBoxName(names[0]))
    throw invalid(shown, 'some file systems take it for `box`', 'rename it')
  return path
}

/** Paths that some file system would take for one, and files that are folders as well, are refused. */
class Names {
  readonly #kinds = new Map<string, { readonly path: string; readonly isFolder: boolean }>()

  add(path: string, isFolder: boolean): void {
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth++) this.#take(names.slice(0, depth).join('/'), true)
    this.#take(path, isFolder)
  }

  #take(path: string, isFolder: boolean): void {
    const folded = path.normalize('NFC').toLowerCase()
    const before = this.#kinds.get(folded)
    if (before === undefined) this.#kinds.set(folded, { path, isFolder })
    else if (before.path !== path || !before.isFolder || !isFolder)
      throw invalid(
        path,
        `\`${before.path}\` is there as well, and some file systems take both for one`,
        'rename one',
      )
  }
}

function invalid(file: string, problem: string, hint: string): PackageInvalidError {
  return new PackageInvalidError(file, '', problem, hint)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
