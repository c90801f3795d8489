import type { Served } from './serve.ts'

/** Calls as users of the world, each with a full token made at first need. */
export function asking({ call, tokenOf }: Served) {
  const tokens = new Map<string, string>()
  return async (user: string, method: string, path: string, body?: unknown) => {
    if (!tokens.has(user)) tokens.set(user, await tokenOf(user))
    return call(method, path, { token: tokens.get(user)!, ...(body !== undefined && { body }) })
  }
}
