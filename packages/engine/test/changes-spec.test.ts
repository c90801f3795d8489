import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  DependantsError,
  ForbiddenError,
  InUseError,
  LimitExceededError,
  type Change,
  type ChangeResult,
  type Engine,
  type Fact,
  type FactKey,
} from '../src/index.ts'
import { withoutTimes } from './readings.ts'
import {
  acting,
  add,
  app,
  at,
  errorOf,
  group,
  NOON,
  remove,
  system,
  token,
  user,
  world,
  type Said,
} from './say.ts'

const [alice, bob, ed, fred] = ['alice', 'bob', 'ed', 'fred'].map((id) => user(id)) as [
  Said,
  Said,
  Said,
  Said,
]
const people = [alice, bob, ed, fred].map((each) => each.exists)
const coolGroup = group('cool_group', fred)
const editor = app('editor', fred)
const agent = acting(alice, editor)

function edsWorld(...facts: readonly Fact[]): Engine {
  return world([...people, ed.owns('a'), ...facts])
}

/** Makes the changes in someone's name. */
function as(engine: Engine, who: Said | string, changes: readonly Change[]): readonly ChangeResult[] {
  return engine.apply(changes, { as: typeof who === 'string' ? who : who.as }).results
}

/** It is forbidden, and what would allow it is named. */
function forbidden(
  engine: Engine,
  who: Said | string,
  changes: readonly Change[],
  permission?: string,
): void {
  const before = [...engine.facts()]
  const error = errorOf(() => as(engine, who, changes), 'FORBIDDEN')
  assert.ok(error instanceof ForbiddenError)
  if (permission !== undefined) assert.equal(error.permission, permission)
  assert.deepEqual([...engine.facts()], before)
}

describe('6. who may state facts', () => {
  const stated: readonly Fact[] = [
    user('new').exists,
    app('new', alice).exists,
    { kind: 'namespace', name: 'new', description: 'x' },
    alice.owns('proj:1'),
    bob.grants('a', fred),
    group('new', bob).exists,
    token('new', bob).exists,
  ]
  for (const fact of stated) {
    test(`a ${fact.kind} in another's name takes \`castellan:facts\``, () => {
      const engine = edsWorld(
        editor.exists,
        token('full', alice, { full: true }).exists,
        alice.grants('a', agent),
      )
      forbidden(engine, 'user:nobody', add(fact))
      for (const who of ['user:alice', agent.as, 'token:full', 'app:editor']) {
        forbidden(engine, who, add(fact), 'castellan:facts')
      }
      engine.apply(add(system.grants('castellan:facts', alice)))
      assert.equal(as(engine, alice, add(fact))[0]?.outcome, 'added')
      engine.apply(remove(fact))
    })
  }

  test('`system` may state anything', () => {
    assert.deepEqual(
      as(edsWorld(), system, add(...stated)).map((each) => each.outcome),
      stated.map(() => 'added'),
    )
  })

  test('a caller who is not well formed is an error', () => {
    errorOf(() => as(edsWorld(), 'group:user', []), 'ACTOR_INVALID')
    errorOf(() => as(edsWorld(), 'alice', []), 'ACTOR_INVALID')
  })

  test('a suspended holder of `castellan:facts` may not', () => {
    const engine = edsWorld(system.grants('castellan:facts', alice), alice.isSuspended())
    forbidden(engine, alice, add(user('new').exists))
  })
})

describe('6. granting', () => {
  test('any user grants in their own name, whatever they hold', () => {
    assert.deepEqual(as(edsWorld(), alice, add(alice.grants('a', bob))), [
      { outcome: 'added', effective: false },
    ])
    assert.deepEqual(as(edsWorld(), ed, add(ed.grants('a', bob))), [{ outcome: 'added', effective: true }])
  })

  test("a user's full-access token grants in the user's name", () => {
    const engine = edsWorld(token('full', ed, { full: true }).exists)
    assert.deepEqual(as(engine, 'token:full', add(ed.grants('a', bob))), [
      { outcome: 'added', effective: true },
    ])
    assert.equal(engine.check('user:bob', 'a'), true)
  })

  test('a full-access token that is over grants nothing', () => {
    const engine = edsWorld(token('full', ed, { full: true, expiresAt: at(NOON) }).exists)
    forbidden(engine, 'token:full', add(ed.grants('a', bob)))
  })

  test('a suspended user grants nothing', () => {
    forbidden(edsWorld(ed.isSuspended()), ed, add(ed.grants('a', bob)))
  })

  test('a scoped token grants only what it has `manage:` of', () => {
    const engine = edsWorld(token('t', ed).exists, ed.grants('a:b', 'token:t'))
    forbidden(engine, 'token:t', add(ed.grants('a:b', bob)), 'manage:a:b')
    engine.apply(add(ed.grants('manage:a:b', 'token:t')))
    as(engine, 'token:t', add(ed.grants('a:b:c', bob)))
    assert.equal(engine.check('user:bob', 'a:b:c'), true)
    forbidden(engine, 'token:t', add(ed.grants('a', bob)), 'manage:a')
  })

  test('an app grants only what it has `manage:` of, in its own name', () => {
    const engine = edsWorld(editor.exists, ed.grants('a', alice), alice.grants('a:b', agent))
    forbidden(engine, agent, add(agent.grants('a:b', bob)), 'manage:a:b')
    engine.apply(add(ed.grants('manage:a', alice), alice.grants('manage:a:b', agent)))
    as(engine, agent, add(agent.grants('a:b', bob)))
    assert.equal(engine.check('user:bob', 'a:b'), true)
    forbidden(engine, agent, add(alice.grants('a:b', bob)))
  })

  test('what an app granted ends with the app', () => {
    const engine = edsWorld(
      editor.exists,
      ed.grants('a', alice),
      alice.grants('a:b', agent),
      agent.grants('a:b', bob),
    )
    assert.equal(engine.check('user:bob', 'a:b'), true)
    engine.apply(remove(editor.exists))
    assert.equal(engine.check('user:bob', 'a:b'), false)
    assert.deepEqual([...engine.facts('grant')], [ed.grants('a', alice)])
  })

  test('to oneself is an error', () => {
    const engine = edsWorld(editor.exists)
    for (const grant of [ed.grants('a', ed), agent.grants('a', agent)]) {
      assert.match(errorOf(() => engine.apply(add(grant)), 'FACT_INVALID').message, /oneself|itself|holder/)
    }
  })

  test('the same key again updates `extra` and expiry, and says so', () => {
    const engine = edsWorld(ed.grants('a', alice, { extra: { max: 1 } }))
    assert.deepEqual(
      as(engine, ed, add(ed.grants('a', alice, { extra: { max: 2 }, expiresAt: at(NOON + 5) }))),
      [{ outcome: 'updated', effective: true }],
    )
    assert.deepEqual(engine.claims('user:alice', 'a').pathways, [[{ max: 2 }]])
    assert.equal(engine.check('user:alice', 'a', { now: NOON + 5 }), false)
    assert.equal(as(engine, ed, add(ed.grants('a', alice)))[0]?.outcome, 'updated')
    assert.equal(engine.check('user:alice', 'a', { now: NOON + 5 }), true, 'without expiry again')
  })

  test('adding an equal fact changes nothing, whatever the order of its keys', () => {
    const grant = ed.grants('a', alice, { extra: { x: 1, y: { z: [1, 2], w: null } } })
    const engine = edsWorld(grant)
    const again = { ...grant, extra: { y: { w: null, z: [1, 2] }, x: 1 } }
    const { commit, results } = engine.stage(add(again))
    assert.equal(commit, null)
    assert.equal(results[0]?.outcome, 'unchanged')
  })

  test('holders that are not there are named', () => {
    const engine = edsWorld(editor.exists)
    for (const holder of ['user:nobody', 'group:nobody', 'app:nobody', 'token:nobody']) {
      assert.match(
        errorOf(() => engine.apply(add(system.grants('a', holder))), 'REFERENCE_UNKNOWN').message,
        /nobody/,
      )
    }
    for (const holder of ['user:ed/app:nobody']) {
      assert.match(
        errorOf(() => engine.apply(add(ed.grants('a', holder))), 'REFERENCE_UNKNOWN').message,
        /nobody/,
      )
    }
    errorOf(() => engine.apply(add(user('nobody').grants('a', ed))), 'REFERENCE_UNKNOWN')
  })
})

