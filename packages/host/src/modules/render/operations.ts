import { extname } from 'node:path'
import { z } from 'zod'
import { OperationError, type Answer, type Operation } from '../../broker/operation.ts'
import { Helper, HelperError } from '../helper/helper.ts'
import { operation } from '../operation.ts'
import { chartShape, imageShape, RENDER_FRAMES, type RenderAnswer, type RenderCommand } from './protocol.ts'

export interface RenderLimits {
  /** How long one image or chart may take, in milliseconds. */
  readonly workMsMax: number
  /** Most memory of an app's process, in bytes. */
  readonly memoryBytesMax: number
  /** How long the process of an app is kept with nothing to do, in milliseconds. */
  readonly idleMs: number
}

const RENDER_LIMITS: RenderLimits = {
  workMsMax: 20_000,
  memoryBytesMax: 512 * 1024 * 1024,
  idleMs: 5_000,
}

const PROGRAM = new URL(`./render-process${extname(import.meta.url)}`, import.meta.url)

export interface Renderers {
  readonly operations: readonly Operation[]
  release(appId: string): Promise<void>
  close(): Promise<void>
}

/** Images and charts, in a process for each app: no two apps' data are ever in the same one. */
export function openRenderers(limits: RenderLimits = RENDER_LIMITS): Renderers {
  const helpers = new Map<string, Helper>()

  async function ask(appId: string, command: RenderCommand, blobs: readonly Uint8Array[]): Promise<Answer> {
    let helper = helpers.get(appId)
    if (helper === undefined) {
      const { memoryBytesMax, idleMs } = limits
      helper = new Helper({ program: PROGRAM, memoryBytesMax, frames: RENDER_FRAMES, idleMs })
      helpers.set(appId, helper)
    }
    try {
      const answer = await helper.call(command, blobs, limits.workMsMax)
      const head = answer.head as RenderAnswer
      if ('error' in head) throw new OperationError(head.error.code, head.error.message)
      return { value: null, blobs: answer.blobs }
    } catch (error) {
      if (error instanceof HelperError) throw new OperationError('RENDER_FAILED', whyOf(error))
      throw error
    }
  }

  async function release(appId: string): Promise<void> {
    const helper = helpers.get(appId)
    helpers.delete(appId)
    await helper?.close()
  }

  const nothing = z.strictObject({})
  return {
    operations: [
      operation({
        op: 'image.process',
        key: 'image',
        shape: imageShape,
        run: ({ app, args, blobs }) => ask(app.id, { do: 'image', steps: args.steps }, blobs),
      }),
      operation({
        op: 'chart.render',
        key: undefined,
        shape: chartShape,
        run: ({ app, args, blobs }) => ask(app.id, { do: 'chart', args }, blobs),
      }),
      // The work of these two is the cell's own; that it may be done is asked here, each time.
      operation({ op: 'pdf.use', key: 'pdf', shape: nothing, run: () => Promise.resolve({ value: null }) }),
      operation({ op: 'zip.use', key: 'zip', shape: nothing, run: () => Promise.resolve({ value: null }) }),
    ],
    release,
    close: async () => {
      await Promise.all([...helpers.keys()].map(release))
    },
  }
}

function whyOf({ why }: HelperError): string {
  if (why === 'deadline') return 'it took too long'
  return why === 'memory' ? 'it needs too much memory' : 'it could not be made'
}
