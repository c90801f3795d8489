import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isAuthzen } from '../authzen/edge.ts'

const SANE = /^[A-Za-z0-9._~+=:/-]{1,128}$/
/** AuthZEN has any string come back: any that headers are sure to carry. */
const PRINTABLE = /^[\t -~]+$/

/** Ids of this process: a random beginning, then a count. They are for finding a request in the log, not secrets. */
const start = randomBytes(6).toString('base64url')
let count = 0

/** The caller's own id where it is one that can stand in a log and a header, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  const accepted = isAuthzen(request) ? PRINTABLE : SANE
  return typeof given === 'string' && accepted.test(given) ? given : newRequestId()
}

export function newRequestId(): string {
  count++
  return `${start}-${count.toString(36)}`
}
