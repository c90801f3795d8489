import type { JsonObject } from '@castellan/engine'
import type { Call } from './operation.ts'

type Claims = Call<unknown>['claims']

/** True when some pathway admits the call, which it does when every `extra` on it does. */
export function isAdmitted(claims: Claims, admits: (extra: JsonObject) => boolean): boolean {
  return claims.some((pathway) => pathway.every(admits))
}

/**
 * The largest bound that some pathway leaves, which is the smallest on it.
 *
 * @param bound - of one `extra`; Infinity when it says nothing
 * @returns 0 when no pathway is left, Infinity when one of them has no bound
 */
export function largestBound(claims: Claims, bound: (extra: JsonObject) => number): number {
  return Math.max(0, ...claims.map((pathway) => Math.min(Infinity, ...pathway.map(bound))))
}
