import { z } from 'zod'
import { digits, revision, text } from './values.ts'

export const nextCursor = text.nullable().describe('of the next page; null on the last')

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    nextCursor,
    revision,
    incomplete: z.boolean().optional(),
  })
}

/** Of every list; to be spread into a query that takes more. */
export const paging = { limit: digits.optional(), cursor: text.optional() }

export const pageQuery = z.strictObject(paging)
export const readQuery = z.strictObject({ atLeast: digits.optional() })
