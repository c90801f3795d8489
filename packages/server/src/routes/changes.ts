import { parseChanges, parseFactKey, type Preconditions } from '@castellan/engine'
import { changesAnswer, changesRequest, type ChangesRequest } from '@castellan/protocol'
import { route, type Route } from './route.ts'

export const changeRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/changes',
    doc: 'adds and removes facts in one commit, all of them or none',
    body: changesRequest,
    answer: changesAnswer,
    async handle({ caller, body }, { live }) {
      const { revision, results } = await live.change(parseChanges(body.changes), {
        actor: caller.actor,
        as: caller.actor,
        ...(body.reason !== undefined && { reason: body.reason }),
        ...(body.onDependants !== undefined && { onDependants: body.onDependants }),
        ...(body.preconditions !== undefined && { preconditions: preconditionsOf(body.preconditions) }),
      })
      return { body: { revision, results } }
    },
  }),
]

function preconditionsOf({ ifRevision, ifAbsent, ifPresent }: NonNullable<ChangesRequest['preconditions']>): Preconditions {
  return {
    ...(ifRevision !== undefined && { ifRevision }),
    ...(ifAbsent !== undefined && { ifAbsent: ifAbsent.map(parseFactKey) }),
    ...(ifPresent !== undefined && { ifPresent: ifPresent.map(parseFactKey) }),
  }
}
