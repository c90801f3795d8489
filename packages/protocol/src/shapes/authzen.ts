import { z } from 'zod'
import { json, revision, text } from './values.ts'

/**
 * OpenID AuthZEN Authorization API 1.0. Unlike everywhere else these shapes are open: receivers are to ignore names
 * they do not know, so that later versions can add some.
 */

const properties = json.optional().describe('attributes, for rules')
const subject = z.object({
  type: text.describe('`user`, `app` or `token`'),
  id: text,
  properties,
})
const resource = z.object({ type: text.describe('a namespace'), id: text, properties })
const action = z.object({ name: text, properties })
const environment = json.optional().describe('attributes of the environment, for rules')

/** A searched-for entity has no id; one that is there is ignored. */
const subjectSought = z.object({ type: subject.shape.type, properties })
const resourceSought = z.object({ type: resource.shape.type, properties })

const reading = z.boolean().optional().describe('whether answers say why; by default they do')
const page = z
  .object({
    token: text.optional().describe('`next_token` of the page before'),
    limit: z
      .int()
      .nonnegative()
      .optional()
      .describe('results at most; never more than 1,000, by default 100'),
    properties: json.optional(),
  })
  .optional()

const [alice, read, document] = [{ type: 'user', id: 'alice' }, { name: 'read' }, { type: 'doc', id: '7' }]
const example = { subject: alice, action: read, resource: document }

export const authzenEvaluationShape = z.object({ subject, action, resource, context: environment })

export const authzenEvaluationRequest = authzenEvaluationShape
  .extend({ options: z.object({ reading }).optional() })
  .meta({ examples: [{ ...example, context: { ip: '10.0.0.7' } }] })

export const authzenEvaluationsRequest = z
  .object({
    subject: subject.optional(),
    action: action.optional(),
    resource: resource.optional(),
    context: environment,
    evaluations: z
      .array(z.unknown())
      .optional()
      .describe(
        'up to 1,000, each with what it does not take from above; what is wrong in one is told in its answer',
      ),
    options: z
      .object({
        evaluations_semantic: z
          .enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'])
          .optional()
          .describe('by default `execute_all`'),
        reading,
      })
      .optional(),
  })
  .meta({
    // Without a list it is one evaluation, which takes nothing from anywhere.
    anyOf: [
      { required: ['evaluations'], properties: { evaluations: { minItems: 1 } } },
      { required: ['subject', 'action', 'resource'] },
    ],
    examples: [
      { subject: alice, resource: document, evaluations: [{ action: read }, { action: { name: 'write' } }] },
    ],
  })

export const authzenSubjectSearchRequest = z
  .object({ subject: subjectSought, action, resource, context: environment, page })
  .meta({ examples: [{ ...example, subject: { type: 'user' }, page: { limit: 10 } }] })
export const authzenResourceSearchRequest = z
  .object({ subject, action, resource: resourceSought, context: environment, page })
  .meta({ examples: [{ ...example, resource: { type: 'doc' } }] })
export const authzenActionSearchRequest = z
  .object({ subject, resource, context: environment, page })
  .meta({ examples: [{ subject: alice, resource: document }] })

const decision = z.strictObject({
  decision: z.boolean(),
  context: z.strictObject({
    reading: z
      .array(z.looseObject({ $: text }))
      .optional()
      .describe('of a yes: every pathway'),
    code: text.optional().describe('of a no: what kind of reason it has'),
    reason: text.optional().describe('of a no: one sentence for people'),
    truncated: z.literal(true).optional().describe('why was left out: a batch says it of its first answers'),
    error: z
      .strictObject({ status: z.int(), code: text, message: text })
      .optional()
      .describe('in a batch: why there was no evaluation'),
    revision,
  }),
})

export const authzenEvaluationAnswer = decision
export const authzenEvaluationsAnswer = z.union([
  z.strictObject({ evaluations: z.array(decision) }),
  decision,
])

function searchAnswer<Found extends z.ZodType>(found: Found) {
  return z.strictObject({
    page: z.strictObject({
      next_token: text.describe('of the next page; empty on the last'),
      count: z.int().nonnegative(),
    }),
    context: z.strictObject({ revision }),
    results: z.array(found),
  })
}

export const authzenSubjectSearchAnswer = searchAnswer(z.strictObject({ type: text, id: text }))
export const authzenResourceSearchAnswer = searchAnswer(z.strictObject({ type: text, id: text }))
export const authzenActionSearchAnswer = searchAnswer(z.strictObject({ name: text }))

const url = text.describe('a URL')
export const authzenMetadata = z.strictObject({
  policy_decision_point: url,
  access_evaluation_endpoint: url,
  access_evaluations_endpoint: url,
  search_subject_endpoint: url,
  search_resource_endpoint: url,
  search_action_endpoint: url,
})

export type AuthzenEvaluation = z.output<typeof authzenEvaluationShape>
export type AuthzenEvaluationRequest = z.output<typeof authzenEvaluationRequest>
export type AuthzenEvaluationsRequest = z.output<typeof authzenEvaluationsRequest>
export type AuthzenSubjectSearchRequest = z.output<typeof authzenSubjectSearchRequest>
export type AuthzenResourceSearchRequest = z.output<typeof authzenResourceSearchRequest>
export type AuthzenActionSearchRequest = z.output<typeof authzenActionSearchRequest>
export type AuthzenMetadata = z.output<typeof authzenMetadata>
