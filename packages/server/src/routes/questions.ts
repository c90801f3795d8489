import type { Asking, Paging } from '@castellan/engine'
import {
  claimsAnswer,
  claimsRequest,
  explainAnswer,
  explainRequest,
  holdersAnswer,
  holdersRequest,
  pageQuery,
  permissionsAnswer,
  permissionsRequest,
  previewAnswer,
  previewRequest,
  scanAnswer,
  scanRequest,
} from '@castellan/protocol'
import { parseChanges } from '@castellan/engine'
import { authorizeAbout } from '../caller.ts'
import { askingOf } from '../decisions.ts'
import { ASKING, CHANGING } from '../openapi/codes.ts'
import { route, type Route } from './route.ts'

/** The questions that are not asked a million times a second. */
export const questionRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/scan',
    tag: 'Questions',
    doc: 'every pathway by which an actor holds a permission, as a reading',
    id: 'scan',
    codes: ASKING,
    body: scanRequest,
    answer: scanAnswer,
    handle({ caller, body }, { engine }) {
      const actor = body.actor ?? caller.self
      authorizeAbout(engine, caller, actor)
      const reading = engine.scan(
        actor,
        body.permission ?? body.permissions ?? [],
        askingOf(caller, body.atLeast),
      )
      return { body: { reading, revision: engine.revision } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/explain',
    tag: 'Questions',
    doc: 'why an actor holds a permission, or what would mend it',
    id: 'explain',
    codes: ASKING,
    body: explainRequest,
    answer: explainAnswer,
    handle({ caller, body }, { engine }) {
      const actor = body.actor ?? caller.self
      authorizeAbout(engine, caller, actor)
      return { body: engine.explain(actor, body.permission, askingOf(caller, body.atLeast)) }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/claims',
    tag: 'Questions',
    doc: 'for each pathway the claims on it, from the actor to the option',
    id: 'getClaims',
    codes: ASKING,
    body: claimsRequest,
    answer: claimsAnswer,
    handle({ caller, body, exchange }, { engine, observer }) {
      const actor = body.actor ?? caller.self
      authorizeAbout(engine, caller, actor)
      const asking = askingOf(caller, body.atLeast)
      const claims = engine.claims(actor, body.permission, asking)
      // Whoever enforces limits asks this instead of a check.
      observer.decided(exchange, actor, body.permission, claims.pathways.length > 0, asking)
      return { body: claims }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/holders',
    tag: 'Questions',
    doc: 'everyone who holds a permission, each with one pathway',
    id: 'listHolders',
    codes: ASKING,
    body: holdersRequest,
    query: pageQuery,
    answer: holdersAnswer,
    handle({ caller, body, query }, { engine }) {
      engine.authorizeQuestion(caller.actor, { about: 'holders', permission: body.permission })
      return {
        body: engine.holders(body.permission, { ...askingOf(caller, body.atLeast), ...pagingOf(query) }),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/permissions',
    tag: 'Questions',
    doc: 'what an actor holds, beneath a prefix or covering it',
    id: 'listPermissions',
    codes: ASKING,
    body: permissionsRequest,
    query: pageQuery,
    answer: permissionsAnswer,
    handle({ caller, body, query }, { engine }) {
      const actor = body.actor ?? caller.self
      authorizeAbout(engine, caller, actor)
      return {
        body: engine.permissionsOf(actor, body.prefix, {
          ...askingOf(caller, body.atLeast),
          ...pagingOf(query),
        }),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/preview',
    tag: 'Questions',
    doc: 'who would lose and gain what by changes, before they are made',
    id: 'preview',
    codes: CHANGING,
    body: previewRequest,
    query: pageQuery,
    answer: previewAnswer,
    handle({ caller, body, query }, { engine }) {
      const changes = parseChanges(body.changes)
      engine.authorizeQuestion(caller.actor, { about: 'preview', changes })
      const asking: Asking & Paging = { ...askingOf(caller, body.atLeast), ...pagingOf(query) }
      const { items, counts, results, nextCursor, revision, incomplete } = engine.preview(changes, {
        ...asking,
        as: caller.actor,
      })
      const of = (change: 'lost' | 'gained' | 'kept') =>
        items.filter((item) => item.change === change).map(({ actor, permission }) => ({ actor, permission }))
      return {
        body: {
          counts,
          lost: of('lost'),
          gained: of('gained'),
          kept: of('kept'),
          results,
          nextCursor,
          revision,
          incomplete,
        },
      }
    },
  }),
]

interface PageQuery {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** Absent and `undefined` are not the same to the engine. */
export function pagingOf({ limit, cursor }: PageQuery): Paging {
  return { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) }
}
