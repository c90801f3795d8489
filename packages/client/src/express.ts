import { judge, type GuardOptions, type Refusal } from './guard.ts'

export type { GuardOptions } from './guard.ts'

/** As much of a response as is used here; that of `node:http` has it too. */
export interface GuardedResponse {
  statusCode: number
  readonly headersSent: boolean
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/**
 * Middleware of Express, 4 or 5: lets a request go on when its actor holds the permission. Otherwise it answers with a
 * problem document: 401 where there is no actor, 403 naming the `permission`, 503 where Castellan did not decide, 500
 * where `actor` or `permission` failed.
 */
export function guard<Request>(options: GuardOptions<Request>) {
  return async (
    request: Request,
    response: GuardedResponse,
    next: (error?: unknown) => void,
  ): Promise<void> => {
    try {
      const refusal = await judge(options, request)
      if (refusal === undefined) next()
      else refuse(response, refusal)
    } catch (error) {
      // Express 4 does not look at promises: what goes wrong has to reach it this way.
      next(error)
    }
  }
}

function refuse(response: GuardedResponse, { status, headers, body }: Refusal): void {
  // Someone answered meanwhile, a timeout for instance.
  if (response.headersSent) return
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}
