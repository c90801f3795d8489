import type { Change, Changed, Explanation, Granted, GrantWish, Revoked } from './answers.ts'
import { isName } from './permission.ts'
import { openTransport, type Fetch } from './transport.ts'

export interface ConnectOptions {
  /** Its address; a path is kept, so it may stand behind a proxy. The token goes there and nowhere else. */
  readonly server: string | URL
  /** Of whoever asks: a service asks about anyone with `castellan:check`. */
  readonly token: string
  /** Default: the `fetch` of the platform. */
  readonly fetch?: Fetch
  /** Longest that a call takes, from its start to the answer's last byte, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number
}

export interface AskOptions {
  /** The answer must have seen this revision; `seen` is the highest that an answer to this client had. */
  readonly atLeast?: number | 'seen'
}

export interface Question {
  readonly actor: string
  readonly permission: string
}

interface OnceOption {
  /** 1 to 255 visible ASCII characters. The server does what comes under it once, however often it is sent. */
  readonly idempotencyKey?: string
}

interface RevokeOptions extends OnceOption {
  /** For the journal. */
  readonly reason?: string
  /** What to do when someone else would lose access. Default `allow`. */
  readonly onDependants?: 'allow' | 'refuse'
}

export interface ChangeOptions extends RevokeOptions {
  readonly preconditions?: {
    /** Fails if a fact that the changes name changed since. */
    readonly ifRevision?: number
    readonly ifAbsent?: readonly object[]
    readonly ifPresent?: readonly object[]
  }
}

/**
 * A server, asked anew each time: no answer is kept. Whatever is not an answer is thrown, so a `true` is the server's.
 * Every call rejects with `CastellanProblem` for what the server refused and with `UnreachableError` where none
 * answered in time, and with `TypeError` for what cannot be asked.
 */
export interface CastellanClient {
  /** Does the actor hold any of the permissions? */
  check(actor: string, permission: string | readonly string[], options?: AskOptions): Promise<boolean>
  /** @param questions - up to 1,000 @returns an answer to each, in their order, all of one revision */
  checkEach(questions: readonly Question[], options?: AskOptions): Promise<boolean[]>
  explain(actor: string, permission: string, options?: AskOptions): Promise<Explanation>
  /** Makes a grant, or updates its claims and expiry. */
  grant(grant: GrantWish, options?: OnceOption): Promise<Granted>
  /** @param id - as `grant` told it; nothing to revoke is no error */
  revoke(id: string, options?: RevokeOptions): Promise<Revoked>
  /** Adds and removes facts, all of them or none. */
  change(changes: readonly Change[], options?: ChangeOptions): Promise<Changed>
}

const TIMEOUT_MS = 5_000

/** Longest delay that a timer takes, in milliseconds: beyond it fires at once. */
const TIMEOUT_MS_MAX = 2_147_483_647

/**
 * Nothing is sent yet.
 *
 * @throws {TypeError} where the address, the token or the time is none
 */
