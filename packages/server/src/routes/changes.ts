import { parseChanges, parseFactKey, type Change, type Preconditions } from '@castellan/engine'
import { changesAnswer, changesRequest, type ChangesRequest } from '@castellan/protocol'
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
    async handle({ caller, body }, { live, tokens }) {
      const changes = parseChanges(body.changes)
      const { revision, results } = await live.change(changes, {
        actor: caller.actor,
        as: caller.actor,
        ...(body.reason !== undefined && { reason: body.reason }),
        ...(body.onDependants !== undefined && { onDependants: body.onDependants }),
        ...(body.preconditions !== undefined && { preconditions: preconditionsOf(body.preconditions) }),
      })
      // A hash without its fact opens nothing; it goes so that nothing of a token stays.
      for (const id of removedTokens(changes)) tokens.remove(id)
      return { body: { revision, results } }
    },
  }),
]

function removedTokens(changes: readonly Change[]): readonly string[] {
  return changes.flatMap((change) =>
    'remove' in change && change.remove.kind === 'token' ? [change.remove.id] : [],
  )
}

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
