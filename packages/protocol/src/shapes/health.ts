import { z } from 'zod'
import { revision, text } from './values.ts'

export const healthAnswer = z.strictObject({
  status: z.enum(['ok', 'failed']),
  revision: revision.optional(),
})

export const readyAnswer = z.strictObject({
  status: z.enum(['ok', 'failed']),
  checks: z.array(
    z.strictObject({
      name: text.describe('`accepting`, `store`, `journal`, `disk`, or one of whoever embeds the server'),
      ok: z.boolean(),
      detail: text.optional().describe('what is wrong'),
    }),
  ),
  revision,
})
