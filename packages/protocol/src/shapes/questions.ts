import { z } from 'zod'
import { changeShape, resultShape } from './changes.ts'
import { nextCursor, pageOf } from './paging.ts'
import { actor, atLeast, holder, instant, issuer, json, permission, revision, text } from './values.ts'

/** Of every question about an actor. */
const about = { actor: actor.optional().describe('default: the caller'), atLeast }

/** `permission` or `permissions`, one of them: any of several is enough. */
const anyOf = z
  .strictObject({
    ...about,
    permission: permission.optional(),
    permissions: z.array(permission).optional(),
  })
  .refine((body) => (body.permission === undefined) !== (body.permissions === undefined), {
    message: 'give `permission` or `permissions`, one of them',
    path: ['permission'],
  })
  .meta({
    oneOf: [{ required: ['permission'] }, { required: ['permissions'] }],
    examples: [{ actor: 'user:alice', permissions: ['a:b:c', 'a:x'] }],
  })

const one = z
  .strictObject({ ...about, permission })
  .meta({ examples: [{ actor: 'user:fred', permission: 'a:b' }] })

export const checkRequest = anyOf
export const checkAnswer = z.strictObject({ allowed: z.boolean(), revision })

export const checkEachRequest = z
  .strictObject({
    checks: z.array(z.strictObject({ actor: about.actor, permission })).describe('up to 1,000'),
    atLeast,
  })
  .meta({
    examples: [
      {
        checks: [
          { actor: 'user:alice', permission: 'a:b' },
          { actor: 'user:bob', permission: 'a:b' },
        ],
      },
    ],
  })
export const checkEachAnswer = z.strictObject({
  results: z.array(z.strictObject({ allowed: z.boolean() })),
  revision,
})

export const scanRequest = anyOf
export const scanAnswer = z.strictObject({ reading: z.array(z.looseObject({ $: text })), revision })

export const explainRequest = one

const graphShape = z.strictObject({
  nodes: z.array(
    z.strictObject({
      id: z.int(),
      actor,
      permission,
      options: z.array(z.strictObject({ permission, by: text, data: json })),
    }),
  ),
  edges: z.array(
    z.strictObject({
      from: z.int(),
      to: z.int(),
      via: text,
      grant: z
        .strictObject({ issuer, holder, permission, extra: json, expiresAt: instant.optional() })
        .nullable(),
      groups: z.array(text).optional(),
    }),
  ),
})

export const explainAnswer = z.strictObject({
  allowed: z.boolean(),
  graph: graphShape,
  brokenLinks: z
    .array(
      z.array(
        z.strictObject({
          problem: z.enum(['not-held', 'expired', 'suspended', 'unknown', 'hidden']),
          detail: text,
          mend: changeShape.nullable(),
          by: z.array(actor),
        }),
      ),
    )
    .optional(),
  owners: z.array(actor).optional(),
  revision,
})

export const claimsRequest = one
export const claimsAnswer = z.strictObject({
  pathways: z.array(z.array(json)),
  truncated: z.boolean(),
  revision,
})

export const holdersRequest = z
  .strictObject({ permission, atLeast })
  .meta({ examples: [{ permission: 'a:b' }] })
export const holdersAnswer = pageOf(
  z.strictObject({
    actor,
    pathway: z.array(z.strictObject({ actor, permission, via: text })),
  }),
)

export const permissionsRequest = z
  .strictObject({ ...about, prefix: permission.optional() })
  .meta({ examples: [{ actor: 'user:sam' }] })
export const permissionsAnswer = pageOf(z.strictObject({ permission, source: text }))

/** Who holds what, as previews and problems list it. */
export const holdingShape = z.strictObject({ actor, permission })

export const previewRequest = z.strictObject({ changes: z.array(changeShape), atLeast }).meta({
  examples: [{ changes: [{ remove: { kind: 'member', group: 'cool_group', member: 'user:alice' } }] }],
})
export const previewAnswer = z.strictObject({
  counts: z.strictObject({ lost: z.int(), gained: z.int(), kept: z.int() }),
  lost: z.array(holdingShape),
  gained: z.array(holdingShape),
  kept: z.array(holdingShape),
  results: z.array(resultShape),
  nextCursor,
  revision,
  incomplete: z.boolean(),
})

export type CheckRequest = z.output<typeof checkRequest>
export type CheckEachRequest = z.output<typeof checkEachRequest>
export type CheckAnswer = z.output<typeof checkAnswer>
export type CheckEachAnswer = z.output<typeof checkEachAnswer>
export type ScanRequest = z.output<typeof scanRequest>
export type ExplainRequest = z.output<typeof explainRequest>
