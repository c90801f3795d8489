import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NONE } from '../../src/columns.ts'
import { explodePlain, plainNodes } from '../../src/plain.ts'
import { user } from '../say.ts'
import { explosion, isBeneath } from '../oracle.ts'
import { indexOf, NAMESPACES, PARTIES } from './cast.ts'

/** What is exploded without a queue, on its own: where it gave up too easily, the queue would only take longer. */

const [u0, u1, u2] = [user('u0'), user('u1'), user('u2')]
const RESOURCES = [
  u0.owns('doc:top'),
  u1.owns('doc:mid', { parent: 'doc:top' }),
  u2.owns('doc:low', { parent: 'doc:mid' }),
  u0.owns('doc:a:b', { parent: 'doc:low' }),
  u0.owns('doc:a:c', { parent: 'doc:a:b' }),
  u1.owns('proj:p'),
  u2.owns('proj:q', { parent: 'proj:p' }),
  u1.owns('proj:long:est', { parent: 'proj:q' }),
  u0.owns('proj:s', { parent: 'proj:long:est' }),
  u0.owns('fs:f'),
  u1.owns('fs:g', { parent: 'fs:f' }),
]
const GRANTS = [
  'doc:mid:see',
  'doc:top:write',
  'doc:low',
  'doc',
  'proj:p:x',
  'proj:s:x',
  'fs:f:read',
  'fs:g:x:y',
]
const FACTS = [...PARTIES, ...RESOURCES, ...GRANTS.map((each) => u0.grants(each, u1))]
const ENDS = ['', ':see', ':read', ':write', ':x', ':list', ':new']
const PLAIN = RESOURCES.flatMap(({ permission }) => ENDS.map((end) => permission + end))

/** What an inner part of the world looks like from outside: who owns the resource on this string, if any. */
function ownerOf(permission: string): string | undefined {
  return RESOURCES.find((fact) => isBeneath(permission, fact.permission))?.owner
}

describe('a plain string', () => {
  test('is exploded to what the queue would find, in its order, with the nodes and owners there are', () => {
    const index = indexOf(FACTS)
    for (const permission of PLAIN) {
      const exploded = explodePlain(index, index.findNode(permission), permission)
      assert.ok(exploded !== undefined, permission)
      const strings = explosion([...NAMESPACES, ...FACTS], permission)
      assert.deepEqual(exploded.strings, strings, permission)
      assert.deepEqual(
        exploded.nodes,
        strings.map((each) => index.findNode(each)),
      )
      assert.deepEqual(
        exploded.owners.map((row) => (row === NONE ? undefined : index.partyText[row])),
        strings.map(ownerOf),
      )
    }
  })

  test('is a resource or one component beneath it, where resources do not lie within one another', () => {
    const index = indexOf(FACTS)
    for (const permission of [
      ['doc', 'doc:see', 'doc:new', 'doc:new:see', 'doc:a', 'doc:a:see', 'doc:low:x:see', 'doc:a:b:x:y'],
      ['fs', 'fs:g:x:y', 'fs:unheard', 'fs:unheard:read', 'ai', 'ai:chat', 'none', 'none:x', 'none:x:y', ''],
    ].flat())
      assert.equal(explodePlain(index, index.findNode(permission), permission), undefined, permission)
    const within = indexOf([...PARTIES, u0.owns('proj:p'), u0.owns('proj:p:in')])
    for (const permission of ['proj:p', 'proj:p:in', 'proj:p:x', 'proj'])
      assert.equal(explodePlain(within, within.findNode(permission), permission), undefined, permission)
    const whole = indexOf([...PARTIES, u0.owns('proj')])
    for (const permission of ['proj', 'proj:x', 'proj:x:y'])
      assert.equal(explodePlain(whole, whole.findNode(permission), permission), undefined, permission)
  })
  test('has the same nodes where only they are asked for', () => {
    const index = indexOf(FACTS)
    let named = 0
    for (const permission of PLAIN) {
      const node = index.findNode(permission)
      if (node === NONE) continue
      named++
      const strings = explosion([...NAMESPACES, ...FACTS], permission)
      const expected = new Set(strings.map((each) => index.findNode(each)).filter((each) => each !== NONE))
      assert.deepEqual(new Set(plainNodes(index, node)), expected, permission)
    }
    assert.ok(named > RESOURCES.length + 5)
    for (const permission of ['doc', 'fs', 'doc:a', 'fs:g:x:y', 'ai'])
      assert.equal(plainNodes(index, index.findNode(permission)), undefined, permission)
    const within = indexOf([...PARTIES, u0.owns('proj:p'), u0.owns('proj:p:in')])
    for (const permission of ['proj:p', 'proj:p:in', 'proj'])
      assert.equal(plainNodes(within, within.findNode(permission)), undefined, permission)
    const whole = indexOf([...PARTIES, u0.owns('proj'), u0.grants('proj:x', u1)])
    for (const permission of ['proj', 'proj:x'])
      assert.equal(plainNodes(whole, whole.findNode(permission)), undefined, permission)
  })
})
