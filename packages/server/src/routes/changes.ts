import { parseChanges, parseFactKey, type Preconditions } from '@castellan/engine'
import { changesAnswer, changesRequest, type ChangesRequest } from '@castellan/protocol'
import { CHANGING } from '../openapi/codes.ts'
import { changingRoute } from './changing-route.ts'
import type { Route } from './route.ts'

export const changeRoutes: readonly Route[] = [
  changingRoute({
    method: 'POST',
    path: '/v1/changes',
    tag: 'Changes',
    doc: 'adds and removes facts in one commit, all of them or none',
    id: 'change',
    codes: CHANGING,
    body: changesRequest,
    answer: changesAnswer,
    handle({ body, changing }) {
      const wish = {
        reason: body.reason,
        onDependants: body.onDependants,
        ...(body.preconditions !== undefined && { preconditions: preconditionsOf(body.preconditions) }),
      }
      return changing.change(parseChanges(body.changes), wish, ({ revision, results }) => ({
        body: { revision, results },
      }))
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
