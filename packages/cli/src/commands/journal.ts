import type { Effect, JournalEntry } from '@castellan/engine'
import type { Handler } from '../command.ts'
import { EXIT } from '../exit.ts'
import { clean, count, sayChange } from '../render/words.ts'
import type { Screen } from '../screen.ts'

const ENTRIES_DEFAULT = 20

export const journalShow: Handler = async (session, input) => {
  const { screen } = session
  const target = await session.target('read')
  const limit = input.number('limit', 1, 1_000_000) ?? ENTRIES_DEFAULT
  const revision = await target.revision()
  const from = input.number('from', 0, Number.MAX_SAFE_INTEGER) ?? Math.max(0, revision - limit)
  const entries: JournalEntry[] = []
  for await (const entry of target.journal(from, from + limit)) entries.push(entry)
  if (screen.json) await screen.printJson({ items: entries, nextCursor: null, revision })
  else if (entries.length === 0) screen.note('there is no entry')
  else for (const entry of entries) await printEntry(entry, screen)
  return undefined
}

export const journalVerify: Handler = async (session, input) => {
  const { screen } = session
  const target = await session.target('read')
  const verdict = await target.verifyJournal(input.text('head'))
  if (screen.json) await screen.printJson(verdict)
  else if (verdict.ok)
    await screen.print(
      `${screen.paint('green', 'whole')}: ${count(verdict.revision, 'entry', 'entries')}, head ${verdict.head}`,
    )
  else
    await screen.print(
      `${screen.paint('red', 'broken')} at revision ${verdict.revision} (${verdict.problem}): ${clean(verdict.message)}`,
    )
  return verdict.ok ? EXIT.done : EXIT.denied
}

export const watch: Handler = async (session, input) => {
  const { screen, io } = session
  const signal = io.untilStopped()
  const target = await session.target('read')
  const from = input.number('from', 0, Number.MAX_SAFE_INTEGER)
  screen.note(
    screen.paint('dim', `watching ${target.place}, from revision ${from ?? (await target.revision())}`),
  )
  for await (const entry of target.watch(from, signal)) {
    if (io.stdout.destroyed) break
    if (screen.json) await screen.print(JSON.stringify(entry))
    else await printEntry(entry, screen)
  }
  return undefined
}

/** Effects that people are shown of one entry: an import has ten thousand. */
const EFFECTS_SHOWN = 20

async function printEntry(entry: JournalEntry, screen: Screen): Promise<void> {
  const reason = entry.reason === null ? '' : `: ${clean(entry.reason)}`
  await screen.print(
    `${screen.paint('bold', String(entry.revision))}  ${new Date(entry.time).toISOString()}  ${screen.paint('cyan', entry.actor)}${reason}`,
  )
  for (const effect of entry.effects.slice(0, EFFECTS_SHOWN))
    await screen.print(`  ${sayEffect(effect, screen)}`)
  const more = entry.effects.length - EFFECTS_SHOWN
  if (more > 0) await screen.print(screen.paint('dim', `  … and ${count(more, 'more change')}`))
}

function sayEffect({ before, after }: Effect, screen: Screen): string {
  if (after === null) return `${screen.paint('red', '-')} ${clean(sayChange({ remove: before }))}`
  const sign = before === null ? screen.paint('green', '+') : screen.paint('yellow', '~')
  return `${sign} ${clean(sayChange({ add: after }))}`
}
