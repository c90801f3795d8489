import { z } from 'zod'
import { factKind, factShape } from './facts.ts'
import { pageOf, paging, readQuery } from './paging.ts'
import { actor, digits, instant, permission, reason, text } from './values.ts'

const hash = text.meta({
  description: 'SHA-256 in hexadecimal',
  examples: ['0c9dcca1eeb6a1bac1c6658dbbd24f963c68809711f81612c9a4a6f75be9549b'],
})

/** A commit as the journal keeps it. */
export const entryView = z.strictObject({
  revision: z.int().positive(),
  time: z.number().describe('milliseconds since 1970, UTC'),
  actor: actor.describe('who changed it: whoever came through HTTP is a token'),
  reason: reason.nullable(),
  effects: z
    .array(z.strictObject({ before: factShape.nullable(), after: factShape.nullable() }))
    .describe('each fact that changed: before null it was made, after null it was removed'),
  previous: hash.describe('of the entry before; zeros before the first'),
  hash: hash.describe('of this entry and the one before'),
})

/** Which entries are meant. What is said of a fact must hold of one and the same effect. */
export const entryFilter = {
  actor: actor.optional().describe('entries by this very actor'),
  party: text
    .optional()
    .describe('entries that touch this party: a user, group, app or token, or an app acting for a user'),
  permission: permission.optional().describe('entries that touch grants or resources of it or beneath it'),
  kind: factKind.optional().describe('entries that touch facts of this kind'),
}

export const journalQuery = z.strictObject({
  ...entryFilter,
  from: digits.optional().describe('only what came after this revision'),
  to: digits.optional().describe('only what came up to this revision, itself included'),
  since: instant.optional().describe('only what came at this moment or later'),
  until: instant.optional().describe('only what came before this moment'),
  order: z.enum(['oldest', 'newest']).optional().describe('what comes first; default: oldest'),
  ...paging,
  ...readQuery.shape,
})

export const watchQuery = z.strictObject({
  ...entryFilter,
  from: digits.optional().describe('only what comes after this revision; default: from now on'),
})
export const watchAnswer = text.describe(
  'an event `change` for each entry, its revision in `id`; `error` with a problem document, or `end`, comes last',
)

export const journalAnswer = pageOf(entryView).extend({
  head: hash.describe('of the last entry there is: kept elsewhere, it shows a rewritten journal'),
})

export type JournalQuery = z.output<typeof journalQuery>
export type EntryFilter = Pick<JournalQuery, keyof typeof entryFilter>
