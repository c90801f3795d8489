import type { CellModule, ModuleContext } from '../module.ts'
import { asText, fieldOf } from './values.ts'

/** Charts as PNG. The configuration travels as JSON, so functions in it are left out. */
export const chartModule: CellModule = { name: 'chart', key: undefined, make: makeChart }

const BUFFER = 'buffer'
const DATA_URL = 'dataurl'

/** Of the whole app: a cell runs one. */
const fonts = new Map<string, Uint8Array>()

export interface Placed {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly json: string
}

function makeChart(context: ModuleContext): object {
  return {
    BUFFER,
    DATA_URL,
    async render(config: unknown, options?: unknown): Promise<unknown> {
      const output = fieldOf(options, 'output') ?? BUFFER
      if (output !== BUFFER && output !== DATA_URL)
        throw new TypeError('the output must be `buffer` or `dataurl`')
      const width = Number(fieldOf(options, 'width') ?? 800)
      const height = Number(fieldOf(options, 'height') ?? 600)
      const png = await renderCharts(context, { width, height }, [
        { left: 0, top: 0, width, height, json: jsonOf(config) },
      ])
      return output === BUFFER ? png : dataUrl(png)
    },
    registerFont(scope: unknown, path: unknown, options: unknown): void {
      const at = { scope: asText(scope, 'the scope'), folder: context.folder, path: asText(path, 'the path') }
      fonts.set(
        asText(fieldOf(options, 'family'), 'the family'),
        context.callSync('fs.read', at).blobs[0] ?? new Uint8Array(),
      )
    },
  }
}

export function jsonOf(config: unknown): string {
  if (typeof config !== 'object' || config === null)
    throw new TypeError('the configuration of the chart must be an object')
  return JSON.stringify(config)
}

export function dataUrl(png: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
}

export async function renderCharts(
  context: ModuleContext,
  canvas: { readonly width: number; readonly height: number; readonly background?: string },
  charts: readonly Placed[],
): Promise<Uint8Array> {
  const { blobs } = await context.call('chart.render', { ...canvas, charts, fonts: [...fonts.keys()] }, [
    ...fonts.values(),
  ])
  return context.Buffer.from(blobs[0] ?? [])
}
