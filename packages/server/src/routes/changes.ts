import { parseChanges, parseFactKey, type Preconditions } from '@castellan/engine'
import { changesAnswer, changesRequest, type ChangesRequest } from '@castellan/protocol'
import { change } from '../changing.ts'
import { CHANGING } from '../openapi/codes.ts'
import { route, type Route } from './route.ts'

export const changeRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/changes',
    tag: 'Changes',
    doc: 'adds and removes facts in one commit, all of them or none',
    id: 'change',
    codes: CHANGING,
    body: changesRequest,
    answer: changesAnswer,
    async handle({ caller, body }, context) {
      const { revision, results } = await change(context, caller, parseChanges(body.changes), {
        reason: body.reason,
        onDependants: body.onDependants,
        ...(body.preconditions !== undefined && { preconditions: preconditionsOf(body.preconditions) }),
      })
      return { body: { revision, results } }
    },
  }),
]

function preconditionsOf({
  ifRevision,
  ifAbsent,
  ifPresent,
}: NonNullable<ChangesRequest['preconditions']>): Preconditions {
  return {
    ...(ifRevision !== undefined && { ifRevision }),
    ...(ifAbsent !== undefined && { ifAbsent: ifAbsent.map(parseFactKey) }),
    ...(ifPresent !== undefined && { ifPresent: ifPresent.map(parseFactKey) }),
  }
}
