import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NONE } from '../../src/columns.ts'
import { FactsIndex } from '../../src/facts-index.ts'
import type { Fact, GrantFact } from '../../src/index.ts'

const grant = (permission: string): GrantFact => ({
  kind: 'grant',
  issuer: 'user:ed',
  holder: 'user:al',
  permission,
  extra: {},
})

describe('while two worlds are compared', () => {
  test('a string keeps its node, whatever comes and goes', () => {
    const index = new FactsIndex()
    index.put(grant('a:b:c'))
    const before = index.findNode('a:b:c')
    index.keepingNodes((nodeFor) => {
      index.remove(grant('a:b:c'))
      index.put(grant('a:x'))
      assert.equal(nodeFor('a:b:c'), before)
      const added = index.findNode('a:x')
      index.remove(grant('a:x'))
      const own = nodeFor('a:b:c:d')
      assert.equal(new Set([before, added, own]).size, 3)
      index.put(grant('a:b:c'))
      assert.deepEqual(
        ['a:b:c', 'a:x', 'a:b:c:d'].map((each) => index.findNode(each)),
        [before, added, own],
      )
    })
  })

  test('nodes that no fact names go in the end, and those above them, even when it fails', () => {
    const index = new FactsIndex()
    index.put(grant('a:b'))
    assert.throws(
      () =>
        index.keepingNodes((nodeFor) => {
          for (const each of ['a:b:c:d', 'a:b:c', 'new:x:y', 'new', 'manage:a:b']) nodeFor(each)
          index.put(grant('a:z'))
          index.remove(grant('a:b'))
          throw new Error('x')
        }),
      { message: 'x' },
    )
    const left = ['a', 'a:z', 'a:b', 'a:b:c', 'a:b:c:d', 'new', 'new:x', 'manage:a'].filter(
      (each) => index.findNode(each) !== NONE,
    )
    assert.deepEqual(left, ['a', 'a:z'])
    index.remove(grant('a:z'))
    assert.equal(index.findNode('a'), NONE)
  })
})

describe('a namespace whose modes change', () => {
  const namespace = (modes: readonly string[]): Fact => ({
    kind: 'namespace',
    name: 'own',
    description: '',
    modes,
  })
  const owned = (permission: string): Fact => ({ kind: 'resource', permission, owner: 'user:ed' })

  test('stays regular unless a resource is named like a mode', () => {
    const index = new FactsIndex()
    index.put(namespace([]))
    index.put(owned('own:x'))
    index.put(grant('own:x:read'))
    index.put(namespace(['see', 'read']))
    assert.equal(index.roots.get('own')?.isIrregular, false)
    index.put(namespace(['see', 'x']))
    assert.equal(index.roots.get('own')?.isIrregular, true)
  })
})
