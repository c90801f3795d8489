import { statSync } from 'node:fs'
import type { JsonObject } from '@castellan/engine'
import { z } from 'zod'
import type { AppHandle } from '../../broker/app-handle.ts'
import { isAdmitted, largestBound } from '../../broker/claims.ts'
import { OperationError, type Answer, type Call, type Operation } from '../../broker/operation.ts'
import { operation } from '../operation.ts'
import { hasCode } from './folder.ts'
import { dataName, measure, Overlay, type Allowance, type OverlayLimits } from './overlay.ts'
import { resolvePath, type Names, type Scope } from './path.ts'
import { join } from 'node:path'

export interface FsLimits extends OverlayLimits {
  /** Most bytes of an app's own files, when its grant does not say. Default 1 GiB. */
  readonly quotaBytes: number
  /** Most files and folders that an app may have of its own. Bounds what a listing of them costs. Default 100_000. */
  readonly entriesMax: number
}

export const FS_LIMITS: FsLimits = {
  fileBytesMax: 32 * 1024 * 1024,
  listMax: 10_000,
  quotaBytes: 1024 * 1024 * 1024,
  entriesMax: 100_000,
}

const scope = z.enum(['BOX', 'WEB'])
const text = z.string().max(4_096)
const place = { scope, folder: text, path: text }
const one = z.strictObject(place)
const two = z.strictObject({ folder: text, scope, path: text, toScope: scope, toPath: text })

type One = z.infer<typeof one>
type Two = z.infer<typeof two>

/** The operations of `fs`: everything in the app's own two folders, and nothing elsewhere. */
export function fsOperations(limits: FsLimits = FS_LIMITS): readonly Operation[] {
  const usages = new Map<string, Usage>()
  const queues = new Map<string, Promise<unknown>>()

  /** What changes files happens one at a time in an app, in whichever of its cells, so that the quota is kept. */
  async function change(
    call: Call<unknown>,
    work: (overlay: Overlay, allowance: Allowance) => unknown,
  ): Promise<void> {
    const admitted = call.claims.filter((pathway) => pathway.every((extra) => !isReadOnly(extra)))
    if (admitted.length === 0)
      throw new OperationError('FS_READ_ONLY', 'the grant of `module:fs` is read-only')
    const bytesMax = Math.min(limits.quotaBytes, largestBound(admitted, quotaOf))
    const { dataFolder } = call.app
    const run = (queues.get(dataFolder) ?? Promise.resolve()).then(async () => {
      if (call.signal.aborted) throw new OperationError('ABORTED', 'nobody waits for the answer any more')
      const usage = currentUsage(usages, dataFolder)
      try {
        await work(overlayOf(call.app), allowanceOf(usage, bytesMax, limits.entriesMax))
      } catch (error) {
        // Half of it may have been done. What is there is counted again before the next change.
        usages.delete(dataFolder)
        throw toldAs(error)
      }
    })
    const settled = run.catch(() => undefined)
    queues.set(dataFolder, settled)
    await run.finally(() => {
      if (queues.get(dataFolder) === settled) queues.delete(dataFolder)
    })
  }

  async function look<T>(call: Call<unknown>, work: (overlay: Overlay) => T): Promise<Awaited<T>> {
    // A grant whose parameters cannot be read admits nothing, not even this.
    if (!isAdmitted(call.claims, isReadable))
      throw new OperationError('FS_DENIED', 'the grant of `module:fs` is not valid')
    try {
      return await work(overlayOf(call.app))
    } catch (error) {
      throw toldAs(error)
    }
  }

  function overlayOf(app: AppHandle): Overlay {
    return new Overlay(app, limits)
  }

  return [
    operation({
      op: 'fs.read',
      key: 'fs',
      shape: one,
      run: async (call: Call<One>) => {
        const bytes = await look(call, (overlay) => overlay.read(call.args.scope, at(call.args)))
        return { value: null, blobs: [bytes] }
      },
    }),
    operation({
      op: 'fs.exists',
      key: 'fs',
      shape: one,
      run: (call: Call<One>) =>
        answer(look(call, (overlay) => overlay.exists(call.args.scope, at(call.args)))),
    }),
    operation({
      op: 'fs.stat',
      key: 'fs',
      shape: one,
      run: (call: Call<One>) => answer(look(call, (overlay) => overlay.stat(call.args.scope, at(call.args)))),
    }),
    operation({
      op: 'fs.list',
      key: 'fs',
      shape: z.strictObject({ ...place, kind: z.enum(['file', 'folder']).optional() }),
      run: (call) =>
        answer(
          look(call, (overlay) =>
            overlay
              .list(call.args.scope, at(call.args))
              .filter(({ kind }) => call.args.kind === undefined || kind === call.args.kind)
              .map(({ name }) => name),
          ),
        ),
    }),
    operation({
      op: 'fs.walk',
      key: 'fs',
      shape: z.strictObject({ ...place, includeDirs: z.boolean(), maxDepth: z.int().min(1).optional() }),
      run: (call) =>
        answer(
          look(call, (overlay) =>
            overlay
              .walk(call.args.scope, at(call.args), call.args.maxDepth ?? Infinity)
              .filter(({ kind }) => call.args.includeDirs || kind === 'file')
              .map(({ path }) => path),
          ),
        ),
    }),
    operation({
      op: 'fs.write',
      key: 'fs',
      shape: z.strictObject({ ...place, append: z.boolean() }),
      run: async (call) => {
        const [bytes, ...rest] = call.blobs
        if (bytes === undefined || rest.length > 0)
          throw new OperationError('FS_DATA', 'a write needs one piece of data')
        const { scope, append } = call.args
        await change(call, (overlay, allowance) =>
          append
            ? overlay.append(scope, at(call.args), bytes, allowance)
            : overlay.write(scope, at(call.args), bytes, allowance),
        )
        return { value: null }
      },
    }),
    operation({
      op: 'fs.delete',
      key: 'fs',
      shape: one,
      run: (call: Call<One>) =>
        done(
          change(call, (overlay, allowance) => overlay.deleteFile(call.args.scope, at(call.args), allowance)),
        ),
    }),
    operation({
      op: 'fs.mkdir',
      key: 'fs',
      shape: one,
      run: (call: Call<One>) =>
        done(
          change(call, (overlay, allowance) => overlay.makeFolder(call.args.scope, at(call.args), allowance)),
        ),
    }),
    operation({
      op: 'fs.rmdir',
      key: 'fs',
      shape: z.strictObject({ ...place, recursive: z.boolean() }),
      run: (call) =>
        done(
          change(call, (overlay, allowance) =>
            overlay.removeFolder(call.args.scope, at(call.args), call.args.recursive, allowance),
          ),
        ),
    }),
    ...(['copyFile', 'moveFile', 'copyFolder', 'moveFolder'] as const).map((verb) =>
      operation({
        op: `fs.${verb}`,
        key: 'fs',
        shape: two,
        run: async (call: Call<Two>) => {
          const { scope, toScope, folder, path, toPath } = call.args
          const source = resolvePath(scope, folder, path)
          const target = resolvePath(toScope, folder, toPath)
          await change(call, (overlay, allowance) => overlay[verb](scope, source, toScope, target, allowance))
          return { value: `/${target.join('/')}` }
        },
      }),
    ),
  ]
}

