import { RevisionAheadError } from '@castellan/engine'
import { EdgeError, values, watchAnswer, watchQuery } from '@castellan/protocol'
import { entryTest } from '../journal/filter.ts'
import { READING } from '../openapi/codes.ts'
import { route, Streamed, type Route } from './route.ts'

export const watchRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/watch',
    tag: 'Journal',
    doc: 'every change in order, as it happens: Server-Sent Events',
    id: 'watch',
    takes: {
      'Last-Event-ID': values.digits.describe('the last revision that is known: comes before `from`'),
    },
    headers: { 'X-Accel-Buffering': 'proxies hand on each event at once' },
    codes: [
      ...READING,
      'ACTOR_INVALID',
      'PERMISSION_INVALID',
      'FORBIDDEN',
      'REVISION_AHEAD',
      'FOLLOWERS_FULL',
      'RULE_FAILED',
    ],
    query: watchQuery,
    type: 'text/event-stream',
    answer: watchAnswer,
    handle({ caller, query, headers }, { engine, callers, followers, now }) {
      const tokenId = caller.actor.slice('token:'.length)
      const authorize = (): void =>
        engine.authorizeQuestion(callers.get(tokenId, now()).actor, { about: 'journal' })
      authorize()
      const from = lastKnown(headers['last-event-id']) ?? query.from ?? engine.revision
      if (from > engine.revision) throw new RevisionAheadError(from, engine.revision)
      const isMeant = entryTest(engine, caller, query)
      followers.assertRoom()
      return {
        headers: { 'X-Accel-Buffering': 'no' },
        body: new Streamed((response) => followers.add(response, { from, isMeant, authorize })),
      }
    },
  }),
]

/** What a browser sends when it connects again. */
function lastKnown(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header)
  throw new EdgeError(
    'REQUEST_INVALID',
    'the `Last-Event-ID` is no revision',
    'send the `id` of an event, or leave it out',
  )
}
