import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FastCheck } from '../../src/check.ts'
import type { FactsIndex } from '../../src/facts-index.ts'
import type { Fact, FactKey } from '../../src/index.ts'
import { Inquiry } from '../../src/inquiry.ts'
import { RuleBook } from '../../src/rule-book.ts'
import { acting, app, at, group, NOON, type Said, system, token, user } from '../say.ts'
import { makeRandom, removalOf } from '../worlds.ts'
import {
  actors,
  agents,
  groups,
  indexOf,
  PARTIES,
  people,
  randomGrants,
  randomMembers,
  randomSuspensions,
  tokens,
} from './cast.ts'

/**
 * The fast walk on its own, without the general one behind it: in front of the engine a fast walk that gave up too
 * easily would only be slow.
 */

const [u0, u1, u2, u3, u4, u5, u6, u7, u8, u9] = [
  user('u0'),
  user('u1'),
  user('u2'),
  user('u3'),
  user('u4'),
  user('u5'),
  user('u6'),
  user('u7'),
  user('u8'),
  user('u9'),
]
const LEFT_OUT = ['manage', 'user']
const RULES = new RuleBook([])

class Walks {
  readonly index: FactsIndex
  readonly fast: FastCheck
  /** How often the time was read. */
  reads = 0
  now = NOON

  constructor(facts: readonly Fact[]) {
    this.index = indexOf(facts)
    this.fast = new FastCheck(this.index, (name) => LEFT_OUT.includes(name))
  }

  put(...facts: readonly Fact[]): this {
    for (const fact of facts) this.index.put(fact)
    return this
  }

  remove(...keys: readonly FactKey[]): this {
    for (const key of keys) this.index.remove(key)
    return this
  }

  ask(actor: string, permission: string): boolean | undefined {
    return this.fast.check(actor, permission, () => {
      this.reads++
      return this.now
    })
  }

  /** How often the time is read for it. */
  readsFor(actor: string, permission: string): number {
    const before = this.reads
    this.ask(actor, permission)
    return this.reads - before
  }

  general(): Inquiry {
    return new Inquiry(this.index, RULES, this.now, {}, 'system')
  }

  /** Nothing is left to the general walk, and the answer is the same. */
  agree(askers: readonly string[], permissions: readonly string[]): void {
    const inquiry = this.general()
    for (const permission of permissions) {
      const canonical = inquiry.canonical(permission)
      for (const actor of askers)
        assert.equal(this.ask(actor, permission), inquiry.holds(actor, canonical), `${actor} ${permission}`)
    }
  }
}

const RESOURCES: readonly Fact[] = [
  u0.owns('doc:top'),
  u1.owns('doc:mid', { parent: 'doc:top' }),
  u2.owns('doc:low', { parent: 'doc:mid' }),
  u0.owns('proj:p'),
  u2.owns('proj:q', { parent: 'proj:p' }),
  u4.owns('proj:deep:er', { parent: 'proj:q' }),
  u1.owns('proj:deep:est', { parent: 'proj:deep:er' }),
  u0.owns('fs:f'),
  u5.owns('fs:x', { parent: 'fs:f' }),
]
const MODES = ['see', 'read', 'write']
const many = Array.from({ length: 12 }, (_, i) => `c${i}`)
const NAMED = [
  ['doc:top', 'doc:mid', 'doc:low'].flatMap((each) => [each, ...MODES.map((mode) => `${each}:${mode}`)]),
  many.flatMap((each) => [`doc:mid:${each}`, `proj:p:${each}`]),
  ['doc', 'doc:loose', 'doc:loose:read', 'doc:mid:c3:read', 'doc:low:other', 'doc:low:other:read'],
  ['proj', 'proj:p', 'proj:q', 'proj:q:c3', 'proj:q:c3:d', 'proj:loose:c3', 'proj:deep'],
  ['proj:deep:er', 'proj:deep:er:c3', 'proj:deep:est', 'proj:deep:est:c3:d'],
  ['fs', 'fs:f', 'fs:f:list', 'fs:x', 'fs:x:see', 'fs:x:read', 'fs:x:write', 'ai', 'ai:chat'],
  ['a', 'a:1', 'a:1:2', 'a:1:2:3', 'other', 'other:x', 'other:y', 'other:1:x'],
].flat()
/** No fact names all of these. */
const UNNAMED = [
  ['doc:top', 'doc:mid', 'doc:low', 'doc:loose', 'doc:unheard'].flatMap((each) => [
    `${each}:see`,
    `${each}:c3`,
    `${each}:c3:see`,
    `${each}:new`,
    `${each}:new:read`,
    `${each}:see:new`,
  ]),
  ['proj:p', 'proj:q', 'proj:deep', 'proj:deep:er', 'proj:deep:est'].flatMap((each) => [
    `${each}:c5`,
    `${each}:c3:d:new`,
    `${each}:new:c3`,
  ]),
  ['fs:x:list', 'fs:f:see', 'fs:unheard', 'fs:unheard:write', 'ai:new', 'a:1:9', 'a:9:2', 'a:1:2:3:4'],
  ['other:1', 'other:1:y', 'other:2:x'],
].flat()