describe('6. revoking', () => {
  const given = ed.grants('a:b', alice)

  test('the issuer, the holder, who holds `manage:` of it and `system` may, others not', () => {
    const mayEach = [ed, alice, fred, system]
    for (const who of mayEach) {
      const engine = edsWorld(given, ed.grants('manage:a', fred))
      forbidden(engine, bob, remove(given), 'manage:a:b')
      assert.deepEqual(as(engine, who, remove(given)), [{ outcome: 'removed', revoked: 1 }])
      assert.equal(engine.check('user:alice', 'a:b'), false)
    }
  })

  test('an app gives back what it was given, and nothing of its user', () => {
    const engine = edsWorld(editor.exists, given, alice.grants('a:b', agent), alice.grants('a:b', bob))
    forbidden(engine, agent, remove(given))
    forbidden(engine, agent, remove(alice.grants('a:b', bob)))
    assert.equal(as(engine, agent, remove(alice.grants('a:b', agent)))[0]?.outcome, 'removed')
  })

  test('a scoped token revokes nothing of its issuer without `manage:`', () => {
    const engine = edsWorld(given, token('t', ed).exists, ed.grants('a:b', 'token:t'))
    forbidden(engine, 'token:t', remove(given))
  })

  test('grants that rested on it stay stored, dead, until it is mended', () => {
    const engine = edsWorld(given, alice.grants('a:b', bob))
    engine.apply(remove(given))
    assert.equal(engine.check('user:bob', 'a:b'), false)
    assert.deepEqual([...engine.facts('grant')], [alice.grants('a:b', bob)])
    engine.apply(add(given))
    assert.equal(engine.check('user:bob', 'a:b'), true)
  })

  test('nothing to revoke: `revoked` 0 and no commit', () => {
    const engine = edsWorld()
    const { commit, results, revision } = engine.stage(remove(given))
    assert.deepEqual(
      [commit, results, revision],
      [null, [{ outcome: 'absent', revoked: 0 }], engine.revision],
    )
  })

  test('`onDependants: refuse` refuses with the list when someone would lose access, and does nothing', () => {
    const engine = edsWorld(given, alice.grants('a:b', bob), bob.grants('a:b', fred))
    const error = errorOf(() => engine.apply(remove(given), { onDependants: 'refuse' }), 'DEPENDANTS')
    assert.ok(error instanceof DependantsError)
    assert.deepEqual(
      error.lost.map((each) => `${each.actor} ${each.permission}`),
      ['user:bob a:b', 'user:fred a:b'],
    )
    assert.equal(engine.check('user:fred', 'a:b'), true)
    engine.apply(add(ed.grants('a', bob)))
    engine.apply(remove(given), { onDependants: 'refuse' })
    assert.equal(engine.check('user:fred', 'a:b'), true, 'bob has it another way')
  })
})

