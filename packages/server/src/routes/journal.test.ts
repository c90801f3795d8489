import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Fact } from '@castellan/engine'
import { GENESIS, verifyJournal } from '@castellan/store'
import { asking } from '../testing/asking.ts'
import { serve, START, type Loose } from '../testing/serve.ts'

const revisions = (reply: { body: Loose }): number[] =>
  reply.body.items.map(({ revision }: Loose) => revision)

const grant = (issuer: string, holder: string, permission: string): Fact => ({
  kind: 'grant',
  issuer,
  holder,
  permission,
  extra: {},
})

/** Seven entries by system, each a minute after the one before, then the token of who reads. */
async function written(t: TestContext) {
  const served = await serve(t, {
    facts: [
      { kind: 'namespace', name: 'a', description: 'demo' },
      ...['ed', 'fred', 'auditor'].map((id) => ({ kind: 'user', id }) as const),
      { kind: 'app', id: 'editor', owner: 'user:ed' },
      grant('system', 'user:auditor', 'castellan:journal'),
    ],
  })
  const steps: readonly (() => Promise<unknown>)[] = [
    () => served.change({ add: { kind: 'resource', permission: 'a:1', owner: 'user:ed' } }),
    () => served.change({ add: grant('user:ed', 'user:fred', 'a:1:x') }),
    () => served.change({ add: grant('user:ed', 'user:fred', 'a:10') }),
    () => served.live.change([{ add: { kind: 'group', id: 'club', owner: 'user:fred' } }], { reason: 'fun' }),
    () => served.change({ add: grant('user:fred', 'user:fred/app:editor', 'a:1:x') }),
    () =>
      served.change(
        { remove: grant('user:ed', 'user:fred', 'a:1:x') },
        { add: { kind: 'suspension', of: 'user:fred' } },
      ),
  ]
  for (const step of steps) {
    served.clock.now += 60_000
    await step()
  }
  const ask = asking(served)
  const read = async (query = '') => ask('auditor', 'GET', `/v1/journal${query}`)
  await read()
  return { served, read, ask, last: served.live.engine.revision }
}

