import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { factKey, ForbiddenError, type Engine, type Fact, type FactKind } from '../src/index.ts'
import { acting, add, app, group, remove, system, token, user, world } from './say.ts'

const alice = user('alice')
const bob = user('bob')
const carol = user('carol')
const admin = user('admin')
const editor = app('editor', bob)
const agent = acting(alice, editor)
const full = token('full', alice, { full: true })
const scoped = token('scoped', alice)
const agents = token('agents', agent)
const club = group('club', alice)
const inner = group('inner', bob)

const FILE = 'doc:1'
const FACTS = [
  alice.exists,
  bob.exists,
  carol.exists,
  admin.exists,
  editor.exists,
  full.exists,
  scoped.exists,
  agents.exists,
  club.exists,
  inner.exists,
  inner.joins(club),
  bob.joins(inner),
  alice.owns('doc:0'),
  alice.owns(FILE, { parent: 'doc:0' }),
  alice.grants(`${FILE}:see`, bob),
]

/** What each may read, of what there is; `nobody` stands for an id that was never there. */
const READERS = {
  'user:alice': ['user:alice', 'group:club', 'token:full', 'token:scoped', 'token:agents', 'doc:0', FILE],
  'user:bob': ['user:bob', 'app:editor', 'group:club', 'group:inner', FILE],
  'user:carol': ['user:carol'],
  'user:alice/app:editor': ['token:agents'],
  'token:full': ['user:alice', 'group:club', 'token:full', 'token:scoped', 'token:agents', 'doc:0', FILE],
  // No more than themselves.
  'token:scoped': ['token:scoped'],
  'token:agents': ['token:agents'],
} as const

const ALL = [
  alice.exists,
  bob.exists,
  user('nobody').exists,
  editor.exists,
  club.exists,
  inner.exists,
  group('nobody').exists,
  full.exists,
  scoped.exists,
  agents.exists,
  token('nobody', alice).exists,
  alice.owns('doc:0'),
  alice.owns(FILE),
  alice.owns('doc:nothing'),
  carol.exists,
]

function nameOf(fact: Fact): string {
  return fact.kind === 'resource' ? fact.permission : `${fact.kind}:${'id' in fact ? fact.id : ''}`
}

function mayRead(engine: Engine, caller: string, fact: Fact): boolean {
  return isAllowed(() => engine.authorizeQuestion(caller, { about: 'fact', key: factKey(fact) }))
}

function isAllowed(ask: () => void): boolean {
  try {
    ask()
    return true
  } catch (error) {
    assert.ok(error instanceof ForbiddenError, String(error))
    return false
  }
}

describe('reading one fact', () => {
  for (const [caller, readable] of Object.entries(READERS)) {
    test(`${caller} reads what is its own, what it is in and what it may see`, () => {
      const engine = world(FACTS)
      const found = ALL.filter((fact) => mayRead(engine, caller, fact)).map(nameOf)
      assert.deepEqual(found.sort(), [...readable].sort())
    })
  }

  test('tells the same of what is hidden and of what is not there', () => {
    const engine = world(FACTS)
    const refusal = (fact: Fact): unknown[] => {
      try {
        engine.authorizeQuestion('user:carol', { about: 'fact', key: factKey(fact) })
        return []
      } catch (error) {
        return error instanceof ForbiddenError ? [error.message, error.permission] : []
      }
    }
    for (const [hidden, absent] of [
      [bob.exists, user('nobody').exists],
      [club.exists, group('nobody').exists],
      [full.exists, token('nobody', alice).exists],
      [alice.owns(FILE), alice.owns('doc:nothing')],
    ] as const) {
      assert.ok(refusal(hidden).length > 0)
      assert.deepEqual(refusal(hidden), refusal(absent))
    }
  })

  const wide: readonly { permission: string; kinds: readonly FactKind[] }[] = [
    {
      permission: 'castellan:check',
      kinds: ['user', 'group', 'token', 'resource', 'app', 'member', 'grant'],
    },
    {
      permission: 'castellan:facts',
      kinds: ['user', 'group', 'token', 'resource', 'app', 'member', 'grant'],
    },
    { permission: 'castellan:users', kinds: ['user', 'token'] },
    { permission: 'castellan:apps', kinds: ['app'] },
    { permission: 'castellan:grants', kinds: ['grant'] },
    { permission: 'manage:group', kinds: ['group', 'member'] },
    { permission: 'castellan:journal', kinds: [] },
  ]
  for (const { permission, kinds } of wide) {
    test(`${permission} lets its holder read every ${kinds.join(', ') || 'nothing more'}`, () => {
      const engine = world([...FACTS, system.grants(permission, admin)])
      const all: readonly FactKind[] = ['user', 'group', 'token', 'resource', 'app', 'member', 'grant']
      const open = all.filter((kind) =>
        isAllowed(() => engine.authorizeQuestion('user:admin', { about: 'facts', kind })),
      )
      assert.deepEqual(open.toSorted(), kinds.toSorted())
      for (const fact of FACTS)
        if (fact.kind !== 'suspension' && nameOf(fact) !== 'user:admin')
          assert.equal(mayRead(engine, 'user:admin', fact), kinds.includes(fact.kind), nameOf(fact))
    })
  }

  test('what someone may change they may read', () => {
    const engine = world([
      ...FACTS,
      alice.grants(`manage:${FILE}`, carol),
      alice.grants('manage:group:club', carol),
    ])
    assert.ok(mayRead(engine, 'user:carol', alice.owns(FILE)))
    assert.ok(mayRead(engine, 'user:carol', club.exists))
    engine.apply(remove(alice.grants(`manage:${FILE}`, carol)), { as: 'user:alice' })
    assert.ok(!mayRead(engine, 'user:carol', alice.owns(FILE)))
  })

  test('everyone reads what is declared, and nobody who is suspended reads anything', () => {
    const engine = world(FACTS)
    engine.authorizeQuestion('user:carol', { about: 'facts', kind: 'namespace' })
    engine.apply(add(bob.isSuspended()))
    for (const fact of ALL) assert.ok(!mayRead(engine, 'user:bob', fact), nameOf(fact))
  })
})

