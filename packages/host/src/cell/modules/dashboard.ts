import type { CellModule, ModuleContext } from '../module.ts'
import { dataUrl, jsonOf, renderCharts, type Placed } from './chart.ts'
import { fieldOf } from './values.ts'

/** Several charts on one image, in the cells of a grid. */
export const dashboardModule: CellModule = {
  name: 'dashboard',
  key: undefined,
  make: (context) => ({ init: (layout: unknown) => makeDashboard(context, layout) }),
}

function makeDashboard(context: ModuleContext, layout: unknown): object {
  const grid = fieldOf(layout, 'grid')
  const [width, height] = [whole(layout, 'width'), whole(layout, 'height')]
  const [rows, columns] = [whole(grid, 'rows'), whole(grid, 'cols')]
  const padding = Number(fieldOf(grid, 'padding') ?? 0)
  const color = fieldOf(layout, 'backgroundColor')
  const canvas = { width, height, ...(typeof color === 'string' ? { background: color } : {}) }
  const cells = fieldOf(layout, 'cells')
  if (typeof cells !== 'object' || cells === null) throw new TypeError('the layout has no `cells`')
  const across = (width - padding * (columns + 1)) / columns
  const down = (height - padding * (rows + 1)) / rows
  const charts = new Map<string, Placed>()
  let png: Uint8Array | undefined
  let last: Promise<unknown> = Promise.resolve()

  function place(name: string): Omit<Placed, 'json'> {
    const cell = Object.hasOwn(cells as object, name) ? fieldOf(cells, name) : undefined
    if (cell === undefined) throw new Error(`the layout has no cell ${JSON.stringify(name)}`)
    const [row, column] = [Number(fieldOf(cell, 'row')), Number(fieldOf(cell, 'col'))]
    const [rowspan, colspan] = [Number(fieldOf(cell, 'rowspan') ?? 1), Number(fieldOf(cell, 'colspan') ?? 1)]
    return {
      left: Math.round(padding + column * (across + padding)),
      top: Math.round(padding + row * (down + padding)),
      width: Math.round(colspan * (across + padding) - padding),
      height: Math.round(rowspan * (down + padding) - padding),
    }
  }

  const drawn = (): Uint8Array => {
    if (png === undefined) throw new Error('no chart was rendered yet')
    return png
  }
  const dashboard = {
    // The whole is drawn anew with each chart, in turn, so that `toBuffer` has it at hand: it has no time to wait.
    async renderChart(name: unknown, config: unknown): Promise<object> {
      const chart = { ...place(String(name)), json: jsonOf(config) }
      const turn = last.then(async () => {
        png = await renderCharts(context, canvas, [...new Map(charts).set(String(name), chart).values()])
        charts.set(String(name), chart)
      })
      last = turn.catch(() => undefined)
      await turn
      return dashboard
    },
    toBuffer: () => context.Buffer.from(drawn()),
    toDataURL: () => dataUrl(drawn()),
  }
  return dashboard
}

function whole(layout: unknown, name: string): number {
  const value = fieldOf(layout, name)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1)
    throw new TypeError(`the layout needs a whole number \`${name}\``)
  return value
}
