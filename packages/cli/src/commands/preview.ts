import type { Change, Preview, PreviewItem } from '@castellan/engine'
import type { Handler } from '../command.ts'
import { pagingOf } from '../paging.ts'
import type { Planner } from '../plan.ts'
import { renderTable } from '../render/table.ts'
import { clean, count, sayChange } from '../render/words.ts'
import type { Session } from '../session.ts'
import type { Target } from '../target/target.ts'

/** What a plan would take from whom and give to whom; nothing is changed. */
export function previewHandler(plan: Planner): Handler {
  return async (session, input) => {
    const wanted = pagingOf(input)
    const target = await session.target('read')
    const { changes, nothing } = await plan(session, target, input)
    if (changes.length === 0) return printNothing(session, target, nothing ?? 'there is nothing to do')
    const first = await target.preview(changes, {
      limit: Math.min(1_000, wanted.limit ?? 1_000),
      ...(wanted.cursor === undefined ? {} : { cursor: wanted.cursor }),
    })
    const all = await collect(target, changes, first, wanted.limit ?? Infinity)
    if (session.screen.json) await session.screen.printJson(toAnswer(all))
    else await report(session, changes, all)
    return undefined
  }
}

async function printNothing(session: Session, target: Target, why: string): Promise<undefined> {
  if (session.screen.json) {
    const counts = { lost: 0, gained: 0, kept: 0 }
    await session.screen.printJson(
      toAnswer({
        counts,
        items: [],
        nextCursor: null,
        revision: await target.revision(),
        incomplete: false,
        results: [],
      }),
    )
  }
  if (!session.screen.json) await session.screen.print(`nothing would change: ${clean(why)}`)
  return undefined
}

/** The shape of `POST /v1/preview`. */
function toAnswer(preview: Preview): object {
  const { counts, items, nextCursor, revision, incomplete } = preview
  const only = (change: PreviewItem['change']): object[] =>
    items.filter((item) => item.change === change).map(({ actor, permission }) => ({ actor, permission }))
  return {
    counts,
    lost: only('lost'),
    gained: only('gained'),
    kept: only('kept'),
    nextCursor,
    revision,
    incomplete,
  }
}

async function collect(
  target: Target,
  changes: readonly Change[],
  first: Preview,
  limit: number,
): Promise<Preview> {
  const items = [...first.items]
  let last = first
  while (last.nextCursor !== null && items.length < limit) {
    last = await target.preview(changes, {
      limit: Math.min(1_000, limit - items.length),
      cursor: last.nextCursor,
    })
    items.push(...last.items)
  }
  return { ...first, items, nextCursor: last.nextCursor, revision: last.revision }
}

const SIGNS = { lost: '-', gained: '+', kept: '=' } as const
const PAINTS = { lost: 'red', gained: 'green', kept: 'dim' } as const

async function report(session: Session, changes: readonly Change[], preview: Preview): Promise<void> {
  const { screen } = session
  const { lost, gained, kept } = preview.counts
  const [first, ...others] = changes
  if (first !== undefined) {
    const more = others.length === 0 ? '' : `, and ${count(others.length, 'more change')}`
    await screen.print(`if ${clean(sayChange(first))}${more}:`)
  }
  await screen.print(
    `${count(lost, 'loss', 'losses')}, ${count(gained, 'gain')}, ${kept.toLocaleString('en')} kept by another pathway`,
  )
  const row = (item: PreviewItem): readonly string[] => [
    `${SIGNS[item.change]} ${item.change}`,
    item.actor,
    item.permission,
  ]
  if (!screen.isTerminal) await renderTable([], preview.items.map(row), screen)
  else {
    for (const kind of ['lost', 'gained', 'kept'] as const) {
      const items = preview.items.filter((item) => item.change === kind)
      if (items.length > 0) await screen.print(screen.paint('bold', HEADINGS[kind]))
      for (const item of items)
        await screen.print(
          `  ${screen.paint(PAINTS[kind], `${SIGNS[kind]} ${item.actor}`)}  ${clean(item.permission)}`,
        )
    }
  }
  if (preview.nextCursor !== null) screen.note(`there are more: add \`--cursor ${preview.nextCursor}\``)
  if (preview.incomplete) screen.note('a registered rule cannot list what it gives: there may be more')
  screen.note(screen.paint('dim', 'nothing was changed'))
}

const HEADINGS = { lost: 'would lose', gained: 'would gain', kept: 'would keep' } as const