describe('facts by what they name', () => {
  const engine = world([...FACTS, bob.owns('doc:2', { parent: 'doc:0' }), alice.joins(club)])
  const names = (facts: Iterable<Fact>): string[] => [...facts].map(nameOf).sort()

  test('are resources of an owner, in a folder, or both', () => {
    assert.deepEqual(names(engine.resourcesWhere({ owner: 'user:alice' })), ['doc:0', 'doc:1'])
    assert.deepEqual(names(engine.resourcesWhere({ parent: 'doc:0' })), ['doc:1', 'doc:2'])
    assert.deepEqual(names(engine.resourcesWhere({ parent: 'doc:0', owner: 'user:bob' })), ['doc:2'])
    assert.deepEqual(names(engine.resourcesWhere({ parent: 'doc:1' })), [])
    assert.deepEqual(names(engine.resourcesWhere({ owner: 'user:nobody' })), [])
    assert.deepEqual(names(engine.resourcesWhere({})), [])
  })

  test('are groups of an owner, or those someone is directly in', () => {
    assert.deepEqual(names(engine.groupsWhere({ owner: 'user:alice' })), ['group:club'])
    assert.deepEqual(names(engine.groupsWhere({ member: 'user:bob' })), ['group:inner', 'group:user'])
    assert.deepEqual(names(engine.groupsWhere({ member: 'group:inner' })), ['group:club'])
    assert.deepEqual(names(engine.groupsWhere({ member: 'user:nobody' })), [])
    assert.deepEqual(names(engine.groupsWhere({ owner: 'system' })), [
      'group:admin',
      'group:developer',
      'group:guest',
      'group:user',
    ])
  })

  test('are tokens of an issuer, of a user or an app those of the app acting for a user as well', () => {
    assert.deepEqual(names(engine.tokensWhere({ issuer: 'user:alice' })), [
      'token:agents',
      'token:full',
      'token:scoped',
    ])
    assert.deepEqual(names(engine.tokensWhere({ issuer: agent.as })), ['token:agents'])
    assert.deepEqual(names(engine.tokensWhere({ issuer: editor.as })), ['token:agents'])
    assert.deepEqual(names(engine.tokensWhere({ issuer: 'user:nobody' })), [])
    assert.deepEqual(names(engine.tokensWhere({ issuer: 'system' })), [])
  })

  test('forget what was removed', () => {
    const later = world(FACTS)
    later.apply(remove(full.exists, alice.owns(FILE), inner.exists))
    assert.deepEqual(names(later.tokensWhere({ issuer: 'user:alice' })), ['token:agents', 'token:scoped'])
    assert.deepEqual(names(later.resourcesWhere({ parent: 'doc:0' })), [])
    assert.deepEqual(names(later.groupsWhere({ member: 'user:bob' })), ['group:user'])
  })
})
