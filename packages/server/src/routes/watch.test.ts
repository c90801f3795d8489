import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fact } from '@castellan/engine'
import { problemShape } from '@castellan/protocol'
import { follow, type Event } from '../testing/follow.ts'
import { serve, START, type Served } from '../testing/serve.ts'

const WORLD: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'demo' },
  ...['ed', 'fred', 'auditor'].map((id) => ({ kind: 'user', id }) as const),
  grant('system', 'user:auditor', 'castellan:journal'),
]

function grant(issuer: string, holder: string, permission: string, expiresAt?: string): Fact {
  return {
    kind: 'grant',
    issuer,
    holder,
    permission,
    extra: {},
    ...(expiresAt !== undefined && { expiresAt }),
  }
}

async function watching(t: TestContext, limits: Parameters<typeof serve>[1] = {}) {
  const served = await serve(t, { facts: WORLD, ...limits })
  const token = await served.tokenOf('auditor')
  return { served, token, now: served.live.engine.revision }
}

const user = (id: string) => ({ add: { kind: 'user', id } }) as const

function changes(events: readonly Event[]): number[] {
  return events.flatMap(({ name, data }) => (name === 'change' ? [data.revision] : []))
}

describe('GET /v1/watch', () => {
  test('sends each commit as an event whose id is its revision, those from a revision on first', async (t) => {
    const { served, token } = await watching(t)
    const stream = await follow(t, served, token, '?from=0')
    assert.equal(stream.response.statusCode, 200)
    assert.equal(stream.response.headers['content-type'], 'text/event-stream')
    assert.equal(stream.response.headers['cache-control'], 'no-store')
    for (const revision of [1, 2]) assert.equal((await stream.next('change')).id, String(revision))
    await served.live.change([user('zoe'), user('yan')], { reason: 'hired' })
    const event = await stream.next('change')
    const [entry] = [...served.live.journal({ from: 2 })]
    assert.deepEqual(event, { id: '3', name: 'change', data: JSON.parse(JSON.stringify(entry)) as unknown })
    assert.equal(served.server.address, served.address)
  })

  test('begins with what comes next, and says where that is', async (t) => {
    const { served, token, now } = await watching(t)
    const stream = await follow(t, served, token)
    await served.change(user('zoe'))
    assert.equal((await stream.next('change')).data.revision, now + 1)
    assert.deepEqual(stream.events[0], { id: String(now) })
  })

  test('goes on after the event that was seen last, whatever `from` says', async (t) => {
    const { served, token, now } = await watching(t)
    for (const id of ['u1', 'u2', 'u3']) await served.change(user(id))
    const stream = await follow(t, served, token, '?from=0', { 'last-event-id': String(now + 1) })
    assert.equal((await stream.next('change')).data.revision, now + 2)
    const empty = await follow(t, served, token, `?from=${now}`, { 'last-event-id': '' })
    assert.equal((await empty.next('change')).data.revision, now + 1)
    const wrong = await follow(t, served, token, '', { 'last-event-id': 'x' })
    assert.equal(wrong.response.statusCode, 400)
  })

  test('refuses to follow from where it has not been', async (t) => {
    const { served, token, now } = await watching(t)
    for (const [query, headers] of [
      [`?from=${now + 1}`, {}],
      ['', { 'last-event-id': '99' }],
    ] as const) {
      const reply = await served.call('GET', `/v1/watch${query}`, { token, headers })
      assert.deepEqual([reply.status, reply.body.code], [409, 'REVISION_AHEAD'])
    }
  })

  test('sends what a filter means, and moves on past the rest', async (t) => {
    const { served, token, now } = await watching(t, { limits: { heartbeatMs: 40 } })
    const stream = await follow(t, served, token, '?kind=group')
    await served.change(user('zoe'))
    await served.change({ add: { kind: 'group', id: 'club', owner: 'system' } })
    await served.change(user('yan'))
    assert.equal((await stream.next('change')).data.revision, now + 2)
    while (!stream.events.some(({ id, name }) => id === String(now + 3) && name === undefined)) await sleep(5)
    assert.deepEqual(changes(stream.events), [now + 2])
    assert.equal((await served.call('GET', '/v1/watch?kind=x', { token })).body.path, 'kind')
  })

  test('gives signs of life', async (t) => {
    const { served, token } = await watching(t, { limits: { heartbeatMs: 20 } })
    const stream = await follow(t, served, token)
    while (stream.events.filter(({ comment }) => comment === 'here').length < 3) await sleep(5)
    assert.equal(stream.events.filter(({ name }) => name !== undefined).length, 0)
  })

  test('is answered to HEAD without anyone following', async (t) => {
    const { served, token } = await watching(t, { limits: { followersMax: 1 } })
    for (let i = 0; i < 3; i++) {
      const reply = await served.call('HEAD', '/v1/watch', { token })
      assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'text/event-stream'])
    }
    const stream = await follow(t, served, token)
    assert.equal(stream.response.statusCode, 200)
  })

  test('takes so many followers and no more', async (t) => {
    const { served, token } = await watching(t, { limits: { followersMax: 2 } })
    const first = await follow(t, served, token)
    await follow(t, served, token)
    const refused = await served.call('GET', '/v1/watch', { token })
    assert.deepEqual([refused.status, refused.body.code], [503, 'FOLLOWERS_FULL'])
    assert.equal(refused.headers.get('retry-after'), '1')
    first.close()
    let status = 503
    for (let i = 0; i < 100 && status === 503; i++) {
      await sleep(10)
      const again = await follow(t, served, token)
      status = again.response.statusCode!
      again.close()
    }
    assert.equal(status, 200)
  })

  test('is sent to a hundred followers, each the whole of it in order', async (t) => {
    const { served, token, now } = await watching(t)
    const streams = await Promise.all(Array.from({ length: 100 }, () => follow(t, served, token, '?from=0')))
    const count = 50
    await Promise.all(Array.from({ length: count }, (_, i) => served.live.change([user(`u${i}`)])))
    const all = Array.from({ length: now + count }, (_, i) => i + 1)
    for (const stream of streams) {
      while (changes(stream.events).length < all.length) await stream.next('change')
      assert.deepEqual(changes(stream.events), all)
    }
  })

  test('loses nothing to a follower that is killed and comes back a hundred times', async (t) => {
    const { served, token } = await watching(t)
    const seen: number[] = []
    const writer = { isDone: false }
    const writing = (async () => {
      for (let i = 0; i < 300; i++) {
        await served.live.change([user(`u${i}`)])
        if (i % 3 === 0) await sleep(1)
      }
      writer.isDone = true
    })()
    for (let life = 0; life < 100; life++) {
      const from = { 'last-event-id': String(seen.at(-1) ?? 0) }
      const stream = await follow(t, served, token, '', from)
      // Killed after some events, in the middle of whatever comes next.
      const events = 1 + (life % 4)
      for (let i = 0; i < events && (!writer.isDone || (seen.at(-1) ?? 0) < served.live.engine.revision); i++)
        seen.push(Number((await stream.next('change')).id))
      stream.close()
    }
    await writing
    const last = await follow(t, served, token, `?from=${seen.at(-1)}`)
    while (seen.at(-1) !== served.live.engine.revision) seen.push(Number((await last.next('change')).id))
    assert.deepEqual(
      seen,
      Array.from({ length: served.live.engine.revision }, (_, i) => i + 1),
    )
  })
})

