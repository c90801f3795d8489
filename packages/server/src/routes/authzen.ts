import {
  authzenActionSearchAnswer,
  authzenActionSearchRequest,
  authzenMetadata,
  authzenResourceSearchAnswer,
  authzenResourceSearchRequest,
  authzenSubjectSearchAnswer,
  authzenSubjectSearchRequest,
} from '@castellan/protocol'
import { metadataAt, metadataOf, WELL_KNOWN } from '../authzen/metadata.ts'
import { EVALUATING } from '../openapi/codes.ts'
import { searchActions, searchResources, searchSubjects } from '../authzen/search.ts'
import { route, type Route } from './route.ts'

/** It changes only when the server starts anew. */
const KEPT = { 'Cache-Control': 'for how long it may be kept' }
const CACHED = { 'Cache-Control': 'public, max-age=3600' }

/** OpenID AuthZEN Authorization API 1.0, but for the evaluations, which are decisions. */
export const authzenRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/access/v1/search/subject',
    tag: 'AuthZEN',
    doc: 'which subjects of a type may do this to that resource',
    id: 'authzenSearchSubjects',
    codes: EVALUATING,
    body: authzenSubjectSearchRequest,
    answer: authzenSubjectSearchAnswer,
    handle: ({ caller, body }, context) => ({ body: searchSubjects(context, caller, body) }),
  }),
  route({
    method: 'POST',
    path: '/access/v1/search/resource',
    tag: 'AuthZEN',
    doc: 'to which resources of a type a subject may do this',
    id: 'authzenSearchResources',
    codes: EVALUATING,
    body: authzenResourceSearchRequest,
    answer: authzenResourceSearchAnswer,
    handle: ({ caller, body }, context) => ({ body: searchResources(context, caller, body) }),
  }),
  route({
    method: 'POST',
    path: '/access/v1/search/action',
    tag: 'AuthZEN',
    doc: 'what a subject may do to a resource',
    id: 'authzenSearchActions',
    codes: EVALUATING,
    body: authzenActionSearchRequest,
    answer: authzenActionSearchAnswer,
    handle: ({ caller, body }, context) => ({ body: searchActions(context, caller, body) }),
  }),
  route({
    method: 'GET',
    path: WELL_KNOWN,
    tag: 'AuthZEN',
    doc: 'where this decision point is, and what it can',
    id: 'getAuthzenConfiguration',
    headers: KEPT,
    isOpen: true,
    answer: authzenMetadata,
    handle: (_asked, { publicUrl }) => ({ headers: CACHED, body: metadataOf(publicUrl()) }),
  }),
  route({
    method: 'GET',
    path: `${WELL_KNOWN}/{path}`,
    tag: 'AuthZEN',
    doc: 'the same, where the public URL has a path',
    id: 'getAuthzenConfigurationAt',
    headers: KEPT,
    codes: ['NOT_FOUND'],
    isOpen: true,
    answer: authzenMetadata,
    handle: ({ params }, { publicUrl }) => ({
      headers: CACHED,
      body: metadataAt(publicUrl(), params['path'] ?? ''),
    }),
  }),
]
