import type { IncomingMessage } from 'node:http'
import { WELL_KNOWN } from './metadata.ts'

/** Whether a request is for AuthZEN's routes, which want a few things of HTTP in their own way. */
export function isAuthzen({ url = '' }: IncomingMessage): boolean {
  return url.startsWith('/access/v1/') || url.startsWith(WELL_KNOWN)
}