describe('whoever follows and may no longer', () => {
  const cases: readonly {
    name: string
    code: string
    take: (served: Served, id: string) => Promise<unknown>
  }[] = [
    {
      name: 'whose token was removed',
      code: 'UNAUTHENTICATED',
      take: ({ change }, id) => change({ remove: { kind: 'token', id } }, user('secret')),
    },
    {
      name: 'whose token was suspended',
      code: 'UNAUTHENTICATED',
      take: ({ change }, id) => change({ add: { kind: 'suspension', of: `token:${id}` } }, user('secret')),
    },
    {
      name: 'whose user was suspended',
      code: 'UNAUTHENTICATED',
      take: ({ change }) => change({ add: { kind: 'suspension', of: 'user:auditor' } }, user('secret')),
    },
    {
      name: 'whose right was revoked',
      code: 'FORBIDDEN',
      take: ({ change }) =>
        change({ remove: grant('system', 'user:auditor', 'castellan:journal') as never }, user('secret')),
    },
  ]
  for (const { name, code, take } of cases) {
    test(`${name} is told so and sees nothing more, not even the change that did it`, async (t) => {
      const { served, token, now } = await watching(t)
      const [{ id }] = [...served.live.engine.tokensWhere({ issuer: 'user:auditor' })] as unknown as [
        { id: string },
      ]
      const stream = await follow(t, served, token)
      await served.change(user('zoe'))
      await stream.next('change')
      await take(served, id)
      const error = await stream.next('error')
      assert.equal(problemShape.parse(error.data).code, code)
      assert.equal(error.id, String(now + 1))
      assert.equal(error.data.requestId, stream.response.headers['x-request-id'])
      await stream.closed
      assert.deepEqual(changes(stream.events), [now + 1])
      assert.ok(!JSON.stringify(stream.events).includes('secret'))
    })
  }

  test('while they are still catching up, they see no more of what came before either', async (t) => {
    const { served, token } = await watching(t)
    for (let i = 0; i < 600; i++) await served.live.change([user(`u${i}`)])
    const stream = await follow(t, served, token, '?from=0')
    stream.response.pause()
    const before = served.live.engine.revision
    await served.change({ remove: grant('system', 'user:auditor', 'castellan:journal') as never })
    stream.response.resume()
    await stream.next('error')
    assert.ok(!changes(stream.events).includes(before + 1))
  })

  for (const { name, wish, facts } of [
    {
      name: 'whose token has expired',
      wish: { expiresAt: new Date(START + 60_000).toISOString() },
      facts: [],
    },
    {
      name: 'whose right has expired',
      wish: undefined,
      facts: [grant('system', 'user:fred', 'castellan:journal', new Date(START + 60_000).toISOString())],
    },
  ] as const) {
    test(`${name} is told so within a heartbeat, though nothing happens`, async (t) => {
      const served = await serve(t, { facts: [...WORLD, ...facts], limits: { heartbeatMs: 30 } })
      const token =
        wish === undefined
          ? await served.tokenOf('fred')
          : await served.tokenOf('auditor', { full: true, ...wish })
      const stream = await follow(t, served, token)
      await sleep(80)
      assert.equal(stream.events.filter(({ name }) => name !== undefined).length, 0)
      served.clock.now = START + 60_000
      const { data } = await stream.next('error')
      assert.equal(data.code, wish === undefined ? 'FORBIDDEN' : 'UNAUTHENTICATED')
      await stream.closed
    })
  }
})

