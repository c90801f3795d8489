import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { CellModule, ModuleContext } from '../module.ts'
import { asText, fieldOf } from './values.ts'

/** ZIP archives of the app's own files. Packed and unpacked in the cell: what it costs is the app's own. */
export const zipModule: CellModule = { name: 'zip', key: 'zip', make: makeZip }

const ENTRIES_MAX = 10_000
/** All the files of an archive together, as they are when unpacked, in bytes. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024

interface Entry {
  readonly name: string
  readonly bytes: Uint8Array
}

function makeZip(context: ModuleContext): object {
  const { folder } = context
  const place = (scope: unknown, path: unknown): { scope: string; folder: string; path: string } => ({
    scope: asText(scope, 'the scope'),
    folder,
    path: asText(path, 'the path'),
  })
  const read = async (at: object): Promise<Uint8Array> =>
    (await context.call('fs.read', at)).blobs[0] ?? new Uint8Array()

  async function pack(scope: unknown, path: unknown, options: unknown): Promise<Uint8Array> {
    // Asked at each use, since nothing else here asks the host about this key.
    await context.call('zip.use', {})
    const at = place(scope, path)
    const own = at.path.split('/').findLast((part) => part !== '' && part !== '.') ?? at.scope.toLowerCase()
    const isFolder = fieldOf((await context.call('fs.stat', at)).value, 'isDirectory') === true
    if (!isFolder) return context.Buffer.from(encodeZip([{ name: own, bytes: await read(at) }]))
    const found = (await context.call('fs.walk', { ...at, includeDirs: false })).value as string[]
    const prefix = fieldOf(options, 'includeRootFolder') === true ? `${own}/` : ''
    const entries: Entry[] = []
    let length = 0
    for (const name of found) {
      // In turn, so that no more is read than fits.
      const bytes = await read({ ...at, path: `${at.path.replace(/\/$/, '')}/${name}` })
      length += bytes.length
      if (length > UNPACKED_BYTES_MAX)
        throw new RangeError(`more than ${UNPACKED_BYTES_MAX} bytes are too many to pack`)
      entries.push({ name: prefix + name, bytes })
    }
    return context.Buffer.from(encodeZip(entries))
  }

  return {
    zip: pack,
    async zipToFile(
      scope: unknown,
      path: unknown,
      toScope: unknown,
      toPath: unknown,
      options?: unknown,
    ): Promise<void> {
      const to = place(toScope, toPath)
      await context.call('fs.write', { ...to, append: false }, [await pack(scope, path, options)])
    },
    async unzip(scope: unknown, path: unknown, toScope: unknown, toPath: unknown): Promise<void> {
      await context.call('zip.use', {})
      const to = place(toScope, toPath)
      // Everything is looked at before anything is written.
      const entries = listZip(await read(place(scope, path)))
      await context.call('fs.mkdir', to)
      for (const { name, unpack } of entries) {
        const at = { ...to, path: `${to.path.replace(/\/$/, '')}/${name}` }
        await context.call('fs.write', { ...at, append: false }, [unpack()])
      }
    },
  }
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
const UTF8 = 0x0800
const ENCRYPTED = 0x0001
const STORED = 0
const DEFLATED = 8
/** 1 January 1980, midnight: the same files make the same archive. */
const DATE = 0x21

/** @see APPNOTE.TXT, .ZIP File Format Specification, 4.3 */
export function encodeZip(entries: readonly Entry[]): Uint8Array {
  if (entries.length > ENTRIES_MAX) throw new RangeError(`${ENTRIES_MAX} files are the most in an archive`)
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const { name, bytes } of entries) {
    const path = Buffer.from(name)
    const packed = deflateRawSync(bytes)
    const [method, data] = packed.length < bytes.length ? [DEFLATED, packed] : [STORED, bytes]
    const local = Buffer.alloc(LOCAL_BYTES)
    local.writeUInt32LE(LOCAL, 0)
    local.writeUInt16LE(20, 4)
    local.writeUInt16LE(UTF8, 6)
    local.writeUInt16LE(method, 8)
    local.writeUInt16LE(DATE, 12)
    local.writeUInt32LE(crc32(bytes), 14)
    local.writeUInt32LE(data.length, 18)
    local.writeUInt32LE(bytes.length, 22)
    local.writeUInt16LE(path.length, 26)
    const central = Buffer.alloc(CENTRAL_BYTES)
    central.writeUInt32LE(CENTRAL, 0)
    central.writeUInt16LE(20, 4)
    local.copy(central, 6, 4, 28)
    central.writeUInt32LE(offset, 42)
    parts.push(local, path, data)
    directory.push(central, path)
    offset += LOCAL_BYTES + path.length + data.length
  }
  const end = Buffer.alloc(END_BYTES)
  end.writeUInt32LE(END, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(
    directory.reduce((sum, part) => sum + part.length, 0),
    12,
  )
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, ...directory, end])
}

