import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  compareText,
  type Change,
  type DependantsError,
  type Fact,
  type Implicator,
  type Scanner,
} from '../../src/index.ts'
import { FastCheck } from '../../src/check.ts'
import type { FactsIndex } from '../../src/facts-index.ts'
import { Inquiry } from '../../src/inquiry.ts'
import { Plan } from '../../src/plan.ts'
import { compareWorlds } from '../../src/preview.ts'
import { RuleBook } from '../../src/rule-book.ts'
import { indexOf } from './cast.ts'
import { acting, add, app, at, errorOf, group, NOON, remove, system, token, user, world } from '../say.ts'

const alice = user('alice')
const bob = user('bob')
const ed = user('ed')
const fred = user('fred')
const editor = app('editor', fred)
const club = group('club', bob)
const inner = group('inner')
const agent = acting(alice, editor)
const PARTIES = [alice, bob, ed, fred, editor, club, inner].map((each) => each.exists)
const chain = [
  ed.grants('a:b', fred),
  fred.grants('a:b', alice),
  alice.grants('a:b:c', bob),
  token('t', alice, { full: true }).exists,
  alice.grants('a:b', agent),
]

interface Case {
  readonly name: string
  readonly facts: readonly Fact[]
  readonly changes: readonly Change[]
  readonly items: readonly string[]
}

