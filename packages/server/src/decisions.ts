import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Asking, Question } from '@castellan/engine'
import {
  authzenEvaluationAnswer,
  authzenEvaluationRequest,
  authzenEvaluationsAnswer,
  authzenEvaluationsRequest,
  checkAnswer,
  checkEachAnswer,
  checkEachRequest,
  checkRequest,
  EdgeError,
  isCodedError,
  parseCheckBody,
  parseCheckEachBody,
} from '@castellan/protocol'
import { evaluate, evaluateEach } from './authzen/evaluation.ts'
import { authorizeAbout, authorizeEach, type Caller } from './caller.ts'
import type { Context } from './context.ts'
import { assertBodyExpected, collectBody } from './edge/body.ts'
import { requestIdOf } from './edge/request-id.ts'
import { sendJson, sendProblem } from './edge/send.ts'
import type { Exchange } from './observe/exchange.ts'
import { ASKING, EVALUATING } from './openapi/codes.ts'
import type { RouteDoc } from './routes/route.ts'

/** Answers the text of a body with the text of an answer, and tells the observer what was decided. */
type Decide = (context: Context, caller: Caller, body: string, exchange: Exchange) => string

interface DecisionRoute extends RouteDoc {
  readonly decide: Decide
}

/** The routes that are answered here, in front of the framework: it costs more than a check does. */
export const decisionRoutes: readonly DecisionRoute[] = [
  {
    method: 'POST',
    path: '/v1/check',
    tag: 'Questions',
    doc: 'does an actor hold any of some permissions',
    id: 'check',
    body: checkRequest,
    answer: checkAnswer,
    codes: ASKING,
    decide: check,
  },
  {
    method: 'POST',
    path: '/v1/check-each',
    tag: 'Questions',
    doc: 'up to 1,000 such questions, each answered for itself',
    id: 'checkEach',
    body: checkEachRequest,
    answer: checkEachAnswer,
    codes: ASKING,
    decide: checkEach,
  },
  {
    method: 'POST',
    path: '/access/v1/evaluation',
    tag: 'AuthZEN',
    doc: 'may a subject do this to a resource',
    id: 'authzenEvaluation',
    body: authzenEvaluationRequest,
    answer: authzenEvaluationAnswer,
    codes: EVALUATING,
    decide: evaluate,
  },
  {
    method: 'POST',
    path: '/access/v1/evaluations',
    tag: 'AuthZEN',
    doc: 'up to 1,000 such evaluations, or as many as it takes to a first denial or permit',
    id: 'authzenEvaluations',
    body: authzenEvaluationsRequest,
    answer: authzenEvaluationsAnswer,
    codes: EVALUATING,
    decide: evaluateEach,
  },
]

/** By path; without a prototype, whose names are no paths. */
export const DECISIONS: Readonly<Record<string, DecisionRoute>> = Object.assign(
  Object.create(null) as object,
  Object.fromEntries(decisionRoutes.map((route) => [route.path, route])),
)

/**
 * One decision over bare `node:http`. Nothing is awaited but the socket: caller, authority, answer and revision are
 * all of one moment, the one after the body's last byte.
 */
export function answerDecision(
  context: Context,
  { path, decide }: DecisionRoute,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const exchange = context.observer.begin(request, response, requestIdOf(request), path)
  try {
    context.gate.admit(request)
    const tokenId = context.bearers.identify(request.socket, request.headers.authorization)
    exchange.tokenId = tokenId
    context.gate.admitToken(tokenId)
    assertBodyExpected(request, context.bodyBytesMax)
    collectBody(request, context.bodyBytesMax, (error, body) => {
      exchange.asked = performance.now()
      try {
        if (error !== undefined) throw error
        const caller = context.callers.get(tokenId, context.now())
        sendJson(response, exchange.requestId, decide(context, caller, body, exchange))
        context.observer.end(exchange, 200)
      } catch (reason) {
        refuse(context, exchange, request, response, reason)
      }
    })
  } catch (reason) {
    refuse(context, exchange, request, response, reason)
  }
}

function refuse(
  { gate, observer, log }: Context,
  exchange: Exchange,
  request: IncomingMessage,
  response: ServerResponse,
  reason: unknown,
): void {
  const problem = sendProblem(request, response, exchange.requestId, gate.refusal(request, reason), log)
  observer.refused(exchange, problem)
  observer.end(exchange, problem.status)
}

function check({ engine, observer }: Context, caller: Caller, text: string, exchange: Exchange): string {
  const body = parseCheckBody(text)
  const actor = body.actor ?? caller.self
  authorizeAbout(engine, caller, actor)
  const permissions = body.permission ?? body.permissions ?? []
  const asking = askingOf(caller, body.atLeast)
  const allowed = engine.check(actor, permissions, asking)
  observer.decided(exchange, actor, permissions, allowed, asking)
  return `{"allowed":${allowed},"revision":${engine.revision}}`
}

function checkEach({ engine, observer }: Context, caller: Caller, text: string, exchange: Exchange): string {
  const body = parseCheckEachBody(text)
  const questions = body.checks.map(({ actor = caller.self, permission }): Question => ({
    actor,
    permission,
  }))
  const asking = askingOf(caller, body.atLeast)
  authorizeEach(engine, caller, questions, refuseAt)
  const answers = answerEach(engine, questions, asking)
  observer.decidedEach(exchange, questions, answers, asking)
  let results = ''
  for (const allowed of answers) {
    results += allowed ? ',{"allowed":true}' : ',{"allowed":false}'
  }
  return `{"results":[${results.slice(1)}],"revision":${engine.revision}}`
}

function answerEach(
  engine: Context['engine'],
  questions: readonly Question[],
  asking: Asking,
): readonly boolean[] {
  try {
    return engine.checkEach(questions, asking)
  } catch (error) {
    if (!isCodedError(error) || error.code === 'LIMIT_EXCEEDED' || error.code === 'REVISION_AHEAD')
      throw error
    // One of them is malformed; asked alone it says so again, and then we know which.
    for (const [index, { actor, permission }] of questions.entries()) {
      try {
        engine.check(actor, permission, asking)
      } catch (reason) {
        refuseAt(index, reason)
      }
    }
    throw error
  }
}

/** Says which question an error is about. */
function refuseAt(index: number, reason: unknown): never {
  if (isCodedError(reason) && !('path' in reason)) Object.assign(reason, { path: `checks[${index}]` })
  throw reason
}

export function askingOf(caller: Caller, atLeast: number | undefined): Asking {
  return atLeast === undefined ? { viewer: caller.actor } : { viewer: caller.actor, atLeast }
}

/** For a decision route that was called in another way. */
export function decisionMisuse(): EdgeError {
  return new EdgeError('QUERY_INVALID', 'this route takes no query', 'put everything into the body')
}
