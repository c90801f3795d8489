import { z } from 'zod'
import { digits, revision, text } from './values.ts'

export const nextCursor = text.nullable().describe('of the next page; null on the last')

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    nextCursor,
    revision,
    incomplete: z.boolean().optional().describe('whether a rule could not list all of it'),
  })
}

/** Of every list; to be spread into a query that takes more. */
export const paging = {
  limit: digits.optional().describe('items in this page, 1 to 1,000; default 100'),
  cursor: text.optional().describe('`nextCursor` of the page before, with the same question'),
}

export const pageQuery = z.strictObject(paging)
export const readQuery = z.strictObject({
  atLeast: digits.optional().describe('the answer must have seen this revision'),
})