describe('the fast walk leaves no plain question to the general one, and answers the same', () => {
  for (let seed = 1; seed <= 6; seed++) {
    test(`world ${seed}, before and after changes`, () => {
      const random = makeRandom(seed)
      const grants = randomGrants(random, 60 + 30 * (seed % 4), NAMED)
      const members = randomMembers(random)
      const walks = new Walks([...PARTIES, ...RESOURCES, ...members, ...randomSuspensions(random), ...grants])
      const known = actors.filter((each) => walks.index.parties.get(each) !== undefined)
      walks.agree(known, [...NAMED, ...UNNAMED])
      const some = (): string[] => random.some([...NAMED, ...UNNAMED], 30, 30)
      walks.put(...randomGrants(random, 40, NAMED))
      walks.agree(known, some())
      walks.put(u7.owns('doc:low', { parent: 'doc:top' }), u6.owns('proj:q'))
      walks.agree(known, some())
      walks.put(u8.owns('doc:new', { parent: 'doc:low' }), u9.grants('doc:new:read', groups[0]!))
      walks.agree(known, [...some(), 'doc:new', 'doc:new:see', 'doc:new:read', 'doc:new:c3'])
      for (const fact of walks.index.facts('grant')) if (random.chance(0.5)) walks.remove(removalOf(fact))
      walks.agree(known, some())
      walks.now = NOON + 5
      walks.agree(known, some())
    })
  }

  test('follows long chains and circles in them, asked twice', () => {
    const long = Array.from({ length: 40 }, (_, i) => user(`l${i}`))
    const chain = long.slice(1).map((each, i) => long[i]!.grants('a:1', each))
    const back = [5, 12, 17, 20, 39].map((i) => long[i]!.grants('a:1', long[3]!))
    const walks = new Walks([...long.map((each) => each.exists), ...chain, ...back])
    const ask = (): unknown[] => [39, 18, 16, 3, 0].map((i) => walks.ask(`user:l${i}`, 'a:1:2'))
    assert.deepEqual([...ask(), ...ask()], Array(10).fill(false))
    walks.put(long[0]!.owns('a'))
    assert.deepEqual([...ask(), ...ask()], Array(10).fill(true))
    walks.remove(removalOf(chain[16]!))
    assert.deepEqual([...ask(), ...ask()], [false, false, true, true, true, false, false, true, true, true])
  })

  test('meets each of many who all grant to one another once', () => {
    const all = Array.from({ length: 24 }, (_, i) => user(`m${i}`))
    const grants = all.flatMap((from) =>
      all.flatMap((to) => (from === to ? [] : ['a:1', 'a:1:2'].map((each) => from.grants(each, to)))),
    )
    const walks = new Walks([...all.map((each) => each.exists), ...grants])
    assert.equal(walks.ask('user:m3', 'a:1:2'), false)
    assert.equal(walks.ask('user:m3', 'a:1:2:3'), false)
    walks.put(system.grants('a', all[20]!))
    assert.equal(walks.ask('user:m3', 'a:1:2'), true)
    assert.equal(walks.ask('user:m3', 'a:1:2:3'), true)
    assert.equal(walks.ask('user:m3', 'a:2'), false)
  })
})

