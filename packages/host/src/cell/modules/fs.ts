import type { CellModule, ModuleContext } from '../module.ts'
import { asBytes, asText, fieldOf } from './values.ts'

/** Files of the app, in its two scopes. Every path is checked by the host; the folder says where the script is. */
export const fsModule: CellModule = {
  name: 'fs',
  key: 'fs',
  make: makeFs,
}

type Encoding = string | { readonly encoding?: string | null } | null | undefined

function makeFs(context: ModuleContext): object {
  const { Buffer, folder } = context
  const place = (scope: unknown, path: unknown): { scope: string; folder: string; path: string } => ({
    scope: asText(scope, 'the scope'),
    folder,
    path: asText(path, 'the path'),
  })
  const places = (scope: unknown, path: unknown, toScope: unknown, toPath: unknown): object => ({
    ...place(scope, path),
    toScope: asText(toScope, 'the scope of the destination'),
    toPath: asText(toPath, 'the destination'),
  })
  const decoded = (bytes: Uint8Array | undefined, options: Encoding): unknown => {
    const encoding = encodingOf(options)
    const buffer = Buffer.from(bytes ?? [])
    return encoding === undefined
      ? buffer
      : (buffer as { toString(encoding?: string): string }).toString(encoding)
  }
  const encoded = (data: unknown, options: Encoding): Uint8Array =>
    typeof data === 'string' ? Buffer.from(data, encodingOf(options) ?? 'utf8') : asBytes(data, 'the data')
  const json = (bytes: Uint8Array | undefined): unknown => JSON.parse(String(decoded(bytes, 'utf8')))
  const printed = (data: unknown): Uint8Array => {
    const text = JSON.stringify(data, undefined, 2) as string | undefined
    if (text === undefined) throw new TypeError('the data is not JSON')
    return Buffer.from(text)
  }

  // Each call once: what is sent, and what is made of the answer. Its two forms differ in nothing else.
  const read = both(
    context,
    (scope, path) => ['fs.read', place(scope, path)],
    (answer, [, , options]) => decoded(answer.blobs[0], options as Encoding),
  )
  const readJSON = both(
    context,
    (scope, path) => ['fs.read', place(scope, path)],
    (answer) => json(answer.blobs[0]),
  )
  const write = both(context, (scope, path, data, options) => [
    'fs.write',
    { ...place(scope, path), append: false },
    [encoded(data, options as Encoding)],
  ])
  const append = both(context, (scope, path, data, options) => [
    'fs.write',
    { ...place(scope, path), append: true },
    [encoded(data, options as Encoding)],
  ])
  const writeJSON = both(context, (scope, path, data) => [
    'fs.write',
    { ...place(scope, path), append: false },
    [printed(data)],
  ])
  const exists = both(context, (scope, path) => ['fs.exists', place(scope, path)], valueOf)
  const remove = both(context, (scope, path) => ['fs.delete', place(scope, path)])
  const mkdir = both(context, (scope, path) => ['fs.mkdir', place(scope, path)])
  const rmdir = both(context, (scope, path, options) => [
    'fs.rmdir',
    { ...place(scope, path), recursive: isTrue(options, 'recursive') },
  ])
  const copyFile = both(context, (...args) => ['fs.copyFile', places(args[0], args[1], args[2], args[3])])
  const moveFile = both(
    context,
    (...args) => ['fs.moveFile', places(args[0], args[1], args[2], args[3])],
    valueOf,
  )
  const copyDir = both(context, (...args) => ['fs.copyFolder', places(args[0], args[1], args[2], args[3])])
  const moveDir = both(
    context,
    (...args) => ['fs.moveFolder', places(args[0], args[1], args[2], args[3])],
    valueOf,
  )
  const readdir = both(context, (scope, path) => ['fs.list', place(scope, path)], valueOf)
  const listFiles = both(
    context,
    (scope, path) => ['fs.list', { ...place(scope, path), kind: 'file' }],
    valueOf,
  )
  const listDirs = both(
    context,
    (scope, path) => ['fs.list', { ...place(scope, path), kind: 'folder' }],
    valueOf,
  )
  const walk = both(
    context,
    (scope, path, options) => {
      const depth = fieldOf(options, 'maxDepth')
      return [
        'fs.walk',
        {
          ...place(scope, path),
          includeDirs: isTrue(options, 'includeDirs'),
          ...(typeof depth === 'number' && Number.isFinite(depth)
            ? { maxDepth: Math.max(1, Math.floor(depth)) }
            : {}),
        },
      ]
    },
    valueOf,
  )
  const stat = both(context, (scope, path) => ['fs.stat', place(scope, path)], valueOf)

  return {
    BOX: 'BOX',
    WEB: 'WEB',
    readFile: read.async,
    readFileSync: read.sync,
    readJSON: readJSON.async,
    readJSONSync: readJSON.sync,
    writeFile: write.async,
    writeFileSync: write.sync,
    writeJSON: writeJSON.async,
    writeJSONSync: writeJSON.sync,
    appendFile: append.async,
    appendFileSync: append.sync,
    exists: exists.async,
    existsSync: exists.sync,
    deleteFile: remove.async,
    deleteFileSync: remove.sync,
    copyFile: copyFile.async,
    copyFileSync: copyFile.sync,
    moveFile: moveFile.async,
    moveFileSync: moveFile.sync,
    mkdir: mkdir.async,
    mkdirSync: mkdir.sync,
    rmdir: rmdir.async,
    rmdirSync: rmdir.sync,
    copyDir: copyDir.async,
    copyDirSync: copyDir.sync,
    moveDir: moveDir.async,
    moveDirSync: moveDir.sync,
    readdir: readdir.async,
    readdirSync: readdir.sync,
    listFiles: listFiles.async,
    listFilesSync: listFiles.sync,
    listDirs: listDirs.async,
    listDirsSync: listDirs.sync,
    walk: walk.async,
    walkSync: walk.sync,
    stat: stat.async,
    statSync: stat.sync,
  }
}

type Asked = (...args: unknown[]) => [op: string, args: object, blobs?: readonly Uint8Array[]]
type Understood = (answer: { value: unknown; blobs: readonly Uint8Array[] }, args: unknown[]) => unknown

interface Both {
  readonly async: (...args: unknown[]) => Promise<unknown>
  readonly sync: (...args: unknown[]) => unknown
}

function both(context: ModuleContext, ask: Asked, understand: Understood = nothing): Both {
  return {
    async: async (...args) => understand(await context.call(...ask(...args)), args),
    sync: (...args) => understand(context.callSync(...ask(...args)), args),
  }
}

function nothing(): undefined {
  return undefined
}

function valueOf(answer: { value: unknown }): unknown {
  return answer.value
}

function encodingOf(options: Encoding): string | undefined {
  if (typeof options === 'string') return options
  const encoding = fieldOf(options, 'encoding')
  return typeof encoding === 'string' ? encoding : undefined
}

function isTrue(options: unknown, name: string): boolean {
  return Boolean(fieldOf(options, name))
}
