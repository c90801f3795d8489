import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf, NOON, user, world } from '../say.ts'

const alice = user('alice')
const ed = user('ed')
const fred = user('fred')
const folder = ed.owns('fs:f')
const file = ed.owns('fs:x', { parent: 'fs:f' })
const people = [alice, ed, fred].map((each) => each.exists)

describe('a grant by the owner of what it is on', () => {
  const given = [
    { name: 'the file', grant: ed.grants('fs:x:read', alice) },
    { name: 'the folder', grant: ed.grants('fs:f:write', alice) },
    { name: 'all of it', grant: ed.grants('fs:f', alice) },
  ]
  for (const { name, grant } of given) {
    test(`stands while he owns it and is there: ${name}`, () => {
      const facts = [...people, folder, file]
      const isHeld = (more: Parameters<typeof world>[0]): boolean =>
        world([...facts, grant, ...more]).check(alice.as, 'fs:x:read')
      assert.equal(isHeld([]), true)
      assert.equal(isHeld([ed.isSuspended()]), false)
      // The grant is over the folder or the file: whoever owns only the other does not stand behind it.
      assert.equal(isHeld([fred.owns('fs:f')]), name === 'the file')
      assert.equal(isHeld([fred.owns('fs:f'), fred.owns('fs:x', { parent: 'fs:f' })]), false)
    })
  }

  test('above the file says nothing: who owns what is in a folder does not hold the folder', () => {
    const facts = [...people, fred.owns('fs:f'), file]
    assert.equal(world([...facts, ed.grants('fs:f:read', alice)]).check(alice.as, 'fs:x:read'), false)
    assert.equal(world([...facts, ed.grants('fs', alice)]).check(alice.as, 'fs:x:read'), false)
  })
})

describe('an instant that is none', () => {
  test('is an error, whatever is asked', () => {
    const engine = world([...people, folder, file, ed.grants('fs:x', alice)])
    for (const now of [NaN, Infinity, '5' as unknown as number]) {
      errorOf(() => engine.check(alice.as, 'fs:x', { now }), 'FACT_INVALID')
      errorOf(() => engine.check(alice.as, ['fs:x'], { now }), 'FACT_INVALID')
      errorOf(() => engine.check(alice.as, 'manage:fs:x', { now }), 'FACT_INVALID')
      errorOf(() => engine.checkEach([{ actor: alice.as, permission: 'fs:x' }], { now }), 'FACT_INVALID')
    }
  })
})

test('checkEach answers each for itself, whether quickly or in general, at one instant', () => {
  let asked = 0
  const engine = world(
    [...people, folder, file, ed.grants('fs:x', alice, { expiresAt: '2026-06-01T12:00:00.001Z' })],
    {
      // The clock strikes while they are asked.
      now: () => NOON + asked++,
    },
  )
  const questions = ['fs:x:read', 'manage:fs:x', 'fs:x', 'user:alice', 'fs:x:write', 'user:alice:x'].map(
    (permission) => ({ actor: alice.as, permission }),
  )
  asked = 0
  assert.deepEqual(engine.checkEach(questions), [true, false, true, true, true, true])
  assert.equal(asked, 1)
  assert.deepEqual(engine.checkEach(questions), [false, false, false, true, false, true])
})
