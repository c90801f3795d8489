import { z } from 'zod'
import { onDependants } from './changes.ts'
import { pageOf, paging, readQuery } from './paging.ts'
import { holder, instant, issuer, json, permission, reason, revision, text } from './values.ts'

/** Made of the grant's key, so it is the same wherever it is made. */
export const grantId = text.meta({
  description: 'of a grant, as its maker or a list told it',
  examples: ['WyJ1c2VyOmZyZWQiLCJ1c2VyOmJvYiIsImE6YiJd'],
})

export const grantRequest = z
  .strictObject({
    issuer: issuer.optional().describe('default: the caller; for a token whoever made it'),
    holder,
    permission,
    extra: json.optional(),
    expiresAt: instant.optional(),
    reason: reason.optional(),
  })
  .meta({
    examples: [
      {
        issuer: 'user:fred',
        holder: 'user:bob',
        permission: 'a:b',
        extra: { perDay: 10 },
        expiresAt: '2099-01-01T00:00:00Z',
      },
    ],
  })

export const grantView = z.strictObject({
  id: grantId,
  issuer,
  holder,
  permission,
  extra: json,
  expiresAt: instant.optional(),
  reason: reason.optional(),
})
export const grantAnswer = z.strictObject({
  id: grantId,
  outcome: z.enum(['added', 'updated', 'unchanged']),
  effective: z.boolean().describe('whether the issuer holds it now'),
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