describe('the fast walk gives up', () => {
  const plain = (): Walks =>
    new Walks([
      ...PARTIES,
      ...RESOURCES,
      u0.grants('doc:mid:see', u5),
      u0.grants('doc:top:c1', u5),
      system.grants('user', u5),
      // The fast walk comes upon it, and must not take what is beneath it for a permission.
      u0.grants('fs:f:list', u5),
    ])

  test('on whom no fact names, and on groups', () => {
    const walks = plain()
    for (const actor of ['user:nobody', 'token:nobody', 'group:g0', 'group:user', '', 'u5', 'nobody'])
      assert.equal(walks.ask(actor, 'doc:mid:see'), undefined, actor)
    assert.equal(walks.ask('system', 'doc:mid:see'), true)
    assert.equal(walks.ask('system', 'doc:unheard'), true)
    assert.equal(walks.ask(agents[0]!.as, 'doc:mid:see'), undefined)
    walks.put(u3.grants('a:1', agents[0]!))
    assert.equal(walks.ask(agents[0]!.as, 'doc:mid:see'), false)
  })

  test('in namespaces that are left out, undeclared or gone', () => {
    const walks = plain()
    for (const permission of [
      'user',
      'user:u5',
      'user:u5:x',
      'manage',
      'manage:doc:mid',
      'none',
      'none:x',
      '',
    ])
      assert.equal(walks.ask(u5.as, permission), undefined, permission)
    // One after the other, so that what is kept of the namespace before is not taken for that of the next.
    assert.equal(walks.ask(u5.as, 'doc:mid:see'), true)
    assert.equal(walks.ask(u5.as, 'none:mid:see'), undefined)
    assert.equal(walks.ask(u5.as, 'doc:mid:see'), true)
    assert.equal(walks.ask(u5.as, 'docs:mid:see'), undefined)
    assert.equal(walks.ask(u5.as, 'doc'), false)
    assert.equal(walks.ask(u5.as, 'do'), undefined)
    assert.equal(walks.ask('system', 'none:x'), undefined)
    walks.put({ kind: 'namespace', name: 'brief', description: 'comes and goes', modes: ['x'] })
    walks.put(system.grants('brief:1:x', u5))
    assert.equal(walks.ask(u5.as, 'brief:1:x'), true)
    walks.remove(removalOf(system.grants('brief:1:x', u5)), { kind: 'namespace', name: 'brief' })
    assert.equal(walks.ask(u5.as, 'brief:1:x'), undefined)
    walks.put({ kind: 'namespace', name: 'brief', description: 'is back', modes: ['y', 'x'] })
    walks.put(system.grants('brief:1:x', u5))
    assert.equal(walks.ask(u5.as, 'brief:1:y'), true)
  })

  test('where resources lie within one another or are named like a mode', () => {
    const inner = new Walks([...PARTIES, u0.owns('proj:p'), u1.owns('proj:p:in')])
    for (const each of ['proj', 'proj:p', 'proj:p:in', 'proj:p:in:x', 'proj:new'])
      assert.equal(inner.ask('user:u0', each), undefined, each)
    assert.equal(inner.ask('user:u0', 'a:1'), false)
    const mode = new Walks([...PARTIES, u0.owns('doc:read')])
    assert.equal(mode.ask('user:u0', 'doc:read'), undefined)
  })

  test('on what is no permission, wherever the facts end', () => {
    const walks = plain()
    for (const bad of [
      ['doc:', 'doc:mid:', 'doc:mid::see', 'doc:low:', 'doc::mid', ':doc', ':'],
      ['doc:low:a\\x', 'doc:low:a\u0000', 'doc:low:\u001f', 'doc:low:\u007f', 'doc:low:\u009f'],
      ['doc:low:\ud800', 'doc:low:\udfff', 'doc:low:x:\u0007', 'doc:low:\u0007:see', 'doc:low:a/b'],
      [
        'fs:f:list:see',
        'fs:x:run',
        'fs:x:read:more',
        'fs:/f/x',
        'fs:/f/x:read',
        'fs:unheard:run',
        'ai:chat:more',
      ],
      `doc:low:${'y'.repeat(257)}`,
      `doc:low${':z'.repeat(31)}`,
      `a${':z'.repeat(32)}`,
    ].flat()) {
      assert.equal(walks.ask(u5.as, bad), undefined, bad)
      assert.equal(walks.ask('system', bad), undefined, bad)
    }
  })

  test('and not before: at the bounds it still answers', () => {
    const walks = plain()
    for (const good of [
      ['doc:low: ', 'doc:low:~', 'doc:low:\u00a0', 'doc:low:\ud7ff', 'doc:low:\ue000', 'doc:low:\uffff'],
      `doc:low${':z'.repeat(30)}`,
      `doc:low:${'y'.repeat(247)}`,
      `doc:low:${'y'.repeat(243)}:see`,
    ].flat()) {
      assert.equal(walks.ask(u2.as, good), true, good)
      assert.equal(walks.ask(u5.as, good), false, good)
    }
    assert.equal(walks.ask(u2.as, `doc:low:${'y'.repeat(248)}`), undefined)
    assert.equal(walks.ask(u2.as, `doc:low:${'y'.repeat(244)}:see`), undefined)
    assert.equal(walks.ask(u5.as, 'doc:low:see'), true)
    assert.equal(walks.ask(u5.as, 'doc:low:c1'), true)
    assert.equal(walks.ask(u5.as, `a${':z'.repeat(31)}`), false)
  })

  test('on a mode at the end as on anything else, where the string is long', () => {
    const long = 'n'.repeat(256)
    const walk = new Walks([...PARTIES, u0.owns(`doc:${long}`), u0.owns('doc:f')])
    // The string is longer than the fast walk looks at, though all but its end is named.
    assert.equal(walk.ask('user:u0', `doc:${long}`), true)
    assert.equal(walk.ask('user:u0', `doc:${long}:see`), undefined)
  })
})