describe('6. groups', () => {
  test('anyone makes a group of their own', () => {
    const engine = edsWorld()
    as(engine, alice, add(group('hers', alice).exists))
    assert.equal(engine.check('user:alice', 'manage:group:hers'), true)
    forbidden(engine, bob, add(group('his', alice).exists))
    forbidden(engine, bob, add(group('everyones').exists))
  })

  test('adding, removing and deleting take `manage:group:<id>`; a member leaves', () => {
    const member = alice.joins(coolGroup)
    const engine = edsWorld(coolGroup.exists, member)
    for (const changes of [
      add(bob.joins(coolGroup)),
      remove(coolGroup.exists),
      add(group('cool_group', bob).exists),
    ]) {
      forbidden(engine, bob, changes, 'manage:group:cool_group')
      forbidden(engine, alice, changes, 'manage:group:cool_group')
    }
    forbidden(engine, bob, remove(member), 'manage:group:cool_group')
    assert.equal(as(engine, alice, remove(member))[0]?.outcome, 'removed')
    as(engine, fred, [...add(bob.joins(coolGroup), member), ...remove(member)])
    engine.apply(add(fred.grants('manage:group:cool_group', ed)))
    as(engine, ed, remove(bob.joins(coolGroup)))
    as(engine, ed, remove(coolGroup.exists))
    assert.equal(engine.fact({ kind: 'group', id: 'cool_group' }), undefined)
  })

  test('an unknown member is an error that names it, nothing half-done', () => {
    const engine = edsWorld(coolGroup.exists)
    const error = errorOf(
      () => as(engine, fred, add(alice.joins(coolGroup), user('nobody').joins(coolGroup))),
      'REFERENCE_UNKNOWN',
    )
    assert.match(error.message, /nobody/)
    assert.deepEqual([...engine.facts('member')], [])
  })

  test('deleting a group ends its memberships and what it was granted', () => {
    const outer = group('outer')
    const engine = edsWorld(
      coolGroup.exists,
      outer.exists,
      alice.joins(coolGroup),
      coolGroup.joins(outer),
      ed.grants('a', coolGroup),
      ed.grants('a:b', outer),
    )
    assert.equal(engine.check('user:alice', 'a:b'), true)
    engine.apply(remove(coolGroup.exists))
    assert.deepEqual([...engine.facts('member')], [])
    assert.deepEqual([...engine.facts('grant')], [ed.grants('a:b', outer)])
    assert.equal(engine.check('user:alice', 'a:b'), false)
  })
})

describe('6. resources', () => {
  const home = alice.owns('fs:home')
  const notes = alice.owns('fs:notes', { parent: 'fs:home' })

  test('giving away, moving and deleting take its owner or `manage:` of it', () => {
    const changes = [add({ ...notes, owner: 'user:bob' }), add(alice.owns('fs:notes')), remove(notes)]
    for (const change of changes) {
      const engine = edsWorld(
        home,
        notes,
        alice.grants('fs:notes', bob),
        alice.grants('manage:fs:notes', fred),
      )
      forbidden(engine, bob, change, 'manage:fs:notes')
      assert.notEqual(as(engine, alice, change)[0]?.outcome, 'unchanged')
    }
    for (const change of changes) {
      const engine = edsWorld(home, notes, alice.grants('manage:fs:notes', fred))
      as(engine, fred, change)
    }
  })

  test('users do not make resources themselves', () => {
    forbidden(edsWorld(), alice, add(alice.owns('fs:new')), 'castellan:facts')
    forbidden(edsWorld(), ed, add(ed.owns('a:b')), 'castellan:facts')
  })

  test('deleting ends every grant beneath it', () => {
    const engine = edsWorld(
      home,
      ed.owns('a:b'),
      ed.grants('a:b', alice),
      ed.grants('a:b:c', alice),
      ed.grants('a:bc', alice),
      ed.grants('a', bob),
    )
    const { results } = engine.apply(remove(ed.owns('a:b')))
    assert.deepEqual(results, [{ outcome: 'removed', revoked: 2 }])
    assert.deepEqual(
      [...engine.facts('grant')].map((grant) => 'permission' in grant && grant.permission),
      ['a', 'a:bc'],
    )
  })

  test('deleting is refused when it has children, without `recursive`', () => {
    const engine = edsWorld(home, notes, alice.grants('fs:notes', bob))
    const error = errorOf(() => engine.apply(remove(home)), 'HAS_CHILDREN')
    assert.ok(error instanceof InUseError)
    assert.deepEqual(error.items, ['fs:notes'])
    engine.apply([{ remove: { kind: 'resource', permission: 'fs:home' }, recursive: true }])
    assert.deepEqual([...engine.facts('resource')].length, 1)
    assert.equal([...engine.facts('grant')].length, 0)
    assert.equal(engine.check('user:alice', 'fs:notes'), false)
  })

  test('a new owner inherits no consent: what the old owner gave is dead', () => {
    const engine = edsWorld(
      editor.exists,
      home,
      alice.grants('fs:home', agent),
      alice.grants('fs:home', fred),
    )
    as(engine, alice, add(bob.owns('fs:home')))
    for (const who of ['user:alice', agent.as, 'user:fred', 'user:bob/app:editor'])
      assert.equal(engine.check(who, 'fs:home'), false, who)
    assert.equal(engine.check('user:bob', 'fs:home'), true)
  })

  test('a parent is in the same namespace, is there, and is not within', () => {
    const engine = edsWorld(home, notes)
    errorOf(() => engine.apply(add(alice.owns('fs:home', { parent: 'fs:notes' }))), 'TREE_INVALID')
    errorOf(() => engine.apply(add(alice.owns('fs:home', { parent: 'fs:home' }))), 'TREE_INVALID')
    errorOf(() => engine.apply(add(alice.owns('fs:new', { parent: 'a' }))), 'FACT_INVALID')
    errorOf(() => engine.apply(add(alice.owns('fs:new', { parent: 'fs:missing' }))), 'REFERENCE_UNKNOWN')
  })

  test('a resource in a folder that lies beneath it would explode for ever, and is refused', () => {
    const engine = world([...people, ed.owns('proj'), ed.owns('proj:9')])
    errorOf(() => engine.apply(add(ed.owns('proj', { parent: 'proj:9' }))), 'TREE_INVALID')
    const twisted = world([
      ...people,
      ed.owns('proj:1:y'),
      ed.owns('proj:2:x'),
      ed.owns('proj:1', { parent: 'proj:2:x' }),
    ])
    errorOf(() => twisted.apply(add(ed.owns('proj:2', { parent: 'proj:1:y' }))), 'TREE_INVALID')
  })

  test('a name in `fs` is a path segment, unique in its folder', () => {
    const engine = edsWorld(
      home,
      alice.owns('fs:one', { parent: 'fs:home', name: 'x' }),
      alice.owns('fs:sub', { parent: 'fs:home' }),
    )
    errorOf(() => engine.apply(add(alice.owns('fs:two', { parent: 'fs:home', name: 'x' }))), 'NAME_TAKEN')
    errorOf(() => engine.apply(add(alice.owns('fs:two', { parent: 'fs:home', name: 'sub' }))), 'NAME_TAKEN')
    for (const name of ['', 'a/b', '.', '..', 'a\u0000']) {
      errorOf(() => engine.apply(add(alice.owns('fs:two', { parent: 'fs:home', name }))), 'FACT_INVALID')
    }
    engine.apply(add(alice.owns('fs:two', { parent: 'fs:sub', name: 'x' })))
    errorOf(() => engine.apply(add(alice.owns('fs:two', { parent: 'fs:home', name: 'x' }))), 'NAME_TAKEN')
    engine.apply(remove(alice.owns('fs:one')))
    engine.apply(add(alice.owns('fs:two', { parent: 'fs:home', name: 'x' })))
  })
})

