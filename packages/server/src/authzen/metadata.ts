import { EdgeError, type AuthzenMetadata } from '@castellan/protocol'

export const WELL_KNOWN = '/.well-known/authzen-configuration'

/**
 * What clients find out about this server.
 *
 * @param publicUrl - without `/` at its end
 */
export function metadataOf(publicUrl: string): AuthzenMetadata {
  return {
    policy_decision_point: publicUrl,
    access_evaluation_endpoint: `${publicUrl}/access/v1/evaluation`,
    access_evaluations_endpoint: `${publicUrl}/access/v1/evaluations`,
    search_subject_endpoint: `${publicUrl}/access/v1/search/subject`,
    search_resource_endpoint: `${publicUrl}/access/v1/search/resource`,
    search_action_endpoint: `${publicUrl}/access/v1/search/action`,
  }
}

/**
 * The same for a server whose public URL has a path: clients look for it at the host's root, with that path at the end.
 *
 * @throws {EdgeError} NOT_FOUND where the path is another one
 */
export function metadataAt(publicUrl: string, path: string): AuthzenMetadata {
  if (new URL(publicUrl).pathname === `/${path}`) return metadataOf(publicUrl)
  throw new EdgeError('NOT_FOUND', 'no such server is known here', 'compare the path with the public URL')
}
