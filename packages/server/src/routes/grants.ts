import { ForbiddenError, parseChanges, parseParty, type GrantFact, type Paging } from '@castellan/engine'
import {
  EdgeError,
  grantAnswer,
  grantId,
  grantReadAnswer,
  grantRequest,
  grantsAnswer,
  grantsQuery,
  readQuery,
  revokeAnswer,
  revokeQuery,
  type GrantView,
} from '@castellan/protocol'
import { authorizeAbout, type Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import { findGrantKey, printGrantId } from '../grant-id.ts'
import { ASKING, READING, STATING } from '../openapi/codes.ts'
import { pageOf } from '../page.ts'
import type { Questions } from '../live.ts'
import { assertReached, isAllowed, maySeeAll } from '../seen.ts'
import { storedList, storedPage } from '../stored-page.ts'
import { pagingOf } from './questions.ts'
import { changingRoute } from './changing-route.ts'
import { route, type Route } from './route.ts'

export const grantRoutes: readonly Route[] = [
  changingRoute({
    method: 'POST',
    path: '/v1/grants',
    tag: 'Facts',
    doc: 'makes a grant, or updates its claims and expiry',
    id: 'createGrant',
    statuses: { 201: 'it is new', 200: 'it stood already' },
    headers: { Location: 'where the grant is read' },
    codes: [...STATING, 'ISSUER_WRONG'],
    body: grantRequest,
    answer: grantAnswer,
    handle({ caller, body, changing }, { engine }) {
      const { issuer = caller.issuer, holder, permission, extra = {}, expiresAt, reason } = body
      const grant = {
        kind: 'grant',
        issuer,
        holder,
        permission,
        extra,
        expiresAt: expiresAt ?? null,
        reason: reason ?? null,
      }
      return changing.change(parseChanges([{ add: grant }]), {}, ({ revision, results: [result] }) => {
        const outcome = result?.outcome ?? 'unchanged'
        // The engine keeps what the permission becomes, a path its uuid.
        const canonical = engine.canonical(permission, { viewer: caller.actor })
        const id = printGrantId({ kind: 'grant', issuer, holder, permission: canonical })
        return {
          status: outcome === 'added' ? 201 : 200,
          headers: { Location: `/v1/grants/${id}` },
          body: { id, outcome, effective: result?.effective ?? false, revision },
        }
      })
    },
  }),
  route({
    method: 'GET',
    path: '/v1/grants',
    tag: 'Facts',
    doc: 'grants of an issuer, to a holder or of a permission, ordered by these',
    id: 'listGrants',
    codes: [...READING, ...ASKING],
    query: grantsQuery,
    answer: grantsAnswer,
    handle({ caller, query }, context) {
      const { engine } = context
      assertReached(engine, query.atLeast)
      const filter = filterOf(query, (permission) => engine.canonical(permission, { viewer: caller.actor }))
      authorizeList(engine, caller, filter)
      return { body: { ...listGrants(context, caller, filter, pagingOf(query)), revision: engine.revision } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/grants/{id}',
    tag: 'Facts',
    doc: 'one grant',
    id: 'getGrant',
    params: { id: grantId },
    codes: ['GRANT_UNKNOWN', 'RULE_FAILED'],
    query: readQuery,
    answer: grantReadAnswer,
    handle({ caller, query, params }, { engine }) {
      assertReached(engine, query.atLeast)
      const key = findGrantKey(params['id'] ?? '')
      const grant = key === undefined ? undefined : engine.fact(key, { viewer: caller.actor })
      // One that the caller may not see and one that is not there look alike.
      if (grant?.kind !== 'grant' || !maySee(engine, caller, grant)) throw grantUnknown()
      return { body: { grant: viewOf(grant), revision: engine.revision } }
    },
  }),
  changingRoute({
    method: 'DELETE',
    path: '/v1/grants/{id}',
    tag: 'Facts',
    doc: 'revokes a grant; nothing to revoke is no error',
    id: 'revokeGrant',
    params: { id: grantId },
    codes: [...STATING, 'DEPENDANTS'],
    query: revokeQuery,
    answer: revokeAnswer,
    handle({ query, params, changing }, { engine }) {
      const key = findGrantKey(params['id'] ?? '')
      if (key === undefined) return { body: { revoked: 0, revision: engine.revision } }
      return changing.change([{ remove: key }], query, ({ revision, results: [result] }) => ({
        body: { revoked: result?.revoked ?? 0, revision },
      }))
    },
  }),
]

interface Filter {
  readonly issuer?: string
  readonly holder?: string
  readonly permission?: string
}

function filterOf(
  query: { readonly [Name in keyof Filter]: string | undefined },
  canonical: (permission: string) => string,
): Filter {
  const { issuer, holder, permission } = query
  for (const party of [issuer, holder]) if (party !== undefined) parseParty(party)
  return {
    ...(issuer !== undefined && { issuer }),
    ...(holder !== undefined && { holder }),
    ...(permission !== undefined && { permission: canonical(permission) }),
  }
}

/** By issuer, and then by holder, grants lie beside each other in the store; else they are gathered. */
function listGrants({ live, engine }: Context, { actor }: Caller, filter: Filter, paging: Paging) {
  const { issuer, holder, permission } = filter
  if (permission !== undefined || (holder !== undefined && issuer === undefined))
    return pageOf(engine.grantsWhere(filter, { viewer: actor }), sortKeyOf, viewOf, filter, paging)
  const stored = storedList({
    kind: 'grant',
    from: [issuer ?? '', holder ?? '', ''],
    isIn: (key) => (issuer === undefined || key[0] === issuer) && (holder === undefined || key[1] === holder),
    view: viewOf,
  })
  return storedPage(live, [stored], filter, paging)
}

/**
 * Whoever may ask about a party may list the grants it made or holds; whoever may revoke others' grants of a
 * permission may list those of it; the rest takes `castellan:grants`.
 *
 * @throws {ForbiddenError}
 */
function authorizeList(engine: Questions, caller: Caller, { issuer, holder, permission }: Filter): void {
  if (maySeeAll(engine, caller, 'grant')) return
  if (issuer !== undefined && mayAskAbout(engine, caller, issuer)) return
  if (holder !== undefined && mayAskAbout(engine, caller, holder)) return
  if (permission !== undefined && mayManage(engine, caller, permission)) return
  throw new ForbiddenError(
    'you may list the grants that you made or hold, and those of what you manage: filter by `issuer`, `holder` or `permission`',
    'castellan:grants',
  )
}

function maySee(engine: Questions, caller: Caller, grant: GrantFact): boolean {
  return (
    mayAskAbout(engine, caller, grant.issuer) ||
    mayAskAbout(engine, caller, grant.holder) ||
    mayManage(engine, caller, grant.permission) ||
    maySeeAll(engine, caller, 'grant')
  )
}

function mayAskAbout(engine: Questions, caller: Caller, party: string): boolean {
  const parsed = parseParty(party)
  if (parsed.kind === 'group') return engine.check(caller.actor, `manage:group:${parsed.id}`)
  if (parsed.kind === 'system') return false
  return isAllowed(() => authorizeAbout(engine, caller, party))
}

function mayManage(engine: Questions, caller: Caller, permission: string): boolean {
  return isAllowed(() => engine.authorizeQuestion(caller.actor, { about: 'holders', permission }))
}

function viewOf({ issuer, holder, permission, extra, expiresAt, reason }: GrantFact): GrantView {
  return {
    id: printGrantId({ kind: 'grant', issuer, holder, permission }),
    issuer,
    holder,
    permission,
    extra,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(reason !== undefined && { reason }),
  }
}

function sortKeyOf({ issuer, holder, permission }: GrantFact): string {
  // None of the three holds a line end, so one string orders them as the three would.
  return `${issuer}\n${holder}\n${permission}`
}

function grantUnknown(): EdgeError {
  return new EdgeError(
    'GRANT_UNKNOWN',
    'there is no such grant, or it is not yours to see',
    'list grants to find its id',
  )
}
