import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Engine, Fact, Rule } from '../../src/index.ts'
import { add, group, remove, user, world } from '../say.ts'
import { makeRandom } from '../worlds.ts'
import { actors, groups, PARTIES, people, randomGrants, randomMembers, randomSuspensions } from './cast.ts'

/** It says nothing, but where a rule has a say the engine walks the general way. */
const IDLE: Rule = {
  kind: 'implicator',
  id: 'idle',
  doc: 'x',
  implies: () => undefined,
  holdersOf: () => [],
  permissionsOf: () => [],
}

/** Deep trees, folders, a resource with more names beneath it than modes, and one that many have something of. */
const RESOURCES: readonly Fact[] = [
  people[0]!.owns('doc:top'),
  people[1]!.owns('doc:mid', { parent: 'doc:top' }),
  people[2]!.owns('doc:low', { parent: 'doc:mid' }),
  people[0]!.owns('proj:p'),
  people[1]!.owns('proj:p:in'),
  people[2]!.owns('proj:q', { parent: 'proj:p' }),
  people[0]!.owns('fs:f'),
  people[5]!.owns('fs:x', { parent: 'fs:f' }),
]
const many = Array.from({ length: 12 }, (_, i) => `c${i}`)
const PERMISSIONS = [
  ...['doc:top', 'doc:mid', 'doc:low'].flatMap((each) => [
    each,
    ...['see', 'read', 'write'].map((mode) => `${each}:${mode}`),
  ]),
  ...many.flatMap((each) => [`doc:mid:${each}`, `proj:p:${each}`]),
  'proj',
  'proj:p',
  'proj:p:in',
  'proj:p:in:deep:er',
  'proj:q',
  'proj:q:in',
  'proj:q:c3',
  'proj:q:c3:d',
  'fs',
  'fs:f',
  'fs:f:list',
  'fs:x',
  'fs:x:see',
  'fs:x:read',
  'fs:x:write',
  'ai',
  'ai:chat',
  'a',
  'a:1',
  'a:1:2',
  'a:1:2:3',
  'doc',
  'doc:mid:c3:read',
  'doc:low:other',
  'doc:low:other:read',
]

function sameAnswers(
  fast: Engine,
  general: Engine,
  questions: readonly { actor: string; permission: string }[],
): void {
  const answers = questions.map(({ actor, permission }) => fast.check(actor, permission))
  for (const [i, { actor, permission }] of questions.entries())
    assert.equal(general.check(actor, permission), answers[i], `${actor} ${permission}`)
  for (let start = 0; start < questions.length; start += 1000)
    assert.deepEqual(fast.checkEach(questions.slice(start, start + 1000)), answers.slice(start, start + 1000))
}

