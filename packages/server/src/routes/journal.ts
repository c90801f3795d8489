import { EdgeError, journalAnswer, journalQuery, type JournalQuery } from '@castellan/protocol'
import type { Context } from '../context.ts'
import { entryTest } from '../journal/filter.ts'
import { journalPage } from '../journal/page.ts'
import { READING } from '../openapi/codes.ts'
import { assertReached } from '../seen.ts'
import type { Caller } from '../caller.ts'
import { pagingOf } from './questions.ts'
import { route, type Route } from './route.ts'

export const journalRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/journal',
    tag: 'Journal',
    doc: 'who changed what, when and why, from the first entry on or from the last one back',
    id: 'readJournal',
    codes: [...READING, 'ACTOR_INVALID', 'PERMISSION_INVALID', 'FORBIDDEN', 'RULE_FAILED'],
    query: journalQuery,
    answer: journalAnswer,
    handle({ caller, query }, context) {
      assertReached(context.engine, query.atLeast)
      context.engine.authorizeQuestion(caller.actor, { about: 'journal' })
      return readJournal(context, caller, query)
    },
  }),
]

async function readJournal({ live, engine }: Context, caller: Caller, query: JournalQuery) {
  // Of one moment: what is added while we read is for the next page.
  const { revision } = engine
  const { head } = live
  const { limit: _limit, cursor: _cursor, atLeast: _atLeast, ...question } = query
  const isInTime = timeTest(query)
  const isMeant = entryTest(engine, caller, query)
  const { from = 0, to = revision } = query
  const page = await journalPage(
    live,
    { from, to: Math.min(to, revision), isNewestFirst: query.order === 'newest' },
    (entry) => isInTime(entry.time) && isMeant(entry),
    { journal: question },
    pagingOf(query),
  )
  return { body: { ...page, revision, head } }
}

function timeTest({ since, until }: JournalQuery): (time: number) => boolean {
  const start = since === undefined ? -Infinity : parseInstant('since', since)
  const end = until === undefined ? Infinity : parseInstant('until', until)
  return (time) => time >= start && time < end
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

function parseInstant(name: string, text: string): number {
  const time = INSTANT.test(text) ? Date.parse(text) : NaN
  if (!Number.isNaN(time)) return time
  throw new EdgeError('QUERY_INVALID', `\`${name}\` is no moment`, 'write it as in `2027-01-01T00:00:00Z`', {
    path: name,
  })
}
