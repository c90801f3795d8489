import assert from 'node:assert/strict'
import { test } from 'node:test'
import { servePlatform } from '../platform.ts'
import { gather } from './crowd.ts'

const isLinux = process.platform === 'linux'

test(
  'a crowd that idles, dawdles, floods and does not listen keeps nobody from an answer',
  { skip: !isLinux && 'only Linux tells what a process holds' },
  async (t) => {
    await using platform = await servePlatform()
    const crowd = { idle: 500, followers: 20, dawdlers: 50, oversized: 20, checks: 200 }
    const { memory, events } = await gather(platform, crowd)
    t.diagnostic(JSON.stringify(memory))
    assert.equal(events, 1500)
    assert.ok(memory.crowded < memory.before + 250)
  },
)
