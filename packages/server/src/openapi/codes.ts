import type { ProblemCode } from '@castellan/protocol'
import type { RouteDoc } from '../routes/route.ts'

/** What a question about an actor can be refused with. */
export const ASKING = [
  'ACTOR_INVALID',
  'PERMISSION_INVALID',
  'PERMISSION_UNKNOWN',
  'FORBIDDEN',
  'LIMIT_EXCEEDED',
  'RULE_FAILED',
] as const satisfies readonly ProblemCode[]

/** What an evaluation can be refused with: what nobody knows is a denial there. */
export const EVALUATING = [
  'FORBIDDEN',
  'LIMIT_EXCEEDED',
  'RULE_FAILED',
] as const satisfies readonly ProblemCode[]

/** What the durable side can say where it is read. */
export const READING = [
  'STORE_CORRUPT',
  'STORE_LOCKED',
  'STORE_CLOSED',
  'STORE_FAILED',
] as const satisfies readonly ProblemCode[]

/** What the durable side can say of a commit. */
const COMMITTING = [...READING, 'STORE_READ_ONLY', 'STORE_FULL'] as const satisfies readonly ProblemCode[]

/** What making or changing one fact can be refused with. */
export const STATING = [
  ...ASKING,
  'FACT_INVALID',
  'REFERENCE_UNKNOWN',
  ...COMMITTING,
] as const satisfies readonly ProblemCode[]

/** What any batch of changes can be refused with. */
export const CHANGING = [
  ...STATING,
  'ISSUER_WRONG',
  'ID_RETIRED',
  'NAME_TAKEN',
  'TREE_INVALID',
  'BUILT_IN',
  'IN_USE',
  'HAS_CHILDREN',
  'DEPENDANTS',
  'REVISION_AHEAD',
  'PRECONDITION_FAILED',
] as const satisfies readonly ProblemCode[]

/** Before a route is reached, and whatever it does. */
const EVERYWHERE = [
  'REQUEST_INVALID',
  'QUERY_INVALID',
  'REQUEST_TIMEOUT',
  'EXPECTATION_FAILED',
  'HEADERS_TOO_LARGE',
  'RATE_LIMITED',
  'INTERNAL',
  'TOO_MANY_CONNECTIONS',
] as const satisfies readonly ProblemCode[]

/** No request for a route that is there ends in one of these. */
export const NOT_OF_ROUTES = [
  'METHOD_NOT_ALLOWED',
  // A server has its store, and reads its journal, before it listens.
  'STORE_NEWER',
  'STORE_MISSING',
  'JOURNAL_BROKEN',
  // It ends a stream that was answered with 200 long before.
  'FOLLOWER_SLOW',
] as const satisfies readonly ProblemCode[]

/**
 * Every code with which a route can refuse.
 *
 * @param names - of the fields of its query and body: some bring codes with them
 */
export function codesOf(route: RouteDoc, names: ReadonlySet<string>): ReadonlySet<ProblemCode> {
  return new Set<ProblemCode>([
    ...EVERYWHERE,
    ...(route.isOpen === true ? [] : (['UNAUTHENTICATED'] as const)),
    ...(route.body === undefined ? [] : (['BODY_INVALID', 'BODY_TOO_LARGE'] as const)),
    // AuthZEN has one status for all that is wrong with a body.
    ...(route.body === undefined || route.tag === 'AuthZEN' ? [] : (['CONTENT_TYPE'] as const)),
    ...(names.has('page') ? (['CURSOR_INVALID', 'CURSOR_MISMATCH'] as const) : []),
    ...(names.has('atLeast') ? (['REVISION_AHEAD'] as const) : []),
    ...(names.has('cursor') ? (['CURSOR_INVALID', 'CURSOR_MISMATCH'] as const) : []),
    // A page of a length that is none.
    ...(names.has('limit') ? (['FACT_INVALID'] as const) : []),
    ...(route.codes ?? []),
  ])
}
