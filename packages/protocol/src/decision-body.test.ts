import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { z } from 'zod'
import { parseBody, parseCheckBody, parseCheckEachBody } from './decision-body.ts'
import { EdgeError } from './errors.ts'
import { parseShape } from './shape-error.ts'
import { checkEachRequest, checkRequest } from './shapes/questions.ts'

const scalar = fc.oneof(
  fc.string({ maxLength: 3 }),
  fc.integer({ min: -2, max: 3 }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
)
const name = fc.constantFrom(
  'actor',
  'permission',
  'permissions',
  'atLeast',
  'checks',
  '__proto__',
  'constructor',
  'x',
)
const question = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ actor: fc.string(), permission: fc.string() }, { requiredKeys: ['permission'] }),
  },
  { weight: 1, arbitrary: fc.dictionary(name, scalar, { maxKeys: 3 }) },
  { weight: 1, arbitrary: scalar },
)
const field = fc.oneof(
  scalar,
  fc.array(fc.string(), { maxLength: 3 }),
  fc.array(scalar, { maxLength: 2 }),
  fc.array(question, { maxLength: 3 }),
)
const nearlyCheck = fc.record(
  {
    actor: fc.oneof(fc.string(), scalar),
    permission: fc.string(),
    permissions: fc.array(fc.string()),
    atLeast: fc.oneof(fc.nat(), scalar),
  },
  { requiredKeys: [] },
)
const nearlyEach = fc.record(
  { checks: fc.array(question, { maxLength: 3 }), atLeast: fc.oneof(fc.nat(), scalar) },
  { requiredKeys: [] },
)
const anyBody = fc.oneof(
  nearlyCheck,
  nearlyEach,
  fc.dictionary(name, field, { maxKeys: 4 }),
  scalar,
  fc.array(scalar),
)

/** The text of an object in which names may come twice. */
const withTwins = fc
  .array(fc.tuple(name, field), { maxLength: 4 })
  .map(
    (pairs) =>
      `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
  )
const text = fc.oneof(
  { weight: 4, arbitrary: anyBody.map((body) => JSON.stringify(body)) },
  withTwins,
  fc.string(),
)

const routes: readonly {
  readonly name: string
  readonly byHand: (text: string) => unknown
  readonly shape: z.ZodType
}[] = [
  { name: 'check', byHand: parseCheckBody, shape: checkRequest },
  { name: 'check-each', byHand: parseCheckEachBody, shape: checkEachRequest },
]

describe('the bodies read by hand', () => {
  for (const { name, byHand, shape } of routes) {
    test(`agree with the shape of ${name} on everything`, () => {
      fc.assert(
        fc.property(text, (given) => {
          assert.deepEqual(
            result(() => byHand(given)),
            result(() => parseShape(shape, parseBody(given), 'BODY_INVALID')),
          )
        }),
        { numRuns: 5_000 },
      )
    })
  }

  const refused = [
    { body: '{"actor":"user:a"}', path: 'permission' },
    { body: '{"permission":"a","permissions":["b"]}', path: 'permission' },
    { body: '{"permission":"a","now":1}', path: 'now' },
    { body: '{"permission":7}', path: 'permission' },
    { body: '{"permissions":["a",7]}', path: 'permissions[1]' },
    { body: '{"permission":"a","atLeast":-1}', path: 'atLeast' },
    { body: '{"permission":"a","__proto__":{}}', path: '__proto__' },
    { body: '{"permission":"a","actor":null}', path: 'actor' },
  ]
  for (const { body, path } of refused) {
    test(`refuse ${body} and say where`, () => {
      assert.throws(
        () => parseCheckBody(body),
        (error) => error instanceof EdgeError && error.code === 'BODY_INVALID' && error.path === path,
      )
    })
  }

  test('refuse a name given twice, so that nobody before us can have read another', () => {
    assert.throws(
      () => parseCheckBody('{"permission":"a","actor":"user:x","actor":"user:y"}'),
      /`actor` is given twice/,
    )
    assert.throws(
      () => parseCheckEachBody('{"checks":[{"permission":"a","permission":"b"}]}'),
      /`permission` is given twice/,
    )
  })
})

function result(run: () => unknown): unknown {
  try {
    return { value: run() }
  } catch (error) {
    assert.ok(error instanceof EdgeError)
    return { message: error.message, path: error.path, position: error.position }
  }
}
