import { parseBody } from './decision-body.ts'
import {
  authzenEvaluationRequest,
  authzenEvaluationShape,
  authzenEvaluationsRequest,
  type AuthzenEvaluation,
  type AuthzenEvaluationRequest,
  type AuthzenEvaluationsRequest,
} from './shapes/authzen.ts'
import { parseShape } from './shape-error.ts'

/**
 * The bodies of AuthZEN's evaluations, looked at by hand as those of the decision routes are: what does not pass at
 * once goes through the shape, which knows how to complain. Names nobody knows stay where they are and are not read.
 *
 * @throws {EdgeError} BODY_INVALID
 */
export function parseEvaluationBody(text: string): AuthzenEvaluationRequest {
  const body = parseBody(text)
  return isEvaluation(body) && hasOptions(body)
    ? body
    : parseShape(authzenEvaluationRequest, body, 'BODY_INVALID')
}

function hasOptions(body: object): body is AuthzenEvaluationRequest {
  if (!('options' in body)) return true
  const { options } = body
  return isObject(options) && (options['reading'] === undefined || typeof options['reading'] === 'boolean')
}

/** @throws {EdgeError} BODY_INVALID for what is wrong outside the single evaluations */
export function parseEvaluationsBody(text: string): AuthzenEvaluationsRequest {
  return parseShape(authzenEvaluationsRequest, parseBody(text), 'BODY_INVALID')
}

/** One evaluation, defaults and all. @throws {EdgeError} BODY_INVALID */
export function parseEvaluation(value: unknown): AuthzenEvaluation {
  return isEvaluation(value) ? value : parseShape(authzenEvaluationShape, value, 'BODY_INVALID')
}

function isEvaluation(value: unknown): value is AuthzenEvaluation {
  if (!isObject(value)) return false
  const { subject, action, resource, context } = value
  return (
    isEntity(subject) &&
    isEntity(resource) &&
    isObject(action) &&
    typeof action['name'] === 'string' &&
    hasProperties(action) &&
    (context === undefined || isObject(context))
  )
}

function isEntity(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['type'] === 'string' &&
    typeof value['id'] === 'string' &&
    hasProperties(value)
  )
}

function hasProperties({ properties }: Readonly<Record<string, unknown>>): boolean {
  return properties === undefined || isObject(properties)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
