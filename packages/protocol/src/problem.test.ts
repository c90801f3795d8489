import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EdgeError, MEANINGS } from './errors.ts'
import { problemOf } from './problem.ts'
import { problemShape } from './shapes/problem.ts'

class Coded extends Error {
  readonly code: string
  readonly hint = 'do this'
  constructor(code: string, fields: object = {}) {
    super('what happened in /var/lib/secret')
    this.code = code
    Object.assign(this, fields)
  }
}

describe('problemOf', () => {
  for (const [code, { status }] of Object.entries(MEANINGS)) {
    test(`renders ${code} in its shape`, () => {
      const problem = problemShape.parse(problemOf(new Coded(code), 'r1'))
      assert.equal(problem.status, status)
      assert.equal(problem.code, code)
      assert.equal(problem.requestId, 'r1')
      assert.equal(problem.detail.includes('secret'), status < 500)
    })
  }

  test('carries what the error carries, and nothing else of it', () => {
    const fields = {
      position: 3,
      path: 'a.b',
      permission: 'x:y',
      limit: 'l',
      items: ['i'],
      lost: [{ actor: 'user:a', permission: 'p' }],
      total: 9,
      password: 'p',
    }
    const problem = problemOf(new Coded('IN_USE', fields), 'r1')
    const { password: _, ...shown } = fields
    assert.deepEqual(problemShape.parse(problem), problem)
    for (const [name, value] of Object.entries(shown))
      assert.deepEqual(problem[name as keyof typeof problem], value)
  })

  for (const error of [
    new Error('at /home/x'),
    new Coded('ENOENT'),
    Object.assign(new Error('x'), { code: 'FORBIDDEN' }),
    'text',
    undefined,
    { code: 'FORBIDDEN', hint: '' },
  ]) {
    test(`tells nothing of ${error instanceof Error ? String(error) : JSON.stringify(error)}`, () => {
      const problem = problemOf(error, 'r1')
      assert.equal(problem.code, 'INTERNAL')
      assert.equal(problem.detail, 'the server failed')
    })
  }

  test('has one table: prototype names are no codes', () => {
    assert.equal(problemOf(new Coded('constructor'), 'r1').code, 'INTERNAL')
  })

  test('names a path of the edge', () => {
    assert.equal(
      problemOf(new EdgeError('BODY_INVALID', 'm', 'h', { path: 'checks[3].actor' }), 'r').path,
      'checks[3].actor',
    )
  })
})