const cases: readonly Case[] = [
  {
    name: 'a revoke: all that rested on it, tokens and apps too',
    facts: [ed.owns('a'), ...chain],
    changes: remove(ed.grants('a:b', fred)),
    items: [
      'lost token:t a:b',
      'lost user:alice a:b',
      'lost user:alice/app:editor a:b',
      'lost user:fred a:b',
      'lost token:t a:b:c',
      'lost user:alice a:b:c',
      'lost user:alice/app:editor a:b:c',
      'lost user:bob a:b:c',
      'lost user:fred a:b:c',
    ],
  },
  {
    name: 'a revoke where another path stands',
    facts: [ed.owns('a'), ...chain, ed.grants('a', alice)],
    changes: remove(ed.grants('a:b', fred)),
    items: [
      'kept token:t a:b',
      'kept user:alice a:b',
      'kept user:alice/app:editor a:b',
      'lost user:fred a:b',
      'kept token:t a:b:c',
      'kept user:alice a:b:c',
      'kept user:alice/app:editor a:b:c',
      'kept user:bob a:b:c',
      'lost user:fred a:b:c',
    ],
  },
  {
    name: 'a grant to an app by its owner: its users too',
    facts: [ed.owns('a'), fred.owns('proj')],
    changes: add(fred.grants('proj:x', editor)),
    items: [
      'gained app:editor proj:x',
      'gained user:alice/app:editor proj:x',
      'gained user:bob/app:editor proj:x',
      'gained user:ed/app:editor proj:x',
      'gained user:fred/app:editor proj:x',
    ],
  },
  {
    name: 'a grant to an app by another',
    facts: [ed.owns('a'), bob.owns('proj')],
    changes: add(bob.grants('proj:x', editor)),
    items: ['gained app:editor proj:x'],
  },
  {
    name: 'a grant that is over: nothing',
    facts: [ed.owns('a')],
    changes: add(ed.grants('a:b', alice, { expiresAt: at(NOON) })),
    items: [],
  },
  {
    name: 'a grant of what its issuer does not hold: nothing',
    facts: [ed.owns('a')],
    changes: add(bob.grants('a:b', alice)),
    items: [],
  },
  {
    name: 'a grant that brings dead ones to life',
    facts: [ed.owns('a'), bob.grants('a:b', alice), alice.grants('a:b', fred)],
    changes: add(ed.grants('a', bob)),
    items: ['gained user:bob a', 'gained user:alice a:b', 'gained user:bob a:b', 'gained user:fred a:b'],
  },
  {
    name: 'a grant on which an expired one rests',
    facts: [ed.owns('a'), bob.grants('a:b', alice, { expiresAt: at(NOON) }), bob.grants('a:c', alice)],
    changes: add(ed.grants('a', bob)),
    items: ['gained user:bob a', 'gained user:alice a:c', 'gained user:bob a:c'],
  },
  {
    name: 'a member',
    facts: [ed.owns('a'), ed.grants('a:b', club), bob.grants('a:x', club), alice.grants('a:b', fred)],
    changes: add(alice.joins(club)),
    items: ['gained user:alice a:b', 'gained user:fred a:b'],
  },
  {
    name: 'a group as a member',
    facts: [ed.owns('a'), ed.grants('a:b', club), alice.joins(inner)],
    changes: add(inner.joins(club)),
    items: ['gained user:alice a:b'],
  },
  {
    name: 'a member of a member',
    facts: [ed.owns('a'), ed.grants('a:b', club), alice.joins(inner), inner.joins(club)],
    changes: remove(alice.joins(inner)),
    items: ['lost user:alice a:b'],
  },
  {
    name: 'a suspended user: all by right and by grant',
    facts: [
      ed.owns('a'),
      ...chain,
      alice.owns('proj:x'),
      group('own', alice).exists,
      fred.grants('a:b', editor),
      ed.grants('a:g', club),
      alice.joins(club),
    ],
    changes: add(alice.isSuspended()),
    items: [
      'lost token:t a:b',
      'lost user:alice a:b',
      'lost user:alice/app:editor a:b',
      'lost token:t a:b:c',
      'lost user:alice a:b:c',
      'lost user:alice/app:editor a:b:c',
      'lost user:bob a:b:c',
      'lost token:t a:g',
      'lost user:alice a:g',
      'lost token:t manage:group:own',
      'lost user:alice manage:group:own',
      'lost token:t manage:proj:x',
      'lost user:alice manage:proj:x',
      'lost token:t proj:x',
      'lost user:alice proj:x',
    ],
  },
  {
    name: 'a suspended app: as itself and for each user',
    facts: [ed.owns('a'), ...chain, fred.grants('a:b', editor), acting(bob, editor).exists],
    changes: add(editor.isSuspended()),
    items: [
      'lost app:editor a:b',
      'lost user:alice/app:editor a:b',
      'lost user:bob/app:editor a:b',
      'lost user:ed/app:editor a:b',
      'lost user:fred/app:editor a:b',
    ],
  },
  {
    name: 'a suspended token: it alone',
    facts: [ed.owns('a'), ...chain],
    changes: add(token('t', alice).isSuspended()),
    items: ['lost token:t a:b', 'lost token:t a:b:c'],
  },
  {
    name: 'a user who is resumed',
    facts: [ed.owns('a'), ...chain, alice.isSuspended()],
    changes: remove(alice.isSuspended()),
    items: [
      'gained token:t a:b',
      'gained user:alice a:b',
      'gained user:alice/app:editor a:b',
      'gained token:t a:b:c',
      'gained user:alice a:b:c',
      'gained user:alice/app:editor a:b:c',
      'gained user:bob a:b:c',
    ],
  },
  {
    name: 'a user who is removed',
    facts: [ed.owns('a'), ...chain],
    changes: remove(alice.exists),
    items: [
      'lost token:t a:b',
      'lost user:alice a:b',
      'lost user:alice/app:editor a:b',
      'lost token:t a:b:c',
      'lost user:alice a:b:c',
      'lost user:alice/app:editor a:b:c',
      'lost user:bob a:b:c',
    ],
  },
  {
    name: 'a token that is removed',
    facts: [ed.owns('a'), ...chain],
    changes: remove(token('t', alice).exists),
    items: ['lost token:t a:b', 'lost token:t a:b:c'],
  },
  {
    name: 'a new user: what everybody has',
    facts: [ed.owns('a'), ed.grants('a:b', 'group:user'), fred.grants('a:b', editor)],
    changes: add(user('new').exists),
    items: ['gained user:new a:b', 'gained user:new/app:editor a:b'],
  },
  {
    name: 'a new name: nothing',
    facts: [ed.owns('a'), ...chain],
    changes: add(user('alice', 'A').exists),
    items: [],
  },
  {
    name: 'another owner of a group',
    facts: [ed.owns('a')],
    changes: add(group('club', alice).exists),
    items: ['gained user:alice manage:group:club', 'lost user:bob manage:group:club'],
  },
  {
    name: 'another owner of an app',
    facts: [ed.owns('a'), ed.grants('a:b', editor), fred.grants('a:b', editor), ed.grants('a:b', fred)],
    changes: add(app('editor', ed).exists),
    items: [
      'kept app:editor a:b',
      'kept user:alice/app:editor a:b',
      'kept user:bob/app:editor a:b',
      'kept user:ed/app:editor a:b',
      'kept user:fred/app:editor a:b',
    ],
  },
  {
    name: 'a token made for full access',
    facts: [ed.owns('a'), alice.owns('proj:x'), token('t', alice).exists],
    changes: add(token('t', alice, { full: true }).exists),
    items: ['gained token:t manage:proj:x', 'gained token:t proj:x'],
  },
  {
    name: 'another owner of a folder: all granted in it',
    facts: [
      ed.owns('a'),
      bob.owns('fs:f'),
      bob.owns('fs:x', { parent: 'fs:f' }),
      bob.grants('fs:x:read', alice),
      bob.grants('manage:fs:x', alice),
    ],
    changes: add(fred.owns('fs:f')),
    items: [
      'lost user:bob fs:f',
      'gained user:fred fs:f',
      'lost user:bob fs:f:list',
      'gained user:fred fs:f:list',
      'lost user:bob fs:f:read',
      'gained user:fred fs:f:read',
      'lost user:bob fs:f:see',
      'gained user:fred fs:f:see',
      'lost user:bob fs:f:write',
      'gained user:fred fs:f:write',
      'kept user:alice fs:x:read',
      'kept user:bob fs:x:read',
      'gained user:fred fs:x:read',
      'lost user:bob manage:fs:f',
      'gained user:fred manage:fs:f',
      'kept user:alice manage:fs:x',
      'kept user:bob manage:fs:x',
      'gained user:fred manage:fs:x',
    ],
  },
  {
    name: 'a resource put into a folder',
    facts: [ed.owns('a'), bob.owns('fs:f'), ed.owns('fs:x'), bob.grants('fs:f:read', alice)],
    changes: add(ed.owns('fs:x', { parent: 'fs:f' })),
    items: [
      'gained user:bob fs:x',
      'kept user:ed fs:x',
      'gained user:alice fs:x:list',
      'gained user:bob fs:x:list',
      'kept user:ed fs:x:list',
      'gained user:alice fs:x:read',
      'gained user:bob fs:x:read',
      'kept user:ed fs:x:read',
      'gained user:alice fs:x:see',
      'gained user:bob fs:x:see',
      'kept user:ed fs:x:see',
      'gained user:bob fs:x:write',
      'kept user:ed fs:x:write',
      'gained user:bob manage:fs:x',
      'kept user:ed manage:fs:x',
    ],
  },
  {
    name: 'a namespace with other modes',
    facts: [
      { kind: 'namespace', name: 'own', description: 'x' },
      bob.owns('own:x'),
      bob.grants('own:x:read', alice),
      bob.grants('manage:own:x', fred),
    ],
    changes: add({ kind: 'namespace', name: 'own', description: 'x', modes: ['see', 'read'] }),
    items: ['kept user:fred manage:own:x', 'kept user:alice own:x:read'],
  },
  {
    name: 'a namespace that is removed',
    facts: [{ kind: 'namespace', name: 'own', description: 'x' }],
    changes: remove({ kind: 'namespace', name: 'own' }),
    items: [],
  },
  {
    name: 'a grant that is over, where another stands: nothing',
    facts: [ed.owns('a'), ed.grants('a', alice)],
    changes: add(ed.grants('a:b', alice, { expiresAt: at(NOON) })),
    items: [],
  },
  {
    name: 'a dead grant, where another stands: nothing',
    facts: [ed.owns('a'), ed.grants('a', alice)],
    changes: add(bob.grants('a:b', alice)),
    items: [],
  },
  {
    name: 'a member of a group with dead grants: nothing of those',
    facts: [ed.owns('a'), bob.grants('a:x', club), ed.grants('a:x', alice), ed.grants('a:y', club)],
    changes: add(alice.joins(club)),
    items: ['gained user:alice a:y'],
  },
  {
    name: 'a grant that comes and goes: nothing',
    facts: [ed.owns('a')],
    changes: [...add(ed.grants('a', alice)), ...remove(ed.grants('a', alice))],
    items: [],
  },
  {
    name: 'a group that comes and goes with its members: nothing',
    facts: [ed.owns('a')],
    changes: [...add(group('brief').exists, alice.joins(group('brief'))), ...remove(group('brief').exists)],
    items: [],
  },
  {
    name: 'a user who comes and goes: nothing',
    facts: [ed.owns('a')],
    changes: [...add(user('brief').exists, user('brief').joins(club)), ...remove(user('brief').exists)],
    items: [],
  },
  {
    name: 'a user who is removed, of whom there are no facts',
    facts: [ed.owns('a'), ed.grants('a:b', 'group:user'), ed.grants('a:c', fred), fred.grants('a:c', editor)],
    changes: remove(alice.exists),
    items: ['lost user:alice a:b', 'lost user:alice/app:editor a:c'],
  },
  {
    name: 'a suspended app that was given things by users',
    facts: [
      alice.owns('proj:y'),
      alice.grants('proj:y', agent),
      token('at', agent).exists,
      agent.grants('proj:y:z', 'token:at'),
    ],
    changes: add(editor.isSuspended()),
    items: [
      'lost user:alice/app:editor proj:y',
      'lost token:at proj:y:z',
      'lost user:alice/app:editor proj:y:z',
    ],
  },
  {
    name: 'another owner of a folder: all granted in it by others',
    facts: [
      bob.owns('fs:f'),
      ed.owns('fs:m', { parent: 'fs:f' }),
      ed.owns('fs:x', { parent: 'fs:m' }),
      ed.grants('fs:x:read', alice),
      ed.grants('manage:fs:x', alice),
    ],
    changes: add(fred.owns('fs:f')),
    items: [
      ...['fs:f', 'fs:f:list', 'fs:f:read', 'fs:f:see', 'fs:f:write'].flatMap((each) => [
        `lost user:bob ${each}`,
        `gained user:fred ${each}`,
      ]),
      'kept user:alice fs:x:read',
      'lost user:bob fs:x:read',
      'gained user:fred fs:x:read',
      'lost user:bob manage:fs:f',
      'gained user:fred manage:fs:f',
      'kept user:alice manage:fs:x',
      'lost user:bob manage:fs:x',
      'gained user:fred manage:fs:x',
    ],
  },
  {
    name: 'a grant to an app by another: not its users, who have it already',
    facts: [bob.owns('proj'), bob.grants('proj:x', alice), alice.grants('proj:x', agent)],
    changes: add(bob.grants('proj:x', editor)),
    items: ['gained app:editor proj:x'],
  },
  {
    name: 'a revoke: nothing of what else was granted',
    facts: [
      ed.owns('a'),
      ed.grants('a:b', alice),
      alice.owns('proj:q'),
      alice.grants('proj:q', bob),
      alice.grants('a:c', bob),
      ed.grants('a:c', bob),
    ],
    changes: remove(ed.grants('a:b', alice)),
    items: ['lost user:alice a:b'],
  },
  {
    name: 'a revoke on a folder: what was granted in it',
    facts: [
      ed.owns('fs:f'),
      ed.owns('fs:x', { parent: 'fs:f' }),
      ed.grants('fs:f:write', alice),
      alice.grants('fs:x:read', bob),
    ],
    changes: remove(ed.grants('fs:f:write', alice)),
    items: ['lost user:alice fs:f:write', 'lost user:alice fs:x:read', 'lost user:bob fs:x:read'],
  },
  {
    name: 'a resource of `system`: `system` is in no list',
    facts: [system.owns('proj:s'), system.grants('proj:s', alice)],
    changes: add(bob.owns('proj:s')),
    items: ['gained user:bob manage:proj:s', 'kept user:alice proj:s', 'gained user:bob proj:s'],
  },
]

