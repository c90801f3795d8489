import { connect } from '@castellan/client'

/** What both apps serve. Each document is the resource `doc:<id>` of Castellan, which says who may read it. */
export const DOCUMENTS = new Map([
  ['plan', 'the plan for next year'],
  ['menu', 'what is for lunch'],
])

/** The token is of a service that may ask about anyone: it holds `castellan:check`. */
export const castellan = connect({
  server: process.env['CASTELLAN_URL'] ?? 'http://127.0.0.1:7070',
  token: process.env['CASTELLAN_TOKEN'] ?? '',
})

const SESSIONS = new Map([
  ['session-of-mei', 'mei'],
  ['session-of-sam', 'sam'],
])

/**
 * Stands for how your application knows who asks: here by sessions that were opened beforehand. A name that a request
 * gives itself would let everyone be anyone.
 */
export function findActor(session: string | undefined): string | undefined {
  const user = SESSIONS.get(session ?? '')
  return user === undefined ? undefined : `user:${user}`
}
