import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseActor, parseParty, printParty } from '../../src/index.ts'
import { errorOf } from '../say.ts'

describe('parties', () => {
  test('printing after parsing is the identity', () => {
    for (const text of ['system', 'user:a', 'group:b', 'app:c', 'token:d', 'user:a/app:c'])
      assert.equal(printParty(parseParty(text)), text)
  })

  test('only an app acts for a user, and only for a user', () => {
    for (const text of [
      'app:a/app:b',
      'group:a/app:b',
      'token:a/app:b',
      'user:a/user:b',
      '/app:b',
      'user:a/',
    ]) {
      errorOf(() => parseParty(text), 'ACTOR_INVALID')
      errorOf(() => parseActor(text), 'ACTOR_INVALID')
    }
  })

  test('a group never acts', () => {
    errorOf(() => parseActor('group:a'), 'ACTOR_INVALID')
  })
})