describe('a preview of', () => {
  for (const { name, facts, changes, items } of cases) {
    test(name, () => {
      const engine = world([...PARTIES, ...facts])
      const preview = engine.preview(changes)
      assert.deepEqual(
        preview.items.map(({ change, actor, permission }) => `${change} ${actor} ${permission}`),
        items,
      )
      const of = (kind: string): number => items.filter((item) => item.startsWith(kind)).length
      assert.deepEqual({ ...preview.counts }, { lost: of('lost'), gained: of('gained'), kept: of('kept') })
      assert.equal(preview.incomplete, false)
    })
  }
})

test('a refused revoke names the first hundred who would lose by it, in order, and counts all', () => {
  const many = Array.from({ length: 150 }, (_, i) => user(`u${i}`))
  const engine = world([
    ...PARTIES,
    ed.owns('a'),
    ...many.map((each) => each.exists),
    ed.grants('a:b', fred),
    ...many.map((each) => fred.grants('a:b', each)),
  ])
  const error = errorOf(
    () => engine.apply(remove(ed.grants('a:b', fred)), { onDependants: 'refuse' }),
    'DEPENDANTS',
  ) as DependantsError
  const lost = many.map((each) => ({ actor: each.as, permission: 'a:b' }))
  assert.deepEqual(error.lost, lost.toSorted((a, b) => compareText(a.actor, b.actor)).slice(0, 100))
  assert.equal(error.total, 150)
})

