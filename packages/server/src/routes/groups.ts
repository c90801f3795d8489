import {
  BUILT_IN_GROUPS,
  isId,
  parseFact,
  parseParty,
  type GroupFact,
  type MemberFact,
} from '@castellan/engine'
import {
  EdgeError,
  groupAnswer,
  groupPatch,
  groupRequest,
  groupsAnswer,
  groupsQuery,
  isCodedError,
  memberAnswer,
  memberRemoveAnswer,
  membersAddAnswer,
  membersAnswer,
  membersQuery,
  membersRequest,
  readQuery,
  removeAnswer,
  removeQuery,
  values,
  type GroupView,
} from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import { takenError } from '../changing.ts'
import type { Context } from '../context.ts'
import type { Changed, Questions } from '../live.ts'
import { READING, STATING } from '../openapi/codes.ts'
import { pageOf } from '../page.ts'
import { assertReached, findSeen, getSeen, maySee, maySeeAll } from '../seen.ts'
import { storedList, storedPage } from '../stored-page.ts'
import { pagingOf } from './questions.ts'
import { changingRoute } from './changing-route.ts'
import { route, type Answer, type Route } from './route.ts'

export const groupRoutes: readonly Route[] = [
  changingRoute({
    method: 'POST',
    path: '/v1/groups',
    tag: 'Facts',
    doc: 'makes a group, with its first members',
    id: 'createGroup',
    statuses: { 201: 'it is made' },
    headers: { Location: 'where it is read' },
    codes: [...STATING, 'ID_RETIRED', 'ID_TAKEN'],
    body: groupRequest,
    answer: groupAnswer,
    async handle({ caller, body, changing }, { engine }) {
      const { id, owner = caller.issuer, members = [], reason } = body
      const group = parseFact({ kind: 'group', id, owner }) as GroupFact
      const answerOf = ({ revision }: Changed): Answer => ({
        status: 201,
        headers: { Location: `/v1/groups/${id}` },
        body: { group: viewOf(group), revision },
      })
      try {
        return await changing.create([group, ...membershipsOf(id, members)], { reason }, answerOf)
      } catch (error) {
        throw isTaken(engine, caller, group, error) ? takenError('group') : error
      }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/groups',
    tag: 'Facts',
    doc: 'groups, ordered by id: all of them to who may see all, else those one owns or is in',
    id: 'listGroups',
    codes: [...READING, 'ACTOR_INVALID', 'RULE_FAILED'],
    query: groupsQuery,
    answer: groupsAnswer,
    handle({ caller, query }, context) {
      assertReached(context.engine, query.atLeast)
      return { body: { ...listGroups(context, caller, query), revision: context.engine.revision } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/groups/{id}',
    tag: 'Facts',
    doc: 'one group',
    id: 'getGroup',
    params: { id: values.id },
    codes: ['GROUP_UNKNOWN', 'RULE_FAILED'],
    query: readQuery,
    answer: groupAnswer,
    handle({ caller, query, params }, { engine }) {
      assertReached(engine, query.atLeast)
      return { body: { group: viewOf(getGroup(engine, caller, params['id'])), revision: engine.revision } }
    },
  }),
  changingRoute({
    method: 'PATCH',
    path: '/v1/groups/{id}',
    tag: 'Facts',
    doc: 'gives a group to another owner',
    id: 'updateGroup',
    params: { id: values.id },
    codes: [...STATING, 'GROUP_UNKNOWN', 'BUILT_IN', 'PRECONDITION_FAILED'],
    body: groupPatch,
    answer: groupAnswer,
    handle({ caller, body: { owner, reason }, params, changing }, { engine }) {
      const read = () => getGroup(engine, caller, params['id'])
      const give = ({ id }: GroupFact) => parseFact({ kind: 'group', id, owner }) as GroupFact
      return changing.alter(read, give, { reason }, (group, { revision }) => ({
        body: { group: viewOf(group), revision },
      }))
    },
  }),
  changingRoute({
    method: 'DELETE',
    path: '/v1/groups/{id}',
    tag: 'Facts',
    doc: 'deletes a group, with its memberships and the grants to it',
    id: 'deleteGroup',
    params: { id: values.id },
    codes: [...STATING, 'GROUP_UNKNOWN', 'BUILT_IN', 'IN_USE', 'DEPENDANTS'],
    query: removeQuery,
    answer: removeAnswer,
    handle({ caller, query, params, changing }, { engine }) {
      const { id } = getGroup(engine, caller, params['id'])
      return changing.remove({ key: { kind: 'group', id } }, query, groupUnknown())
    },
  }),
  route({
    method: 'GET',
    path: '/v1/groups/{id}/members',
    tag: 'Facts',
    doc: 'who is directly in a group, ordered: all of them to who manages it, else oneself',
    id: 'listMembers',
    params: { id: values.id },
    codes: [...READING, 'GROUP_UNKNOWN', 'RULE_FAILED'],
    query: membersQuery,
    answer: membersAnswer,
    handle({ caller, query, params }, context) {
      assertReached(context.engine, query.atLeast)
      const { id } = getGroup(context.engine, caller, params['id'])
      return { body: { ...listMembers(context, caller, id, query), revision: context.engine.revision } }
    },
  }),
  changingRoute({
    method: 'POST',
    path: '/v1/groups/{id}/members',
    tag: 'Facts',
    doc: 'puts users or groups into a group, all of them or none',
    id: 'addMembers',
    params: { id: values.id },
    codes: [...STATING, 'GROUP_UNKNOWN'],
    body: membersRequest,
    answer: membersAddAnswer,
    handle({ caller, body: { members, reason }, params, changing }, { engine }) {
      const { id } = getGroup(engine, caller, params['id'])
      const changes = membershipsOf(id, members).map((add) => ({ add }))
      return changing.change(changes, { reason }, ({ revision, results }) => ({
        body: { added: results.filter(({ outcome }) => outcome === 'added').length, revision },
      }))
    },
  }),
  route({
    method: 'GET',
    path: '/v1/groups/{id}/members/{member}',
    tag: 'Facts',
    doc: 'whether someone is directly in a group',
    id: 'getMember',
    params: { id: values.id, member: values.holder },
    codes: ['GROUP_UNKNOWN', 'MEMBER_UNKNOWN', 'FACT_INVALID', 'RULE_FAILED'],
    query: readQuery,
    answer: memberAnswer,
    handle({ caller, query, params }, { engine }) {
      assertReached(engine, query.atLeast)
      const { id } = getGroup(engine, caller, params['id'])
      const member = memberOf(caller, params['member'])
      const key = { kind: 'member', group: id, member } as const
      if (!isEveryonesGroup(engine, id, member) || !maySee(engine, caller, key))
        getSeen(engine, caller, key, memberUnknown())
      return { body: { group: id, member, revision: engine.revision } }
    },
  }),
  changingRoute({
    method: 'DELETE',
    path: '/v1/groups/{id}/members/{member}',
    tag: 'Facts',
    doc: 'takes someone out of a group, or leaves it: `me` stands for oneself; who is not in it is no error',
    id: 'removeMember',
    params: { id: values.id, member: values.holder },
    codes: [...STATING, 'GROUP_UNKNOWN', 'BUILT_IN', 'DEPENDANTS'],
    query: removeQuery,
    answer: memberRemoveAnswer,
    handle({ caller, query, params, changing }, { engine }) {
      const { id } = getGroup(engine, caller, params['id'])
      const key = { kind: 'member', group: id, member: memberOf(caller, params['member']) } as const
      return changing.change([{ remove: key }], query, ({ revision, results: [result] }) => ({
        body: { removed: result?.outcome === 'removed' ? 1 : 0, revision },
      }))
    },
  }),
]

/** Whoever may make a group of that owner learns that the id is taken; others are told what they may not do. */
function isTaken(engine: Questions, caller: Caller, { id, owner }: GroupFact, error: unknown): boolean {
  const isRefused = isCodedError(error) && error.code === 'FORBIDDEN'
  return isRefused && owner === caller.self && engine.fact({ kind: 'group', id }) !== undefined
}

interface Filter {
  readonly prefix?: string | undefined
  readonly owner?: string | undefined
  readonly member?: string | undefined
}

type Groups = { readonly items: readonly GroupView[]; readonly nextCursor: string | null }

function listGroups(
  { live, engine }: Context,
  caller: Caller,
  query: Filter & Parameters<typeof pagingOf>[0],
): Groups {
  const { prefix = '', owner, member } = query
  for (const party of [owner, member]) if (party !== undefined) parseParty(party)
  const paging = pagingOf(query)
  const filter = { prefix, owner: owner ?? null, member: member ?? null }
  const isAll = maySeeAll(engine, caller, 'group')
  if (isAll && owner === undefined && member === undefined) {
    const list = storedList({
      kind: 'group',
      from: [prefix, '', ''],
      isIn: ([id]) => id.startsWith(prefix),
      besides: BUILT_IN,
      view: viewOf,
    })
    return storedPage(live, [list], { groups: 'all', ...filter }, paging)
  }
  const candidates = isAll ? candidatesOf(engine, owner, member) : ownGroups(engine, caller)
  const fitting = candidates.filter(
    ({ id, owner: its }) =>
      id.startsWith(prefix) &&
      (owner === undefined || its === owner) &&
      // Who is in a group with whom is not for everyone in it to know.
      (member === undefined || isAll || isSeenIn(engine, caller, id, member)),
  )
  const question = { groups: isAll ? 'all' : caller.self, ...filter }
  return pageOf(fitting, ({ id }) => id, viewOf, question, paging)
}

function candidatesOf(engine: Questions, owner: string | undefined, member: string | undefined): GroupFact[] {
  if (member !== undefined) return [...engine.groupsWhere({ member })]
  return owner === undefined ? [] : [...engine.groupsWhere({ owner })]
}

/** Those that the caller owns and those it is in, directly or not. */
function ownGroups(engine: Questions, { self }: Caller): readonly GroupFact[] {
  if (!self.startsWith('user:')) return []
  const groups = new Map([...engine.groupsWhere({ member: self })].map((group) => [group.id, group]))
  for (const id of groups.keys())
    for (const group of engine.groupsWhere({ member: `group:${id}` })) groups.set(group.id, group)
  for (const group of engine.groupsWhere({ owner: self })) groups.set(group.id, group)
  return [...groups.values()]
}

function isSeenIn(engine: Questions, caller: Caller, group: string, member: string): boolean {
  const key = { kind: 'member', group, member } as const
  if (isEveryonesGroup(engine, group, member)) return maySee(engine, caller, key)
  return findSeen(engine, caller, key) !== undefined
}

/** Every user is in the group `user`, without a fact that says so. */
function isEveryonesGroup(engine: Questions, group: string, member: string): boolean {
  return group === 'user' && member.startsWith('user:') && existsUser(engine, member)
}

function existsUser(engine: Questions, member: string): boolean {
  const id = member.slice('user:'.length)
  return isId(id) && engine.fact({ kind: 'user', id }) !== undefined
}

/** What is built in is there without being stored. */
const BUILT_IN: readonly GroupFact[] = BUILT_IN_GROUPS.map((id) => ({ kind: 'group', id, owner: 'system' }))

function listMembers(
  { live, engine }: Context,
  caller: Caller,
  group: string,
  query: Parameters<typeof pagingOf>[0],
): { readonly items: readonly { readonly member: string }[]; readonly nextCursor: string | null } {
  const paging = pagingOf(query)
  // Who may see a membership that is none of their own may see all of them.
  const another = { kind: 'member', group, member: `group:${group}` } as const
  if (!maySee(engine, caller, another)) {
    const { self } = caller
    const own = self.startsWith('user:') && isSeenIn(engine, caller, group, self) ? [self] : []
    const question = { members: group, of: self }
    return pageOf(
      own,
      (member) => member,
      (member) => ({ member }),
      question,
      paging,
    )
  }
  const stored = storedList({
    kind: 'member',
    from: [group, '', ''],
    isIn: ([its]) => its === group,
    view: ({ member }) => ({ member }),
  })
  const users = storedList({
    kind: 'user',
    from: ['', '', ''],
    view: ({ id }) => ({ member: `user:${id}` }),
  })
  return storedPage(live, group === 'user' ? [stored, users] : [stored], { members: group }, paging)
}

function membershipsOf(group: string, members: readonly string[]): readonly MemberFact[] {
  return members.map((member) => parseFact({ kind: 'member', group, member }) as MemberFact)
}

/** `me` is nobody's name: names of parties have a colon. */
function memberOf(caller: Caller, member = ''): string {
  return member === 'me' ? caller.self : member
}

function getGroup(engine: Questions, caller: Caller, id = ''): GroupFact {
  if (!isId(id)) throw groupUnknown()
  return getSeen(engine, caller, { kind: 'group', id }, groupUnknown())
}

function viewOf({ id, owner }: GroupFact): GroupView {
  return { id, owner }
}

function groupUnknown(): EdgeError {
  return new EdgeError(
    'GROUP_UNKNOWN',
    'there is no such group, or it is not yours to see',
    'list groups to find its id',
  )
}

function memberUnknown(): EdgeError {
  return new EdgeError(
    'MEMBER_UNKNOWN',
    'there is no such member, or it is not yours to see',
    'list the members of the group',
  )
}
