import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test, type TestContext } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { openLive, openMemoryStore } from '@castellan/store'
import { Followers, type FollowerLimits } from './followers.ts'
import type { Following } from './follower.ts'

/** A response whose other side takes in as much as it is told to. */
class FakeResponse extends EventEmitter {
  readonly writes: string[] = []
  isFull = false
  isOver = false
  isDestroyed = false
  destroyed = false

  write(bytes: Buffer | string): boolean {
    assert.ok(!this.isOver, 'written to after the end')
    this.writes.push(String(bytes))
    return !this.isFull
  }

  end(bytes: string): void {
    this.write(bytes)
    this.isOver = true
  }

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }

  getHeader(): string {
    return 'request-1'
  }

  drain(): void {
    this.isFull = false
    this.emit('drain')
  }

  get revisions(): number[] {
    return this.writes.flatMap((text) => {
      const found = /^id: (\d+)\nevent: change\n/.exec(text)
      return found === null ? [] : [Number(found[1])]
    })
  }

  get last(): string {
    return this.writes.at(-1) ?? ''
  }
}

const LIMITS: FollowerLimits = {
  followersMax: 100,
  followersBytesMax: 1_000_000,
  followerStallMs: 60_000,
  heartbeatMs: 60_000,
}

function start(t: TestContext, limits: Partial<FollowerLimits> = {}) {
  const live = openLive({ store: openMemoryStore() })
  const followers = new Followers(live, { ...LIMITS, ...limits })
  t.after(() => followers.stop())
  let count = 0
  return {
    live,
    followers,
    follow: (from = live.engine.revision, following: Partial<Following> = {}) => {
      const response = new FakeResponse()
      const authorize = () => undefined
      followers.add(response as never, { from, isMeant: () => true, authorize, ...following })
      return response
    },
    /** Commits one entry of about so many bytes, and waits until those who follow had their turn. */
    commit: async (bytes = 0) => {
      count++
      const names = Array.from({ length: Math.ceil(bytes / 1_000) }, (_, i) => `${count}-${i}`)
      const users = [...names, `${count}`].map((id) => ({
        add: { kind: 'user', id, ...(bytes > 0 && { name: 'n'.repeat(950) }) } as const,
      }))
      await live.change(users, { changesMax: 10_000 })
      await nextTurn()
      await nextTurn()
    },
  }
}

