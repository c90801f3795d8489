import { z } from 'zod'
import { factKeyShape, factShape } from './facts.ts'
import { reason, revision } from './values.ts'

export const changeShape = z.union([
  z.strictObject({ add: factShape }),
  z.strictObject({ remove: factKeyShape, recursive: z.boolean().optional() }),
])

export const preconditionsShape = z.strictObject({
  ifRevision: z.int().nonnegative().optional(),
  ifAbsent: z.array(factKeyShape).optional(),
  ifPresent: z.array(factKeyShape).optional(),
})

export const onDependants = z.enum(['allow', 'refuse']).optional()

export const resultShape = z.strictObject({
  outcome: z.enum(['added', 'updated', 'unchanged', 'removed', 'absent']),
  effective: z.boolean().optional(),
  revoked: z.int().optional(),
})

export const changesRequest = z.strictObject({
  changes: z.array(changeShape),
  preconditions: preconditionsShape.optional(),
  reason: reason.optional(),
  onDependants,
})
export const changesAnswer = z.strictObject({ revision, results: z.array(resultShape) })

export type ChangesRequest = z.output<typeof changesRequest>
export type ChangesAnswer = z.output<typeof changesAnswer>