test('a cursor that somebody made up is refused', () => {
  const engine = world([...PARTIES, ed.owns('a'), ...chain])
  const changes = remove(ed.grants('a:b', fred))
  const { nextCursor } = engine.preview(changes, { limit: 1 })
  const [mark] = JSON.parse(Buffer.from(nextCursor!, 'base64url').toString()) as [string]
  const madeUp = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')
  for (const cursor of [madeUp(mark, 'a'), madeUp(mark, 'x', 'y', 'z'), madeUp(mark, 'a', 1)])
    errorOf(() => engine.preview(changes, { cursor }), 'CURSOR_INVALID')
  assert.equal(engine.preview(changes, { cursor: madeUp(mark, 'a:b', 'user:fred') }).items.length, 5)
})

describe('with registered rules', () => {
  const link: Scanner = {
    kind: 'scanner',
    id: 'link',
    doc: 'x',
    namespaces: ['a'],
    find: (actor, permissions) =>
      actor === 'user:bob'
        ? permissions
            .filter((each) => each === 'a:b')
            .map((permission) => ({ issuer: 'user:alice', permission }))
        : [],
    holdersOf: (permission) =>
      permission === 'a:b' ? [{ holder: 'user:bob', issuer: 'user:alice', permission }] : [],
    permissionsOf: (actor) => (actor === 'user:bob' ? [{ issuer: 'user:alice', permission: 'a:b' }] : []),
  }

  test('a preview tells who loses by their links', () => {
    const facts = [...PARTIES, ed.owns('a'), ed.grants('a:b', alice)]
    const engine = world(facts, { rules: [link] })
    const preview = engine.preview(remove(ed.grants('a:b', alice)))
    assert.deepEqual(
      preview.items.map(({ change, actor, permission }) => `${change} ${actor} ${permission}`),
      ['lost user:alice a:b', 'lost user:bob a:b'],
    )
    const back = world(facts.slice(0, -1), { rules: [link] }).preview(add(ed.grants('a:b', alice)))
    assert.deepEqual(
      back.items.map(({ change, actor }) => `${change} ${actor}`),
      ['gained user:alice', 'gained user:bob'],
    )
  })

  test('it is incomplete where a rule cannot list', () => {
    const mute = Object.entries(link).filter(([key]) => !['holdersOf', 'permissionsOf'].includes(key))
    const rules = [Object.fromEntries(mute) as unknown as Scanner]
    const engine = world([...PARTIES, ed.owns('a')], { rules })
    assert.equal(engine.preview(add(ed.grants('a:b', alice))).incomplete, true)
  })
})

