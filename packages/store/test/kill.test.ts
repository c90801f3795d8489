import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killWriters } from './kill.ts'

test('a killed writer loses nothing that was acknowledged and leaves nothing half there', async (t) => {
  const report = await killWriters({ count: 20, seed: 1 })
  t.diagnostic(JSON.stringify(report))
  assert.equal(report.kills, 20)
  assert.ok(report.acknowledged > 200, 'there was no load to speak of')
})
