import assert from 'node:assert/strict'
import { memoryUsage } from 'node:process'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CastellanError, hasOption, openEngine, type Fact, type FactKey } from '../src/index.ts'
import { add, errorOf, group, remove, token, user, world } from './say.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const [alice, bob, eve] = [user('alice'), user('bob'), user('eve')]
const people = [alice, bob, eve].map((each) => each.exists)

describe('names of websites', () => {
  const shop = bob.owns('site:s1', { name: 'shop' })
  const hers = eve.owns('site:s2', { name: 'hers' })
  const renamed = eve.owns('site:s2', { name: 'shop' })

  test('nobody takes a website over by giving their own its name', () => {
    const engine = world([...people, shop, hers])
    engine.apply(add(renamed), { as: eve.as })
    assert.equal(engine.check(eve.as, 'site:shop:publish'), false, 'a name that two bear names none')
    assert.equal(engine.check(bob.as, 'site:s1:publish'), true)
    engine.apply(add(hers), { as: eve.as })
    assert.equal(engine.check(bob.as, 'site:shop:publish'), true, 'and names the one again once it is alone')
  })

  test('the same after a restart, whichever was made first', () => {
    for (const facts of [
      [...people, shop, renamed],
      [...people, renamed, shop],
    ]) {
      const engine = world(facts, { verified: true })
      for (const who of [bob, eve]) assert.equal(engine.check(who.as, 'site:shop'), false)
    }
  })

  test('a preview of it leaves no trace', () => {
    const engine = world([...people, shop, hers])
    engine.preview(add(renamed), { as: eve.as })
    assert.equal(engine.check(bob.as, 'site:shop'), true)
  })
})

describe('scoped tokens', () => {
  const scoped = token('t', alice)
  const file = alice.owns('fs:x')

  test('do not give themselves what they may only manage', () => {
    const engine = world([...people, file, scoped.exists, alice.grants('manage:fs:x', scoped)])
    const wish = add(alice.grants('fs:x', scoped))
    errorOf(() => engine.apply(wish, { as: scoped.as }), 'FACT_INVALID')
    assert.equal(engine.check(scoped.as, 'fs:x:read'), false)
    engine.apply(add(alice.grants('fs:x', bob)), { as: scoped.as })
    assert.equal(engine.check(bob.as, 'fs:x:read'), true)
  })

  test('do not widen the claims on what they were given', () => {
    const given = alice.grants('fs:x:read', scoped, { extra: { max: 1 } })
    const engine = world([...people, file, scoped.exists, given, alice.grants('manage:fs:x', scoped)])
    const wish = add(alice.grants('fs:x:read', scoped, { extra: { max: 1000 } }))
    errorOf(() => engine.apply(wish, { as: scoped.as }), 'FACT_INVALID')
    assert.deepEqual(engine.claims(scoped.as, 'fs:x:read').pathways, [[{ max: 1 }]])
  })

  test('neither suspend nor resume other tokens of their issuer', () => {
    const other = token('other', alice, { full: true })
    const engine = world([...people, scoped.exists, other.exists])
    errorOf(() => engine.apply(add(other.isSuspended()), { as: scoped.as }), 'FORBIDDEN')
    engine.apply(add(other.isSuspended()), { as: alice.as })
    errorOf(() => engine.apply(remove(other.isSuspended()), { as: scoped.as }), 'FORBIDDEN')
    assert.equal(engine.check(other.as, alice.as), false)
    engine.apply(remove(other.isSuspended()), { as: alice.as })
    assert.equal(engine.check(other.as, alice.as), true)
  })
})

describe('preconditions', () => {
  const file = alice.owns('fs:x', { name: 'alice' })
  const secret = alice.grants('fs:x:read', bob)

  test('tell nobody what is there, or where a path leads, who may not see it', () => {
    const engine = world([...people, file, secret, token('t', alice).exists])
    const probe = (who: string, key: FactKey): string[] =>
      (['ifPresent', 'ifAbsent'] as const).map((name) => {
        try {
          engine.apply([], { as: who, preconditions: { [name]: [key] } })
          return 'met'
        } catch (error) {
          return error instanceof CastellanError ? error.code : String(error)
        }
      })
    const keys: FactKey[] = ['fs:x:read', 'fs:/alice:read', 'fs:y:read', 'fs:/nothing:read'].map(
      (permission) => ({ kind: 'grant', issuer: 'user:alice', holder: 'user:bob', permission }),
    )
    for (const key of [
      ...keys,
      { kind: 'resource', permission: 'fs:x' } as const,
      { kind: 'resource', permission: 'fs:/alice' } as const,
      { kind: 'token', id: 't' } as const,
      { kind: 'token', id: 'none' } as const,
      { kind: 'member', group: 'admin', member: 'user:bob' } as const,
      { kind: 'suspension', of: 'user:bob' } as const,
    ])
      assert.deepEqual(probe(eve.as, key), ['FORBIDDEN', 'FORBIDDEN'], JSON.stringify(key))
    for (const who of [alice, bob])
      assert.deepEqual(probe(who.as, keys[1]!), ['met', 'PRECONDITION_FAILED'], who.as)
  })

  test('do not tell when a fact changed that the caller may not change', () => {
    const engine = world([...people, file])
    engine.apply(add(secret), { as: alice.as })
    for (const change of [remove(secret), remove(alice.grants('fs:x:write', bob))])
      errorOf(() => engine.apply(change, { as: eve.as, preconditions: { ifRevision: 0 } }), 'FORBIDDEN')
    errorOf(
      () => engine.apply(remove(secret), { as: bob.as, preconditions: { ifRevision: 0 } }),
      'PRECONDITION_FAILED',
    )
    assert.equal(engine.check(bob.as, 'fs:x:read'), true)
  })
})

