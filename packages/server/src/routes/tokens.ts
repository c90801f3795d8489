import { isId, ForbiddenError, parseParty, type TokenFact } from '@castellan/engine'
import {
  EdgeError,
  readQuery,
  reasonRequest,
  removeAnswer,
  removeQuery,
  tokenAnswer,
  tokenReadAnswer,
  tokenRequest,
  tokensAnswer,
  tokensQuery,
  values,
  type TokenView,
} from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import type { Questions } from '../live.ts'
import { READING, STATING } from '../openapi/codes.ts'
import { pageOf } from '../page.ts'
import { assertReached, getSeen, maySeeAll } from '../seen.ts'
import { storedList, storedPage } from '../stored-page.ts'
import { withNewToken } from '../tokens/issue.ts'
import { pagingOf } from './questions.ts'
import { changingRoute } from './changing-route.ts'
import { route, type Route } from './route.ts'

export const tokenRoutes: readonly Route[] = [
  changingRoute({
    method: 'POST',
    path: '/v1/tokens',
    tag: 'Facts',
    doc: 'makes a token and shows its secret, this once',
    id: 'createToken',
    statuses: { 201: 'it is made' },
    headers: { Location: 'where it is read' },
    codes: [...STATING, 'SECRET_SHOWN'],
    body: tokenRequest,
    answer: tokenAnswer,
    handle({ caller, body, changing }, context) {
      const { issuer = caller.issuer, full = false, permissions = [], expiresAt } = body
      const wish = { issuer, full, permissions, ...(expiresAt !== undefined && { expiresAt }) }
      return withNewToken(context.tokens, wish, ({ id, secret, changes }) =>
        changing.change(
          changes,
          {},
          ({ revision }) => ({
            status: 201,
            headers: { Location: `/v1/tokens/${id}` },
            body: {
              id,
              issuer,
              full,
              ...(expiresAt !== undefined && { expiresAt }),
              token: secret,
              revision,
            },
          }),
          () => ({ token: id }),
        ),
      )
    },
  }),
  route({
    method: 'GET',
    path: '/v1/tokens',
    tag: 'Facts',
    doc: "tokens, ordered by id, never their secrets: all of them to who may see all, else one's own and one's apps'",
    id: 'listTokens',
    codes: [...READING, 'ACTOR_INVALID', 'FORBIDDEN', 'RULE_FAILED'],
    query: tokensQuery,
    answer: tokensAnswer,
    handle({ caller, query }, context) {
      assertReached(context.engine, query.atLeast)
      return { body: { ...listTokens(context, caller, query), revision: context.engine.revision } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/tokens/{id}',
    tag: 'Facts',
    doc: 'one token, never its secret',
    id: 'getToken',
    params: { id: values.id },
    codes: ['TOKEN_UNKNOWN', 'RULE_FAILED'],
    query: readQuery,
    answer: tokenReadAnswer,
    handle({ caller, query, params }, { engine }) {
      assertReached(engine, query.atLeast)
      const token = getToken(engine, caller, params['id'])
      return { body: { token: viewOf(engine, token), revision: engine.revision } }
    },
  }),
  ...(['suspend', 'resume'] as const).map((act) =>
    changingRoute({
      method: 'POST',
      path: `/v1/tokens/{id}/${act}`,
      tag: 'Facts',
      doc:
        act === 'suspend'
          ? 'suspends a token, which opens nothing until resumed'
          : 'ends the suspension of a token',
      id: `${act}Token`,
      params: { id: values.id },
      codes: [...STATING, 'TOKEN_UNKNOWN'],
      body: reasonRequest,
      isBodyOptional: true,
      answer: tokenReadAnswer,
      handle({ caller, body: { reason }, params, changing }, { engine }) {
        const token = getToken(engine, caller, params['id'])
        const suspension = { kind: 'suspension', of: `token:${token.id}` } as const
        const wished = act === 'suspend' ? { add: suspension } : { remove: suspension }
        return changing.change([wished], { reason }, ({ revision }) => ({
          body: { token: { ...viewOf(engine, token), suspended: act === 'suspend' }, revision },
        }))
      },
    }),
  ),
  changingRoute({
    method: 'DELETE',
    path: '/v1/tokens/{id}',
    tag: 'Facts',
    doc: 'ends a token and the grants to it',
    id: 'deleteToken',
    params: { id: values.id },
    codes: [...STATING, 'TOKEN_UNKNOWN', 'DEPENDANTS'],
    query: removeQuery,
    answer: removeAnswer,
    handle({ caller, query, params, changing }, { engine }) {
      const { id } = getToken(engine, caller, params['id'])
      return changing.remove({ key: { kind: 'token', id } }, query, tokenUnknown())
    },
  }),
]

function listTokens(
  { live, engine }: Context,
  caller: Caller,
  query: { readonly issuer?: string | undefined } & Parameters<typeof pagingOf>[0],
): { readonly items: readonly TokenView[]; readonly nextCursor: string | null } {
  const { issuer } = query
  if (issuer !== undefined) parseParty(issuer)
  const paging = pagingOf(query)
  const isAll = maySeeAll(engine, caller, 'token')
  if (isAll && issuer === undefined) {
    const all = storedList({ kind: 'token', from: ['', '', ''], view: (token) => viewOf(engine, token) })
    return storedPage(live, [all], { tokens: 'all' }, paging)
  }
  if (!isAll && issuer !== undefined && !isOwn(caller, issuer)) {
    throw new ForbiddenError(
      'you may list your own tokens and those of your apps: `castellan:users` is needed for others',
      'castellan:users',
    )
  }
  const found = [...(issuer === undefined ? ownTokens(engine, caller) : engine.tokensWhere({ issuer }))]
  const fitting = found.filter((token) => issuer === undefined || token.issuer === issuer)
  const question = { tokens: isAll ? 'all' : caller.self, issuer: issuer ?? null }
  return pageOf(
    fitting,
    ({ id }) => id,
    (token) => viewOf(engine, token),
    question,
    paging,
  )
}

function isOwn({ self }: Caller, issuer: string): boolean {
  return issuer === self || issuer.startsWith(`${self}/`)
}

/** Of who stands for a user all of that user's; else the token itself. */
function ownTokens(engine: Questions, { self, actor }: Caller): Iterable<TokenFact> {
  if (self.startsWith('user:')) return engine.tokensWhere({ issuer: self })
  const token = engine.fact({ kind: 'token', id: actor.slice('token:'.length) })
  return token?.kind === 'token' ? [token] : []
}

function getToken(engine: Questions, caller: Caller, id = ''): TokenFact {
  if (!isId(id)) throw tokenUnknown()
  return getSeen(engine, caller, { kind: 'token', id }, tokenUnknown())
}

function viewOf(engine: Questions, { id, issuer, full, expiresAt }: TokenFact): TokenView {
  const suspended = engine.fact({ kind: 'suspension', of: `token:${id}` }) !== undefined
  return { id, issuer, full, ...(expiresAt !== undefined && { expiresAt }), suspended }
}

function tokenUnknown(): EdgeError {
  return new EdgeError(
    'TOKEN_UNKNOWN',
    'there is no such token, or it is not yours to see',
    'list tokens to find its id',
  )
}
