import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { PROBLEM_TYPE, EdgeError, problemOf } from '@castellan/protocol'
import { Hono } from 'hono'
import type { Context } from './context.ts'
import { decisionRoutes, DECISIONS } from './decisions.ts'
import { headersFor, isWhole, logProblem, sendProblem } from './edge/send.ts'
import { writeOpenApi, type OpenApi } from './openapi/document.ts'
import { authzenRoutes } from './routes/authzen.ts'
import { catalogRoutes } from './routes/catalog.ts'
import { changeRoutes } from './routes/changes.ts'
import { docsRoutes } from './routes/docs.ts'
import { factRoutes } from './routes/facts.ts'
import { grantRoutes } from './routes/grants.ts'
import { groupRoutes } from './routes/groups.ts'
import { healthRoutes } from './routes/health.ts'
import { journalRoutes } from './routes/journal.ts'
import { metricRoutes } from './routes/metrics.ts'
import { questionRoutes } from './routes/questions.ts'
import {
  answerRoute,
  Streamed,
  type Bindings,
  type Request,
  type Route,
  type RouteDoc,
} from './routes/route.ts'
import { resourceRoutes } from './routes/resources.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { userRoutes } from './routes/users.ts'
import { watchRoutes } from './routes/watch.ts'

const ROUTES: readonly Route[] = [
  ...questionRoutes,
  ...changeRoutes,
  ...grantRoutes,
  ...userRoutes,
  ...groupRoutes,
  ...tokenRoutes,
  ...resourceRoutes,
  ...factRoutes,
  ...catalogRoutes,
  ...journalRoutes,
  ...watchRoutes,
  ...authzenRoutes,
  ...healthRoutes,
  ...metricRoutes,
  ...docsRoutes(readOpenApi),
]

/** Every route there is, those in front of the framework first. */
export const ALL_ROUTES: readonly RouteDoc[] = [...decisionRoutes, ...ROUTES]

let document: OpenApi | undefined

/** The OpenAPI document of all routes, written when it is first wanted. */
export function readOpenApi(): OpenApi {
  document ??= writeOpenApi(ALL_ROUTES)
  return document
}

/** Everything but the decision routes. */
export function createApp(context: Context): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>()
  for (const definition of ROUTES) {
    app.on(definition.method, honoPath(definition.path), async (request) => {
      // The framework reads other spellings as well: `/%68ealthz`, `/x/%2e%2e/healthz`, `/healthz#x`.
      if (!isMatch(definition.path, pathOf(request))) return refuseRoute(request, context)
      const exchange = context.observer.of(request.env.outgoing)
      exchange.route = definition.path
      const { status = 200, headers = {}, body } = await answerRoute(definition, request, context, exchange)
      const head = {
        'Cache-Control': 'no-store',
        ...headers,
        'Content-Type': definition.type ?? 'application/json',
      }
      if (body instanceof Streamed) return stream(request, status, head, body)
      const isWritten = typeof body === 'string' || body instanceof ReadableStream
      return request.body(isWritten ? body : JSON.stringify(body), status, head)
    })
  }
  app.onError((error, request) => refuse(request, context.gate.refusal(request.env.incoming, error), context))
  app.notFound((request) => refuseRoute(request, context))
  return app
}

/** Past the framework, whose streams do not tell when the other side stops taking in. */
function stream(
  request: Request,
  status: number,
  headers: Readonly<Record<string, string>>,
  { start }: Streamed,
): Response {
  const { incoming, outgoing } = request.env
  outgoing.writeHead(status, headers)
  if (incoming.method === 'HEAD') outgoing.end()
  else start(outgoing)
  return RESPONSE_ALREADY_SENT
}

function refuseRoute(request: Request, context: Context): Response {
  const allowed = methodsOf(pathOf(request))
  if (allowed.length === 0 || allowed.includes(request.req.method)) {
    return refuse(
      request,
      new EdgeError('NOT_FOUND', 'there is no such route', 'compare the path with the reference'),
      context,
    )
  }
  const allow = allowed.join(', ')
  return refuse(
    request,
    new EdgeError('METHOD_NOT_ALLOWED', `the route takes ${allow}`, 'use one of these methods'),
    context,
    { Allow: allow },
  )
}

function refuse(
  request: Request,
  error: unknown,
  context: Context,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { incoming, outgoing } = request.env
  const exchange = context.observer.of(outgoing)
  if (!isWhole(incoming)) {
    // The framework would cut the connection while the rest of the body still comes, and our answer with it.
    const problem = sendProblem(incoming, outgoing, exchange.requestId, error, context.log)
    context.observer.refused(exchange, problem)
    return RESPONSE_ALREADY_SENT
  }
  const problem = problemOf(error, exchange.requestId)
  context.observer.refused(exchange, problem)
  logProblem(context.log, problem, error)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'Content-Type': PROBLEM_TYPE,
      'Cache-Control': 'no-store',
      ...headersFor(problem, error),
      ...headers,
    },
  })
}

/** As it was sent. */
function pathOf(request: Request): string {
  return (request.env.incoming.url ?? '').split('?', 1)[0]!
}

/** What a path takes, HEAD where GET is. */
function methodsOf(path: string): readonly string[] {
  if (path in DECISIONS) return ['POST']
  const methods = ROUTES.filter((definition) => isMatch(definition.path, path)).map(({ method }) => method)
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
}

function isMatch(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith('{') ? given[i] !== '' : part === given[i]))
  )
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/gu, ':$1')
}
