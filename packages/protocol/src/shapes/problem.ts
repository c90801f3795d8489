import { z } from 'zod'
import { holding } from './questions.ts'
import { permission, text } from './values.ts'

/** RFC 9457, with what the error carries beside it. */
export const problemShape = z.strictObject({
  type: text,
  title: text,
  status: z.int(),
  code: text,
  detail: text,
  hint: text,
  requestId: text,
  position: z.int().optional(),
  path: text.optional(),
  permission: permission.optional(),
  limit: text.optional(),
  items: z.array(text).optional(),
  lost: z.array(holding).optional(),
  total: z.int().optional(),
})