describe('a follower that takes nothing in', () => {
  /** Opens a stream on a bare socket and reads its head alone. */
  async function stall({ address }: Served, token: string, query: string) {
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(
      `GET /v1/watch${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    await once(socket, 'readable')
    return socket
  }

  const big = (i: number) =>
    Array.from({ length: 50 }, (_, j) => ({
      add: { kind: 'user', id: `u${i}-${j}`, name: 'n'.repeat(1_000) } as const,
    }))

  test('is cut off with an error that says where to go on, and the others go on', async (t) => {
    const { served, token, now } = await watching(t, { limits: { followerStallMs: 300 } })
    for (let i = 0; i < 200; i++) await served.live.change(big(i))
    const slow = await stall(served, token, '?from=0')
    const quick = await follow(t, served, token, '?from=0')
    // Each event in its turn: `events` may hold more than were taken out by then.
    for (let seen = 0; seen < now + 200;) seen = (await quick.next('change')).data.revision
    // More than the kernel takes for it: it waits, then it is told.
    await sleep(600)
    let text = ''
    slow.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    await once(slow, 'close')
    assert.match(text, /event: error\ndata: \{.*"code":"FOLLOWER_SLOW"/)
    const [, last] = /\nid: (\d+)\nevent: error/.exec(text)!
    const seen = [...text.matchAll(/\nid: (\d+)\nevent: change/g)].map((match) => Number(match[1]))
    assert.deepEqual(
      seen,
      Array.from({ length: Number(last) }, (_, i) => i + 1),
    )
    assert.ok(Number(last) < now + 200)
    await served.live.change([user('zoe')])
    assert.equal((await quick.next('change')).data.revision, now + 201)
  })

  test('holds no more than one event of what waits', async (t) => {
    const { served, token } = await watching(t)
    for (let i = 0; i < 300; i++) await served.live.change(big(i))
    const read: number[] = []
    const journal = served.live.journal.bind(served.live)
    served.live.journal = function* (range = {}) {
      for (const entry of journal(range)) {
        read.push(entry.revision)
        yield entry
      }
    }
    const slow = await stall(served, token, '?from=0')
    await sleep(300)
    const reached = Math.max(...read)
    await sleep(300)
    // 300 events of 60 KB: the kernel takes a few MB, and then nothing more is even read.
    assert.equal(Math.max(...read), reached)
    assert.ok(reached < 290, `${reached} entries were read for it`)
    slow.destroy()
  })
})

describe('a server that stops', () => {
  test('tells everyone who follows where to go on, and does not wait for them', async (t) => {
    const { served, token, now } = await watching(t)
    const stream = await follow(t, served, token)
    await served.change(user('zoe'))
    await stream.next('change')
    const start = performance.now()
    await served.server.close({ graceMs: 5_000 })
    assert.ok(performance.now() - start < 2_000)
    const end = await stream.next('end')
    assert.deepEqual([end.id, end.data], [String(now + 1), { resumeFrom: now + 1 }])
    await stream.closed
  })

  test('whose store is closed under it ends them as well', async (t) => {
    const { served, token } = await watching(t)
    const stream = await follow(t, served, token)
    await served.live.close()
    await stream.next('end')
    await stream.closed
  })
})