describe('the fast walk, asked by number', () => {
  const facts = [
    ...PARTIES,
    ...RESOURCES,
    u0.grants('doc:mid:see', u5),
    u5.grants('doc:mid:see', u6),
    u0.grants('proj:p:c1:d', u5),
    system.grants('user:u1', u5),
    u1.owns('other:1'),
    u2.owns('other:1:2'),
  ]
  const NODES = [
    'doc:mid:see',
    'doc:mid',
    'doc:low',
    'doc:top',
    'doc',
    'proj:p:c1:d',
    'proj:p:c1',
    'proj:q',
    'fs',
  ]

  test('answers as for the text, one namespace after the other', () => {
    const walks = new Walks(facts)
    const byNumber = (actor: string, permission: string): boolean | undefined => {
      const [party, node] = [walks.index.parties.get(actor)!, walks.index.findNode(permission)]
      return walks.fast.checkNode(party, node, () => NOON)
    }
    const known = actors.filter((each) => walks.index.parties.get(each) !== undefined)
    const expected = new Walks(facts)
    for (const actor of known)
      for (const permission of NODES) {
        const answer = expected.ask(actor, permission)
        assert.notEqual(answer, undefined)
        assert.equal(byNumber(actor, permission), answer, `${actor} ${permission}`)
      }
    // Where what was asked before names something else, or went on beneath what facts name.
    for (const before of ['doc:low:see', 'proj:q:new', 'doc:unheard', 'none:x', 'user:u1', 'other:1:2'])
      for (const permission of NODES) {
        walks.ask('user:u5', before)
        assert.equal(byNumber('user:u5', permission), expected.ask('user:u5', permission), permission)
      }
    for (const permission of ['user:u1', 'user', 'other:1', 'other:1:2', 'other'])
      for (const actor of ['user:u1', 'system'])
        assert.equal(byNumber(actor, permission), undefined, permission)
    assert.equal(byNumber('system', 'doc:mid'), true)
  })

  test('knows when its namespace went and came again', () => {
    const walks = new Walks(PARTIES)
    const brief = { kind: 'namespace', name: 'brief', description: 'comes and goes', modes: ['x'] } as const
    const grant = system.grants('brief:1', u5)
    const ask = (): unknown => {
      const node = walks.index.findNode('brief:1')
      return walks.fast.checkNode(walks.index.parties.get(u5.as)!, node, () => NOON)
    }
    for (let twice = 0; twice < 2; twice++) {
      walks.put(brief, grant)
      assert.equal(ask(), true)
      walks.remove(removalOf(grant), { kind: 'namespace', name: 'brief' })
      // Its place is taken by another.
      walks.put(system.grants('a:9', u5)).remove(removalOf(system.grants('a:9', u5)))
    }
  })

  test('remembers what it learns in a batch, by text and by number alike', () => {
    const later = { expiresAt: at(NOON + 1) }
    const walks = new Walks([...PARTIES, system.grants('a:1', u0, later), u0.grants('a:1', u1, later)])
    const node = walks.index.findNode('a:1')
    const byNumber = (who: Said): boolean | undefined =>
      walks.fast.checkNode(walks.index.parties.get(who.as)!, node, () => {
        walks.reads++
        return NOON
      })
    walks.fast.batch(() => {
      assert.equal(walks.readsFor(u1.as, 'a:1'), 1)
      assert.equal(byNumber(u1), true)
      assert.equal(byNumber(u0), true)
      assert.equal(byNumber(u2), false)
      assert.equal(walks.reads, 1)
    })
    walks.fast.batch(() => {
      assert.equal(byNumber(u1), true)
      assert.equal(walks.readsFor(u0.as, 'a:1'), 0)
      assert.equal(walks.reads, 2)
    })
  })
})