export function connect({
  server,
  token,
  fetch = (url, request) => globalThis.fetch(url, request),
  timeoutMs = TIMEOUT_MS,
}: ConnectOptions): CastellanClient {
  if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX))
    throw new TypeError(`the time is not between 0 and ${TIMEOUT_MS_MAX} milliseconds`)
  const transport = openTransport(server, token, fetch, timeoutMs)
  let seen = 0

  const see = (answer: { readonly revision: number }): void => {
    seen = Math.max(seen, answer.revision)
  }
  const ask = (path: string, body: object, { atLeast }: AskOptions) =>
    transport.send({
      method: 'POST',
      path,
      body: { ...body, ...(atLeast !== undefined && { atLeast: atLeast === 'seen' ? seen : atLeast }) },
      isRepeatable: true,
    })

  return {
    async check(actor, permission, options = {}) {
      assertName('actor', actor)
      const body = {
        actor,
        ...(typeof permission === 'string' ? { permission } : { permissions: permission }),
      }
      for (const each of typeof permission === 'string' ? [permission] : permission)
        assertName('permission', each)
      const answer = await ask('/v1/check', body, options)
      if (!isChecked(answer)) throw transport.misfit('the answer to a check')
      see(answer)
      return answer.allowed
    },
    async checkEach(questions, options = {}) {
      const checks = questions.map(({ actor, permission }) => {
        assertName('actor', actor)
        assertName('permission', permission)
        return { actor, permission }
      })
      const answer = await ask('/v1/check-each', { checks }, options)
      if (!isCheckedEach(answer) || answer.results.length !== checks.length)
        throw transport.misfit('the answer to several checks')
      see(answer)
      return answer.results.map(({ allowed }) => allowed)
    },
    async explain(actor, permission, options = {}) {
      assertName('actor', actor)
      assertName('permission', permission)
      const answer = await ask('/v1/explain', { actor, permission }, options)
      if (!isExplanation(answer)) throw transport.misfit('the explanation')
      see(answer)
      return answer
    },
    async grant(grant, { idempotencyKey } = {}) {
      const answer = await transport.send({
        method: 'POST',
        path: '/v1/grants',
        body: grant,
        ...once(idempotencyKey),
      })
      if (!isGranted(answer)) throw transport.misfit('the answer to a grant')
      see(answer)
      return answer
    },
    async revoke(id, { idempotencyKey, reason, onDependants } = {}) {
      // It becomes a part of the path, where `..` would lead elsewhere.
      if (typeof id !== 'string' || !/^[\w-]+$/.test(id)) throw new TypeError('that is not the id of a grant')
      const query = new URLSearchParams({
        ...(reason !== undefined && { reason }),
        ...(onDependants !== undefined && { onDependants }),
      }).toString()
      const path = `/v1/grants/${id}${query === '' ? '' : `?${query}`}`
      const answer = await transport.send({ method: 'DELETE', path, ...once(idempotencyKey) })
      if (!isRevoked(answer)) throw transport.misfit('the answer to a revoke')
      see(answer)
      return answer
    },
    async change(changes, { idempotencyKey, reason, onDependants, preconditions } = {}) {
      const body = { changes, reason, onDependants, preconditions }
      const answer = await transport.send({
        method: 'POST',
        path: '/v1/changes',
        body,
        ...once(idempotencyKey),
      })
      if (!isChanged(answer) || answer.results.length !== changes.length)
        throw transport.misfit('the answer to changes')
      see(answer)
      return answer
    },
  }
}

/** Left out, the server would take it for the caller's own name, and a service holds more than its users. */
function assertName(what: string, value: unknown): void {
  if (!isName(value)) throw new TypeError(`the ${what} is not a string, or empty`)
}

function once(idempotencyKey: string | undefined) {
  if (idempotencyKey === undefined) return { isRepeatable: false }
  if (typeof idempotencyKey !== 'string' || !/^[!-~]{1,255}$/.test(idempotencyKey))
    throw new TypeError('an idempotency key is 1 to 255 visible ASCII characters')
  return { idempotencyKey, isRepeatable: true }
}

function isChecked(value: unknown): value is { readonly allowed: boolean; readonly revision: number } {
  return isAnswer(value) && typeof value['allowed'] === 'boolean'
}

function isCheckedEach(
  value: unknown,
): value is { readonly results: readonly { readonly allowed: boolean }[]; readonly revision: number } {
  return isAnswer(value) && isListOf(value['results'], (each) => typeof each['allowed'] === 'boolean')
}

function isExplanation(value: unknown): value is Explanation {
  if (!isChecked(value) || !('graph' in value) || !isObject(value.graph)) return false
  return isListOf(value.graph['nodes'], isObject) && isListOf(value.graph['edges'], isObject)
}

function isGranted(value: unknown): value is Granted {
  return isAnswer(value) && ['id', 'outcome'].every((name) => isName(value[name])) && 'effective' in value
}

function isRevoked(value: unknown): value is Revoked {
  return isAnswer(value) && typeof value['revoked'] === 'number'
}

function isChanged(value: unknown): value is Changed {
  return isAnswer(value) && isListOf(value['results'], (each) => isName(each['outcome']))
}

type Loose = Readonly<Record<string, unknown>>

function isAnswer(value: unknown): value is Loose & { readonly revision: number } {
  return isObject(value) && Number.isSafeInteger(value['revision']) && (value['revision'] as number) >= 0
}

function isListOf(value: unknown, isOne: (each: Loose) => boolean): boolean {
  return Array.isArray(value) && value.every((each) => isObject(each) && isOne(each))
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