describe('followers', () => {
  test('are given the next event when they took in the one before, and not earlier', async (t) => {
    const { follow, commit } = start(t)
    const response = follow()
    await commit()
    assert.deepEqual(response.revisions, [1])
    response.isFull = true
    await commit()
    await commit()
    await commit()
    assert.deepEqual(response.revisions, [1, 2])
    response.drain()
    assert.deepEqual(response.revisions, [1, 2, 3, 4])
  })

  test('that keep up cost one reading together, and none from the store', async (t) => {
    const { live, follow, commit } = start(t)
    let reads = 0
    const journal = live.journal.bind(live)
    live.journal = (range) => {
      reads++
      return journal(range)
    }
    const responses = Array.from({ length: 10 }, () => follow())
    for (let i = 0; i < 20; i++) await commit()
    for (const { revisions } of responses) assert.equal(revisions.length, 20)
    assert.equal(reads, 0)
    // Nor does one who comes soon after.
    const late = follow(0)
    assert.equal(late.revisions.length, 20)
    assert.equal(reads, 0)
  })

  test('get whole what is too large to be kept', async (t) => {
    const { follow, commit } = start(t)
    const response = follow()
    for (let i = 0; i < 3; i++) await commit(3_000_000)
    assert.deepEqual(response.revisions, [1, 2, 3])
    const late = follow(0)
    await nextTurn()
    assert.deepEqual(late.revisions, [1, 2, 3])
    assert.ok(late.writes[1]!.length > 3_000_000)
  })

  test('that hold too much together are cut off, those first that wait longest', async (t) => {
    const { follow, commit, followers } = start(t, { followersBytesMax: 250_000 })
    const [first, second, third] = [follow(), follow(), follow()]
    for (const response of [first, second, third]) response.isFull = true
    await commit(100_000)
    // Three hold the same 100 KB, which count once.
    assert.equal(followers.count, 3)
    second.drain()
    second.isFull = true
    await commit(100_000)
    assert.equal(followers.count, 3)
    third.drain()
    // It was two behind, and is given both.
    third.isFull = true
    await commit(100_000)
    assert.ok(first.isOver, 'it holds the oldest')
    assert.match(first.last, /^id: 1\nevent: error\ndata: .*"code":"FOLLOWER_SLOW".*\n\n$/)
    assert.ok(!second.isOver)
    assert.ok(!third.isOver)
  })

  test('are counted out when they are gone, whatever they held', async (t) => {
    const { follow, commit, followers } = start(t, { followersBytesMax: 150_000 })
    for (let i = 0; i < 20; i++) {
      const response = follow()
      response.isFull = true
      await commit(100_000)
      response.emit('close')
      assert.ok(!response.isOver, 'what the one before held still counted')
      assert.equal(followers.count, 0)
    }
  })

  test('that take nothing in are told why, and then the connection is cut', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { follow, live } = start(t, { followerStallMs: 1_000 })
    const response = follow()
    response.isFull = true
    await live.change([{ add: { kind: 'user', id: 'a' } }])
    await nextTurn()
    await nextTurn()
    t.mock.timers.tick(999)
    assert.ok(!response.isOver)
    t.mock.timers.tick(1)
    assert.match(
      response.last,
      /^id: 1\nevent: error\ndata: \{.*"code":"FOLLOWER_SLOW","detail":"the follower fell behind","hint":"connect again with `Last-Event-ID`/,
    )
    assert.ok(!response.isDestroyed)
    t.mock.timers.tick(5_000)
    assert.ok(response.isDestroyed)
  })

  test('that take something in now and then are not cut off', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { follow, live } = start(t, { followerStallMs: 1_000 })
    const response = follow()
    for (let i = 0; i < 5; i++) {
      response.isFull = true
      await live.change([{ add: { kind: 'user', id: `u${i}` } }])
      await nextTurn()
      await nextTurn()
      t.mock.timers.tick(900)
      response.drain()
    }
    t.mock.timers.tick(10_000)
    assert.ok(!response.isOver)
    assert.equal(response.revisions.length, 5)
  })

  test('who skip a long way by their filter let others have their turn', async (t) => {
    const { live, follow, commit } = start(t)
    for (let i = 0; i < 1_000; i++) await live.change([{ add: { kind: 'user', id: `u${i}` } }])
    let looked = 0
    const response = follow(0, {
      isMeant: ({ revision }) => {
        looked++
        return revision === 1_000
      },
    })
    assert.ok(looked < 1_000, `${looked} at once`)
    for (let i = 0; i < 20; i++) await nextTurn()
    assert.deepEqual(response.revisions, [1_000])
    await commit()
    assert.equal(looked, 1_001)
  })

  test('are asked for their right before each event, and see none without it', async (t) => {
    const { follow, commit } = start(t)
    let isAllowed = true
    const response = follow(0, {
      authorize: () => {
        if (!isAllowed) throw new Error('no longer')
      },
    })
    await commit()
    isAllowed = false
    await commit()
    assert.deepEqual(response.revisions, [1])
    assert.match(
      response.last,
      /^id: 1\nevent: error\ndata: \{.*"code":"INTERNAL".*"requestId":"request-1"\}\n\n$/,
    )
    assert.ok(!response.last.includes('no longer'))
  })

  test('leave nothing running when the last one is gone, and the next one starts it anew', async (t) => {
    const { live, followers, follow, commit } = start(t)
    let running = 0
    const reading = live.follow.bind(live)
    live.follow = (options) => {
      running++
      options?.signal?.addEventListener('abort', () => running--)
      return reading(options)
    }
    const first = follow()
    const second = follow()
    assert.equal(running, 1)
    first.emit('close')
    assert.equal(running, 1)
    second.emit('close')
    assert.deepEqual([running, followers.count], [0, 0])
    const third = follow()
    await commit()
    assert.deepEqual([running, third.revisions], [1, [1]])
  })

  test('are told when the journal cannot be read', async (t) => {
    const { live, follow, commit } = start(t)
    live.follow = async function* () {
      yield* []
      await sleep(5)
      throw new Error('the disk')
    }
    const response = follow()
    await sleep(30)
    assert.match(response.last, /event: error\ndata: \{.*"code":"INTERNAL"/)
    await commit()
  })

  test('that went before they were listened to are none', (t) => {
    const { live, followers } = start(t)
    const response = Object.assign(new FakeResponse(), { destroyed: true })
    followers.add(response as never, {
      from: live.engine.revision,
      isMeant: () => true,
      authorize: () => undefined,
    })
    assert.deepEqual([followers.count, response.writes], [0, []])
  })

  test('that come while it stops are sent on at once', (t) => {
    const { followers, follow } = start(t)
    followers.stop()
    assert.match(follow().last, /event: end\ndata: \{"resumeFrom":0\}/)
    assert.equal(followers.count, 0)
  })
})
