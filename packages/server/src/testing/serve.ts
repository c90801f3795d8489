import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { Change, EngineOptions, Fact } from '@castellan/engine'
import { openLive, openMemoryStore, type Live } from '@castellan/store'
import { createLogger } from '../edge/log.ts'
import { createServer, type Server, type ServerOptions } from '../server.ts'
import { issueToken, type TokenWish } from '../tokens/issue.ts'
import { MemoryTokenSecrets } from '../tokens/memory.ts'
import { findUndocumented } from './conform.ts'
import type { TokenSecrets } from '../tokens/secret.ts'

export const START = Date.UTC(2026, 0, 1)

/** alice ← cool_group ← fred ← ed; bob is nobody; the service may ask about anyone. */
const WORLD: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'demo' },
  ...['ed', 'fred', 'alice', 'bob', 'service', 'root'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'group', id: 'cool_group', owner: 'user:fred' },
  { kind: 'resource', permission: 'a', owner: 'user:ed' },
  { kind: 'member', group: 'cool_group', member: 'user:alice' },
  { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b', extra: { limit: 1 } },
  { kind: 'grant', issuer: 'user:fred', holder: 'group:cool_group', permission: 'a:b', extra: {} },
  { kind: 'grant', issuer: 'system', holder: 'user:service', permission: 'castellan:check', extra: {} },
  { kind: 'grant', issuer: 'system', holder: 'user:root', permission: 'castellan:facts', extra: {} },
  { kind: 'grant', issuer: 'system', holder: 'user:root', permission: 'castellan:grants', extra: {} },
]

/** What an answer holds: the tests look into it without saying its shape each time. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Loose
  readonly text: string
}

interface Call {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Served {
  readonly server: Server
  readonly address: string
  readonly live: Live
  readonly tokens: TokenSecrets
  /** Moves the clock. */
  readonly clock: { now: number }
  readonly logged: readonly string[]
  readonly change: (...changes: Change[]) => Promise<unknown>
  /** A full token of a user of the world, or what is wished for. */
  readonly tokenOf: (user: string, wish?: Partial<TokenWish>) => Promise<string>
  /** Fails on an answer that the OpenAPI document does not have. */
  readonly call: (method: string, path: string, call?: Call) => Promise<Reply>
  /** POSTs as a user, with a full token. */
  readonly ask: (user: string, path: string, body: unknown) => Promise<Reply>
  /** Sends bytes and gives back all that comes until the other side ends. */
  readonly raw: (bytes: string | Uint8Array) => Promise<string>
}

/** A whole server over a world in memory, on a free port, closed when the test ends. */
export async function serve(
  t: TestContext,
  options: Partial<ServerOptions> & {
    readonly facts?: readonly Fact[]
    readonly engine?: EngineOptions
  } = {},
): Promise<Served> {
  const clock = { now: START }
  const now = () => clock.now
  const live =
    options.live === undefined
      ? openLive({ ...options.engine, store: openMemoryStore(), now })
      : (options.live as Live)
  const tokens = options.tokens ?? new MemoryTokenSecrets()
  const logged: string[] = []
  const log =
    options.log ?? createLogger({ level: 'debug', destination: { write: (line) => void logged.push(line) } })
  // Tests are wrong about tokens more often than a stranger may be.
  const limits = { rateLimitAnonymousPerSecond: 0, ...options.limits }
  const server = createServer({ ...options, live, tokens, log, now, limits })
  if (options.live === undefined) await live.change((options.facts ?? WORLD).map((add) => ({ add })))
  const address = await server.listen({ port: 0 })
  t.after(() => server.close({ graceMs: 100 }))
  const byUser = new Map<string, string>()

  const served: Served = {
    server,
    address,
    live,
    tokens,
    clock,
    logged,
    change: (...changes) => live.change(changes),
    async tokenOf(user, wish) {
      const { secret } = await issueToken(
        { live, tokens },
        { issuer: `user:${user}`, full: wish === undefined, ...wish },
      )
      return secret
    },
    async call(method, path, { token, body, headers } = {}) {
      const response = await fetch(address + path, {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const { status } = response
      const problem = findUndocumented(method, path, { status, headers: new Map(response.headers), text })
      assert.equal(problem, undefined)
      const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== ''
      return {
        status,
        headers: response.headers,
        text,
        body: isJson ? JSON.parse(text) : undefined,
      }
    },
    async ask(user, path, body) {
      if (!byUser.has(user)) byUser.set(user, await served.tokenOf(user))
      return served.call('POST', path, { token: byUser.get(user)!, body })
    },
    async raw(bytes) {
      const { hostname, port } = new URL(address)
      const socket = connect(Number(port), hostname)
      socket.write(bytes)
      return readAll(socket).catch(String)
    },
  }
  return served
}
