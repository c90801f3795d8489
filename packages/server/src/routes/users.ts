import { isId, parseFact, type UserFact } from '@castellan/engine'
import {
  EdgeError,
  readQuery,
  reasonRequest,
  removeAnswer,
  removeQuery,
  userAnswer,
  userPatch,
  userRequest,
  usersAnswer,
  usersQuery,
  values,
  type UserView,
} from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import type { Questions } from '../live.ts'
import { READING, STATING } from '../openapi/codes.ts'
import { pageOf } from '../page.ts'
import { assertReached, getSeen, maySeeAll } from '../seen.ts'
import { storedList, storedPage } from '../stored-page.ts'
import { pagingOf } from './questions.ts'
import { changingRoute } from './changing-route.ts'
import { route, type Route } from './route.ts'

export const userRoutes: readonly Route[] = [
  changingRoute({
    method: 'POST',
    path: '/v1/users',
    tag: 'Facts',
    doc: 'makes a user',
    id: 'createUser',
    statuses: { 201: 'it is made' },
    headers: { Location: 'where it is read' },
    codes: [...STATING, 'ID_RETIRED', 'ID_TAKEN'],
    body: userRequest,
    answer: userAnswer,
    handle({ body: { id, name = null, reason }, changing }, { engine }) {
      const user = parseFact({ kind: 'user', id, name }) as UserFact
      return changing.create([user], { reason }, ({ revision }) => ({
        status: 201,
        headers: { Location: `/v1/users/${id}` },
        body: { user: viewOf(engine, user), revision },
      }))
    },
  }),
  route({
    method: 'GET',
    path: '/v1/users',
    tag: 'Facts',
    doc: 'users, ordered by id: all of them to who may see all, else oneself',
    id: 'listUsers',
    codes: [...READING, 'RULE_FAILED'],
    query: usersQuery,
    answer: usersAnswer,
    handle({ caller, query }, context) {
      assertReached(context.engine, query.atLeast)
      return { body: { ...listUsers(context, caller, query), revision: context.engine.revision } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/users/{id}',
    tag: 'Facts',
    doc: 'one user',
    id: 'getUser',
    params: { id: values.id },
    codes: ['USER_UNKNOWN', 'RULE_FAILED'],
    query: readQuery,
    answer: userAnswer,
    handle({ caller, query, params }, { engine }) {
      assertReached(engine, query.atLeast)
      const user = getUser(engine, caller, params['id'])
      return { body: { user: viewOf(engine, user), revision: engine.revision } }
    },
  }),
  changingRoute({
    method: 'PATCH',
    path: '/v1/users/{id}',
    tag: 'Facts',
    doc: 'renames a user',
    id: 'updateUser',
    params: { id: values.id },
    codes: [...STATING, 'USER_UNKNOWN', 'PRECONDITION_FAILED'],
    body: userPatch,
    answer: userAnswer,
    handle({ caller, body: { name, reason }, params, changing }, { engine }) {
      const read = () => getUser(engine, caller, params['id'])
      const rename = ({ id }: UserFact) => parseFact({ kind: 'user', id, name }) as UserFact
      return changing.alter(read, rename, { reason }, (user, { revision }) => ({
        body: { user: viewOf(engine, user), revision },
      }))
    },
  }),
  ...(['suspend', 'resume'] as const).map((act) =>
    changingRoute({
      method: 'POST',
      path: `/v1/users/{id}/${act}`,
      tag: 'Facts',
      doc:
        act === 'suspend'
          ? 'suspends a user, who holds nothing until resumed'
          : 'ends the suspension of a user',
      id: `${act}User`,
      params: { id: values.id },
      codes: [...STATING, 'USER_UNKNOWN'],
      body: reasonRequest,
      isBodyOptional: true,
      answer: userAnswer,
      handle({ caller, body: { reason }, params, changing }, { engine }) {
        const user = getUser(engine, caller, params['id'])
        const suspension = { kind: 'suspension', of: `user:${user.id}` } as const
        const wished = act === 'suspend' ? { add: suspension } : { remove: suspension }
        return changing.change([wished], { reason }, ({ revision }) => ({
          body: { user: { ...viewOf(engine, user), suspended: act === 'suspend' }, revision },
        }))
      },
    }),
  ),
  changingRoute({
    method: 'DELETE',
    path: '/v1/users/{id}',
    tag: 'Facts',
    doc: 'removes a user, with its memberships, tokens and grants; refused while it owns something',
    id: 'deleteUser',
    params: { id: values.id },
    codes: [...STATING, 'USER_UNKNOWN', 'IN_USE', 'DEPENDANTS'],
    query: removeQuery,
    answer: removeAnswer,
    handle({ caller, query, params, changing }, { engine }) {
      const { id } = getUser(engine, caller, params['id'])
      return changing.remove({ key: { kind: 'user', id } }, query, userUnknown())
    },
  }),
]

interface Filter {
  readonly prefix?: string | undefined
  readonly name?: string | undefined
}

function listUsers(
  { live, engine }: Context,
  caller: Caller,
  query: Filter & Parameters<typeof pagingOf>[0],
): { readonly items: readonly UserView[]; readonly nextCursor: string | null } {
  const { prefix = '', name } = query
  const fits = (user: UserFact): boolean =>
    user.id.startsWith(prefix) && (name === undefined || (user.name ?? user.id) === name)
  const view = (user: UserFact): UserView => viewOf(engine, user)
  const filter = { prefix, name: name ?? null }
  if (maySeeAll(engine, caller, 'user')) {
    const list = storedList({
      kind: 'user',
      from: [prefix, '', ''],
      isIn: ([id]) => id.startsWith(prefix),
      view: (user) => (fits(user) ? view(user) : undefined),
    })
    return storedPage(live, [list], { users: 'all', ...filter }, pagingOf(query))
  }
  const own = [ownUser(engine, caller) ?? []].flat().filter(fits)
  return pageOf(own, ({ id }) => id, view, { users: caller.self, ...filter }, pagingOf(query))
}

/** The user that the caller stands for in full. */
function ownUser(engine: Questions, { self }: Caller): UserFact | undefined {
  if (!self.startsWith('user:')) return undefined
  return engine.fact({ kind: 'user', id: self.slice('user:'.length) }) as UserFact | undefined
}

function getUser(engine: Questions, caller: Caller, id = ''): UserFact {
  if (!isId(id)) throw userUnknown()
  return getSeen(engine, caller, { kind: 'user', id }, userUnknown())
}

function viewOf(engine: Questions, { id, name }: UserFact): UserView {
  const suspended = engine.fact({ kind: 'suspension', of: `user:${id}` }) !== undefined
  return { id, ...(name !== undefined && { name }), suspended }
}

function userUnknown(): EdgeError {
  return new EdgeError(
    'USER_UNKNOWN',
    'there is no such user, or it is not yours to see',
    'list users to find its id',
  )
}
