import { judge, type GuardOptions, type Refusal } from './guard.ts'

export type { GuardOptions } from './guard.ts'

/** As much of a context as is used here. */
export interface GuardedContext {
  body(text: string, status: Refusal['status'], headers: Record<string, string>): Response
}

/**
 * Middleware of Hono: lets a request go on when its actor holds the permission; `actor` and `permission` are given the
 * context. Otherwise it answers with a problem document: 401 where there is no actor, 403 naming the `permission`, 503
 * where Castellan did not decide, 500 where `actor` or `permission` failed.
 */
export function guard<Context extends GuardedContext>(options: GuardOptions<Context>) {
  return async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const refusal = await judge(options, context)
    if (refusal !== undefined) return context.body(refusal.body, refusal.status, { ...refusal.headers })
    await next()
    return undefined
  }
}
