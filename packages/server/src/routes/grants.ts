import {
  ForbiddenError,
  parseChanges,
  parseParty,
  RevisionAheadError,
  type GrantFact,
} from '@castellan/engine'
import {
  EdgeError,
  grantAnswer,
  grantId,
  grantReadAnswer,
  grantRequest,
  grantsAnswer,
  grantsQuery,
  isCodedError,
  readQuery,
  revokeAnswer,
  revokeQuery,
  type GrantView,
} from '@castellan/protocol'
import { authorizeAbout, type Caller } from '../caller.ts'
import { findGrantKey, printGrantId } from '../grant-id.ts'
import { ASKING, STATING } from '../openapi/codes.ts'
import { pageOf } from '../page.ts'
import type { Questions } from '../live.ts'
import { pagingOf } from './questions.ts'
import { route, type Route } from './route.ts'

/** What lets one read every grant there is. */
const READ_ALL = 'castellan:grants'

export const grantRoutes: readonly Route[] = [
  route({
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
    async handle({ caller, body }, { live, engine }) {
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
      const { revision, results } = await live.change(parseChanges([{ add: grant }]), {
        actor: caller.actor,
        as: caller.actor,
      })
      const outcome = results[0]?.outcome ?? 'unchanged'
      // The engine keeps what the permission becomes, a path its uuid.
      const key = {
        kind: 'grant',
        issuer,
        holder,
        permission: engine.canonical(permission, { viewer: caller.actor }),
      } as const
      const id = printGrantId(key)
      return {
        status: outcome === 'added' ? 201 : 200,
        headers: { Location: `/v1/grants/${id}` },
        body: { id, outcome, effective: results[0]?.effective ?? false, revision },
      }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/grants',
    tag: 'Facts',
    doc: 'grants of an issuer, to a holder or of a permission, ordered by these',
    id: 'listGrants',
    codes: ASKING,
    query: grantsQuery,
    answer: grantsAnswer,
    handle({ caller, query }, { engine }) {
      assertReached(engine, query.atLeast)
      const filter = filterOf(query, (permission) => engine.canonical(permission, { viewer: caller.actor }))
      authorizeList(engine, caller, filter)
      return {
        body: {
          ...pageOf(
            engine.grantsWhere(filter, { viewer: caller.actor }),
            sortKeyOf,
            viewOf,
            filter,
            pagingOf(query),
          ),
          revision: engine.revision,
        },
      }
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
  route({
    method: 'DELETE',
    path: '/v1/grants/{id}',
    tag: 'Facts',
    doc: 'revokes a grant; nothing to revoke is no error',
    id: 'revokeGrant',
    params: { id: grantId },
    codes: [...STATING, 'DEPENDANTS'],
    query: revokeQuery,
    answer: revokeAnswer,
    async handle({ caller, query, params }, { live, engine }) {
      const key = findGrantKey(params['id'] ?? '')
      if (key === undefined) return { body: { revoked: 0, revision: engine.revision } }
      const { revision, results } = await live.change([{ remove: key }], {
        actor: caller.actor,
        as: caller.actor,
        ...(query.onDependants !== undefined && { onDependants: query.onDependants }),
        ...(query.reason !== undefined && { reason: query.reason }),
      })
      return { body: { revoked: results[0]?.revoked ?? 0, revision } }
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

/**
 * Whoever may ask about a party may list the grants it made or holds; whoever may revoke others' grants of a
 * permission may list those of it; the rest takes `castellan:grants`.
 *
 * @throws {ForbiddenError}
 */
function authorizeList(engine: Questions, caller: Caller, { issuer, holder, permission }: Filter): void {
  if (engine.check(caller.actor, READ_ALL)) return
  if (issuer !== undefined && mayAskAbout(engine, caller, issuer)) return
  if (holder !== undefined && mayAskAbout(engine, caller, holder)) return
  if (permission !== undefined && mayManage(engine, caller, permission)) return
  throw new ForbiddenError(
    'you may list the grants that you made or hold, and those of what you manage: filter by `issuer`, `holder` or `permission`',
    READ_ALL,
  )
}

function maySee(engine: Questions, caller: Caller, grant: GrantFact): boolean {
  return (
    mayAskAbout(engine, caller, grant.issuer) ||
    mayAskAbout(engine, caller, grant.holder) ||
    mayManage(engine, caller, grant.permission) ||
    engine.check(caller.actor, READ_ALL)
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

function isAllowed(authorize: () => void): boolean {
  try {
    authorize()
    return true
  } catch (error) {
    if (isCodedError(error) && error.code === 'FORBIDDEN') return false
    throw error
  }
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

function assertReached(engine: Questions, atLeast: number | undefined): void {
  if (atLeast !== undefined && atLeast > engine.revision)
    throw new RevisionAheadError(atLeast, engine.revision)
}

function grantUnknown(): EdgeError {
  return new EdgeError(
    'GRANT_UNKNOWN',
    'there is no such grant, or it is not yours to see',
    'list grants to find its id',
  )
}
