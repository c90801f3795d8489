import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { EdgeError } from '@castellan/protocol'
import { createApp } from './app.ts'
import { Bearers, Callers } from './caller.ts'
import type { Context } from './context.ts'
import { answerDecision, DECISIONS, decisionMisuse } from './decisions.ts'
import { parseNetworks } from './edge/address.ts'
import { answerOn, Connections } from './edge/connections.ts'
import { Gate } from './edge/gate.ts'
import { createLogger, type Logger } from './edge/log.ts'
import { requestIdOf } from './edge/request-id.ts'
import { sendProblem, sendRawProblem } from './edge/send.ts'
import { Turns } from './once.ts'
import { Followers, type FollowerLimits } from './journal/followers.ts'
import type { Live } from './live.ts'
import type { DecisionLog } from './observe/decision-log.ts'
import { createMetrics } from './observe/metrics.ts'
import { Observer } from './observe/observer.ts'
import { parsePublicUrl } from './public-url.ts'
import { Readiness, type ReadinessCheck } from './readiness.ts'
import { SETTING_DEFAULTS, type Settings } from './settings/list.ts'
import { Stop } from './stop.ts'
import type { TokenSecrets } from './tokens/secret.ts'

export interface ServerOptions {
  /** Stays the caller's: closing the server does not close it. */
  readonly live: Live
  /** Stays the caller's. */
  readonly tokens: TokenSecrets
  /** Default: a logger on standard error, level `info`. */
  readonly log?: Logger
  /** Milliseconds since 1970, UTC; the same clock as the engine's. Default: the system's. */
  readonly now?: () => number
  /** At which level each request is logged. Default: the setting's. */
  readonly accessLogLevel?: Settings['accessLogLevel']
  /** Whether anyone may read the metrics. Default false. */
  readonly metricsOpen?: boolean
  /** Without which requests should go elsewhere, besides the server's own. */
  readonly checks?: readonly ReadinessCheck[]
  /** Where a sample of the decisions is written. Stays the caller's. Default: nowhere. */
  readonly decisionLog?: DecisionLog
  /** Default: those of the settings. */
  readonly limits?: Partial<ServerLimits>
  /** Where others reach the server, as its documents name it: `https://<host>[/<path>]`. Default: where it listens. */
  readonly publicUrl?: string
}

/** What arrives from outside is bounded; each bound is a setting of that name. */
export type ServerLimits = Pick<
  Settings,
  | 'bodyBytesMax'
  | 'headerBytesMax'
  | 'headersMs'
  | 'requestMs'
  | 'idleMs'
  | 'connectionsMax'
  | keyof FollowerLimits
  | 'rateLimitTokenPerSecond'
  | 'rateLimitTokenBurst'
  | 'rateLimitAddressPerSecond'
  | 'rateLimitAddressBurst'
  | 'rateLimitAnonymousPerSecond'
  | 'rateLimitAnonymousBurst'
  | 'trustedProxies'
>

export interface ListenOptions {
  /** Default 127.0.0.1: whoever wants more says so. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
}

export interface CloseOptions {
  /**
   * How long `/readyz` says that the server is going before it takes no more connections, in milliseconds: for who
   * sends requests here to notice. Default 0.
   */
  readonly delayMs?: number
  /** For requests under way to end, in milliseconds; then they are cut off. Default 10,000. */
  readonly graceMs?: number
}

export interface Server {
  /** @returns the address people can open */
  listen(options: ListenOptions): Promise<string>
  /** As in `http://127.0.0.1:7420`; undefined while it does not listen. */
  readonly address: string | undefined
  /** Says so, takes no more connections, ends streams, finishes what is under way, then ends. */
  close(options?: CloseOptions): Promise<void>
}

export function createServer(options: ServerOptions): Server {
  return new CastellanServer(options)
}

class CastellanServer implements Server {
  readonly #http: HttpServer
  readonly #followers: Followers
  /** Also once it listens no more, for the requests that are under way. */
  #listenedAt = ''
  readonly #connections: Connections
  readonly #stop = new Stop()
  readonly #log: Logger
  readonly #unwatch: () => void
  #closing: Promise<void> | undefined

