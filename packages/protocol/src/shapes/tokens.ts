import { z } from 'zod'
import { pageOf, paging, readQuery } from './paging.ts'
import { id, instant, issuer, permission, revision, suspended, text } from './values.ts'

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

/** Never its secret. */
export const tokenView = z.strictObject({
  id,
  issuer,
  full: z.boolean(),
  expiresAt: instant.optional(),
  suspended,
})
export const tokenReadAnswer = z.strictObject({ token: tokenView, revision })
export const tokensQuery = z.strictObject({ issuer: issuer.optional(), ...paging, ...readQuery.shape })
export const tokensAnswer = pageOf(tokenView)

export type TokenRequest = z.output<typeof tokenRequest>
export type TokenAnswer = z.output<typeof tokenAnswer>
export type TokenView = z.output<typeof tokenView>
