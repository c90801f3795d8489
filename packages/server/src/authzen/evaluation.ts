import { LIMITS, LimitExceededError, type Asking, type Reading } from '@castellan/engine'
import {
  isCodedError,
  parseEvaluation,
  parseEvaluationBody,
  parseEvaluationsBody,
  problemOf,
  type AuthzenEvaluation,
  type AuthzenEvaluationsRequest,
} from '@castellan/protocol'
import { authorizeAbout, type Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import { logProblem } from '../edge/send.ts'
import type { Exchange } from '../observe/exchange.ts'
import { contextOf, findActor, permissionOf } from './mapping.ts'

/** What the evaluations of one request share. */
export interface Sitting {
  readonly engine: Context['engine']
  readonly caller: Caller
  /** One instant for all of them. */
  readonly now: number
  /** Actors the caller may ask about, as far as it has been found out. */
  readonly mayAskAbout: Set<string>
}

export function sit({ engine, now }: Context, caller: Caller): Sitting {
  return { engine, caller, now: now(), mayAskAbout: new Set() }
}

// ---- one evaluation

/** The text of an answer to the text of an Access Evaluation request. @see AuthZEN Authorization API 1.0 */
export function evaluate(context: Context, caller: Caller, text: string, exchange: Exchange): string {
  const body = parseEvaluationBody(text)
  const details = new Details(body.options?.reading)
  return JSON.stringify(answer(sit(context, caller), body, details, telling(context, exchange)))
}

interface Decision {
  readonly decision: boolean
  readonly context: {
    readonly reading?: Reading
    readonly code?: string
    readonly reason?: string
    readonly truncated?: true
    readonly error?: { readonly status: number; readonly code: string; readonly message: string }
    readonly revision: number
  }
}

/** Told of each verdict. */
type Tell = (verdict: Judged | Unaskable) => void

function telling({ observer }: Context, exchange: Exchange): Tell {
  return (verdict) => {
    if (!('allowed' in verdict)) observer.deniedUnasked(exchange)
    else observer.decided(exchange, verdict.actor, verdict.permission, verdict.allowed, verdict.asking)
  }
}

/** @throws {ForbiddenError} when the caller may not ask about the subject */
function answer(sitting: Sitting, evaluation: AuthzenEvaluation, details: Details, tell: Tell): Decision {
  const actor = findActor(evaluation.subject)
  if (actor !== undefined) requireAbout(sitting, actor)
  const verdict = actor === undefined ? NOBODY : judge(sitting, actor, evaluation)
  tell(verdict)
  const { revision } = sitting.engine
  if ('code' in verdict) {
    const { code, reason } = verdict
    return { decision: false, context: { code, reason, revision } }
  }
  return { decision: verdict.allowed, context: { ...details.of(sitting, verdict), revision } }
}

/** A question that can be asked, and its answer. */
interface Judged {
  readonly actor: string
  readonly permission: string
  readonly asking: Asking
  readonly allowed: boolean
}

/** Why there is no question: nothing could ever be held by this subject, or under this name. */
interface Unaskable {
  readonly code: string
  readonly reason: string
}

/**
 * Decides one evaluation. At this edge whatever nobody knows is a denial; malformed strings are among that, since
 * AuthZEN's entities are data and no strings of ours.
 *
 * @throws {RuleError | LimitExceededError} when nothing was decided
 */
function judge(
  { engine, caller, now }: Sitting,
  actor: string,
  evaluation: AuthzenEvaluation,
): Judged | Unaskable {
  const permission = permissionOf(evaluation.resource, evaluation.action)
  const asking = { viewer: caller.actor, now, context: contextOf(evaluation) }
  try {
    return { actor, permission, asking, allowed: engine.check(actor, permission, asking) }
  } catch (error) {
    if (!isUnknown(error)) throw error
    return { code: error.code, reason: error.message }
  }
}

const NOBODY: Unaskable = {
  code: 'ACTOR_INVALID',
  reason: 'no subject is of this type and has this id: types are `user`, `app` and `token`',
}

/** The decision alone, for a caller who may know it. @throws as `judge` does */
export function isAllowed(sitting: Sitting, evaluation: AuthzenEvaluation): boolean {
  const actor = findActor(evaluation.subject)
  const verdict = actor === undefined ? NOBODY : judge(sitting, actor, evaluation)
  return 'allowed' in verdict && verdict.allowed
}

/** @throws {ForbiddenError} */
export function requireAbout({ engine, caller, mayAskAbout }: Sitting, actor: string): void {
  if (mayAskAbout.has(actor)) return
  authorizeAbout(engine, caller, actor)
  mayAskAbout.add(actor)
}

/** Whether an error says that a string can name nothing. */
export function isUnknown(error: unknown): error is Error & { readonly code: string } {
  return isCodedError(error) && (error.code === 'PERMISSION_INVALID' || error.code === 'PERMISSION_UNKNOWN')
}

// ---- why

/** Answers of one request that say why, and nodes in their readings together. Each takes a walk of its own. */
const DETAILED_MAX = 100
const NODES_MAX = LIMITS.readingNodesMax

type Why = Pick<Decision['context'], 'reading' | 'code' | 'reason' | 'truncated'>

/** Says of the answers of one request why they are what they are: a yes by its reading, a no by what it lacks. */
class Details {
  readonly #isWanted: boolean
  #answers = DETAILED_MAX
  #nodes = NODES_MAX

  constructor(isWanted = true) {
    this.#isWanted = isWanted
  }

  of({ engine }: Sitting, { actor, permission, asking, allowed }: Judged): Why {
    if (!this.#isWanted) return {}
    if (this.#answers === 0 || this.#nodes <= 0) return { truncated: true }
    this.#answers--
    if (!allowed) return reasonOf(engine, actor, permission, asking)
    const reading = engine.scan(actor, permission, asking)
    this.#nodes -= countNodes(reading)
    return { reading }
  }
}

function countNodes(reading: Reading): number {
  let count = 0
  const pending = [reading]
  for (let nodes = pending.pop(); nodes !== undefined; nodes = pending.pop()) {
    count += nodes.length
    for (const node of nodes) if (node.$ === 'path') pending.push(node.reading)
  }
  return count
}

/** Of the smallest sets of facts that would mend it the first, as far as the caller may see it. */
function reasonOf(
  engine: Context['engine'],
  actor: string,
  permission: string,
  asking: Asking,
): { readonly code: string; readonly reason: string } {
  const [links = []] = engine.explain(actor, permission, asking).brokenLinks ?? []
  const seen = links.filter(({ detail }) => detail !== HIDDEN)
  const [first] = seen
  return first === undefined
    ? { code: 'NOT_HELD', reason: `${actor} does not hold ${permission}` }
    : {
        code: first.problem.toUpperCase().replace('-', '_'),
        reason: seen.map(({ detail }) => detail).join('; '),
      }
}

/** What the engine puts in the place of what the viewer may not see. */
const HIDDEN = 'hidden'

// ---- several evaluations

type Semantic = NonNullable<NonNullable<AuthzenEvaluationsRequest['options']>['evaluations_semantic']>

/** The decision after which the rest is not evaluated. */
const LAST: Readonly<Record<Semantic, boolean | undefined>> = {
  execute_all: undefined,
  deny_on_first_deny: false,
  permit_on_first_permit: true,
}

/** The same for an Access Evaluations request: without evaluations it is one. */
export function evaluateEach(context: Context, caller: Caller, text: string, exchange: Exchange): string {
  const body = parseEvaluationsBody(text)
  const { evaluations = [], options: { evaluations_semantic = 'execute_all', reading } = {} } = body
  const sitting = sit(context, caller)
  const details = new Details(reading)
  const tell = telling(context, exchange)
  if (evaluations.length === 0) return JSON.stringify(answer(sitting, parseEvaluation(body), details, tell))
  if (evaluations.length > LIMITS.permissionsMax)
    throw new LimitExceededError(
      'permissionsMax',
      LIMITS.permissionsMax,
      `${evaluations.length} evaluations in one call`,
    )
  const answers: Decision[] = []
  for (const own of evaluations) {
    const evaluate = () => answer(sitting, withDefaults(own, body), details, tell)
    const last = answerOrError(evaluate, context, exchange)
    answers.push(last)
    if (last.decision === LAST[evaluations_semantic]) break
  }
  return JSON.stringify({ evaluations: answers })
}

/** Each entity is taken whole, from the evaluation or else from the request. @throws {EdgeError} BODY_INVALID */
function withDefaults(own: unknown, defaults: AuthzenEvaluationsRequest): AuthzenEvaluation {
  if (typeof own !== 'object' || own === null || Array.isArray(own)) return parseEvaluation(own)
  const { subject, action, resource, context } = defaults
  return parseEvaluation({ subject, action, resource, context, ...own })
}

/** An evaluation that fails is closed, and says that it failed; the others are answered. */
function answerOrError(
  evaluate: () => Decision,
  { engine, log, observer }: Context,
  exchange: Exchange,
): Decision {
  try {
    return evaluate()
  } catch (error) {
    const problem = problemOf(error, exchange.requestId)
    logProblem(log, problem, error)
    observer.meter.countProblem(problem.code)
    observer.deniedUnasked(exchange)
    const { status, code, detail: message } = problem
    return { decision: false, context: { error: { status, code, message }, revision: engine.revision } }
  }
}