describe('the fast walk and the general one', () => {
  for (let seed = 1; seed <= 8; seed++) {
    test(`give one answer, before and after changes: ${seed}`, () => {
      const random = makeRandom(seed)
      const grants = randomGrants(random, 60 + 20 * (seed % 4), PERMISSIONS)
      const facts = [
        ...PARTIES,
        ...RESOURCES,
        ...randomMembers(random),
        ...randomSuspensions(random),
        ...grants,
      ]
      const fast = world(facts)
      const general = world(facts, { rules: [IDLE] })
      const questions = random.some(
        [...actors, 'user:nobody'].flatMap((actor) =>
          PERMISSIONS.map((permission) => ({ actor, permission })),
        ),
        350,
        350,
      )
      sameAnswers(fast, general, questions)
      for (const changes of [
        remove(...random.some(grants, 20, 40)),
        add(...randomGrants(random, 30, PERMISSIONS)),
        add(people[7]!.owns('doc:low', { parent: 'doc:top' }), people[6]!.owns('proj:p:c1')),
        remove(...random.some(grants, 30, 60)),
      ]) {
        fast.apply(changes)
        general.apply(changes)
        sameAnswers(fast, general, random.some(questions, 120, 120))
      }
    })
  }

  test('follow long chains, and circles in them', () => {
    const long = Array.from({ length: 40 }, (_, i) => user(`l${i}`))
    const chain = long.slice(1).map((each, i) => long[i]!.grants('a:1', each))
    const back = [5, 12, 17, 20, 39].map((i) => long[i]!.grants('a:1', long[3]!))
    const facts = [...long.map((each) => each.exists), ...chain, ...back]
    const owner = long[0]!.owns('a')
    const ends = (engine: Engine): boolean[] =>
      [39, 18, 16, 3, 0].map((i) => engine.check(`user:l${i}`, 'a:1:2'))
    for (const rules of [[], [IDLE]]) {
      assert.deepEqual(ends(world(facts, { rules })), [false, false, false, false, false])
      assert.deepEqual(ends(world([...facts, owner], { rules })), [true, true, true, true, true])
      const broken = world([...facts, owner], { rules })
      broken.apply(remove(chain[16]!))
      assert.deepEqual(ends(broken), [false, false, true, true, true])
    }
  })

  test('know who is in what, however groups lie in groups', () => {
    const deep = Array.from({ length: 20 }, (_, i) => group(`d${i}`))
    const nested = deep.slice(1).map((each, i) => deep[i]!.joins(each))
    const loop = deep[19]!.joins(deep[4]!)
    const facts = [
      ...PARTIES,
      ...deep.map((each) => each.exists),
      ...nested,
      loop,
      people[9]!.joins(deep[0]!),
    ]
    const grants = [
      people[0]!.owns('a'),
      people[0]!.grants('a:1', deep[19]!),
      people[0]!.grants('a:2', deep[2]!),
    ]
    const crowd = people
      .slice(1)
      .flatMap((each) => [people[0]!.grants('a:1', each), each.grants('a:1', groups[0]!)])
    for (const more of [[], crowd]) {
      for (const rules of [[], [IDLE]]) {
        const engine = world([...facts, ...grants, ...more], { rules })
        assert.equal(engine.check('user:u9', 'a:1'), true)
        assert.equal(engine.check('user:u9', 'a:2'), true)
        engine.apply(remove(people[9]!.joins(deep[0]!)))
        assert.equal(engine.check('user:u9', 'a:1'), more.length > 0)
        assert.equal(engine.check('user:u9', 'a:2'), false)
        engine.apply(add(people[9]!.joins(deep[10]!)))
        assert.equal(engine.check('user:u9', 'a:1'), true)
        assert.equal(engine.check('user:u9', 'a:2'), false)
        engine.apply(add(group('user').joins(deep[1]!)))
        assert.equal(engine.check('user:u9', 'a:2'), true)
        assert.equal(engine.check('user:u8', 'a:2'), true)
      }
    }
  })

  test('refuse the same strings, wherever the facts end', () => {
    const long = 'x'.repeat(70)
    for (const rules of [[], [IDLE]]) {
      const engine = world([...PARTIES, ...RESOURCES, people[0]!.grants('doc:mid:see', people[5]!)], {
        rules,
      })
      for (const bad of [
        'doc:',
        'doc:mid:',
        'doc:mid::see',
        'doc:mid:\\x',
        'doc:low:a\u0000',
        `proj:p:${long}\u0007`,
        'fs:x:run',
        'fs:x:read:more',
        `doc:mid:${'y'.repeat(257)}`,
        `proj${':z'.repeat(32)}`,
      ]) {
        for (const actor of ['user:u0', 'user:u5', 'system']) {
          assert.throws(() => engine.check(actor, bad), { code: 'PERMISSION_INVALID' })
        }
      }
      assert.throws(() => engine.check('user:u0', 'none:x'), { code: 'PERMISSION_UNKNOWN' })
      assert.throws(() => engine.check('group:g0', 'doc:mid'), { code: 'ACTOR_INVALID' })
      assert.equal(engine.check('user:u0', `proj:p:${long}:${long}`), true)
      assert.equal(engine.check('user:u5', `proj:p:${long}:${long}`), false)
      assert.equal(engine.check('user:u5', 'doc:low:see'), true)
      assert.equal(engine.check('user:u5', 'doc:low:read'), false)
    }
  })
})