interface Packed {
  readonly name: string
  readonly unpack: () => Uint8Array
}

/** @throws {Error} for an archive that is not whole, or that holds what it may not: then nothing of it is used */
export function listZip(archive: Uint8Array): readonly Packed[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength)
  const end = findEnd(bytes)
  const count = bytes.readUInt16LE(end + 10)
  if (count > ENTRIES_MAX) throw new RangeError(`${ENTRIES_MAX} files are the most in an archive`)
  const found = new Map<string, Packed>()
  let at = bytes.readUInt32LE(end + 16)
  let length = 0
  for (let entry = 0; entry < count; entry += 1) {
    if (at + CENTRAL_BYTES > end || bytes.readUInt32LE(at) !== CENTRAL) throw broken()
    const nameEnd = at + CENTRAL_BYTES + bytes.readUInt16LE(at + 28)
    if (nameEnd > end) throw broken()
    const name = bytes.toString('utf8', at + CENTRAL_BYTES, nameEnd)
    const size = bytes.readUInt32LE(at + 24)
    length += size
    if (length > UNPACKED_BYTES_MAX)
      throw new RangeError(`the archive holds more than ${UNPACKED_BYTES_MAX} bytes`)
    assertName(name, bytes.readUInt32LE(at + 38) >>> 16)
    if (!name.endsWith('/')) {
      if (found.has(name)) throw new Error(`the archive holds a file twice: ${name}`)
      found.set(name, { name, unpack: unpacker(bytes, at, size) })
    }
    at = nameEnd + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  return [...found.values()]
}

function findEnd(bytes: Buffer): number {
  for (let at = bytes.length - END_BYTES; at >= Math.max(0, bytes.length - END_BYTES - 0xffff); at -= 1)
    if (bytes.readUInt32LE(at) === END && at + END_BYTES + bytes.readUInt16LE(at + 20) === bytes.length)
      return at
  throw broken()
}

const FILE_TYPES = 0o170000
const PLAIN_TYPES = new Set([0, 0o100000, 0o040000])

function assertName(name: string, mode: number): void {
  const parts = name.replace(/\/$/, '').split('/')
  const isPlain =
    parts.every((part) => part !== '' && part !== '.' && part !== '..') && !/[\0\\:\uFFFD]/.test(name)
  if (!isPlain) throw new Error(`the archive holds a path that leads elsewhere: ${JSON.stringify(name)}`)
  if (!PLAIN_TYPES.has(mode & FILE_TYPES)) throw new Error(`the archive holds a link: ${name}`)
}

function unpacker(bytes: Buffer, at: number, size: number): () => Uint8Array {
  const flags = bytes.readUInt16LE(at + 8)
  const method = bytes.readUInt16LE(at + 10)
  const sum = bytes.readUInt32LE(at + 16)
  const packedSize = bytes.readUInt32LE(at + 20)
  const local = bytes.readUInt32LE(at + 42)
  if ((flags & ENCRYPTED) !== 0) throw new Error('the archive is encrypted')
  if (method !== STORED && method !== DEFLATED)
    throw new Error('the archive is packed in a way that is not known')
  if (local + LOCAL_BYTES > bytes.length || bytes.readUInt32LE(local) !== LOCAL) throw broken()
  const from = local + LOCAL_BYTES + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
  if (from + packedSize > bytes.length) throw broken()
  return () => {
    const data = bytes.subarray(from, from + packedSize)
    // No more than was announced and added up: a file that grows beyond it is cut off.
    const plain = method === STORED ? data : inflateRawSync(data, { maxOutputLength: Math.max(1, size) })
    if (plain.length !== size || crc32(plain) !== sum) throw broken()
    return plain
  }
}

function broken(): Error {
  return new Error('the archive is broken, or of a kind that is not known')
}
