import { z } from 'zod'
import { pageOf, paging, readQuery } from './paging.ts'
import { actor, instant, issuer, revision, text } from './values.ts'

export const namespacesQuery = z.strictObject({ ...paging, ...readQuery.shape })
export const namespaceView = z.strictObject({
  name: text,
  description: text,
  modes: z.array(text).optional().describe('weakest first'),
  requestable: z.boolean().optional().describe('whether an app may ask a person for it'),
  enforcedBy: text.optional(),
  builtIn: z.boolean(),
})
export const namespacesAnswer = pageOf(namespaceView)

export const rulesAnswer = z.strictObject({
  items: z.array(
    z.strictObject({
      kind: z.enum(['rewriter', 'exploder', 'implicator', 'scanner']),
      id: text,
      doc: text,
      builtIn: z.boolean(),
    }),
  ),
  nextCursor: z.null(),
  revision,
})

export const meAnswer = z.strictObject({
  actor: actor.describe('whose authority counts: the token'),
  self: actor.describe('who is asked about where a question names nobody'),
  issuer: issuer.describe('who made the token, in whose name it grants'),
  full: z.boolean().describe('whether it holds all that its issuer holds'),
  expiresAt: instant.optional(),
  name: text.optional().describe('of the user, where there is one'),
  functions: z.array(text).describe("Castellan's own functions that the token holds"),
  revision,
})

export type NamespaceView = z.output<typeof namespaceView>
export type MeAnswer = z.output<typeof meAnswer>
