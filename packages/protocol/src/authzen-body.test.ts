import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseEvaluation, parseEvaluationBody } from './authzen-body.ts'
import { parseBody } from './decision-body.ts'
import { EdgeError } from './errors.ts'
import { parseShape } from './shape-error.ts'
import {
  authzenEvaluationRequest,
  authzenEvaluationShape,
  type AuthzenEvaluationRequest,
} from './shapes/authzen.ts'

const scalar = fc.oneof(fc.string({ maxLength: 3 }), fc.integer(), fc.boolean(), fc.constant(null))
const name = fc.constantFrom('type', 'id', 'name', 'properties', '__proto__', 'constructor', 'x')
const anything = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 2 }),
  fc.dictionary(name, scalar, { maxKeys: 4 }),
)
const properties = fc.oneof({ weight: 4, arbitrary: fc.dictionary(name, anything, { maxKeys: 3 }) }, anything)
const mostly = (each: fc.Arbitrary<unknown>) => fc.oneof({ weight: 6, arbitrary: each }, anything)
const entity = fc.record(
  { type: mostly(fc.string()), id: mostly(fc.string()), properties, x: scalar },
  { requiredKeys: ['type', 'id'] },
)
const action = fc.record({ name: mostly(fc.string()), properties }, { requiredKeys: ['name'] })
const body = fc.record(
  {
    subject: mostly(entity),
    action: mostly(action),
    resource: mostly(entity),
    context: properties,
    options: mostly(fc.record({ reading: mostly(fc.boolean()), x: scalar }, { requiredKeys: [] })),
    evaluations: anything,
  },
  { requiredKeys: ['subject', 'action', 'resource'] },
)

describe('evaluations read by hand', () => {
  test('agree with their shape on everything', () => {
    let accepted = 0
    fc.assert(
      fc.property(body, (given) => {
        const text = JSON.stringify(given)
        const byHand = result(() => parseEvaluationBody(text))
        const byShape = result(() => parseShape(authzenEvaluationRequest, parseBody(text), 'BODY_INVALID'))
        assert.deepEqual(byHand, byShape)
        if ('subject' in byHand) accepted++
        const { options: _, ...evaluation } = JSON.parse(text) as Record<string, unknown>
        assert.deepEqual(
          result(() => parseEvaluation(evaluation)),
          result(() => parseShape(authzenEvaluationShape, evaluation, 'BODY_INVALID')),
        )
      }),
      { numRuns: 3_000 },
    )
    assert.ok(accepted > 100, String(accepted))
  })
})

/** What is read of a body; names nobody knows are not. */
function result(parse: () => unknown): object {
  try {
    const { subject, action, resource, context, options } = parse() as AuthzenEvaluationRequest
    return {
      subject: [subject.type, subject.id, subject.properties],
      action: [action.name, action.properties],
      resource: [resource.type, resource.id, resource.properties],
      context,
      reading: options?.reading,
    }
  } catch (error) {
    assert.ok(error instanceof EdgeError)
    return { message: error.message, path: error.path }
  }
}