describe('GET /v1/journal', () => {
  test('gives the entries as they are kept, with the head and a chain that anyone can follow', async (t) => {
    const { served, read, last } = await written(t)
    const { body } = await read()
    assert.deepEqual(body.items, [...served.live.journal()])
    assert.deepEqual([body.revision, body.head, body.nextCursor], [last, served.live.head, null])
    assert.equal(body.items[0].previous, GENESIS)
    assert.deepEqual(verifyJournal(body.items, { head: body.head, revision: last }), {
      ok: true,
      revision: last,
      head: body.head,
    })
    const [removal] = body.items[6].effects
    assert.deepEqual([removal.before.holder, removal.after], ['user:fred', null])
    assert.deepEqual([body.items[4].reason, body.items[4].time], ['fun', START + 4 * 60_000])
  })

  test('begins with the newest where that is asked, in pages as well', async (t) => {
    const { read, last } = await written(t)
    const all = Array.from({ length: last }, (_, i) => i + 1)
    assert.deepEqual(revisions(await read('?order=newest')), all.toReversed())
    for (const order of ['oldest', 'newest']) {
      const found: number[] = []
      let cursor: string | null = null
      do {
        const page: string = `?order=${order}&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`
        const { body } = await read(page)
        found.push(...revisions({ body }))
        cursor = body.nextCursor
      } while (cursor !== null)
      assert.deepEqual(found, order === 'oldest' ? all : all.toReversed())
    }
    const { body } = await read('?limit=1')
    assert.equal((await read(`?limit=1&order=newest&cursor=${body.nextCursor}`)).body.code, 'CURSOR_MISMATCH')
  })

  const cases = [
    { query: '?from=2', found: [3, 4, 5, 6, 7, 8] },
    { query: '?to=2', found: [1, 2] },
    { query: '?from=2&to=4', found: [3, 4] },
    { query: '?from=7&to=3', found: [] },
    { query: '?from=99', found: [] },
    { query: '?from=6&to=99&order=newest', found: [8, 7] },
    { query: '?actor=system', found: [1, 2, 3, 4, 5, 6, 7, 8] },
    { query: '?actor=user:ed', found: [] },
    { query: '?kind=grant', found: [1, 3, 4, 6, 7] },
    { query: '?kind=namespace', found: [1] },
    { query: '?party=user:fred', found: [1, 3, 4, 5, 6, 7] },
    { query: '?party=user:ed', found: [1, 2, 3, 4, 7] },
    { query: '?party=group:club', found: [5] },
    { query: '?party=app:editor', found: [1, 6] },
    { query: '?party=user:fred/app:editor', found: [6] },
    { query: '?permission=a:1', found: [2, 3, 6, 7] },
    { query: '?permission=a:1:x', found: [3, 6, 7] },
    { query: '?permission=a', found: [2, 3, 4, 6, 7] },
    { query: '?permission=gone:x', found: [] },
    // Of one and the same fact: it was fred's grant that ended, and his suspension that began.
    { query: '?party=user:ed&kind=suspension', found: [] },
    { query: '?party=user:fred&kind=suspension', found: [7] },
    { query: '?party=user:fred&kind=grant&permission=a:1', found: [3, 6, 7] },
    { query: '?since=2026-01-01T00:06:00Z', found: [7, 8] },
    { query: '?until=2026-01-01T00:01:00Z', found: [1] },
    { query: '?since=2026-01-01T01:01:00%2B01:00&until=2026-01-01T00:03:00.000Z', found: [2, 3] },
  ]
  for (const { query, found } of cases) {
    test(`finds ${found.length === 0 ? 'nothing' : found.join(', ')} with ${query}`, async (t) => {
      const { read } = await written(t)
      const reply = await read(query)
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(revisions(reply), found)
    })
  }

  const wrong = [
    { query: '?kind=thing', code: 'QUERY_INVALID', path: 'kind' },
    { query: '?order=up', code: 'QUERY_INVALID', path: 'order' },
    { query: '?since=yesterday', code: 'QUERY_INVALID', path: 'since' },
    { query: '?until=2026-13-01T00:00:00Z', code: 'QUERY_INVALID', path: 'until' },
    { query: '?from=-1', code: 'QUERY_INVALID', path: 'from' },
    { query: '?party=fred', code: 'ACTOR_INVALID' },
    { query: '?actor=group:club', code: 'ACTOR_INVALID' },
    { query: '?permission=a::b', code: 'PERMISSION_INVALID' },
    { query: '?atLeast=99', code: 'REVISION_AHEAD' },
    { query: '?limit=0', code: 'FACT_INVALID', path: 'limit' },
  ]
  for (const { query, code, path } of wrong) {
    test(`refuses ${query}`, async (t) => {
      const { read } = await written(t)
      const { body } = await read(query)
      assert.deepEqual([body.code, body.path], [code, path])
    })
  }

  test('looks at so many entries and no more, and then goes on', async (t) => {
    const { served, read } = await written(t)
    let pulled = 0
    const journal = served.live.journal.bind(served.live)
    const many = 25_000
    served.live.journal = function* (range = {}) {
      const [entry] = [...journal({ from: 0, to: 1 })]
      for (let revision = (range.from ?? 0) + 1; revision <= many; revision++) {
        pulled++
        yield { ...entry!, revision, effects: revision === 15_000 ? entry!.effects : [] }
      }
    }
    const first = await read('?kind=app')
    assert.deepEqual([revisions(first), pulled], [[], 10_000])
    const second = await read(`?kind=app&cursor=${first.body.nextCursor}`)
    assert.deepEqual([revisions(second), pulled], [[15_000], 20_000])
    const third = await read(`?kind=app&cursor=${second.body.nextCursor}`)
    assert.deepEqual([revisions(third), third.body.nextCursor], [[], null])
  })

  test('ends a page before it grows large, but never before its first entry', async (t) => {
    const { served, read, last } = await written(t)
    const users = (from: number) =>
      Array.from({ length: 6_000 }, (_, i) => ({ add: { kind: 'user', id: `u${from + i}` } as const }))
    for (const from of [0, 6_000, 12_000]) await served.live.change(users(from), { changesMax: 10_000 })
    const first = await read(`?from=${last}`)
    assert.deepEqual(revisions(first), [last + 1])
    const second = await read(`?from=${last}&cursor=${first.body.nextCursor}`)
    assert.deepEqual(revisions(second), [last + 2])
  })

  test('is for holders of `castellan:journal` and nobody else, not even to learn that a filter finds something', async (t) => {
    const { ask } = await written(t)
    for (const query of ['', '?party=user:fred', '?party=user:nobody', '?from=3']) {
      const refused = await ask('fred', 'GET', `/v1/journal${query}`)
      assert.ok([401, 403].includes(refused.status))
      const other = await ask('ed', 'GET', `/v1/journal${query}`)
      assert.deepEqual([other.status, other.body.permission], [403, 'castellan:journal'])
    }
  })

  test('names tokens and never holds a secret', async (t) => {
    const { served, read } = await written(t)
    const secret = await served.tokenOf('ed')
    await served.call('POST', '/v1/grants', {
      token: secret,
      body: { holder: 'user:auditor', permission: 'a:1' },
    })
    const { body, text } = await read('?order=newest&limit=1')
    assert.match(body.items[0].actor, /^token:/)
    assert.deepEqual(revisions(await read(`?actor=${body.items[0].actor}`)), revisions({ body }))
    assert.ok(!text.includes('cst_'))
  })
})
