import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { add, user, world } from './say.ts'

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
