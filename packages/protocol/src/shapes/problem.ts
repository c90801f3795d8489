import { z } from 'zod'
import { holdingShape } from './questions.ts'
import { permission, text } from './values.ts'

/** RFC 9457, with what the error carries beside it. */
export const problemShape = z.strictObject({
  type: text.describe('`urn:castellan:problem:` and the code'),
  title: text.describe('what the code means'),
  status: z.int(),
  code: text.describe('stable; what to decide by'),
  detail: text.describe('what happened here; wording may improve'),
  hint: text.describe('what to do next'),
  requestId: text.describe('as in `X-Request-ID`'),
  position: z.int().optional().describe('in the string or body at fault, in UTF-16 units from 0'),
  path: text.optional().describe('where in the body, the query or a fact'),
  permission: permission.optional().describe('what would allow it'),
  limit: text.optional().describe('its name'),
  items: z.array(text).optional().describe('what is in the way; `total` counts all'),
  lost: z.array(holdingShape).optional().describe('who would lose what; `total` counts all'),
  total: z.int().optional(),
})