describe('the fast walk reads the time', () => {
  const later = { expiresAt: at(NOON + 1) }
  const facts = [
    ...PARTIES,
    system.grants('a:1', u0),
    system.grants('a:2', u1, later),
    u1.grants('a:2', u2, later),
    u2.grants('a:2', u3),
  ]

  test('once, when the first that expires turns up', () => {
    const walks = new Walks(facts)
    assert.equal(walks.readsFor(u0.as, 'a:1'), 0)
    assert.equal(walks.readsFor(u1.as, 'a:1'), 0)
    assert.equal(walks.readsFor(u1.as, 'a:2'), 1)
    assert.equal(walks.readsFor(u3.as, 'a:2'), 1)
    assert.equal(walks.readsFor(u3.as, 'a:2'), 1)
    assert.equal(walks.readsFor(u4.as, 'a:2'), 0)
    assert.equal(walks.readsFor(tokens[0]!.as, 'a:2'), 1)
    assert.equal(walks.readsFor(system.as, 'a:2'), 0)
  })

  test('anew for each question', () => {
    const walks = new Walks(facts)
    assert.equal(walks.ask(u3.as, 'a:2'), true)
    walks.now = NOON + 1
    assert.equal(walks.ask(u3.as, 'a:2'), false)
    assert.equal(walks.ask(u0.as, 'a:1'), true)
    walks.now = NOON
    assert.equal(walks.ask(u3.as, 'a:2'), true)
  })
})

