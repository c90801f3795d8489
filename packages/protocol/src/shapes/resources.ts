import { z } from 'zod'
import { onDependants } from './changes.ts'
import { pageOf, paging, readQuery } from './paging.ts'
import { removeQuery } from './users.ts'
import { permission, reason, revision, text } from './values.ts'

const owner = text.describe('`system`, `user:<id>` or another who may own')
const parent = permission.describe('what it lies in: a resource of the same namespace')
const name = text.describe('what people call it; default: the last component of its string')

export const resourceView = z.strictObject({
  permission,
  owner,
  parent: parent.optional(),
  name: name.optional(),
})
export const resourceRequest = z.strictObject({
  permission,
  owner: owner.optional().describe('default: the caller; for a token whoever made it'),
  parent: parent.optional(),
  name: name.optional(),
  reason: reason.optional(),
})
export const resourcePatch = z
  .strictObject({
    owner: owner.optional(),
    parent: parent.nullable().optional().describe('null puts it at the top'),
    name: name.nullable().optional().describe('null takes the name away'),
    reason: reason.optional(),
    onDependants,
  })
  .refine(
    ({ owner, parent, name }) => owner !== undefined || parent !== undefined || name !== undefined,
    'name what to change: `owner`, `parent` or `name`',
  )
  .meta({ anyOf: [{ required: ['owner'] }, { required: ['parent'] }, { required: ['name'] }] })
export const resourceAnswer = z.strictObject({ resource: resourceView, revision })
export const resourcesQuery = z.strictObject({
  owner: owner.optional(),
  parent: parent.optional(),
  namespace: text.optional(),
  ...paging,
  ...readQuery.shape,
})
export const resourcesAnswer = pageOf(resourceView)
export const resourceRemoveQuery = z.strictObject({
  recursive: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('with everything in it'),
  ...removeQuery.shape,
})

export type ResourceView = z.output<typeof resourceView>
export type ResourceAnswer = z.output<typeof resourceAnswer>
