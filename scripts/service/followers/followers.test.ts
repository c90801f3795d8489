import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeChance } from '@castellan/store/suite'
import { killFollowers } from './followers.ts'

test('a follower that is killed and started again hears of every change once, in order', async () => {
  const { kills, changes } = await killFollowers(6, makeChance(1))
  assert.equal(kills, 6)
  assert.ok(changes > 6)
})
