import { z } from 'zod'
import { revision } from './values.ts'

export const healthAnswer = z.strictObject({
  status: z.enum(['ok', 'failed']),
  revision: revision.optional(),
})
