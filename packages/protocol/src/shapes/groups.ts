import { z } from 'zod'
import { pageOf, paging, readQuery } from './paging.ts'
import { actor, id, prefix, reason, revision, text } from './values.ts'

const owner = text.describe('`system` or `user:<id>`')
const member = text.describe('`user:<id>` or `group:<id>`')

export const groupView = z.strictObject({ id, owner })
export const groupRequest = z.strictObject({
  id,
  owner: owner.optional().describe('default: the caller; for a token whoever made it'),
  members: z.array(member).optional().describe('put into it in the same commit'),
  reason: reason.optional(),
})
export const groupPatch = z.strictObject({ owner, reason: reason.optional() })
export const groupAnswer = z.strictObject({ group: groupView, revision })
export const groupsQuery = z.strictObject({
  prefix,
  owner: owner.optional(),
  member: actor.optional().describe('groups that it is directly in'),
  ...paging,
  ...readQuery.shape,
})
export const groupsAnswer = pageOf(groupView)

export const memberView = z.strictObject({ member })
export const membersRequest = z.strictObject({ members: z.array(member), reason: reason.optional() })
export const membersAddAnswer = z.strictObject({
  added: z.int().describe('how many were not in it before'),
  revision,
})
export const membersQuery = z.strictObject({ ...paging, ...readQuery.shape })
export const membersAnswer = pageOf(memberView)
export const memberAnswer = z.strictObject({ group: id, member, revision })
export const memberRemoveAnswer = z.strictObject({ removed: z.int(), revision })

export type GroupView = z.output<typeof groupView>
export type GroupAnswer = z.output<typeof groupAnswer>