describe('a preview that fails', () => {
  const zed = user('zed')
  const failing = (isWrong: (hasZed: boolean) => boolean): Implicator => ({
    kind: 'implicator',
    id: 'failing',
    doc: 'x',
    namespaces: ['proj'],
    implies: (_actor, _permission, { facts }) => {
      if (isWrong(facts.user('zed') !== undefined)) throw new Error('no')
      return undefined
    },
    holdersOf: () => [],
    permissionsOf: () => [],
  })
  for (const { name, isWrong } of [
    { name: 'in the world after it', isWrong: (hasZed: boolean) => hasZed },
    { name: 'in the world before it', isWrong: (hasZed: boolean) => !hasZed },
  ]) {
    test(`leaves everything as it was: ${name}`, () => {
      const facts = [...PARTIES, ed.owns('proj'), ed.grants('proj:x', alice)]
      const engine = world(facts, { rules: [failing(isWrong)] })
      const before = [...engine.facts()]
      const changes = [...add(zed.exists, ed.grants('proj:x', bob)), ...remove(ed.grants('proj:x', alice))]
      errorOf(() => engine.preview(changes), 'RULE_FAILED')
      assert.deepEqual([...engine.facts()], before)
      engine.apply(add(alice.joins(club)))
      assert.equal([...engine.facts()].length, before.length + 1)
    })
  }
})

