import {
  BUILT_IN_GROUPS,
  isAtOrBeneath,
  keyParts,
  namespaceOf,
  type Fact,
  type FactKey,
  type GroupFact,
  type JournalEntry,
  type MemberFact,
  type Paging,
  type ResourceFact,
  type TokenFact,
  type UserFact,
} from '@castellan/engine'
import { RemoteError } from '../problem.ts'
import { inOrder } from './order.ts'
import type { Suspendable } from './target.ts'

/** Reads a path of the server. */
export type Get = (path: string) => Promise<unknown>

interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
  readonly revision: number
}

type Query = Readonly<Record<string, string | number | undefined>>

/** Every page of a list. */
export async function* pagesOf<Answer extends Page<unknown>>(
  get: Get,
  path: string,
  query: Query = {},
): AsyncGenerator<Answer> {
  let cursor: string | undefined
  do {
    const page = (await get(`${path}${queryOf({ ...query, limit: 1_000, cursor })}`)) as Answer
    yield page
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}

async function* itemsOf<Item>(get: Get, path: string, query: Query = {}): AsyncGenerator<Item> {
  for await (const page of pagesOf<Page<Item>>(get, path, query)) yield* page.items
}

export async function* usersOf(get: Get): AsyncGenerator<UserFact & Suspendable> {
  for await (const user of itemsOf<Omit<UserFact & Suspendable, 'kind'>>(get, '/v1/users'))
    yield { kind: 'user', ...user }
}

export async function* tokensOf(get: Get): AsyncGenerator<TokenFact & Suspendable> {
  for await (const token of itemsOf<Omit<TokenFact & Suspendable, 'kind'>>(get, '/v1/tokens'))
    yield { kind: 'token', ...token }
}

/** Without those that are built in, as everywhere else. */
export async function* groupsOf(get: Get): AsyncGenerator<GroupFact> {
  for await (const group of itemsOf<Omit<GroupFact, 'kind'>>(get, '/v1/groups'))
    if (!(BUILT_IN_GROUPS as readonly string[]).includes(group.id)) yield { kind: 'group', ...group }
}

/** Those that are stated: that every user is in the group `user` goes without saying. */
export async function* membersOf(get: Get, group: string): AsyncGenerator<MemberFact> {
  const path = `/v1/groups/${encodeURIComponent(group)}/members`
  for await (const { member } of itemsOf<{ readonly member: string }>(get, path))
    if (group !== 'user' || !member.startsWith('user:')) yield { kind: 'member', group, member }
}

export async function* resourcesOf(get: Get, prefix: string | undefined): AsyncGenerator<ResourceFact> {
  const query = prefix === undefined ? {} : { namespace: namespaceOf(prefix) }
  for await (const resource of itemsOf<Omit<ResourceFact, 'kind'>>(get, '/v1/resources', query))
    if (prefix === undefined || isAtOrBeneath(resource.permission, prefix))
      yield { kind: 'resource', ...resource }
}

export async function findGroup(get: Get, id: string): Promise<GroupFact | undefined> {
  const answer = (await unlessUnknown(get(`/v1/groups/${encodeURIComponent(id)}`))) as
    | { readonly group: Omit<GroupFact, 'kind'> }
    | undefined
  return answer && { kind: 'group', ...answer.group }
}

export async function findResource(get: Get, permission: string): Promise<ResourceFact | undefined> {
  const answer = (await unlessUnknown(get(`/v1/resources/${encodeURIComponent(permission)}`))) as
    | { readonly resource: Omit<ResourceFact, 'kind'> }
    | undefined
  return answer && { kind: 'resource', ...answer.resource }
}

async function unlessUnknown<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof RemoteError && error.code.endsWith('_UNKNOWN')) return undefined
    throw error
  }
}

/**
 * Every fact as it is at one moment. The pages are of several, when others make changes meanwhile: then the journal
 * says what became of what was read, and all of it is as it was with the last page.
 *
 * Keeps every fact in memory: some 500 bytes each.
 */
export async function* factsOf(
  get: Get,
  journal: (from: number, to: number) => AsyncIterable<JournalEntry>,
): AsyncGenerator<Fact> {
  const facts = new Map<string, Fact>()
  let first: number | undefined
  let last = 0
  for await (const page of pagesOf<Page<Fact>>(get, '/v1/facts')) {
    first ??= page.revision
    last = page.revision
    for (const fact of page.items) facts.set(nameOf(fact), fact)
  }
  if (first !== undefined && last > first) {
    for await (const { effects } of journal(first, last))
      for (const { before, after } of effects) {
        if (after === null) facts.delete(nameOf(before))
        else facts.set(nameOf(after), after)
      }
  }
  yield* inOrder(facts.values())
}

function nameOf(key: FactKey): string {
  return JSON.stringify([key.kind, ...keyParts(key)])
}

export function queryOf(values: Query | Paging): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? '' : `?${query.toString()}`
}
