import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { add, errorOf, remove, token, user, world } from './say.ts'

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