describe('6. removing users, apps, tokens and groups', () => {
  test('takes `castellan:facts`; a token, its issuer', () => {
    const engine = edsWorld(editor.exists, token('t', alice).exists, token('u', agent).exists)
    forbidden(engine, alice, remove(bob.exists), 'castellan:facts')
    forbidden(engine, alice, remove(alice.exists), 'castellan:facts')
    forbidden(engine, fred, remove(editor.exists), 'castellan:facts')
    forbidden(engine, bob, remove(token('t', alice).exists), 'castellan:facts')
    as(engine, alice, remove(token('t', alice).exists))
    as(engine, agent, remove(token('u', agent).exists))
    engine.apply(add(system.grants('castellan:facts', fred)))
    as(engine, fred, remove(alice.exists))
  })

  test('ends memberships, and grants held or issued, in one commit that can be applied in order', () => {
    const facts = [
      coolGroup.exists,
      editor.exists,
      alice.joins(coolGroup),
      token('t', alice).exists,
      alice.grants('a', 'token:t'),
      ed.grants('a', alice),
      alice.grants('a', bob),
      alice.grants('a', agent),
      agent.grants('a', bob),
      alice.isSuspended(),
    ]
    const engine = edsWorld(...facts)
    const before = [...engine.facts()]
    const { commit } = engine.stage(remove(alice.exists))
    assert.deepEqual(
      [
        ...engine.facts('grant'),
        ...engine.facts('member'),
        ...engine.facts('token'),
        ...engine.facts('suspension'),
      ],
      [],
    )
    assert.equal(commit?.effects.length, 9)
    assert.ok(commit?.effects.every((effect) => effect.before !== null && effect.after === null))
    assert.deepEqual(commit?.effects.at(-1)?.before, alice.exists)
    assert.equal(before.length - [...engine.facts()].length, 9)
  })

  test('IN_USE, with the list, while it owns resources, groups or apps', () => {
    const engine = edsWorld(coolGroup.exists, editor.exists, fred.owns('proj:1'))
    const error = errorOf(() => engine.apply(remove(fred.exists)), 'IN_USE')
    assert.ok(error instanceof InUseError)
    assert.equal(error.total, 3)
    for (const each of ['cool_group', 'editor', 'proj:1'])
      assert.match(error.items.join(' '), new RegExp(each))
    engine.apply([
      ...add(group('cool_group', ed).exists, app('editor', ed).exists, ed.owns('proj:1')),
      ...remove(fred.exists),
    ])
    assert.equal(engine.fact({ kind: 'user', id: 'fred' }), undefined)
  })
})

describe('6. suspending', () => {
  test('users take `castellan:users`, apps `castellan:apps`, a token its issuer; resuming alike', () => {
    const engine = edsWorld(editor.exists, token('t', alice).exists)
    const cases = [
      { of: bob.isSuspended(), permission: 'castellan:users' },
      { of: editor.isSuspended(), permission: 'castellan:apps' },
    ]
    for (const { of, permission } of cases) {
      for (const changes of [add(of), remove(of)]) {
        forbidden(engine, alice, changes, permission)
        engine.apply(add(system.grants(permission, alice)))
        as(engine, alice, changes)
        engine.apply(remove(system.grants(permission, alice)))
      }
    }
    const ofToken: Fact = { kind: 'suspension', of: 'token:t' }
    for (const changes of [add(ofToken), remove(ofToken)]) {
      forbidden(engine, bob, changes)
      as(engine, alice, changes)
    }
  })

  test('only users, apps and tokens are suspended, and only known ones', () => {
    for (const party of ['system', 'group:user', 'user:ed/app:editor']) {
      errorOf(() => edsWorld(editor.exists).apply(add({ kind: 'suspension', of: party })), 'FACT_INVALID')
    }
    errorOf(() => edsWorld().apply(add({ kind: 'suspension', of: 'user:nobody' })), 'REFERENCE_UNKNOWN')
  })
})