  constructor(options: ServerOptions) {
    const { live, tokens, log = createLogger(), now = Date.now, limits, publicUrl } = options
    const { accessLogLevel = SETTING_DEFAULTS.accessLogLevel, decisionLog, checks = [] } = options
    const bounds: ServerLimits = { ...SETTING_DEFAULTS, ...limits }
    const named = publicUrl === undefined ? undefined : parsePublicUrl(publicUrl)
    const { engine } = live
    this.#followers = new Followers(live, bounds)
    const observer = new Observer({ engine, log, accessLogLevel, decisionLog })
    this.#unwatch = live.watchCommits((group) => observer.meter.countCommits(group, now()))
    const gate = gateOf(bounds)
    const metrics = createMetrics(
      {
        meter: observer.meter,
        decisionLog,
        connections: () => ({ open: this.#connections.count, refused: this.#connections.refusals }),
        rateLimited: () => Object.entries(gate.limited).map(([by, value]) => ({ labels: { by }, value })),
        revision: () => engine.revision,
        followers: () => this.#followers.count,
        store: () => live.size(),
      },
      options.metricsOpen ?? SETTING_DEFAULTS.metricsOpen,
    )
    const context: Context = {
      live,
      engine,
      tokens,
      bearers: new Bearers(tokens),
      callers: new Callers(engine),
      followers: this.#followers,
      turns: new Turns(),
      log,
      observer,
      gate,
      metrics,
      readiness: new Readiness([...ownChecks(live), ...checks], log),
      now,
      stop: this.#stop,
      bodyBytesMax: bounds.bodyBytesMax,
      publicUrl: () => named ?? this.#listenedAt,
      namedUrl: named,
    }
    const listener = listenerOf(context)
    this.#log = log
    this.#http = makeHttpServer(
      bounds,
      (request, response) => {
        if (!this.#connections.isRefused(request.socket)) listener(request, response)
      },
      context,
    )
    this.#connections = new Connections(this.#http, bounds.connectionsMax, log)
  }

  async listen({ host = '127.0.0.1', port }: ListenOptions): Promise<string> {
    this.#http.listen({ host, port })
    await once(this.#http, 'listening')
    this.#listenedAt = this.address!
    return this.#listenedAt
  }

  get address(): string | undefined {
    const address = this.#http.address() as AddressInfo | null
    if (address === null) return undefined
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
  }

  close({
    delayMs = SETTING_DEFAULTS.stopDelayMs,
    graceMs = SETTING_DEFAULTS.stopGraceMs,
  }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(delayMs, graceMs)
    return this.#closing
  }

  async #close(delayMs: number, graceMs: number): Promise<void> {
    this.#stop.announce()
    if (this.#http.listening) {
      if (delayMs > 0) await sleep(delayMs)
      // They would never end by themselves.
      this.#followers.stop()
      const cut = await this.#connections.drain(graceMs)
      if (cut > 0) this.#log.warn({ connections: cut }, 'cut off: they did not come to an end in time')
    }
    this.#unwatch()
  }
}

function ownChecks(live: Live): ReadinessCheck[] {
  return [
    {
      name: 'store',
      failing: 'changes cannot be made durable',
      run: () => live.probe(),
    },
    {
      name: 'journal',
      failing: 'the facts in memory are not those of the journal',
      run() {
        const [memory, journal] = [live.engine.revision, live.durableRevision]
        if (memory !== journal) throw new Error(`revision ${memory} in memory, ${journal} in the journal`)
      },
    },
  ]
}

function gateOf(limits: ServerLimits): Gate {
  return new Gate({
    token: { perSecond: limits.rateLimitTokenPerSecond, burst: limits.rateLimitTokenBurst },
    address: { perSecond: limits.rateLimitAddressPerSecond, burst: limits.rateLimitAddressBurst },
    anonymous: { perSecond: limits.rateLimitAnonymousPerSecond, burst: limits.rateLimitAnonymousBurst },
    proxies: limits.trustedProxies === '' ? undefined : parseNetworks(limits.trustedProxies),
  })
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void

function listenerOf(context: Context): Listener {
  const app = createApp(context)
  const answerRest = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
  })
  return (request, response) => {
    // A connection is not for the next request once we are on our way out.
    if (context.stop.isAnnounced) response.shouldKeepAlive = false
    const decision = request.method === 'POST' ? DECISIONS[request.url ?? ''] : undefined
    if (decision !== undefined && hasHost(request)) {
      answerDecision(context, decision, request, response)
      return
    }
    const exchange = context.observer.follow(request, response, requestIdOf(request))
    const refuse = (reason: unknown): void => {
      const problem = sendProblem(request, response, exchange.requestId, reason, context.log)
      context.observer.refused(exchange, problem)
    }
    try {
      context.gate.admit(request)
      assertTarget(request)
      assertNoDecision(request, context)
      response.setHeader('X-Request-ID', exchange.requestId)
      // The framework makes an address of it, and refuses in its own words what makes none. Nobody else reads it.
      request.headers.host = 'localhost'
      const answer = () => answerRest(request, response)
      const { span } = exchange
      ;(span === undefined ? answer() : span.run(answer)).catch(refuse)
    } catch (error) {
      refuse(error)
    }
  }
}

/** What the framework would refuse in its own words, or read in another way than we do. */
function assertTarget(request: IncomingMessage): void {
  if (!hasHost(request))
    throw new EdgeError('REQUEST_INVALID', 'the `Host` header is missing or not valid', 'send the host once')
  if (!isPlainTarget(request.url ?? ''))
    throw new EdgeError('NOT_FOUND', 'there is no such route', 'send a path that begins with `/`')
}

/** Before HTTP/1.1 nobody had to name one. */
function hasHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  return host === undefined ? httpVersion !== '1.1' : HOST.test(host)
}

