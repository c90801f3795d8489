import { z } from 'zod'
import { id, instant, issuer, permission, revision, text } from './values.ts'

export const tokenRequest = z
  .strictObject({
    issuer: issuer.optional().describe('default: the caller, a user'),
    full: z.boolean().optional(),
    permissions: z.array(permission).optional().describe('granted to the token in the same commit'),
    expiresAt: instant.optional(),
  })
  .meta({
    examples: [{ issuer: 'user:fred', permissions: ['a:b'], expiresAt: '2099-01-01T00:00:00Z' }],
  })
export const tokenAnswer = z.strictObject({
  id,
  issuer,
  full: z.boolean(),
  expiresAt: instant.optional(),
  token: text.describe('shown this once'),
  revision,
})

export type TokenRequest = z.output<typeof tokenRequest>
export type TokenAnswer = z.output<typeof tokenAnswer>