describe('6. a change is one atomic commit', () => {
  test('facts together or nothing, however late it fails', () => {
    const engine = edsWorld()
    const before = [[...engine.facts()], engine.revision]
    errorOf(
      () =>
        engine.apply([
          ...add(user('x').exists, ed.grants('a', bob)),
          ...remove(ed.owns('a')),
          ...add(ed.grants('a', 'user:nobody')),
        ]),
      'REFERENCE_UNKNOWN',
    )
    assert.deepEqual([[...engine.facts()], engine.revision], before)
    assert.equal(engine.check('user:ed', 'a'), true)
  })

  test('what comes later in a batch may name what comes before', () => {
    const engine = world([])
    engine.apply(
      add(
        user('x').exists,
        group('g', user('x')).exists,
        user('x').joins(group('g')),
        user('x').owns('a'),
        system.grants('a', group('g')),
      ),
    )
    assert.equal(engine.check('user:x', 'a'), true)
    errorOf(() => world([]).apply(add(group('g', user('x')).exists, user('x').exists)), 'REFERENCE_UNKNOWN')
  })

  test('the commit has revision, time, actor, reason, and each fact before and after', () => {
    const engine = edsWorld(ed.grants('a', alice))
    const changed = ed.grants('a', alice, { extra: { max: 1 } })
    const { commit, revision } = engine.stage([...add(changed), ...add(alice.grants('a:b', bob))], {
      as: 'system',
      actor: 'user:ed',
      reason: 'because',
      now: NOON + 7,
    })
    assert.deepEqual(commit, {
      revision,
      time: NOON + 7,
      actor: 'user:ed',
      reason: 'because',
      effects: [
        { before: ed.grants('a', alice), after: changed },
        { before: null, after: alice.grants('a:b', bob) },
      ],
    })
  })

  test('undo puts everything back', () => {
    const engine = edsWorld(editor.exists, coolGroup.exists, ed.grants('a', alice), alice.joins(coolGroup))
    const before = [JSON.stringify([...engine.facts()]), engine.revision]
    const staged = engine.stage(remove(alice.exists))
    assert.equal(engine.check('user:alice', 'a'), false)
    staged.undo()
    assert.deepEqual([JSON.stringify([...engine.facts()]), engine.revision], before)
    assert.equal(engine.check('user:alice', 'a'), true)
    engine.apply(remove(alice.exists))
    assert.equal(engine.revision, (before[1] as number) + 1)
  })

  test('redo makes of it again what it was', () => {
    const engine = edsWorld(editor.exists, coolGroup.exists, ed.grants('a', alice), alice.joins(coolGroup))
    const first = engine.stage(remove(alice.exists))
    const second = engine.stage(add(bob.joins(coolGroup), ed.grants('a', coolGroup)))
    const after = [JSON.stringify([...engine.facts()]), engine.revision]
    second.undo()
    first.undo()
    assert.equal(engine.check('user:bob', 'a'), false)
    assert.throws(() => second.redo(), /invariant/)
    first.redo()
    second.redo()
    assert.deepEqual([JSON.stringify([...engine.facts()]), engine.revision], after)
    assert.equal(engine.check('user:bob', 'a'), true)
    errorOf(() => engine.apply(add(alice.exists)), 'ID_RETIRED')
    second.undo()
    first.undo()
    assert.equal(engine.check('user:alice', 'a'), true)
  })

  test('a change of nothing is undone and done again without effect', () => {
    const engine = edsWorld()
    const { revision } = engine
    const staged = engine.stage(add(ed.exists))
    staged.undo()
    staged.redo()
    assert.equal(engine.revision, revision)
  })

  test('preconditions: ifRevision fails only if a fact the batch names changed since', () => {
    const engine = edsWorld(ed.grants('a', alice))
    const ifRevision = engine.revision
    engine.apply(add(ed.grants('a:x', bob)))
    engine.apply(add(ed.grants('a', alice, { extra: { n: 1 } })), { preconditions: { ifRevision } })
    errorOf(
      () => engine.apply(remove(ed.grants('a', alice)), { preconditions: { ifRevision } }),
      'PRECONDITION_FAILED',
    )
    assert.equal(engine.check('user:alice', 'a'), true)
    engine.apply(remove(ed.grants('a', alice)), { preconditions: { ifRevision: engine.revision } })
  })

  test('preconditions: ifAbsent and ifPresent', () => {
    const engine = edsWorld(ed.grants('a', alice))
    const [there, not] = [ed.grants('a', alice), ed.grants('a', bob)].map(
      (grant) => (remove(grant)[0] as { remove: FactKey }).remove,
    ) as [FactKey, FactKey]
    const apply = (preconditions: object) => () => engine.apply(add(ed.grants('a', fred)), { preconditions })
    errorOf(apply({ ifAbsent: [there] }), 'PRECONDITION_FAILED')
    errorOf(apply({ ifPresent: [not] }), 'PRECONDITION_FAILED')
    errorOf(apply({ ifPresent: [there, not] }), 'PRECONDITION_FAILED')
    assert.equal(engine.check('user:fred', 'a'), false)
    apply({ ifAbsent: [not], ifPresent: [there] })()
    assert.equal(engine.check('user:fred', 'a'), true)
  })

  test('a precondition is about what was before the batch', () => {
    const engine = edsWorld()
    const key = { kind: 'user', id: 'x' } as const
    engine.apply(add(user('x').exists), { preconditions: { ifAbsent: [key] } })
    errorOf(
      () => engine.apply(add(user('x').exists), { preconditions: { ifAbsent: [key] } }),
      'PRECONDITION_FAILED',
    )
  })

  test('removing needs the key only', () => {
    const engine = edsWorld(
      ed.grants('a', alice, { extra: { n: 1 }, expiresAt: at(NOON + 5), reason: 'why' }),
    )
    assert.deepEqual(
      engine.apply([{ remove: { kind: 'grant', issuer: 'user:ed', holder: 'user:alice', permission: 'a' } }])
        .results,
      [{ outcome: 'removed', revoked: 1 }],
    )
  })
})