/** A decision route that was called with a query; who is nobody learns no more of it here than elsewhere. */
function assertNoDecision(
  { url = '', method, headers, socket }: IncomingMessage,
  { bearers }: Context,
): void {
  const path = url.split('?', 1)[0]!
  if (method !== 'POST' || !(path in DECISIONS)) return
  bearers.identify(socket, headers.authorization)
  throw decisionMisuse()
}

const HOST = /^[A-Za-z0-9._~!$&'()*+,;=%:[\]-]+$/
const PRINTABLE_PATH = /^\/[!-~]*$/

/** Every path has one spelling: no empty segments and none of dots or backslashes, which others read in their own ways. */
function isPlainTarget(url: string): boolean {
  if (!PRINTABLE_PATH.test(url)) return false
  const path = url.split('?', 1)[0]!
  return (
    !path.includes('//') &&
    !path.includes('\\') &&
    !path.includes('/./') &&
    !path.includes('/../') &&
    !path.endsWith('/.') &&
    !path.endsWith('/..')
  )
}

function makeHttpServer(limits: ServerLimits, listener: Listener, { log, observer }: Context): HttpServer {
  const http = createHttpServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.max(100, Math.min(limits.headersMs, 5_000) / 2),
      // Both are looked at by ourselves: what Node would answer is no problem document.
      requireHostHeader: false,
      joinDuplicateHeaders: true,
    },
    listener,
  )
  const refuseRaw = (socket: Duplex, error: EdgeError, headers?: Readonly<Record<string, string>>): void =>
    observer.meter.countProblem(sendRawProblem(socket, error, log, headers).code)
  // A peer that takes nothing in is cut off as well.
  http.setTimeout(limits.requestMs * 2, (socket) => socket.destroy())
  http.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // After an answer has begun on this connection, another would be read as part of it.
    const isAnswering = answerOn(socket as Socket)?.headersSent === true
    if (error.code === 'ECONNRESET' || isAnswering || !socket.writable) socket.destroy()
    else refuseRaw(socket, edgeErrorOf(error))
  })
  http.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const exchange = observer.follow(request, response, requestIdOf(request))
    const error = new EdgeError(
      'EXPECTATION_FAILED',
      'only `100-continue` can be expected',
      'send no other `Expect`',
    )
    observer.refused(exchange, sendProblem(request, response, exchange.requestId, error, log))
  })
  http.on('connect', (_request: IncomingMessage, socket: Duplex) =>
    refuseRaw(socket, new EdgeError('METHOD_NOT_ALLOWED', 'this is no proxy', 'send the request itself'), {
      Allow: 'GET, HEAD, POST, DELETE',
    }),
  )
  return http
}

function edgeErrorOf(error: NodeJS.ErrnoException): EdgeError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new EdgeError(
        'HEADERS_TOO_LARGE',
        'the head of the request is too large',
        'send fewer or shorter headers',
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new EdgeError('REQUEST_TIMEOUT', 'the request did not arrive in time', 'send it in one go')
    default:
      return new EdgeError(
        'REQUEST_INVALID',
        'the request is not HTTP as we read it',
        'check lengths, line ends and headers',
      )
  }
}