describe('memory', () => {
  test('questions in namespaces that nobody declared leave nothing behind', () => {
    const engine = world(people)
    const ask = (count: number): number => {
      for (let i = 0; i < count; i++)
        errorOf(() => engine.check(alice.as, `${'x'.repeat(100_000)}${i}`), 'PERMISSION_INVALID')
      collectGarbage()
      return memoryUsage().heapUsed
    }
    const before = ask(20)
    const after = ask(200)
    assert.ok(after - before < 10e6, `${after - before} bytes more`)
  })
})

describe('readings', () => {
  test('of a dense circle take no longer than their size', () => {
    const crowd = Array.from({ length: 200 }, (_, i) => user(`u${i}`))
    const circle = group('circle')
    const engine = world([
      ...people,
      circle.exists,
      ...crowd.map((each) => each.exists),
      alice.owns('a:x'),
      ...crowd.flatMap((each) => [each.joins(circle), each.grants('a:x', circle)]),
      alice.grants('a:x', crowd[0]!),
    ])
    const start = performance.now()
    assert.equal(hasOption(engine.scan('user:u1', 'a:x')), true)
    assert.ok(performance.now() - start < 4000, `${performance.now() - start} ms`)
  })
})

describe('paths that the viewer may not see', () => {
  const file = alice.owns('fs:x', { name: 'alice' })
  const grant = eve.grants('fs:x', bob)
  const engine = world([...people, file, alice.grants('fs:x', bob), grant])
  const asHers = { viewer: eve.as }

  test('have no claims, as they are not held', () => {
    assert.equal(engine.check(bob.as, 'fs:/alice:read', asHers), false)
    assert.deepEqual(engine.claims(bob.as, 'fs:/alice:read', asHers).pathways, [])
    assert.deepEqual(engine.claims(bob.as, 'fs:/alice:read', { viewer: bob.as }).pathways, [[{}]])
  })

  test('find no fact and no grant', () => {
    const key = { ...grant, permission: 'fs:/alice' }
    assert.equal(engine.fact({ kind: 'resource', permission: 'fs:/alice' }, asHers), undefined)
    assert.equal(engine.fact(key, asHers), undefined)
    assert.deepEqual([...engine.grantsWhere({ issuer: eve.as, permission: 'fs:/alice' }, asHers)], [])
    assert.deepEqual([...engine.grantsWhere({ issuer: eve.as, permission: 'fs:/alice' })], [grant])
  })
})

describe('claims', () => {
  test('of many pathways with large extras are told apart without copying them', () => {
    const crowd = Array.from({ length: 8 }, (_, i) => user(`u${i}`))
    const circle = group('circle')
    const extra = (of: number) => ({ extra: { of, filling: 'y'.repeat(16_000) } })
    const engine = world([
      ...people,
      circle.exists,
      ...crowd.map((each) => each.exists),
      alice.owns('a:x'),
      ...crowd.flatMap((each, i) => [
        each.joins(circle),
        each.grants('a:x', circle, extra(i)),
        alice.grants('a:x', each, extra(i + 100)),
      ]),
    ])
    const start = performance.now()
    const { pathways } = engine.claims('user:u1', 'a:x')
    assert.ok(performance.now() - start < 1000, `${performance.now() - start} ms`)
    assert.ok(pathways.length > 1000)
  })
})

describe('explosions', () => {
  test('of tangled folders end with an error, soon', () => {
    const levels = 40
    const facts = Array.from({ length: levels }, (_, i) => levels - 1 - i).flatMap((i) => [
      alice.owns(`a:${i}:1`),
      alice.owns(`a:${i}:0`, { parent: `a:${i}:1` }),
      alice.owns(`a:${i}`, i === levels - 1 ? {} : { parent: `a:${i + 1}:0` }),
    ])
    const engine = world([...people, ...facts])
    const start = performance.now()
    errorOf(() => engine.check(eve.as, 'a:0'), 'LIMIT_EXCEEDED')
    assert.ok(performance.now() - start < 1000, `${performance.now() - start} ms`)
    assert.equal(engine.check(eve.as, 'a:35'), false)
  })
})