describe('7. what an app gets without asking', () => {
  const folder = alice.owns('fs:data')
  const store = alice.owns('kv:alice:editor')
  const defaults = [
    ...['fs:data', 'kv:alice:editor', 'ai:chat', 'ai:txt2img', 'ai:img2txt', 'hosting:create'].map(
      (permission) => alice.grants(permission, agent, { reason: 'default' }),
    ),
    system.grants('ai', 'group:user'),
    system.grants('hosting:create', 'group:user'),
  ]
  const theirs = [alice.owns('fs:other'), alice.owns('kv:alice:rival'), bob.owns('kv:bob:editor')]
  const engine = edsWorld(editor.exists, app('rival').exists, folder, store, ...theirs, ...defaults)

  test('its own folder and store, AI and publishing', () => {
    for (const each of ['fs:data:write', 'kv:alice:editor:set', 'ai:chat', 'ai:txt2img', 'hosting:create']) {
      assert.equal(engine.check(agent.as, each), true, each)
    }
  })

  test("nothing else: not another app's, not the user's other files, not the user's e-mail", () => {
    for (const each of [
      'fs:other:see',
      'kv:alice:rival:get',
      'kv:bob:editor:get',
      'kv:alice',
      'user:alice:email',
      'user:alice',
      'ai',
      'hosting',
    ]) {
      assert.equal(engine.check(agent.as, each), false, each)
    }
    assert.equal(engine.check('user:bob/app:editor', 'ai:chat'), false)
  })

  test('each can be listed and revoked', () => {
    const grants = [...engine.grantsWhere({ holder: agent.as })]
    assert.equal(grants.length, 6)
    assert.ok(grants.every((grant) => grant.reason === 'default'))
    engine.apply(remove(alice.grants('ai:chat', agent)), { as: 'user:alice' })
    assert.equal(engine.check(agent.as, 'ai:chat'), false)
    assert.equal(engine.check(agent.as, 'ai:txt2img'), true)
  })

  test('a server app gets nothing by itself', () => {
    assert.equal(engine.check('app:editor', 'module:fs'), false)
    assert.equal(engine.check('app:editor', 'ai:chat'), false)
    engine.apply(add(system.grants('module:fs', editor)))
    assert.equal(engine.check('app:editor', 'module:fs'), true)
    assert.equal(engine.check('app:editor', 'module:db'), false)
  })
})

describe('8. limits', () => {
  function exceeds(run: () => unknown, limit: string): void {
    const error = errorOf(run, 'LIMIT_EXCEEDED')
    assert.ok(error instanceof LimitExceededError)
    assert.equal(error.limit, limit)
    assert.match(error.message, new RegExp(limit))
  }
  const folders = (count: number, prefix: string): Fact[] =>
    Array.from({ length: count }, (_, depth) =>
      alice.owns(`fs:${prefix}${depth}`, depth > 0 ? { parent: `fs:${prefix}${depth - 1}` } : {}),
    )

  test('a tree is at most 100 deep, on create and on move', () => {
    const engine = edsWorld(...folders(100, 'x'), ...folders(2, 'y'))
    const tooDeep = (run: () => unknown) =>
      assert.match(errorOf(run, 'TREE_INVALID').message, /treeDepthMax.*100/)
    tooDeep(() => engine.apply(add(alice.owns('fs:z', { parent: 'fs:x99' }))))
    tooDeep(() => engine.apply(add(alice.owns('fs:y0', { parent: 'fs:x98' }))))
    engine.apply(add(alice.owns('fs:y0', { parent: 'fs:x97' })))
    tooDeep(() => edsWorld(...folders(101, 'x')))
  })

  test('1,000 permissions and questions in one call', () => {
    const engine = edsWorld()
    const thousand = Array<string>(1000).fill('proj')
    assert.equal(engine.check('user:ed', [...thousand.slice(1), 'a']), true)
    exceeds(() => engine.check('user:ed', [...thousand, 'a']), 'permissionsMax')
    exceeds(() => engine.scan('user:ed', [...thousand, 'a']), 'permissionsMax')
    const questions = [...thousand, 'a'].map((permission) => ({ actor: 'user:ed', permission }))
    assert.equal(engine.checkEach(questions.slice(1)).at(-1), true)
    exceeds(() => engine.checkEach(questions), 'permissionsMax')
  })

  test('1,000 changes in one call', () => {
    const many = Array.from({ length: 1001 }, (_, n) => user(`u${n}`).exists)
    exceeds(() => edsWorld().apply(add(...many)), 'changesMax')
    exceeds(() => edsWorld().preview(add(...many)), 'changesMax')
    assert.equal(edsWorld().apply(add(...many.slice(1))).results.length, 1000)
  })

  test('`extra` is at most 16 KiB of JSON in UTF-8', () => {
    const text = (bytes: number) => ({ t: 'x'.repeat(bytes - '{"t":""}'.length) })
    edsWorld().apply(add(ed.grants('a', alice, { extra: text(16_384) })))
    exceeds(() => edsWorld().apply(add(ed.grants('a', alice, { extra: text(16_385) }))), 'extraBytesMax')
    exceeds(
      () => edsWorld().apply(add(ed.grants('a', alice, { extra: { t: 'é'.repeat(8192) } }))),
      'extraBytesMax',
    )
  })

  test('a reading is at most 10,000 nodes and says what was left out; the answer is not bound', () => {
    const many = Array.from({ length: 60 }, (_, n) => user(`u${n}`))
    const layers = [many.slice(0, 20), many.slice(20, 40), many.slice(40, 60)]
    const between = layers
      .slice(1)
      .flatMap((layer, n) =>
        layer.flatMap((holder) => layers[n]?.map((issuer) => issuer.grants('a', holder)) ?? []),
      )
    const engine = edsWorld(
      ...many.map((each) => each.exists),
      ...(layers[0] ?? []).map((each) => ed.grants('a', each)),
      ...between,
      ...(layers[2] ?? []).map((each) => each.grants('a', alice)),
    )
    const reading = engine.scan('user:alice', 'a:b')
    const counted = JSON.stringify(reading).match(/"\$"/g)?.length ?? 0
    const omitted =
      JSON.stringify(reading).match(/"\$":"truncated","reason":"[^"]+","omitted":[1-9]/g)?.length ?? 0
    assert.ok(counted <= 10_100, `${counted} nodes`)
    assert.ok(omitted > 0)
    assert.equal(reading.at(-1)?.$, 'time')
    assert.equal(engine.check('user:alice', 'a:b'), true)
    assert.equal(engine.claims('user:alice', 'a:b').truncated, true)
    const { graph } = engine.explain('user:alice', 'a:b')
    assert.equal(graph.nodes.length, 62, 'the graph has no tree blow-up')
  })

  test('check, explain and holders follow a pathway of any length', () => {
    const many = Array.from({ length: 3_000 }, (_, n) => user(`u${n}`))
    const first = many[0] as Said
    const last = many.at(-1) as Said
    const engine = edsWorld(
      ...many.map((each) => each.exists),
      ed.grants('a', first),
      ...many.slice(1).map((each, n) => (many[n] as Said).grants('a', each)),
    )
    assert.equal(engine.check(last.as, 'a:b'), true)
    assert.equal(engine.explain(last.as, 'a:b').graph.nodes.length, 3_001)
    assert.equal(engine.holders('a:b', { limit: 1000 }).items.length, 1000)
    assert.ok(engine.scan(last.as, 'a:b').length > 0)
    assert.ok(
      engine.claims(last.as, 'a:b').pathways.length + Number(engine.claims(last.as, 'a:b').truncated) > 0,
    )
    engine.apply(remove(ed.grants('a', first)))
    assert.equal(engine.check(last.as, 'a:b'), false)
    assert.equal(engine.explain(last.as, 'a:b').allowed, false)
  })

  test('groups nest as deep as anyone nests them', () => {
    const many = Array.from({ length: 5_000 }, (_, n) => group(`g${n}`))
    const engine = edsWorld(
      ...many.map((each) => each.exists),
      ...many.slice(1).map((each, n) => (many[n] as Said).joins(each)),
      alice.joins(many[0] as Said),
      ed.grants('a', many.at(-1) as Said),
    )
    assert.equal(engine.check('user:alice', 'a'), true)
    assert.equal(engine.check('user:bob', 'a'), false)
    assert.equal(engine.explain('user:alice', 'a').allowed, true)
    assert.deepEqual(
      engine.holders('a').items.map((each) => each.actor),
      ['user:alice', 'user:ed'],
    )
  })
})