describe('a preview tells', () => {
  const told = (facts: readonly Fact[], changes: readonly Change[]): string[] =>
    world([...PARTIES, ed.owns('a'), ...facts])
      .preview(changes)
      .items.map(({ change, actor, permission }) => `${change} ${actor} ${permission}`)

  test('once who gains by two ways at once', () => {
    const facts = [ed.grants('a:b', bob), bob.isSuspended()]
    const changes = [...remove(bob.isSuspended()), ...add(ed.grants('a:b', club), bob.joins(club))]
    assert.deepEqual(
      told(facts, changes).filter((each) => each.endsWith('a:b')),
      ['gained user:bob a:b'],
    )
  })

  test('once of an app acting for somebody, whom two grants reach', () => {
    const given = [fred.grants('a', editor), fred.grants('a:b', editor)]
    assert.deepEqual(
      told([ed.grants('a', fred)], add(...given)).filter((each) => each.includes('bob')),
      ['gained user:bob/app:editor a', 'gained user:bob/app:editor a:b'],
    )
  })

  test('nothing of a new way to what was held without it', () => {
    const facts = [ed.grants('a', bob), alice.joins(club), ed.grants('a:b', alice)]
    assert.deepEqual(told(facts, add(ed.grants('a:b', bob))), [])
    assert.deepEqual(told(facts, add(ed.grants('a:b', club))), [])
  })

  test('nothing of a group whose grant gave nothing', () => {
    const facts = [alice.joins(club), fred.grants('a:b', club), ed.grants('a:b', alice)]
    assert.deepEqual(told(facts, remove(alice.joins(club))), [])
  })
})

describe('a preview of more than it may look at', () => {
  const many = Array.from({ length: 8 }, (_, i) => user(`m${i}`))
  const facts = [...PARTIES, ...many.map((each) => each.exists), ed.owns('a')]
  const chain = many.slice(1).map((each, i) => many[i]!.grants('a:b', each))
  const first = ed.grants('a:b', many[0]!)

  /** Items told when so many pairs of actor and permission may be met. */
  function told(stated: readonly Fact[], changes: readonly Change[], max: number): number {
    const index = indexOf(stated)
    const inquire = (): Inquiry => new Inquiry(index, new RuleBook([]), NOON, {}, 'system')
    const plan = new Plan(index, inquire)
    for (const change of changes) plan.apply(plan.resolve(change))
    const comparing = { index, fast: new FastCheck(index, () => false), inquire, alsoNamed: [], max }
    try {
      return compareWorlds(plan, comparing, (items) => items.length)
    } finally {
      const left = (of: FactsIndex): string[] => [...of.facts('grant')].map((each) => JSON.stringify(each))
      assert.deepEqual(left(index).toSorted(), left(indexOf(stated)).toSorted())
    }
  }

  for (const { name, stated, changes } of [
    { name: 'after it', stated: [...facts, ...chain], changes: add(first) },
    { name: 'before it', stated: [...facts, first, ...chain], changes: remove(first) },
  ]) {
    test(`is refused and leaves all as it was: ${name}`, () => {
      assert.equal(told(stated, changes, 8), 8)
      for (const max of [7, 1])
        assert.match(errorOf(() => told(stated, changes, max), 'LIMIT_EXCEEDED').message, /`previewMax`/)
    })
  }

  test('is refused when few are met, but over many permissions', () => {
    const beneath = Array.from({ length: 6 }, (_, i) => system.grants(`a:b:${i}`, bob))
    const changes = [...remove(first), ...remove(...beneath)]
    const stated = [...facts, first, ...beneath]
    assert.ok(told(stated, changes, 20) >= 7)
    // Seven are met, one of them over the string above the others, who is asked for each of these.
    errorOf(() => told(stated, changes, 10), 'LIMIT_EXCEEDED')
  })
})
