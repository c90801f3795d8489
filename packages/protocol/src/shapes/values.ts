import { z } from 'zod'

/**
 * What the shapes of facts, requests and answers are made of. They close every object and say which fields are
 * strings; what the strings mean (ids, permissions, times) is the engine's to judge, so that it is judged in one
 * place. What a string is for stands beside it, for people and for the OpenAPI document.
 */

export const text = z.string()
export const id = text.meta({
  description: '1 to 256 characters of `A–Z a–z 0–9 . _ @ + = ~ -`',
  examples: ['alice'],
})
export const actor = text.meta({
  description: 'who asks or acts: `system`, `user:<id>`, `app:<id>`, `user:<id>/app:<id>` or `token:<id>`',
  examples: ['user:alice'],
})
export const holder = text.meta({
  description:
    'who a grant is for: `user:<id>`, `group:<id>`, `app:<id>`, `user:<id>/app:<id>` or `token:<id>`',
  examples: ['user:fred'],
})
export const issuer = text.meta({
  description: 'who made it: `system`, `user:<id>` or `user:<id>/app:<id>`',
  examples: ['user:ed'],
})
export const permission = text.meta({
  description: '1 to 32 components parted by `:`, as in `fs:<uuid>:read`',
  examples: ['a:b'],
})
export const instant = text.meta({
  description: 'a moment in UTC, as in RFC 3339',
  examples: ['2099-01-01T00:00:00Z'],
})
export const reason = text.meta({
  description: 'kept in the journal, for people',
  examples: ['zoe joins sales'],
})

/** The claims of a grant, or the data of an option: an object of whatever its readers agree on. */
export const json = z
  .custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected an object',
  )
  // A shape of our own check says itself how JSON Schema writes it.
  .register(z.globalRegistry, { type: 'object', examples: [{ perDay: 10 }] })

export const idempotencyKey = text.regex(/^[!-~]{1,255}$/u).meta({
  description: 'done once, however often it is sent under the same key; kept for a day',
  examples: ['0b6f6a1e-8f0e-4c57-9a3c-0d2c5f1f7a10'],
})
export const suspended = z.boolean().describe('whoever is suspended holds nothing')
/** Filters a list by how its ids begin. */
export const prefix = text.optional().describe('only those whose ids begin so')

export const atLeast = z.int().nonnegative().optional().describe('the answer must have seen this revision')
export const revision = z.int().nonnegative().describe('the last commit this answer has seen')

/** Numbers arrive as digits in a query. */
export const digits = text
  .regex(/^(?:0|[1-9][0-9]{0,14})$/u, 'expected a whole number')
  .transform(Number)
  .pipe(z.int().min(0).max(999_999_999_999_999))