describe('the fast walk, asked many questions of the same facts', () => {
  const later = { expiresAt: at(NOON + 1) }
  const facts = [
    ...PARTIES,
    system.grants('a:1', u0, later),
    u0.grants('a:1', u1, later),
    u1.grants('a:1', u2),
    u4.grants('a:2', u3, later),
    u5.grants('a:2', u4, later),
  ]

  test('remembers those on the way to a yes, and all it met on the way to a no', () => {
    const walks = new Walks(facts)
    walks.fast.batch(() => {
      assert.equal(walks.readsFor(u1.as, 'a:1'), 1)
      assert.equal(walks.readsFor(u1.as, 'a:1'), 0)
      assert.equal(walks.readsFor(u0.as, 'a:1'), 0)
      assert.equal(walks.readsFor(u2.as, 'a:1'), 0)
      assert.equal(walks.ask(u2.as, 'a:1'), true)
      assert.equal(walks.readsFor(u3.as, 'a:2'), 1)
      assert.equal(walks.readsFor(u3.as, 'a:2'), 0)
      assert.equal(walks.readsFor(u4.as, 'a:2'), 0)
      assert.equal(walks.ask(u4.as, 'a:2'), false)
      assert.equal(walks.ask(u3.as, 'a:2'), false)
      assert.equal(walks.ask(u3.as, 'a:1'), false)
      assert.equal(walks.ask(u2.as, 'a:2'), false)
    })
    assert.equal(walks.readsFor(u1.as, 'a:1'), 1)
  })

  test('forgets it at the end, however it ends', () => {
    const walks = new Walks(facts)
    assert.equal(
      walks.fast.batch(() => walks.ask(u1.as, 'a:1')),
      true,
    )
    assert.throws(() =>
      walks.fast.batch(() => {
        walks.ask(u3.as, 'a:2')
        throw new Error('on the way')
      }),
    )
    walks.remove(removalOf(facts[PARTIES.length]!)).put(system.grants('a:2', u5))
    assert.equal(walks.ask(u1.as, 'a:1'), false)
    assert.equal(walks.ask(u3.as, 'a:2'), true)
    walks.fast.batch(() => {
      assert.equal(walks.ask(u1.as, 'a:1'), false)
      assert.equal(walks.ask(u3.as, 'a:2'), true)
    })
  })

  test('does not take one string that no fact names for another', () => {
    const walks = new Walks([...PARTIES, ...RESOURCES, u9.grants('doc:low:see', u8)])
    walks.fast.batch(() => {
      for (const [actor, permission, expected] of [
        ['user:u2', 'doc:low:new', true],
        ['user:u2', 'doc:unheard', false],
        ['user:u2', 'doc:low:read', true],
        ['user:u2', 'doc:unheard:read', false],
        ['user:u9', 'doc:unheard', false],
        ['user:u0', 'doc:top:new', true],
        ['user:u9', 'doc:low:new', false],
        ['user:u0', 'doc:low:write', true],
        ['user:u9', 'doc:low:write', false],
        ['user:u8', 'doc:low:see', false],
      ] as const)
        assert.equal(walks.ask(actor, permission), expected, `${actor} ${permission}`)
    })
  })

  test('does not take a party off the way for one on it', () => {
    const dead = [u3, u4, u5].map((each) => each.grants('a:1', u1))
    for (const order of [
      [...dead, u0.grants('a:1', u1)],
      [u0.grants('a:1', u1), ...dead],
    ]) {
      const walks = new Walks([...PARTIES, system.grants('a', u0), ...order])
      walks.fast.batch(() => {
        for (let twice = 0; twice < 2; twice++) {
          const answers = [u1, u3, u4, u5, u0].map((each) => walks.ask(each.as, 'a:1'))
          assert.deepEqual(answers, [true, false, false, false, true])
        }
      })
    }
  })

  test('answers random questions as one by one', () => {
    const random = makeRandom(11)
    const walks = new Walks([
      ...PARTIES,
      ...RESOURCES,
      ...randomMembers(random),
      ...randomGrants(random, 90, NAMED),
    ])
    const known = actors.filter((each) => walks.index.parties.get(each) !== undefined)
    const questions = known.flatMap((actor) => [...NAMED, ...UNNAMED].map((each) => [actor, each] as const))
    const shuffled = random.some(questions, questions.length, questions.length)
    const single = shuffled.map(([actor, permission]) => walks.ask(actor, permission))
    const batch = walks.fast.batch(() => shuffled.map(([actor, permission]) => walks.ask(actor, permission)))
    assert.deepEqual(batch, single)
  })
})

