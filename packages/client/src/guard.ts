import { CastellanProblem } from './errors.ts'
import { isName } from './permission.ts'

export interface GuardOptions<Request> {
  /** Of `connect`. From whatever stands in for it, too, nothing but `true` is a yes. */
  readonly client: { check(actor: string, permission: string): Promise<unknown> }
  /**
   * Who asks, as the application has made sure of: `user:…`. Undefined is nobody, who is answered 401.
   * What it throws denies.
   */
  readonly actor: (request: Request) => Awaitable<string | null | undefined>
  /** What the route takes; ids of the request go in by `printPermission`. What it throws denies. */
  readonly permission: (request: Request) => Awaitable<string>
  /** Told why a request was answered 500 or 503. Default: a line on the console. */
  readonly onError?: (error: unknown, request: Request) => void
}

type Awaitable<Value> = Value | Promise<Value>

/** How a request is refused: an HTTP answer. */
export interface Refusal {
  readonly status: 401 | 403 | 500 | 503
  readonly headers: Readonly<Record<string, string>>
  /** A problem document. */
  readonly body: string
}

/**
 * Whether a request goes on. Only a `true` of the server lets it; it never rejects.
 *
 * @returns undefined where it goes on
 */
export async function judge<Request>(
  { client, actor, permission, onError = logError }: GuardOptions<Request>,
  request: Request,
): Promise<Refusal | undefined> {
  const fail = (refusal: Refusal, error: unknown): Refusal => {
    try {
      onError(error, request)
    } catch {
      // Whoever is told has no say.
    }
    return refusal
  }

  let asks: string | null | undefined
  let asked: string
  try {
    asks = await actor(request)
    if (asks === undefined || asks === null) return NOBODY
    asked = await permission(request)
    if (!isName(asks)) throw new TypeError('the guard was given an actor that is no string, or empty')
    if (!isName(asked)) throw new TypeError('the guard was given a permission that is no string, or empty')
  } catch (error) {
    return fail(BROKEN, error)
  }

  try {
    return (await client.check(asks, asked)) === true ? undefined : forbidden(asked)
  } catch (error) {
    // What is no permission nobody holds: so says a request with an id that cannot be one.
    if (error instanceof CastellanProblem && error.code === 'PERMISSION_INVALID') return forbidden(asked)
    return fail(UNDECIDED, error)
  }
}

const NOBODY = refusal(401, 'UNAUTHENTICATED', 'nobody is signed in', 'sign in and try again', {
  headers: { 'WWW-Authenticate': 'Bearer' },
})

const BROKEN = refusal(500, 'GUARD_FAILED', 'the guard of this route failed', 'tell whoever runs this')

const UNDECIDED = refusal(
  503,
  'UNDECIDED',
  'whether this is allowed could not be decided',
  'try again later',
  {
    headers: { 'Retry-After': '1' },
  },
)

function forbidden(permission: string): Refusal {
  return refusal(403, 'FORBIDDEN', 'this takes a permission that you do not hold', 'ask for `permission`', {
    fields: { permission },
  })
}

function refusal(
  status: Refusal['status'],
  code: string,
  title: string,
  hint: string,
  more: { readonly headers?: Refusal['headers']; readonly fields?: object } = {},
): Refusal {
  const type = `urn:castellan:problem:${code.toLowerCase().replaceAll('_', '-')}`
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...more.headers },
    body: JSON.stringify({ type, title, status, code, detail: title, hint, ...more.fields }),
  }
}

function logError(error: unknown): void {
  // oxlint-disable-next-line no-console -- without a word nobody would learn why all is refused
  console.error('castellan: a request was refused, since nothing could be decided:', error)
}