describe('9. cases every implementation passes', () => {
  test('1. two issuers grant the same: revoking one keeps access, revoking both ends it', () => {
    const [one, two] = [ed.grants('a:b', alice), system.grants('a:b', alice)]
    for (const order of [
      [one, two],
      [two, one],
    ]) {
      const engine = edsWorld(one, two)
      engine.apply(remove(order[0] as Fact))
      assert.equal(engine.check('user:alice', 'a:b'), true)
      engine.apply(remove(order[1] as Fact))
      assert.equal(engine.check('user:alice', 'a:b'), false)
    }
  })

  test('2. a dead path never hides a live one, whatever the order of grants, issuers and questions', () => {
    const dead = [
      bob.grants('a:b', alice),
      fred.grants('a', alice),
      bob.grants('a:b:c', fred),
      alice.grants('a:b', bob),
    ]
    const live = ed.grants('a:b', alice)
    for (let place = 0; place <= dead.length; place++) {
      const engine = edsWorld(...dead.toSpliced(place, 0, live))
      for (const warm of ['a:b:c', 'a', 'a:b']) engine.check('user:bob', warm)
      assert.deepEqual(
        ['a', 'a:b', 'a:b:c'].map((each) => engine.check('user:alice', each)),
        [false, true, true],
      )
    }
  })

  test('3. two who grant each other hold nothing, and it terminates; with an owner’s grant to either, both do', () => {
    const loop = [alice.grants('a', bob), bob.grants('a', alice)]
    assert.deepEqual(
      [alice, bob].map((each) => edsWorld(...loop).check(each.as, 'a')),
      [false, false],
    )
    for (const lucky of [alice, bob]) {
      assert.deepEqual(
        [alice, bob].map((each) => edsWorld(...loop, ed.grants('a', lucky)).check(each.as, 'a')),
        [true, true],
      )
    }
  })

  test('4. the issuer of a grant to a group is a member of that group', () => {
    const facts = [
      coolGroup.exists,
      alice.joins(coolGroup),
      bob.joins(coolGroup),
      alice.grants('a', coolGroup),
    ]
    const engine = edsWorld(...facts)
    assert.deepEqual(
      [alice, bob].map((each) => engine.check(each.as, 'a')),
      [false, false],
    )
    engine.apply(add(ed.grants('a', alice)))
    assert.deepEqual(
      [alice, bob].map((each) => engine.check(each.as, 'a')),
      [true, true],
    )
  })

  test('5. a narrow grant of a wide holder stays narrow, however often asked', () => {
    const engine = world([...people, ed.owns('proj'), ed.grants('proj:7:read', alice)])
    for (let again = 0; again < 3; again++) {
      const asked = ['proj:7:read', 'proj:7:read:x', 'proj:7', 'proj', 'proj:7:write', 'proj:8:read']
      assert.deepEqual(
        asked.map((each) => engine.check('user:alice', each)),
        [true, true, false, false, false, false],
      )
      assert.equal(engine.check('user:ed', 'proj:7:write'), true)
    }
  })

  test('6. asking for two that the app holds neither of alone is denied, though its user holds both', () => {
    const engine = edsWorld(editor.exists, alice.owns('proj:x'), alice.owns('proj:secret'))
    assert.equal(engine.check('user:alice', ['proj:x', 'proj:secret']), true)
    assert.equal(engine.check(agent.as, ['proj:x', 'proj:secret']), false)
  })

  test('7. grants survive renaming; a new user with an old name has none of the old one’s grants', () => {
    const engine = edsWorld(user('u1', 'Sam').exists, ed.grants('a', 'user:u1'))
    engine.apply(add(user('u1', 'Samuel').exists, user('u2', 'Sam').exists))
    assert.deepEqual(
      ['user:u1', 'user:u2'].map((each) => engine.check(each, 'a')),
      [true, false],
    )
    engine.apply(remove(user('u1').exists))
    errorOf(() => engine.apply(add(user('u1', 'Sam').exists)), 'ID_RETIRED')
  })

  test('8. a scoped token gets nothing of its issuer’s but what it was granted', () => {
    const engine = edsWorld(token('t', ed).exists, ed.grants('a:b', 'token:t'))
    const asked = ['a', 'a:c', 'manage:a', 'manage:a:b', 'user:ed', 'a:b']
    assert.deepEqual(
      asked.filter((each) => engine.check('token:t', each)),
      ['a:b'],
    )
  })

  test('9. granting to one’s own app a path one cannot see looks the same whether it exists or not', () => {
    const engine = edsWorld(
      editor.exists,
      bob.owns('fs:home', { name: 'bob' }),
      bob.owns('fs:n', { parent: 'fs:home', name: 'found' }),
    )
    const answers = ['found', 'xyzzy'].map((name) => {
      try {
        const results = engine.apply(add(alice.grants(`fs:/bob/${name}:read`, agent)), {
          as: 'user:alice',
        }).results
        return JSON.stringify(results)
      } catch (error) {
        return `${String(error)} ${JSON.stringify(error)}`.replaceAll(name, '…')
      }
    })
    assert.equal(answers[0], answers[1])
    assert.doesNotMatch(answers[0] ?? '', /fs:n\b|fs:home/)
  })

  test('10. re-granting with another `extra` or expiry takes effect at once and journals both values', () => {
    const [before, after] = [
      ed.grants('a', alice, { extra: { max: 1 } }),
      ed.grants('a', alice, { extra: { max: 2 }, expiresAt: at(NOON + 9) }),
    ]
    const engine = edsWorld(before)
    const { commit } = engine.stage(add(after))
    assert.deepEqual(commit?.effects, [{ before, after }])
    assert.deepEqual(engine.claims('user:alice', 'a').pathways, [[{ max: 2 }]])
    assert.equal(engine.check('user:alice', 'a', { now: NOON + 9 }), false)
  })

  test('11. a restart gives the same answers and the same readings', () => {
    const facts = [
      coolGroup.exists,
      alice.joins(coolGroup),
      ed.grants('a:b', fred),
      fred.grants('a:b', coolGroup),
      system.grants('a', alice),
    ]
    const one = edsWorld(...facts)
    const two = edsWorld()
    for (const fact of [facts[0], ...facts.slice(1).toReversed()]) two.apply(add(fact as Fact))
    const three = world([...two.facts()].filter((fact) => fact.kind !== 'namespace'))
    for (const engine of [two, three]) {
      assert.deepEqual(
        withoutTimes(engine.scan('user:alice', 'a:b')),
        withoutTimes(one.scan('user:alice', 'a:b')),
      )
      assert.deepEqual(engine.explain('user:alice', 'a:b').graph, one.explain('user:alice', 'a:b').graph)
      assert.deepEqual(engine.claims('user:alice', 'a:b').pathways, one.claims('user:alice', 'a:b').pathways)
      assert.deepEqual(engine.holders('a:b').items, one.holders('a:b').items)
    }
  })

  test('12. revoking B’s right denies everyone who had it only through B, however warm any cache', () => {
    const right = ed.grants('a', bob)
    const engine = edsWorld(
      coolGroup.exists,
      editor.exists,
      fred.joins(coolGroup),
      right,
      bob.grants('a', alice),
      bob.grants('a', coolGroup),
      alice.grants('a', agent),
      system.grants('a:x', fred),
    )
    const who = ['user:bob', 'user:alice', 'user:fred', agent.as]
    for (let warm = 0; warm < 100; warm++)
      for (const each of who) assert.equal(engine.check(each, 'a:x'), true)
    engine.apply(remove(right))
    assert.deepEqual(
      who.filter((each) => engine.check(each, 'a:x')),
      ['user:fred'],
    )
    assert.deepEqual(
      who.filter((each) => engine.check(each, 'a')),
      [],
    )
  })

  test('13. with two members in a group and one removed, only that one loses', () => {
    const engine = edsWorld(
      coolGroup.exists,
      alice.joins(coolGroup),
      bob.joins(coolGroup),
      ed.grants('a', coolGroup),
    )
    engine.apply(remove(bob.joins(coolGroup)))
    assert.deepEqual(
      [alice, bob].map((each) => engine.check(each.as, 'a')),
      [true, false],
    )
  })

  test('14. a preview of a revoke says who loses, who keeps it by another path, and changes nothing', () => {
    const engine = edsWorld(
      ed.grants('a', bob),
      bob.grants('a:b', alice),
      bob.grants('a:b', fred),
      system.grants('a:b', fred),
    )
    const preview = engine.preview(remove(ed.grants('a', bob)))
    assert.deepEqual(
      preview.items.map((each) => `${each.change} ${each.actor} ${each.permission}`).toSorted(),
      ['kept user:fred a:b', 'lost user:alice a:b', 'lost user:bob a', 'lost user:bob a:b'],
    )
    assert.deepEqual({ ...preview.counts }, { lost: 3, gained: 0, kept: 1 })
    assert.equal(engine.check('user:bob', 'a'), true)
  })

  test('14. a preview of a suspension counts those who lose by it, the apps that act for the user too', () => {
    const own = app('own')
    const engine = edsWorld(
      own.exists,
      token('t', alice, { full: true }).exists,
      system.grants('ai:chat', own),
      ed.grants('a', alice),
      alice.grants('a', bob),
    )
    const lost = engine
      .preview(add(alice.isSuspended()))
      .items.map((each) => `${each.change} ${each.actor} ${each.permission}`)
    for (const each of ['user:alice a', 'token:t a', 'user:bob a', 'user:alice/app:own ai:chat']) {
      assert.ok(lost.includes(`lost ${each}`), each)
    }
  })
})
