import type { Screen } from '../screen.ts'
import { clean } from './words.ts'

/** Rows for people: columns with headings on a terminal, tab-separated lines without headings in a pipe. */
export async function renderTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  screen: Screen,
): Promise<void> {
  if (!screen.isTerminal) {
    for (const row of rows) await screen.print(row.map(clean).join('\t'))
    return
  }
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: headings.map((heading) => screen.paint('dim', heading)),
    chars: NO_FRAME,
    // The library paints on its own otherwise, whatever NO_COLOR says.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  })
  for (const row of rows) table.push(row.map(clean))
  await screen.print(table.toString().replaceAll(/ +$/gm, ''))
}

const NO_FRAME = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}
