import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { EdgeError, parseBody, parseShape, type ProblemCode } from '@castellan/protocol'
import type { Context as HonoContext } from 'hono'
import type { z } from 'zod'
import { identify, type Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import { assertBodyExpected, readBody } from '../edge/body.ts'
import { isEmpty } from '../edge/send.ts'
import type { Exchange } from '../observe/exchange.ts'

export interface Bindings {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

export type Request = HonoContext<{ Bindings: Bindings }>

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** The headings under which people find routes. */
export type Tag = 'Questions' | 'Changes' | 'Facts' | 'Journal' | 'AuthZEN' | 'Operations'

/**
 * A route as data: what it takes and gives is all here, so that one place reads requests, and the OpenAPI document
 * is written from the shapes that validate. What is not said here and happens fails every test that sees it.
 */
export interface RouteDoc<Body = unknown, Query = unknown> {
  readonly method: Method
  /** As in `/v1/grants/{id}`. */
  readonly path: string
  readonly tag: Tag
  /** One line for people. */
  readonly doc: string
  /** The operation's id in the OpenAPI document. Clients name their calls by it, so it never changes. */
  readonly id?: string
  /** Whether anyone may call it. Default false. */
  readonly isOpen?: boolean
  /** Whether anyone may call it as often as they like, as what looks after the server does. Default false. */
  readonly isUnlimited?: boolean
  /** What stands for the names of the path. Default: text. */
  readonly params?: Readonly<Record<string, z.ZodType>>
  readonly body?: z.ZodType<Body>
  /** Whether a request without any body counts as one with `{}`. Default false. */
  readonly isBodyOptional?: boolean
  readonly query?: z.ZodType<Query>
  /** Headers it looks at. Their texts are its own to read; this says what they are. */
  readonly takes?: Readonly<Record<string, z.ZodType>>
  /** Of a JSON answer; of another, what its text is. */
  readonly answer: z.ZodType
  /** Default `application/json`. */
  readonly type?: string
  /** Statuses of its answers, with what each means. Default: 200. */
  readonly statuses?: Partial<Readonly<Record<Status, string>>>
  /** Headers of its answers beside those that every answer has, with what they say. */
  readonly headers?: Readonly<Record<string, string>>
  /** What it can refuse with, beside what every route of its form can: see `openapi/codes.ts`. */
  readonly codes?: readonly ProblemCode[]
}

export interface Route<Body = unknown, Query = unknown> extends RouteDoc<Body, Query> {
  /** Whether anyone may call it here and now, though elsewhere it needs a token. */
  isOpenWhen?(context: Context): boolean
  handle(asked: Asked<Body, Query>, context: Context): Answer | Promise<Answer>
}

type Status = 200 | 201 | 503

export interface Asked<Body, Query> {
  readonly caller: Caller
  /** Method and path with query, as they were sent. */
  readonly target: string
  readonly body: Body
  readonly query: Query
  /** What stands for a name of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  /** For the observer: whoever decides something tells it. */
  readonly exchange: Exchange
}

/** A body that goes on for as long as someone listens. */
export class Streamed {
  /** Given a response whose head is written, and from then on the one who writes it. */
  readonly start: (response: ServerResponse) => void

  constructor(start: (response: ServerResponse) => void) {
    this.start = start
  }
}

export interface Answer {
  /** Default 200. */
  readonly status?: Status
  readonly headers?: Readonly<Record<string, string>>
  /** An object goes as JSON; text and streams as what the route says they are. */
  readonly body: object | string | ReadableStream<Uint8Array> | Streamed
}

/** Keeps the types of one route together; a list of routes needs them no more. */
export function route<Body = undefined, Query = undefined>(definition: Route<Body, Query>): Route {
  return definition
}

/** Reads a request in the order in which it can be refused most cheaply, and answers it. */
export async function answerRoute(
  definition: Route,
  request: Request,
  context: Context,
  exchange: Exchange,
): Promise<Answer> {
  const { incoming } = request.env
  const tokenId = admit(definition, incoming, context)
  exchange.tokenId = tokenId
  const query = readQuery(definition, incoming)
  const body = await readRouteBody(definition, incoming, context)
  const caller = tokenId === undefined ? NOBODY : context.callers.get(tokenId, context.now())
  const params = readParams(definition.path, incoming)
  const target = `${incoming.method} ${incoming.url}`
  const { headers } = incoming
  return definition.handle({ caller, target, body, query, params, headers, exchange }, context)
}

/** @returns the token's id, where the route needs one */
function admit(definition: Route, incoming: IncomingMessage, context: Context): string | undefined {
  const { gate, tokens } = context
  if (definition.isOpen === true || definition.isOpenWhen?.(context) === true) {
    if (definition.isUnlimited !== true) gate.admitAnonymous(incoming)
    return undefined
  }
  const tokenId = identify(incoming.headers.authorization, tokens)
  gate.admitToken(tokenId)
  return tokenId
}

/** Read from the path as it was sent: a `%2F` is part of a name and no slash. @throws {EdgeError} REQUEST_INVALID */
function readParams(pattern: string, incoming: IncomingMessage): Readonly<Record<string, string>> {
  const params = Object.create(null) as Record<string, string>
  const given = (incoming.url ?? '').split('?', 1)[0]!.split('/')
  for (const [i, part] of pattern.split('/').entries())
    if (part.startsWith('{')) params[part.slice(1, -1)] = decodePart(given[i] ?? '')
  return params
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new EdgeError(
      'REQUEST_INVALID',
      'the path is not UTF-8 in percent-encoding',
      'encode each part of it',
    )
  }
}

/** Open routes ask nothing in a caller's name. */
const NOBODY: Caller = { actor: '', self: '', issuer: '' }

async function readRouteBody(
  definition: Route,
  incoming: IncomingMessage,
  context: Context,
): Promise<unknown> {
  if (definition.body === undefined) return undefined
  if (definition.isBodyOptional === true && isEmpty(incoming))
    return parseShape(definition.body, {}, 'BODY_INVALID')
  assertBodyExpected(incoming, context.bodyBytesMax)
  return parseShape(
    definition.body,
    parseBody(await readBody(incoming, context.bodyBytesMax)),
    'BODY_INVALID',
  )
}

function readQuery(definition: Route, incoming: IncomingMessage): unknown {
  const values = parseQuery(incoming.url ?? '')
  if (definition.query !== undefined) return parseShape(definition.query, values, 'QUERY_INVALID')
  const [name] = Object.keys(values)
  if (name !== undefined) throw queryError(name, 'is not a name this route takes')
  return undefined
}

/** @throws {EdgeError} for names given twice and for what is not UTF-8 once decoded */
function parseQuery(url: string): Record<string, string> {
  const start = url.indexOf('?')
  const values = Object.create(null) as Record<string, string>
  if (start < 0) return values
  for (const pair of url.slice(start + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (name in values) throw queryError(name, 'is given twice')
    values[name] = equals < 0 ? '' : decode(pair.slice(equals + 1))
  }
  return values
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new EdgeError(
      'QUERY_INVALID',
      'the query is not UTF-8 in percent-encoding',
      'encode each name and value',
    )
  }
}

function queryError(name: string, problem: string): EdgeError {
  const path = name.slice(0, 60)
  return new EdgeError(
    'QUERY_INVALID',
    `\`${path}\` ${problem}`,
    'compare the query with what this route takes',
    { path },
  )
}