function at({ scope, folder, path }: { scope: Scope; folder: string; path: string }): Names {
  return resolvePath(scope, folder, path)
}

async function answer(value: Promise<unknown>): Promise<Answer> {
  return { value: await value }
}

async function done(work: Promise<void>): Promise<Answer> {
  await work
  return { value: null }
}

/** Only `false`, or its absence, lets an app write: a grant that says it some other way meant to forbid it. */
function isReadOnly(extra: JsonObject): boolean {
  return extra['readOnly'] !== undefined && extra['readOnly'] !== false
}

function quotaOf(extra: JsonObject): number {
  const quota = extra['quotaBytes']
  if (quota === undefined) return Infinity
  return typeof quota === 'number' && quota >= 0 ? quota : 0
}

function isReadable(extra: JsonObject): boolean {
  const { readOnly, quotaBytes } = extra
  return (
    (readOnly === undefined || typeof readOnly === 'boolean') &&
    (quotaBytes === undefined || typeof quotaBytes === 'number')
  )
}

interface Usage {
  /** The folders that were counted. When the app's data was put back, they are others. */
  readonly folders: string
  bytes: number
  entries: number
}

function currentUsage(usages: Map<string, Usage>, dataFolder: string): Usage {
  const roots = (['BOX', 'WEB'] as const).map((scope) => join(dataFolder, dataName(scope)))
  const folders = roots.map((root) => statSync(root, { throwIfNoEntry: false })?.ino ?? 0).join()
  const known = usages.get(dataFolder)
  if (known?.folders === folders) return known
  const counted = roots.map(measure)
  const usage = {
    folders,
    bytes: counted.reduce((sum, { bytes }) => sum + bytes, 0),
    entries: counted.reduce((sum, { entries }) => sum + entries, 0),
  }
  usages.set(dataFolder, usage)
  return usage
}

function allowanceOf(usage: Usage, bytesMax: number, entriesMax: number): Allowance {
  return {
    spend(bytes, entries) {
      if (bytes > 0 && usage.bytes + bytes > bytesMax)
        throw new OperationError('FS_QUOTA', `the app's files would take more than ${bytesMax} bytes`)
      if (entries > 0 && usage.entries + entries > entriesMax)
        throw new OperationError('FS_QUOTA', `the app would have more than ${entriesMax} files and folders`)
      usage.bytes += bytes
      usage.entries += entries
    },
  }
}

/** What the disk said, without where on it: an app knows its own paths only. */
function toldAs(error: unknown): unknown {
  if (hasCode(error, 'ENOSPC', 'EDQUOT'))
    return new OperationError('ENOSPC', 'there is no room left on the disk')
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS') && !(error instanceof OperationError))
    return new OperationError('EACCES', 'the host may not do that in the folder of the app')
  return error
}