describe('the fast walk knows groups', () => {
  test('without working out who is in what, where groups do not nest', () => {
    const walks = new Walks([
      ...PARTIES,
      u1.joins(groups[0]!),
      u1.joins(groups[1]!),
      system.grants('a:1', groups[1]!),
      system.grants('a:2', groups[2]!),
      system.grants('a:3', group('user')),
      system.grants('a:4', group('admin')),
    ])
    const ask = (each: Said): unknown[] =>
      ['a:1', 'a:2', 'a:3', 'a:4'].map((permission) => walks.ask(each.as, permission))
    assert.deepEqual(ask(u1), [true, false, true, false])
    assert.deepEqual(ask(u2), [false, false, true, false])
    walks.put(group('user').joins(group('admin')))
    assert.deepEqual(ask(u1), [true, false, true, true])
    assert.deepEqual(ask(u2), [false, false, true, true])
    walks.put(groups[0]!.joins(groups[3]!), groups[3]!.joins(groups[2]!), groups[2]!.joins(groups[0]!))
    assert.deepEqual(ask(u1), [true, true, true, true])
    assert.deepEqual(ask(u2), [false, false, true, true])
  })

  test('of each user on the pathway, not of the one before', () => {
    const facts = [
      ...PARTIES,
      u1.joins(groups[0]!),
      groups[0]!.joins(groups[1]!),
      u2.joins(groups[2]!),
      groups[2]!.joins(groups[3]!),
      u2.grants('a:1', groups[1]!),
    ]
    const right = [system.grants('a', groups[3]!), system.grants('a:1', groups[3]!)]
    for (const each of right) {
      const walks = new Walks([...facts, each])
      assert.equal(walks.ask(u1.as, 'a:1'), true)
      assert.equal(walks.ask(u2.as, 'a:1'), true)
      assert.equal(walks.ask(u3.as, 'a:1'), false)
    }
    const wrong = new Walks([...facts, system.grants('a:1', groups[4]!), u3.joins(groups[4]!)])
    assert.deepEqual(
      [u1, u2, u3].map((each) => wrong.ask(each.as, 'a:1')),
      [false, false, true],
    )
  })

  test('when there are more parties than there were, and when the marks have been used up', () => {
    const walks = new Walks([
      ...PARTIES,
      u1.joins(groups[0]!),
      groups[0]!.joins(groups[1]!),
      system.grants('a:1', groups[1]!),
    ])
    const ask = (): unknown[] => people.slice(0, 3).map((each) => walks.ask(each.as, 'a:1'))
    assert.deepEqual(ask(), [false, true, false])
    const more = Array.from({ length: 100 }, (_, i) => group(`more${i}`))
    walks.put(...more.map((each) => each.exists), groups[1]!.joins(more[98]!), more[98]!.joins(more[99]!))
    walks.put(system.grants('a:2', more[99]!))
    assert.equal(walks.ask('user:u1', 'a:2'), true)
    assert.equal(walks.ask('user:u2', 'a:2'), false)
    // Marks of before the marks were used up are nobody's afterwards. Who is in a nested group has all looked up.
    walks.put(u3.joins(groups[4]!), groups[4]!.joins(more[0]!))
    Reflect.set(walks.fast, 'stamp', 0)
    assert.equal(walks.ask('user:u1', 'a:1'), true)
    Reflect.set(walks.fast, 'stamp', 0x7fffffff)
    assert.equal(walks.ask('user:u3', 'a:1'), false)
    for (const last of [0x7fffffff, 0x7ffffffe, 0x7ffffffd]) {
      Reflect.set(walks.fast, 'stamp', last)
      for (let twice = 0; twice < 2; twice++) assert.deepEqual(ask(), [false, true, false])
    }
  })
})

