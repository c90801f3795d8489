import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openEngine, type Fact } from '@castellan/engine'
import { openLive, openMemoryStore } from '@castellan/store'
import { asking } from '../testing/asking.ts'
import { serve, type Loose } from '../testing/serve.ts'

describe('GET /v1/facts', () => {
  test('gives every fact as it can be stated again, in pages', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change(
      { add: { kind: 'app', id: 'editor', owner: 'user:ed', name: 'Editor' } },
      { add: { kind: 'suspension', of: 'app:editor' } },
      { add: { kind: 'resource', permission: 'a:2', owner: 'user:ed' } },
      { add: { kind: 'resource', permission: 'a:1', owner: 'user:ed', parent: 'a:2', name: 'one' } },
    )
    await ask('root', 'GET', '/v1/me')
    const found: Fact[] = []
    let cursor: string | null = null
    do {
      const page: string = `/v1/facts?limit=4${cursor === null ? '' : `&cursor=${cursor}`}`
      const { body } = await ask('root', 'GET', page)
      found.push(...body.items)
      cursor = body.nextCursor
    } while (cursor !== null)
    const again = openEngine({ facts: found, verified: true })
    assert.deepEqual(
      new Set([...again.facts()].map(textOf)),
      new Set([...served.live.engine.facts()].map(textOf)),
    )
    // Also where each is judged anew, once resources come after what they lie in.
    const live = openLive({ store: openMemoryStore() })
    const order = (fact: Fact): number => (fact.kind === 'resource' && fact.parent !== undefined ? 1 : 0)
    const [early, resources, late] = [
      'namespace user group app token',
      'resource',
      'member grant suspension',
    ].map((kinds) => found.filter(({ kind }) => kinds.split(' ').includes(kind)))
    const sorted = [...early!, ...resources!.toSorted((a, b) => order(a) - order(b)), ...late!]
    await live.change(sorted.map((add) => ({ add })))
    assert.equal([...live.engine.facts()].length, found.length)
  })

  test('gives one kind to who may read that kind, and all to who may read all', async (t) => {
    const served = await serve(t)
    const ask = asking(served)
    await served.change({
      add: { kind: 'grant', issuer: 'system', holder: 'user:bob', permission: 'castellan:users', extra: {} },
    })
    const users = await ask('bob', 'GET', '/v1/facts?kind=user')
    assert.ok(users.body.items.every(({ kind }: Loose) => kind === 'user'))
    assert.equal(users.body.items.length, 6)
    for (const query of ['', '?kind=grant', '?kind=suspension', '?kind=member'])
      assert.equal((await ask('bob', 'GET', `/v1/facts${query}`)).status, 403, query)
    assert.equal((await ask('bob', 'GET', '/v1/facts?kind=namespace')).status, 200)
    assert.equal((await ask('service', 'GET', '/v1/facts')).status, 200)
    assert.equal((await ask('root', 'GET', '/v1/facts?kind=thing')).body.path, 'kind')
  })

  test('never gives a secret or its hash', async (t) => {
    const served = await serve(t)
    const secret = await served.tokenOf('ed')
    const { text, body } = await asking(served)('root', 'GET', '/v1/facts?kind=token')
    assert.ok(body.items.length >= 2)
    assert.ok(!text.includes(secret.slice(4)))
    for (const token of body.items)
      assert.deepEqual(Object.keys(token).sort(), ['full', 'id', 'issuer', 'kind'])
  })
})

function textOf(fact: Fact): string {
  return JSON.stringify(Object.entries(fact).sort(([a], [b]) => (a < b ? -1 : 1)))
}
