import { z } from 'zod'
import { onDependants } from './changes.ts'
import { pageOf, paging, readQuery } from './paging.ts'
import { id, prefix, reason, revision, suspended, text } from './values.ts'

const name = text.describe('what people see; default: the id')

export const userView = z.strictObject({ id, name: name.optional(), suspended })
export const userRequest = z.strictObject({ id, name: name.optional(), reason: reason.optional() })
export const userPatch = z.strictObject({
  name: name.nullable().describe('null takes the name away'),
  reason: reason.optional(),
})
export const userAnswer = z.strictObject({ user: userView, revision })
export const usersQuery = z.strictObject({
  prefix,
  name: text.optional().describe('users of this very name, given or by id'),
  ...paging,
  ...readQuery.shape,
})
export const usersAnswer = pageOf(userView)

/** Of a call that says all in its path. */
export const reasonRequest = z.strictObject({ reason: reason.optional() })
export const removeQuery = z.strictObject({ onDependants, reason: reason.optional() })
export const removeAnswer = z.strictObject({
  revoked: z.int().describe('how many grants ended with it'),
  revision,
})

export type UserView = z.output<typeof userView>
export type UserAnswer = z.output<typeof userAnswer>
