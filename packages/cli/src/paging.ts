import type { Page, Paging } from '@castellan/engine'
import type { Input } from './command.ts'
import { renderTable } from './render/table.ts'
import type { Session } from './session.ts'

export interface ListPaging {
  /** Items in all; every one when absent. */
  readonly limit?: number
  readonly cursor?: string
}

/** Most items that one question may ask for. */
const PAGE_LIMIT_MAX = 1_000

export function pagingOf(input: Input): ListPaging {
  const limit = input.number('limit', 1, Number.MAX_SAFE_INTEGER)
  const cursor = input.text('cursor')
  return { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) }
}

export interface ListWords<Item> {
  readonly headings: readonly string[]
  readonly row: (item: Item) => readonly string[]
  readonly none: string
}

/** Follows a list page by page, to its end or to the limit, holding no more than a page where it is piped. */
export async function printPages<Item>(
  session: Session,
  wanted: ListPaging,
  ask: (paging: Paging) => Promise<Page<Item>>,
  words: ListWords<Item>,
): Promise<void> {
  const { screen } = session
  const shown: Item[] = []
  let total = 0
  let page: Page<Item> | undefined
  let isIncomplete = false
  if (screen.json) await screen.write('{"items":[')
  do {
    const cursor = page?.nextCursor ?? wanted.cursor
    const limit = Math.min(PAGE_LIMIT_MAX, (wanted.limit ?? Infinity) - total)
    page = await ask({ limit, ...(cursor === undefined ? {} : { cursor }) })
    isIncomplete ||= page.incomplete
    if (screen.json)
      await screen.write(
        page.items.map((item, index) => `${total + index > 0 ? ',' : ''}${JSON.stringify(item)}`).join(''),
      )
    else if (screen.isTerminal) shown.push(...page.items)
    else await renderTable(words.headings, page.items.map(words.row), screen)
    total += page.items.length
  } while (page.nextCursor !== null && total < (wanted.limit ?? Infinity))
  if (screen.json) {
    const { nextCursor, revision } = page
    await screen.write(`],${JSON.stringify({ nextCursor, revision, incomplete: isIncomplete }).slice(1)}\n`)
    return
  }
  if (screen.isTerminal && shown.length > 0) await renderTable(words.headings, shown.map(words.row), screen)
  if (total === 0) screen.note(words.none)
  if (page.nextCursor !== null) screen.note(`there are more: add \`--cursor ${page.nextCursor}\``)
  if (isIncomplete) screen.note('a registered rule cannot list what it gives: there may be more')
}
