import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ActorInvalidError, ForbiddenError, InUseError, StoreError } from '@castellan/engine'
import { exitStatusOf, usageError } from './exit.ts'

describe('exitStatusOf', () => {
  const cases = [
    { error: usageError('x', 'y'), change: 2, question: 2 },
    { error: new ActorInvalidError('x', 'y'), change: 2, question: 2 },
    { error: new InUseError('IN_USE', 'x', [], 'y'), change: 1, question: 3 },
    { error: new ForbiddenError('x'), change: 1, question: 3 },
    { error: new StoreError('STORE_LOCKED', 'x', 'y'), change: 3, question: 3 },
    { error: new Error('x'), change: 3, question: 3 },
    { error: 'x', change: 3, question: 3 },
  ]
  for (const { error, change, question } of cases) {
    test(`is ${change} of a change and ${question} of a question for ${error instanceof Error ? error.constructor.name : error}`, () => {
      assert.equal(exitStatusOf(error, false), change)
      assert.equal(exitStatusOf(error, true), question)
    })
  }
})
