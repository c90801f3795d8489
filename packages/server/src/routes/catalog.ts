import { isBuiltInNamespace, type NamespaceFact } from '@castellan/engine'
import {
  meAnswer,
  namespacesAnswer,
  namespacesQuery,
  readQuery,
  rulesAnswer,
  type MeAnswer,
  type NamespaceView,
} from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import type { Questions } from '../live.ts'
import { pageOf } from '../page.ts'
import { assertReached } from '../seen.ts'
import { pagingOf } from './questions.ts'
import { route, type Route } from './route.ts'

/** What a caller wants to know before anything else. */
export const catalogRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/me',
    tag: 'Facts',
    doc: "who calls: the token, whom it stands for, and which of Castellan's functions it holds",
    id: 'getMe',
    codes: ['RULE_FAILED'],
    query: readQuery,
    answer: meAnswer,
    handle({ caller, query }, { engine }) {
      assertReached(engine, query.atLeast)
      return { body: sayMe(engine, caller) }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/namespaces',
    tag: 'Facts',
    doc: 'the namespaces, ordered by name',
    id: 'listNamespaces',
    query: namespacesQuery,
    answer: namespacesAnswer,
    handle({ query }, { engine }) {
      assertReached(engine, query.atLeast)
      const page = pageOf(
        engine.catalog(),
        ({ name }) => name,
        viewOf,
        { namespaces: 'all' },
        pagingOf(query),
      )
      return { body: { ...page, revision: engine.revision } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/rules',
    tag: 'Facts',
    doc: 'the rules in force, in the order in which they are asked',
    id: 'listRules',
    query: readQuery,
    answer: rulesAnswer,
    handle({ query }, { engine }) {
      assertReached(engine, query.atLeast)
      return { body: { items: engine.rules(), nextCursor: null, revision: engine.revision } }
    },
  }),
]

function viewOf({ name, description, modes, requestable, enforcedBy }: NamespaceFact): NamespaceView {
  return {
    name,
    description,
    ...(modes !== undefined && { modes: [...modes] }),
    ...(requestable !== undefined && { requestable }),
    ...(enforcedBy !== undefined && { enforcedBy }),
    builtIn: isBuiltInNamespace(name),
  }
}

function sayMe(engine: Questions, caller: Caller): MeAnswer {
  const token = engine.fact({ kind: 'token', id: caller.actor.slice('token:'.length) })
  const user = caller.self.startsWith('user:')
    ? engine.fact({ kind: 'user', id: caller.self.slice('user:'.length) })
    : undefined
  const { full, expiresAt } = token?.kind === 'token' ? token : { full: false, expiresAt: undefined }
  return {
    ...caller,
    full,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(user?.kind === 'user' && user.name !== undefined && { name: user.name }),
    functions: functionsOf(engine, caller),
    revision: engine.revision,
  }
}

/** `castellan` itself stands for all there are now and later. */
function functionsOf(engine: Questions, { actor }: Caller): string[] {
  const { items } = engine.permissionsOf(actor, 'castellan', { limit: 1_000 })
  return items.map(({ permission }) => permission)
}
