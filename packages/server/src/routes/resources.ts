import {
  ForbiddenError,
  namespaceOf,
  parseFact,
  parseParty,
  type FactKey,
  type ResourceFact,
} from '@castellan/engine'
import {
  EdgeError,
  readQuery,
  removeAnswer,
  resourceAnswer,
  resourcePatch,
  resourceRemoveQuery,
  resourceRequest,
  resourcesAnswer,
  resourcesQuery,
  values,
  type ResourceView,
} from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import type { Questions } from '../live.ts'
import { ASKING, CHANGING, READING, STATING } from '../openapi/codes.ts'
import { pageOf } from '../page.ts'
import { assertReached, getSeen, maySeeAll } from '../seen.ts'
import { storedList, storedPage } from '../stored-page.ts'
import { pagingOf } from './questions.ts'
import { changingRoute } from './changing-route.ts'
import { route, type Route } from './route.ts'

export const resourceRoutes: readonly Route[] = [
  changingRoute({
    method: 'POST',
    path: '/v1/resources',
    tag: 'Facts',
    doc: 'declares a resource and its owner',
    id: 'createResource',
    statuses: { 201: 'it is made' },
    headers: { Location: 'where it is read' },
    codes: [...STATING, 'ID_RETIRED', 'ID_TAKEN', 'NAME_TAKEN', 'TREE_INVALID'],
    body: resourceRequest,
    answer: resourceAnswer,
    handle({ caller, body, changing }, { engine }) {
      const { permission, owner = caller.issuer, parent, name, reason } = body
      assertKeeper(engine, caller)
      const resource = resourceOf(engine, caller, { permission, owner, parent, name })
      return changing.create([resource], { reason }, ({ revision }) => ({
        status: 201,
        headers: { Location: `/v1/resources/${encodeURIComponent(resource.permission)}` },
        body: { resource: viewOf(resource), revision },
      }))
    },
  }),
  route({
    method: 'GET',
    path: '/v1/resources',
    tag: 'Facts',
    doc: "resources, ordered: of an owner, in a folder, in a namespace; else all of them to who may see all, or one's own",
    id: 'listResources',
    codes: [...READING, ...ASKING, 'RESOURCE_UNKNOWN'],
    query: resourcesQuery,
    answer: resourcesAnswer,
    handle({ caller, query }, context) {
      assertReached(context.engine, query.atLeast)
      return { body: { ...listResources(context, caller, query), revision: context.engine.revision } }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/resources/{permission}',
    tag: 'Facts',
    doc: 'one resource',
    id: 'getResource',
    params: { permission: values.permission },
    codes: ['PERMISSION_INVALID', 'PERMISSION_UNKNOWN', 'RESOURCE_UNKNOWN', 'RULE_FAILED'],
    query: readQuery,
    answer: resourceAnswer,
    handle({ caller, query, params }, { engine }) {
      assertReached(engine, query.atLeast)
      const resource = getResource(engine, caller, params['permission'])
      return { body: { resource: viewOf(resource), revision: engine.revision } }
    },
  }),
  changingRoute({
    method: 'PATCH',
    path: '/v1/resources/{permission}',
    tag: 'Facts',
    doc: 'gives a resource away, moves or renames it',
    id: 'updateResource',
    params: { permission: values.permission },
    codes: [...CHANGING, 'RESOURCE_UNKNOWN'],
    body: resourcePatch,
    answer: resourceAnswer,
    handle({ caller, body, params, changing }, { engine }) {
      const { owner, parent, name, reason, onDependants } = body
      const read = () => getResource(engine, caller, params['permission'])
      const patch = (before: ResourceFact) =>
        resourceOf(engine, caller, {
          permission: before.permission,
          owner: owner ?? before.owner,
          parent: parent === undefined ? before.parent : parent,
          name: name === undefined ? before.name : name,
        })
      return changing.alter(read, patch, { reason, onDependants }, (resource, { revision }) => ({
        body: { resource: viewOf(resource), revision },
      }))
    },
  }),
  changingRoute({
    method: 'DELETE',
    path: '/v1/resources/{permission}',
    tag: 'Facts',
    doc: 'deletes a resource and every grant beneath it, with `recursive` everything in it as well',
    id: 'deleteResource',
    params: { permission: values.permission },
    codes: [...STATING, 'RESOURCE_UNKNOWN', 'HAS_CHILDREN', 'DEPENDANTS'],
    query: resourceRemoveQuery,
    answer: removeAnswer,
    handle({ caller, query: { recursive = false, ...wish }, params, changing }, { engine }) {
      const { permission } = getResource(engine, caller, params['permission'])
      const key: FactKey = { kind: 'resource', permission }
      return changing.remove({ key, recursive }, wish, resourceUnknown())
    },
  }),
]

/** Resources are made through the service that keeps them, which may state facts. @throws {ForbiddenError} */
function assertKeeper(engine: Questions, caller: Caller): void {
  if (engine.check(caller.actor, 'castellan:facts')) return
  throw new ForbiddenError(
    'you may not do this: `castellan:facts` is needed to make resources',
    'castellan:facts',
  )
}

interface Parts {
  readonly permission: string
  readonly owner: string
  readonly parent?: string | null | undefined
  readonly name?: string | null | undefined
}

/** The fact as the engine will keep it: paths become ids, null and absent are the same. */
function resourceOf(
  engine: Questions,
  caller: Caller,
  { permission, owner, parent, name }: Parts,
): ResourceFact {
  const canonical = (text: string): string => engine.canonical(text, { viewer: caller.actor })
  return parseFact({
    kind: 'resource',
    permission: canonical(permission),
    owner,
    parent: parent === undefined || parent === null ? null : canonical(parent),
    name: name ?? null,
  }) as ResourceFact
}

interface Filter {
  readonly owner?: string | undefined
  readonly parent?: string | undefined
  readonly namespace?: string | undefined
}

type Resources = { readonly items: readonly ResourceView[]; readonly nextCursor: string | null }

function listResources(
  { live, engine }: Context,
  caller: Caller,
  query: Filter & Parameters<typeof pagingOf>[0],
): Resources {
  const { namespace } = query
  const isAll = maySeeAll(engine, caller, 'resource')
  const paging = pagingOf(query)
  if (isAll && query.owner === undefined && query.parent === undefined) {
    const question = { resources: 'all', namespace: namespace ?? null }
    return storedPage(live, listsOf(namespace), question, paging)
  }
  const filter = filterOf(engine, caller, query, isAll)
  const found = [...engine.resourcesWhere(filter, { viewer: caller.actor })]
  const fitting = found.filter(
    ({ permission }) => namespace === undefined || namespaceOf(permission) === namespace,
  )
  const question = { resources: isAll ? 'all' : caller.self, ...filter, namespace: namespace ?? null }
  return pageOf(fitting, ({ permission }) => permission, viewOf, question, paging)
}

/** A namespace may be a resource itself, and other names may come between it and what lies beneath. */
function listsOf(namespace: string | undefined) {
  if (namespace === undefined) return [storedList({ kind: 'resource', from: ['', '', ''], view: viewOf })]
  return [
    storedList({
      kind: 'resource',
      from: [namespace, '', ''],
      isIn: ([permission]) => permission === namespace,
      view: viewOf,
    }),
    storedList({
      kind: 'resource',
      from: [`${namespace}:`, '', ''],
      isIn: ([permission]) => permission.startsWith(`${namespace}:`),
      view: viewOf,
    }),
  ]
}

/**
 * What is held on a folder is held on its content: whoever may see the folder may list it. What someone owns is for
 * them to list, and for who may see all.
 *
 * @throws {EdgeError} RESOURCE_UNKNOWN {ForbiddenError}
 */
function filterOf(
  engine: Questions,
  caller: Caller,
  { owner, parent }: Filter,
  isAll: boolean,
): { readonly owner?: string; readonly parent?: string } {
  if (owner !== undefined) parseParty(owner)
  if (parent !== undefined) {
    const folder = getResource(engine, caller, parent)
    return { parent: folder.permission, ...(owner !== undefined && { owner }) }
  }
  if (owner === undefined || owner === caller.self || isAll) return { owner: owner ?? caller.self }
  throw new ForbiddenError(
    'you may list what you own and what lies in a folder you may see: `castellan:facts` is needed for more',
    'castellan:facts',
  )
}

function getResource(engine: Questions, caller: Caller, permission = ''): ResourceFact {
  return getSeen(engine, caller, { kind: 'resource', permission }, resourceUnknown())
}

function viewOf({ permission, owner, parent, name }: ResourceFact): ResourceView {
  return { permission, owner, ...(parent !== undefined && { parent }), ...(name !== undefined && { name }) }
}

function resourceUnknown(): EdgeError {
  return new EdgeError(
    'RESOURCE_UNKNOWN',
    'there is no such resource, or it is not yours to see',
    'list resources to find its string',
  )
}
