import { z } from 'zod'
import { onDependants } from './changes.ts'
import { pageOf, paging, readQuery } from './paging.ts'
import { holder, instant, issuer, json, permission, reason, revision, text } from './values.ts'

export const grantRequest = z.strictObject({
  issuer: issuer.optional().describe('default: the caller; for a token whoever made it'),
  holder,
  permission,
  extra: json.optional(),
  expiresAt: instant.optional(),
  reason: reason.optional(),
})

export const grantView = z.strictObject({
  id: text,
  issuer,
  holder,
  permission,
  extra: json,
  expiresAt: instant.optional(),
  reason: reason.optional(),
})
export const grantAnswer = z.strictObject({
  id: text,
  outcome: z.enum(['added', 'updated', 'unchanged']),
  effective: z.boolean(),
  revision,
})
export const grantReadAnswer = z.strictObject({ grant: grantView, revision })
export const grantsAnswer = pageOf(grantView)
export const grantsQuery = z.strictObject({
  issuer: issuer.optional(),
  holder: holder.optional(),
  permission: permission.optional(),
  ...paging,
  ...readQuery.shape,
})

export const revokeQuery = z.strictObject({ onDependants, reason: reason.optional() })
export const revokeAnswer = z.strictObject({ revoked: z.int(), revision })

export type GrantRequest = z.output<typeof grantRequest>
export type GrantView = z.output<typeof grantView>
export type GrantAnswer = z.output<typeof grantAnswer>