describe('instants', () => {
  test('that an offset leads out of four-digit years are refused: nothing could read them again', () => {
    const engine = world([...people, alice.owns('a:x')])
    for (const expiresAt of ['9999-12-31T23:59:59-01:00', '0000-01-01T00:00:00+01:00'])
      errorOf(() => engine.apply(add(alice.grants('a:x', bob, { expiresAt }))), 'FACT_INVALID')
    engine.apply(add(alice.grants('a:x', bob, { expiresAt: '9999-12-31T23:59:59Z' })))
    const kept = [...engine.facts('grant')]
    assert.deepEqual(engine.apply(add(...kept)).results[0]?.outcome, 'unchanged')
  })
})

describe('previews', () => {
  test('that would compare everybody in a thousand permissions are refused, and leave nothing', () => {
    const crowd = Array.from({ length: 2000 }, (_, i) => user(`u${i}`).exists)
    const engine = world([...people, ...crowd, eve.owns('a:x')])
    const changes = add(...Array.from({ length: 1000 }, (_, i) => eve.grants(`a:x:${i}`, 'group:user')))
    const start = performance.now()
    errorOf(() => engine.preview(changes, { as: eve.as }), 'LIMIT_EXCEEDED')
    errorOf(() => engine.apply(changes, { as: eve.as, onDependants: 'refuse' }), 'LIMIT_EXCEEDED')
    assert.ok(performance.now() - start < 8000, `${performance.now() - start} ms`)
    assert.deepEqual([...engine.facts('grant')], [])
    assert.equal(engine.preview(changes.slice(0, 10), { as: eve.as }).counts.gained, 20_020)
  })
})

describe('the top of the file tree', () => {
  const home = eve.owns('fs:h', { name: 'eve' })
  const inside = eve.owns('fs:d', { name: 'doc', parent: 'fs:h' })

  test('is not for everybody to name: paths begin there', () => {
    const engine = world([...people, home, inside, bob.owns('fs:b', { name: 'bob' })])
    for (const wish of [
      eve.owns('fs:d', { name: 'carl' }),
      eve.owns('fs:h', { name: 'carl' }),
      // Whether the name is taken is not told either.
      eve.owns('fs:d', { name: 'bob' }),
    ])
      errorOf(() => engine.apply(add(wish), { as: eve.as }), 'FORBIDDEN')
    assert.equal(engine.check(eve.as, 'fs:/carl:read'), false)
    engine.apply(add(eve.owns('fs:d', { name: 'renamed', parent: 'fs:h' })), { as: eve.as })
    engine.apply(add(alice.owns('fs:h', { name: 'eve' })), { as: eve.as })
    engine.apply(add(eve.owns('fs:d')), { as: eve.as })
    engine.apply(add(eve.owns('fs:d', { name: 'renamed', parent: 'fs:h' })), { as: 'system' })
    assert.equal(engine.check(alice.as, 'fs:/eve/renamed:read'), true)
  })
})

test('which pathway is shown does not depend on the order in which facts came', () => {
  const begin: Fact[] = ['ed', 'al', 'bo', 'cy'].map((id) => ({ kind: 'user', id }))
  const groups: Fact[] = ['k', 'm', 'top'].map((id) => ({ kind: 'group', id, owner: 'system' }))
  const rest: Fact[] = [
    { kind: 'member', group: 'k', member: 'user:cy' },
    { kind: 'member', group: 'm', member: 'user:cy' },
    { kind: 'member', group: 'top', member: 'group:k' },
    { kind: 'member', group: 'top', member: 'group:m' },
    { kind: 'grant', issuer: 'user:ed', holder: 'group:top', permission: 'a', extra: {} },
    { kind: 'grant', issuer: 'user:ed', holder: 'user:al', permission: 'a', extra: {} },
    { kind: 'grant', issuer: 'user:ed', holder: 'user:bo', permission: 'a', extra: {} },
    { kind: 'grant', issuer: 'user:al', holder: 'user:cy', permission: 'a', extra: {} },
    { kind: 'grant', issuer: 'user:bo', holder: 'user:cy', permission: 'a', extra: {} },
  ]
  const told = [rest, rest.toReversed()].map((facts) => {
    const engine = openEngine({
      catalog: { a: { description: '' } },
      facts: [...begin, ...groups, { kind: 'resource', permission: 'a', owner: 'user:ed' }, ...facts],
    })
    return [engine.holders('a').items, engine.explain('user:cy', 'a').graph]
  })
  assert.deepEqual(told[0], told[1])
})
