import { z } from 'zod'
import { factKeyShape, factShape } from './facts.ts'
import { reason, revision } from './values.ts'

export const changeShape = z.union([
  z.strictObject({ add: factShape }),
  z.strictObject({
    remove: factKeyShape,
    recursive: z.boolean().optional().describe('a resource with everything in it'),
  }),
])

export const preconditionsShape = z.strictObject({
  ifRevision: z.int().nonnegative().optional().describe('fails if a fact that the batch names changed since'),
  ifAbsent: z.array(factKeyShape).optional().describe('fails if one of these is there'),
  ifPresent: z.array(factKeyShape).optional().describe('fails if one of these is not there'),
})

export const onDependants = z
  .enum(['allow', 'refuse'])
  .optional()
  .describe('what to do when someone else would lose access by a revoke; default `allow`')

export const resultShape = z.strictObject({
  outcome: z.enum(['added', 'updated', 'unchanged', 'removed', 'absent']),
  effective: z.boolean().optional().describe('of a grant: whether its issuer holds it now'),
  revoked: z.int().optional().describe('of a removal: the grants that ended with it'),
})

export const changesRequest = z
  .strictObject({
    changes: z.array(changeShape),
    preconditions: preconditionsShape.optional(),
    reason: reason.optional(),
    onDependants,
  })
  .meta({
    examples: [
      {
        changes: [
          { add: { kind: 'user', id: 'zoe' } },
          { add: { kind: 'member', group: 'sales', member: 'user:zoe' } },
        ],
        reason: 'zoe joins sales',
      },
    ],
  })
export const changesAnswer = z.strictObject({ revision, results: z.array(resultShape) })

export type ChangesRequest = z.output<typeof changesRequest>
export type ChangesAnswer = z.output<typeof changesAnswer>