describe('the fast walk follows', () => {
  test('apps and tokens as far as they go', () => {
    const [dev, ann] = [u0, u1]
    const editor = app('x', dev)
    const agent = `${ann.as}/${editor.as}`
    const walks = new Walks([
      ...PARTIES,
      token('of-agent', agent, {}).exists,
      system.grants('a', dev),
      system.grants('a:3', ann),
      dev.grants('a:1', editor),
      ann.grants('a:2', editor),
      ann.grants('a:3', agent),
      { ...system.grants('a:3', 'token:of-agent'), issuer: agent },
    ])
    const ask = (who: string): unknown[] =>
      ['a:1', 'a:2', 'a:3'].map((permission) => walks.ask(who, permission))
    assert.deepEqual(ask(editor.as), [true, false, false])
    assert.deepEqual(ask(agent), [true, false, true])
    assert.deepEqual(ask('token:of-agent'), [false, false, true])
    for (const party of [dev.as, ann.as, editor.as, 'token:of-agent']) {
      const key = { kind: 'suspension', of: party } as const
      walks.put(key)
      walks.agree([dev.as, ann.as, editor.as, agent, 'token:of-agent'], ['a:1', 'a:2', 'a:3'])
      walks.remove(key)
    }
  })
})

describe('the fast walk, where so many grants are on one string that they are looked up by holder', () => {
  const [dev, ann, bob] = [u0, u3, u4]
  const editor = app('x', dev)
  const agent = agents[0]!
  const crowd = (permission: string): Fact[] =>
    Array.from({ length: 30 }, (_, i) => user(`c${i}`).grants(permission, u9))
  const base = [
    ...PARTIES,
    ...Array.from({ length: 30 }, (_, i) => user(`c${i}`).exists),
    ...['a:1', 'a:2', 'a:3'].flatMap((each) => crowd(each)),
    // So that there is somebody of whom facts tell.
    ann.grants('a:9', agent),
  ]

  test('finds what reaches an app, and an app acting for somebody', () => {
    const walks = new Walks([
      ...base,
      system.grants('a', dev),
      system.grants('a', bob),
      dev.grants('a:1', editor),
      bob.grants('a:2', editor),
      ann.grants('a:3', agent),
      system.grants('a:3', group('user')),
    ])
    const ask = (who: string): unknown[] => ['a:1', 'a:2', 'a:3'].map((each) => walks.ask(who, each))
    assert.deepEqual(ask(editor.as), [true, true, false])
    // Its owner alone gives to all its users; what anyone has does not pass to apps by itself.
    assert.deepEqual(ask(agent.as), [true, false, true])
    assert.deepEqual(ask(ann.as), [false, false, true])
    assert.deepEqual(ask('token:scoped'), [false, false, false])
    const common = app('common')
    const used = acting(bob, common)
    walks.put(common.exists, system.grants('a:3', common), bob.grants('a:9', used))
    assert.deepEqual(ask(used.as), [false, false, true])
    walks.remove(removalOf(ann.grants('a:3', agent)))
    assert.deepEqual(ask(agent.as), [true, false, false])
    walks.agree([editor.as, agent.as, ann.as, bob.as, u9.as], ['a:1', 'a:2', 'a:3', 'a:3:x'])
  })

  test('finds what reaches groups, of each user on the way', () => {
    const walks = new Walks([
      ...base,
      ann.joins(groups[0]!),
      groups[0]!.joins(groups[1]!),
      bob.joins(groups[2]!),
      bob.grants('a:1', groups[1]!),
      u5.grants('a:2', groups[1]!),
      system.grants('a', groups[2]!),
    ])
    const ask = (who: string): unknown[] => ['a:1', 'a:2', 'a:3'].map((each) => walks.ask(who, each))
    assert.deepEqual(ask(ann.as), [true, false, false])
    assert.deepEqual(ask(bob.as), [true, true, true])
    assert.deepEqual(ask(u5.as), [false, false, false])
    walks.agree([ann.as, bob.as, u5.as, u9.as], ['a:1', 'a:2', 'a:3'])
  })

  test('reads no time for an app that only tokens expire by', () => {
    const walks = new Walks([...base, system.grants('a', dev), dev.grants('a:1', editor)])
    assert.equal(walks.readsFor(editor.as, 'a:1'), 0)
    assert.equal(walks.readsFor(agent.as, 'a:1'), 0)
  })
})
