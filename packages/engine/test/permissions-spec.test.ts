import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  CastellanError,
  type ConflictError,
  parseActor,
  parsePermission,
  type PermissionInvalidError,
  PermissionUnknownError,
  printPermission,
  type Engine,
  type Fact,
  type Reading,
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

const [alice, bob, ed, fred, admin] = ['alice', 'bob', 'ed', 'fred', 'admin'].map((id) => user(id)) as [
  Said,
  Said,
  Said,
  Said,
  Said,
]
const people = [alice, bob, ed, fred, admin].map((each) => each.exists)
const coolGroup = group('cool_group', fred)
const editor = app('editor', fred)

/** The worked facts of most tests: ed owns `a`, everyone is there. */
function edsWorld(...facts: readonly Fact[]): Engine {
  return world([...people, ed.owns('a'), ...facts])
}

describe('1. words', () => {
  const valid = ['a', 'Z9', '.', '_', '@', '+', '=', '~', '-', 'x'.repeat(256), '__proto__', 'a.b@c+d=e~f-g']
  const invalid = ['', ' ', 'a b', 'é', 'a/b', 'a:b', 'a\\b', 'x'.repeat(257), 'a\n', '%61', '\u{1f600}']
  for (const id of valid) {
    test(`accepts the id \`${id.slice(0, 20)}\``, () => {
      assert.deepEqual(parseActor(`user:${id}`), { kind: 'user', id })
      assert.equal(world([user(id).exists]).check(`user:${id}`, `user:x`), id === 'x')
    })
  }
  for (const id of invalid) {
    for (const actor of [`user:${id}`, `app:${id}`, `token:${id}`, `user:${id}/app:b`, `user:b/app:${id}`]) {
      test(`refuses the actor ${JSON.stringify(actor).slice(0, 40)}`, () => {
        errorOf(() => world([]).check(actor, 'fs'), 'ACTOR_INVALID')
      })
    }
  }
  for (const actor of [
    '',
    'user',
    'System',
    'group:user',
    'app:a/user:b',
    'user:a/token:b',
    'user:a/app:b/app:c',
    'grant:x',
    ' user:a',
  ]) {
    test(`nobody asks as \`${actor}\``, () => {
      errorOf(() => world([]).check(actor, 'fs'), 'ACTOR_INVALID')
    })
  }

  test('ids are never made again after deletion', () => {
    const [gone, its, tok] = [user('gone'), group('its'), token('tok', alice)]
    const engine = edsWorld(gone.exists, its.exists, app('old').exists, tok.exists, ed.owns('a:old'))
    for (const fact of [gone.exists, its.exists, app('old').exists, tok.exists, ed.owns('a:old')]) {
      engine.apply(remove(fact))
      assert.equal((errorOf(() => engine.apply(add(fact)), 'ID_RETIRED') as ConflictError).code, 'ID_RETIRED')
    }
  })

  test('an engine opened with retired ids does not make them again', () => {
    const engine = world(people, { retired: [{ kind: 'user', id: 'gone' }] })
    errorOf(() => engine.apply(add(user('gone').exists)), 'ID_RETIRED')
  })

  test('a namespace, a member, a grant and a suspension can come back', () => {
    const facts = [
      { kind: 'namespace', name: 'extra', description: 'x' },
      coolGroup.exists,
      alice.joins(coolGroup),
      ed.grants('a', alice),
      alice.isSuspended(),
    ] as const
    const engine = edsWorld(...facts)
    for (const fact of facts.filter(({ kind }) => kind !== 'group')) {
      engine.apply(remove(fact))
      engine.apply(add(fact))
      assert.deepEqual(engine.fact(fact), fact)
    }
  })

  test("a grant's key is issuer, holder and permission", () => {
    const engine = edsWorld(
      ed.grants('a:b', alice),
      system.grants('a:b', alice),
      ed.grants('a:b', bob),
      ed.grants('a', alice),
    )
    assert.equal([...engine.facts('grant')].length, 4)
    const { results } = engine.apply(add(ed.grants('a:b', alice, { extra: { n: 1 } })))
    assert.equal(results[0]?.outcome, 'updated')
    assert.equal([...engine.facts('grant')].length, 4)
  })

  test('the revision grows by one with each commit and stays with none', () => {
    const engine = edsWorld()
    const before = engine.revision
    assert.equal(engine.apply(add(ed.grants('a:b', alice))).revision, before + 1)
    assert.equal(engine.apply(add(ed.grants('a:b', alice))).revision, before + 1)
    assert.equal(engine.apply(remove(ed.grants('a:b', bob))).revision, before + 1)
    assert.equal(engine.apply(remove(ed.grants('a:b', alice))).revision, before + 2)
  })

  test('a name may change and decides nothing', () => {
    const engine = edsWorld(ed.grants('a:b', alice))
    engine.apply(add(user('alice', 'Alice the First').exists))
    assert.equal(engine.check('user:alice', 'a:b'), true)
  })
})

describe('2. permission strings', () => {
  const long = 'x'.repeat(256)
  const accepted = [
    { name: '32 components', text: `a:${Array(31).fill('x').join(':')}` },
    { name: 'a component of 256 characters', text: `a:${long}` },
    { name: '256 characters once decoded', text: `a:${'\\C'.repeat(256)}` },
    { name: '256 characters outside the basic plane', text: `a:${'\u{1f600}'.repeat(200)}` },
    { name: '1,024 bytes', text: `a:${long}:${long}:${long}:${'x'.repeat(251)}` },
    { name: 'spaces', text: 'a: ' },
    { name: 'slashes, dots and quotes', text: 'a:/../"\'`' },
    { name: 'escapes', text: 'a:\\C\\\\' },
  ]
  for (const { name, text } of accepted) {
    test(`accepts ${name}`, () => {
      assert.equal(printPermission(parsePermission(text)), text)
      assert.equal(edsWorld().check('user:ed', text), true)
    })
  }

  const refused = [
    { name: 'an empty string', text: '', position: 0 },
    { name: 'an empty first component', text: ':a', position: 0 },
    { name: 'an empty component inside', text: 'a::b', position: 2 },
    { name: 'an empty last component', text: 'a:b:', position: 4 },
    { name: 'another escape', text: 'a:x\\n', position: 3 },
    { name: 'a lower-case c', text: 'a:\\c', position: 2 },
    { name: 'a trailing backslash', text: 'a:b\\', position: 3 },
    { name: 'a backslash before a colon', text: 'a\\:b', position: 1 },
    { name: 'a control character', text: 'a:b\u0000', position: 3 },
    { name: 'a line break', text: 'a:\n', position: 2 },
    { name: 'DEL', text: 'a:\u007f', position: 2 },
    { name: 'a C1 control character', text: 'a:\u0085', position: 2 },
    { name: 'a lone high surrogate', text: 'a:x\ud800', position: 3 },
    { name: 'a lone low surrogate', text: 'a:\udc00x', position: 2 },
    { name: 'surrogates the wrong way round', text: 'a:\udc00\ud800', position: 2 },
  ]
  for (const { name, text, position } of refused) {
    test(`refuses ${name} and says where`, () => {
      const error = errorOf(() => edsWorld().check('user:ed', text), 'PERMISSION_INVALID')
      assert.equal((error as PermissionInvalidError).position, position)
      assert.match(error.message, new RegExp(`position ${position}\\b`))
      errorOf(() => parsePermission(text), 'PERMISSION_INVALID')
    })
  }

  const tooMuch = [
    { name: '33 components', text: `a:${Array(32).fill('x').join(':')}` },
    { name: 'a component of 257 characters', text: `a:${long}x` },
    { name: '1,025 bytes', text: `a:${long}:${long}:${long}:${'x'.repeat(252)}` },
    { name: '1,026 bytes in fewer characters', text: `a:${'é'.repeat(255)}:${'é'.repeat(256)}` },
  ]
  for (const { name, text } of tooMuch) {
    test(`refuses ${name}`, () => {
      errorOf(() => edsWorld().check('user:ed', text), 'PERMISSION_INVALID')
    })
  }

  const arbComponents = fc.array(
    fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
      .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text)),
    { minLength: 1, maxLength: 6 },
  )

  test('printing and parsing are the identity', () => {
    fc.assert(
      fc.property(arbComponents, (components) => {
        assert.deepEqual(parsePermission(printPermission(components)), components)
      }),
    )
  })

  test('two different lists of components never make the same string', () => {
    const parts = fc.array(
      fc.string({ unit: fc.constantFrom(':', '\\', 'C', 'a'), minLength: 1, maxLength: 3 }),
      { minLength: 1, maxLength: 3 },
    )
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        assert.equal(
          printPermission(left) === printPermission(right),
          JSON.stringify(left) === JSON.stringify(right),
        )
      }),
    )
  })

  test('case and composition matter', () => {
    const engine = edsWorld(ed.grants('a:B', alice), ed.grants('a:caf\u00e9', alice))
    assert.deepEqual(
      ['a:B', 'a:b', 'a:caf\u00e9', 'a:cafe\u0301'].map((each) => engine.check('user:alice', each)),
      [true, false, true, false],
    )
  })

  test('holding a string is holding what is beneath it, and nothing above it or beside it', () => {
    const engine = edsWorld(ed.grants('a:b', alice))
    const asked = ['a:b', 'a:b:c', 'a:b:c:d', 'a', 'a:bc', 'a:c', 'a:b\\C', 'proj:b']
    assert.deepEqual(
      asked.filter((each) => engine.check('user:alice', each)),
      ['a:b', 'a:b:c', 'a:b:c:d'],
    )
  })

  test('an undeclared namespace is an error on every call, with the nearest known one', () => {
    const engine = edsWorld()
    const grant = ed.grants('prj:7', alice)
    const calls: (() => unknown)[] = [
      () => engine.check('user:ed', 'prj:7'),
      () => engine.check('system', 'prj:7'),
      () => engine.check('user:nobody', ['a', 'prj:7']),
      () => engine.checkEach([{ actor: 'user:ed', permission: 'prj:7' }]),
      () => engine.scan('user:ed', 'prj:7'),
      () => engine.explain('user:ed', 'prj:7'),
      () => engine.claims('user:ed', 'prj:7'),
      () => engine.holders('prj:7'),
      () => engine.permissionsOf('user:ed', 'prj:7'),
      () => engine.preview(add(grant)),
      () => engine.apply(add(grant)),
      () => engine.apply(remove(grant)),
      () => engine.apply(add(ed.owns('prj:7'))),
      () => engine.check('user:ed', 'manage:prj:7'),
    ]
    for (const call of calls) {
      const error = errorOf(call, 'PERMISSION_UNKNOWN')
      assert.ok(error instanceof PermissionUnknownError)
      assert.match(error.hint, /`proj`/, String(call))
    }
    assert.doesNotMatch(
      errorOf(() => engine.check('user:ed', 'nothing-like-it'), 'PERMISSION_UNKNOWN').hint,
      /did you mean/,
    )
  })

  test('an undeclared namespace fails whole: nothing else of the call is answered or done', () => {
    const engine = edsWorld()
    errorOf(() => engine.check('user:ed', ['a', 'nope:x']), 'PERMISSION_UNKNOWN')
    errorOf(() => engine.apply(add(ed.grants('a', bob), ed.grants('nope', bob))), 'PERMISSION_UNKNOWN')
    assert.equal(engine.check('user:bob', 'a'), false)
  })

  test('a namespace can be declared later, and then accepts anything beneath it', () => {
    const engine = edsWorld()
    engine.apply(add({ kind: 'namespace', name: 'later', description: 'x' }))
    engine.apply(add(ed.owns('later')))
    assert.equal(engine.check('user:ed', 'later:x:y:\\C:\u{1f600}'), true)
  })

  test('modes are a ladder for the last component', () => {
    const engine = edsWorld(ed.owns('doc:1'), ed.grants('doc:1:read', alice))
    const asked = [
      'doc:1:see',
      'doc:1:read',
      'doc:1:write',
      'doc:1',
      'doc:1:other',
      'doc:1:read:part',
      'doc:1:see:part',
    ]
    assert.deepEqual(
      asked.filter((each) => engine.check('user:alice', each)),
      ['doc:1:see', 'doc:1:read', 'doc:1:read:part', 'doc:1:see:part'],
    )
  })

  test('a ladder is of its own namespace, and a namespace is no mode', () => {
    const engine = world([
      ...people,
      ed.owns('proj:1'),
      ed.grants('proj:1:read', alice),
      { kind: 'namespace', name: 'see', description: 'x', modes: ['see', 'read'] },
    ])
    assert.equal(engine.check('user:alice', 'proj:1:see'), false)
    assert.deepEqual(withoutTimes(engine.scan('user:alice', 'see')), [{ $: 'time', value: 0 }])
  })

  test('a ladder that changes changes the answers at once', () => {
    const engine = edsWorld(ed.owns('doc:1'), ed.grants('doc:1:write', alice))
    assert.equal(engine.check('user:alice', 'doc:1:see'), true)
    engine.apply(add({ kind: 'namespace', name: 'doc', description: 'documents', modes: ['write', 'see'] }))
    assert.equal(engine.check('user:alice', 'doc:1:see'), false)
  })

  const shapes = [
    {
      good: ['fs', 'fs:x', 'fs:x:see', 'fs:x:list', 'fs:x:read', 'fs:x:write'],
      bad: ['fs:x:open', 'fs:x:read:y', 'fs:x:READ'],
    },
    { good: ['kv', 'kv:u:a', 'kv:u:a:get', 'kv:u:a:list'], bad: ['kv:u:a:write', 'kv:u:a:get:x'] },
    { good: ['ai', 'ai:chat'], bad: ['ai:chat:x'] },
    { good: ['module:fs', 'castellan:facts'], bad: ['module:fs:x', 'castellan:facts:x'] },
    { good: ['hosting:create', 'site:s1', 'site:s1:x', 'user:a:email', 'app:a:x', 'group:g:x'], bad: [] },
    {
      good: ['manage', 'manage:fs:x', 'manage:manage:fs:x:read'],
      bad: ['manage:fs:x:open', 'manage:manage:ai:x:y'],
    },
  ]
  for (const { good, bad } of shapes) {
    test(`built-in shapes: ${good.join(' ')}${bad.length > 0 ? `, not ${bad.join(' ')}` : ''}`, () => {
      for (const text of good) assert.equal(edsWorld().check('system', text), true, text)
      for (const text of bad) errorOf(() => edsWorld().check('system', text), 'PERMISSION_INVALID')
    })
  }

  test('`manage:` of something does not give it, and the thing does not give `manage:` of it', () => {
    const engine = edsWorld(ed.grants('manage:a:b', alice), ed.grants('a:b', bob))
    assert.deepEqual(
      ['a:b', 'manage:a:b', 'manage:a:b:c', 'manage:a'].map((each) => engine.check('user:alice', each)),
      [false, true, true, false],
    )
    assert.equal(engine.check('user:bob', 'manage:a:b'), false)
  })

  test('beneath `manage:` the rest is rewritten and exploded as if alone', () => {
    const [home, notes] = [
      alice.owns('fs:h', { name: 'alice' }),
      alice.owns('fs:n', { parent: 'fs:h', name: 'notes.txt' }),
    ]
    const engine = edsWorld(home, notes, alice.grants('manage:fs:h:read', bob))
    assert.deepEqual(withoutTimes(engine.scan('user:bob', 'manage:fs:/alice/notes.txt:see')).slice(0, 2), [
      { $: 'rewrite', from: 'manage:fs:/alice/notes.txt:see', to: 'manage:fs:n:see' },
      {
        $: 'explode',
        from: 'manage:fs:n:see',
        to: [
          'fs:n:see',
          'fs:n:list',
          'fs:n:read',
          'fs:n:write',
          'fs:h:see',
          'fs:n',
          'fs',
          'fs:h:list',
          'fs:h:read',
          'fs:h:write',
          'fs:h',
        ]
          .map((each) => `manage:${each}`)
          .concat('manage'),
      },
    ])
    assert.equal(engine.check('user:bob', 'manage:fs:/alice/notes.txt:see'), true)
    assert.equal(engine.check('user:bob', 'manage:fs:/alice/notes.txt:write'), false)
  })

  test('who owns a resource holds `manage:` of it and may grant that too', () => {
    const engine = edsWorld(ed.grants('manage:a', alice))
    assert.equal(engine.check('user:ed', 'manage:a:x'), true)
    assert.equal(engine.check('user:ed', 'manage:manage:a'), false)
    assert.equal(engine.check('user:alice', 'manage:a:x'), true)
  })

  test('`manage` covers all of it', () => {
    const engine = edsWorld(system.grants('manage', alice))
    assert.equal(engine.check('user:alice', ['manage:fs:x:read']), true)
    assert.equal(engine.check('user:alice', 'manage:manage:a'), true)
    assert.equal(engine.check('user:alice', 'a'), false)
  })
})

describe('3. rewriters and explosion', () => {
  const home = alice.owns('fs:home', { name: 'alice' })
  const notes = alice.owns('fs:notes', { parent: 'fs:home', name: 'notes.txt' })

  test('a path is the file it names, on check, scan, grant and revoke alike', () => {
    const engine = edsWorld(home, notes)
    engine.apply(add(alice.grants('fs:/alice/notes.txt:read', bob)))
    assert.deepEqual([...engine.facts('grant')], [alice.grants('fs:notes:read', bob)])
    assert.equal(engine.check('user:bob', 'fs:/alice/notes.txt:read'), true)
    assert.equal(engine.check('user:bob', 'fs:notes:read'), true)
    assert.deepEqual(engine.scan('user:bob', 'fs:/alice/notes.txt:read')[0], {
      $: 'rewrite',
      from: 'fs:/alice/notes.txt:read',
      to: 'fs:notes:read',
    })
    assert.deepEqual(
      engine.holders('fs:/alice/notes.txt:read').items.map((each) => each.actor),
      ['user:alice', 'user:bob'],
    )
    const { results } = engine.apply(remove(alice.grants('fs:/alice/notes.txt:read', bob)))
    assert.deepEqual(results, [{ outcome: 'removed', revoked: 1 }])
    assert.equal(engine.check('user:bob', 'fs:notes:read'), false)
  })

  test('what is granted by a path follows the file, not the path', () => {
    const engine = edsWorld(home, notes, alice.grants('fs:notes:read', bob))
    engine.apply(add(alice.owns('fs:notes', { parent: 'fs:home', name: 'renamed.txt' })))
    assert.equal(engine.check('user:bob', 'fs:/alice/renamed.txt:read'), true)
    assert.equal(engine.check('user:bob', 'fs:/alice/notes.txt:read'), false)
    engine.apply(add(alice.owns('fs:other', { parent: 'fs:home', name: 'notes.txt' })))
    assert.equal(engine.check('user:bob', 'fs:/alice/notes.txt:read'), false)
  })

  for (const name of [
    'fs',
    'manage',
    'a:b',
    'a\\b',
    'fs:read',
    'read',
    '..',
    'é',
    '\u{1f600}',
    '__proto__',
    'C',
    ' ',
  ]) {
    test(`a folder named ${JSON.stringify(name)} names itself and nothing else`, () => {
      if (name === '..') {
        errorOf(() => edsWorld(home, alice.owns('fs:odd', { parent: 'fs:home', name })), 'FACT_INVALID')
        return
      }
      const engine = edsWorld(
        home,
        alice.owns('fs:odd', { parent: 'fs:home', name }),
        alice.owns('fs:in', { parent: 'fs:odd', name }),
        alice.grants('fs:in:read', bob),
      )
      const path = printPermission(['fs', `/alice/${name}/${name}`, 'read'])
      assert.equal(engine.check('user:bob', path), true)
      assert.equal(engine.check('user:bob', printPermission(['fs', `/alice/${name}`, 'read'])), false)
      assert.equal(engine.check('user:alice', `manage:${path}`), true)
    })
  }

  test('a missing path and one that may not be seen look the same to who asks', () => {
    const engine = edsWorld(home, notes)
    const answers = ['fs:/alice/notes.txt:read', 'fs:/alice/missing.x:read'].map((path) =>
      JSON.stringify([
        engine.check('user:bob', path, { viewer: 'user:bob' }),
        withoutTimes(engine.scan('user:bob', path, { viewer: 'user:bob' })),
        engine.explain('user:bob', path, { viewer: 'user:bob' }),
        engine.claims('user:bob', path, { viewer: 'user:bob' }),
      ]).replaceAll(/notes\.txt|missing\.x/g, '…'),
    )
    assert.equal(answers[0], answers[1])
    assert.doesNotMatch(answers[0] ?? '', /fs:notes|user:alice/)
  })

  test('an app and a site answer to their names, and an id is never taken for a name', () => {
    const [one, two] = [app('one', ed, 'two'), app('two', ed, 'writer')]
    const site: Fact = { kind: 'resource', permission: 'site:77', owner: 'user:ed', name: 'blog' }
    const engine = edsWorld(
      one.exists,
      two.exists,
      site,
      system.grants('app:two:use', alice),
      ed.grants('site:77', alice),
    )
    assert.equal(engine.check('user:alice', 'app:writer:use'), true)
    assert.equal(engine.check('user:alice', 'app:two:use'), true)
    assert.equal(engine.check('user:alice', 'app:one:use'), false)
    assert.equal(engine.check('user:alice', 'site:blog:x'), true)
  })

  test('explosion: each string once, its modes, the folder it is in, then its parents, nearest first', () => {
    const engine = edsWorld(home, notes)
    assert.deepEqual(explodedTo(engine, 'fs:notes:read'), [
      'fs:notes:read',
      'fs:notes:write',
      'fs:home:read',
      'fs:notes',
      'fs',
      'fs:home:write',
      'fs:home',
    ])
    assert.deepEqual(explodedTo(engine, 'fs:home:see'), [
      'fs:home:see',
      'fs:home:list',
      'fs:home:read',
      'fs:home:write',
      'fs:home',
      'fs',
    ])
    assert.deepEqual(explodedTo(engine, 'a:b:c'), ['a:b:c', 'a:b', 'a'])
    assert.deepEqual(explodedTo(engine, 'fs'), undefined)
  })

  test('explosion: of several resources that a string lies in, the nearest steps up first', () => {
    const [left, right] = [ed.owns('proj:1', { parent: 'proj:A' }), ed.owns('proj:1:2', { parent: 'proj:B' })]
    const engine = edsWorld(ed.owns('proj:A'), ed.owns('proj:B'), left, right)
    assert.deepEqual(explodedTo(engine, 'proj:1:2:x'), [
      'proj:1:2:x',
      'proj:B:x',
      'proj:A:2:x',
      'proj:1:2',
      'proj:1',
      'proj',
      'proj:B',
      'proj:A:2',
      'proj:A',
    ])
  })

  test('what is held on a folder is held on its content, however deep, and not on what it is in', () => {
    const chain = Array.from({ length: 100 }, (_, depth) =>
      alice.owns(`fs:${depth}`, depth > 0 ? { parent: `fs:${depth - 1}` } : {}),
    )
    const engine = edsWorld(...chain, alice.grants('fs:50:read', bob))
    assert.deepEqual(
      ['fs:49:see', 'fs:50:see', 'fs:51:read', 'fs:99:see', 'fs:99:write'].map((each) =>
        engine.check('user:bob', each),
      ),
      [false, true, true, true, false],
    )
  })

  test('a resource that moves takes the rights of where it is', () => {
    const engine = edsWorld(
      alice.owns('fs:x'),
      alice.owns('fs:y'),
      alice.owns('fs:f', { parent: 'fs:x' }),
      alice.grants('fs:x:read', bob),
      alice.grants('fs:y:read', fred),
    )
    const who = (): boolean[] => [bob, fred].map((each) => engine.check(each.as, 'fs:f:read'))
    assert.deepEqual(who(), [true, false])
    engine.apply(add(alice.owns('fs:f', { parent: 'fs:y' })))
    assert.deepEqual(who(), [false, true])
    engine.apply(add(alice.owns('fs:f')))
    assert.deepEqual(who(), [false, false])
  })

  test('who owns a folder holds what others own in it', () => {
    const engine = edsWorld(alice.owns('fs:x'), bob.owns('fs:f', { parent: 'fs:x' }))
    assert.equal(engine.check('user:alice', 'fs:f:write'), true)
    assert.equal(engine.check('user:bob', 'fs:x:see'), false)
  })

  test('a tree holds in declared namespaces too, beneath each of its resources', () => {
    const engine = edsWorld(
      ed.owns('proj:1'),
      bob.owns('proj:2:part', { parent: 'proj:1' }),
      ed.grants('proj:1:x', alice),
    )
    assert.equal(engine.check('user:alice', 'proj:2:part:x:y'), true)
    assert.equal(engine.check('user:alice', 'proj:2:x'), false)
  })
})

/** The strings that can answer; undefined when only the asked one can. */
function explodedTo(engine: Engine, permission: string): readonly string[] | undefined {
  return engine.scan('user:bob', permission).flatMap((node) => (node.$ === 'explode' ? [node.to] : []))[0]
}

describe('4. who holds what', () => {
  test('`system` holds everything', () => {
    const engine = edsWorld()
    for (const each of ['fs', 'fs:nothing:read', 'manage', 'manage:manage:a', 'a:b:c', 'castellan:facts'])
      assert.equal(engine.check('system', each), true)
  })

  test('a user holds by right what they own, `manage:` of it, and themselves', () => {
    const engine = edsWorld(group('mine', ed).exists)
    const held = ['a', 'a:x', 'manage:a', 'user:ed', 'user:ed:email', 'manage:group:mine']
    const not = [
      'manage:manage:a',
      'user:alice',
      'user:edd',
      'manage:user:ed',
      'group:mine',
      'manage:group:cool',
    ]
    for (const each of held) assert.equal(engine.check('user:ed', each), true, each)
    for (const each of not) assert.equal(engine.check('user:ed', each), false, each)
  })

  test('what nobody holds by right cannot be handed on', () => {
    const engine = edsWorld(alice.grants('a:b', bob), bob.grants('a:b', fred))
    assert.equal(engine.check('user:fred', 'a:b'), false)
    engine.apply(add(ed.grants('a', alice)))
    assert.equal(engine.check('user:fred', 'a:b'), true)
  })

  test('an app acting for a user inherits nothing from the user', () => {
    const engine = edsWorld(editor.exists)
    assert.equal(engine.check('user:ed/app:editor', 'a'), false)
    assert.equal(engine.check('user:ed/app:editor', 'user:ed'), false)
    engine.apply(add(ed.grants('a:b', acting(ed, editor))))
    assert.equal(engine.check('user:ed/app:editor', 'a:b:c'), true)
    assert.equal(engine.check('user:ed/app:editor', 'a'), false)
    assert.equal(engine.check('user:alice/app:editor', 'a:b'), false)
    assert.equal(engine.check('app:editor', 'a:b'), false)
  })

  test('an app acting for a user inherits nothing from the groups of the user', () => {
    const engine = edsWorld(
      coolGroup.exists,
      alice.joins(coolGroup),
      editor.exists,
      ed.grants('a', coolGroup),
      ed.grants('a', 'group:user'),
    )
    assert.equal(engine.check('user:alice', 'a'), true)
    assert.equal(engine.check('user:alice/app:editor', 'a'), false)
  })

  test('an app acting for a user has what the user gave only while the user holds it', () => {
    const given = ed.grants('a:b', alice)
    const engine = edsWorld(editor.exists, given, alice.grants('a:b', acting(alice, editor)))
    assert.equal(engine.check('user:alice/app:editor', 'a:b'), true)
    engine.apply(remove(given))
    assert.equal(engine.check('user:alice/app:editor', 'a:b'), false)
  })

  test("what an app's owner holds and grants to the app, every user of the app has through it", () => {
    const engine = edsWorld(app('tool', ed).exists, ed.grants('a:b', 'app:tool'))
    for (const each of people) {
      assert.equal(each.kind === 'user' && engine.check(`user:${each.id}/app:tool`, 'a:b'), true)
    }
    assert.equal(engine.check('user:alice', 'a:b'), false)
    assert.equal(engine.check('user:nobody/app:tool', 'a:b'), false)
    assert.equal(engine.check('app:tool', 'a:b'), true)
  })

  test('only the grants of the owner of now count for the users of an app', () => {
    const engine = edsWorld(app('tool', ed).exists, ed.grants('a:b', 'app:tool'))
    engine.apply(add(app('tool', fred).exists))
    assert.equal(engine.check('user:alice/app:tool', 'a:b'), false)
    assert.equal(engine.check('app:tool', 'a:b'), true)
    engine.apply(add(app('tool', ed).exists))
    assert.equal(engine.check('user:alice/app:tool', 'a:b'), true)
  })

  test("an owner's grant to the app is dead while the owner does not hold it", () => {
    const engine = edsWorld(app('tool', fred).exists, fred.grants('a:b', 'app:tool'))
    assert.equal(engine.check('user:ed/app:tool', 'a:b'), false)
    assert.equal(engine.check('app:tool', 'a:b'), false)
  })

  test('an app as itself has what anyone who holds it granted to the app', () => {
    const engine = edsWorld(app('tool', fred).exists, system.grants('module:fs', 'app:tool'))
    assert.equal(engine.check('app:tool', 'module:fs'), true)
    assert.equal(engine.check('user:fred/app:tool', 'module:fs'), false)
  })

  test('only the user may issue a grant to `user:<id>/app:<id>`, and the error says so', () => {
    const engine = edsWorld(editor.exists)
    for (const issuer of [system, ed, acting(alice, editor)]) {
      if (issuer.as === 'user:alice/app:editor') continue
      const error = errorOf(
        () => engine.apply(add(issuer.grants('a', 'user:alice/app:editor'))),
        'ISSUER_WRONG',
      )
      assert.match(error.message, /user:alice\b/)
    }
  })

  test('only its owner, or a holder of `castellan:apps`, may issue a grant to `app:<id>`, and the error says so', () => {
    const engine = edsWorld(app('tool', fred).exists)
    const give = (issuer: Said) => () => engine.apply(add(issuer.grants('a', 'app:tool')), { as: issuer.as })
    assert.match(errorOf(give(ed), 'ISSUER_WRONG').message, /user:fred\b/)
    give(fred)()
    engine.apply(add(system.grants('castellan:apps', ed)))
    give(ed)()
    assert.equal(engine.check('app:tool', 'a'), true)
  })

  test('a scoped token has what was granted to it, while its issuer holds it', () => {
    const given = ed.grants('a:b', alice)
    const engine = edsWorld(given, token('t', alice).exists, alice.grants('a:b', 'token:t'))
    assert.deepEqual(
      ['a:b', 'a:b:c', 'a', 'user:alice'].map((each) => engine.check('token:t', each)),
      [true, true, false, false],
    )
    engine.apply(remove(given))
    assert.equal(engine.check('token:t', 'a:b'), false)
  })

  test('a full-access token has whatever its issuer has now', () => {
    const engine = edsWorld(token('t', ed, { full: true }).exists)
    assert.deepEqual(
      ['a', 'manage:a', 'user:ed', 'proj'].map((each) => engine.check('token:t', each)),
      [true, true, true, false],
    )
    engine.apply(add(system.grants('proj', ed)))
    assert.equal(engine.check('token:t', 'proj'), true)
  })

  test('a token of an app that acts for someone has no more than the app', () => {
    const agent = acting(ed, editor)
    const engine = edsWorld(
      editor.exists,
      ed.grants('a:b', agent),
      token('t', agent).exists,
      agent.grants('a', 'token:t'),
    )
    assert.equal(engine.check('token:t', 'a:b'), false, 'the app does not hold `a`')
    engine.apply(add(agent.grants('a:b', 'token:t')))
    assert.equal(engine.check('token:t', 'a:b'), true)
  })

  test('tokens make no tokens, apps make no full-access token', () => {
    const engine = edsWorld(editor.exists, token('t', ed, { full: true }).exists)
    errorOf(
      () => engine.apply([{ add: { kind: 'token', id: 'u', issuer: 'token:t', full: false } }]),
      'FACT_INVALID',
    )
    errorOf(
      () => engine.apply([{ add: { kind: 'token', id: 'u', issuer: 'app:editor', full: false } }]),
      'FACT_INVALID',
    )
    errorOf(
      () => engine.apply([{ add: { kind: 'token', id: 'u', issuer: 'user:ed/app:editor', full: true } }]),
      'FACT_INVALID',
    )
  })

  test('only its own issuer grants to a token', () => {
    const engine = edsWorld(token('t', alice).exists)
    assert.match(
      errorOf(() => engine.apply(add(ed.grants('a', 'token:t'))), 'ISSUER_WRONG').message,
      /user:alice\b/,
    )
  })

  test('a group hands on what was granted to it, to members alone, and holds nothing', () => {
    const engine = edsWorld(coolGroup.exists, alice.joins(coolGroup), ed.grants('a:b', coolGroup))
    assert.equal(engine.check('user:alice', 'a:b'), true)
    assert.equal(engine.check('user:fred', 'a:b'), false, 'owning a group is not being a member')
    assert.equal(engine.check('user:fred', 'manage:group:cool_group'), true)
    assert.equal(engine.check('user:alice', 'manage:group:cool_group'), false)
    assert.ok(!engine.holders('a:b').items.some((each) => each.actor.startsWith('group:')))
  })

  test('members of a member group are members, and loops are harmless', () => {
    const [one, two, three] = [group('one'), group('two'), group('three')]
    const groups = [one, two, three].map((each) => each.exists)
    const engine = edsWorld(
      ...groups,
      two.joins(one),
      three.joins(two),
      one.joins(three),
      alice.joins(three),
      ed.grants('a', one),
    )
    assert.equal(engine.check('user:alice', 'a'), true)
    assert.equal(engine.check('user:bob', 'a'), false)
    engine.apply(remove(three.joins(two)))
    assert.equal(engine.check('user:alice', 'a'), false)
  })

  test('every user is in the built-in group `user`, at once and without being added', () => {
    const outer = group('outer')
    const engine = edsWorld(
      outer.exists,
      ed.grants('a:b', 'group:user'),
      { kind: 'member', group: 'outer', member: 'group:user' },
      ed.grants('a:c', outer),
    )
    engine.apply(add(user('new').exists))
    assert.equal(engine.check('user:new', 'a:b'), true)
    assert.equal(engine.check('user:new', 'a:c'), true)
    assert.equal(engine.check('user:nobody', 'a:b'), false)
  })

  test('`admin`, `developer` and `guest` are there and empty, and none of the four can go', () => {
    const engine = edsWorld(
      ed.grants('a', 'group:admin'),
      ed.grants('a', 'group:developer'),
      ed.grants('a', 'group:guest'),
    )
    assert.equal(engine.check('user:admin', 'a'), false)
    engine.apply(add({ kind: 'member', group: 'developer', member: 'user:alice' }))
    assert.equal(engine.check('user:alice', 'a'), true)
    for (const id of ['user', 'admin', 'developer', 'guest'])
      errorOf(() => engine.apply([{ remove: { kind: 'group', id } }]), 'BUILT_IN')
  })

  test('a grant is over at the instant of expiry', () => {
    const engine = edsWorld(ed.grants('a', alice, { expiresAt: at(NOON + 10) }))
    assert.deepEqual(
      [9, 10, 11].map((later) => engine.check('user:alice', 'a', { now: NOON + later })),
      [true, false, false],
    )
  })

  test('a token is over at the instant of expiry', () => {
    const engine = edsWorld(token('t', ed, { full: true, expiresAt: at(NOON + 10) }).exists)
    assert.deepEqual(
      [9, 10].map((later) => engine.check('token:t', 'a', { now: NOON + later })),
      [true, false],
    )
  })

  test('a grant in the middle that expires ends what rests on it', () => {
    const engine = edsWorld(ed.grants('a', alice, { expiresAt: at(NOON + 10) }), alice.grants('a', bob))
    assert.deepEqual(
      [9, 10].map((later) => engine.check('user:bob', 'a', { now: NOON + later })),
      [true, false],
    )
  })

  test('whoever is suspended holds nothing, nor do their apps, their tokens, and those they granted to, until resumed', () => {
    const engine = edsWorld(
      editor.exists,
      token('t', ed, { full: true }).exists,
      ed.grants('a', acting(ed, editor)),
      ed.grants('a', alice),
      alice.grants('a', bob),
    )
    const dependants = ['user:ed', 'user:ed/app:editor', 'token:t', 'user:alice', 'user:bob']
    const who = (): string[] => dependants.filter((each) => engine.check(each, 'a'))
    assert.deepEqual(who(), dependants)
    engine.apply(add(ed.isSuspended()))
    assert.deepEqual(who(), [])
    assert.equal(engine.check('user:ed', 'user:ed'), false, 'not by right either')
    engine.apply(remove(ed.isSuspended()))
    assert.deepEqual(who(), dependants)
  })

  test('an app that is suspended holds nothing, as itself or for anyone, nor do its tokens and those it granted to', () => {
    const agent = acting(ed, editor)
    const engine = edsWorld(
      editor.exists,
      ed.grants('a', agent),
      system.grants('a', editor),
      agent.grants('a', alice),
      token('t', agent).exists,
      agent.grants('a', 'token:t'),
    )
    const dependants = ['app:editor', 'user:ed/app:editor', 'token:t', 'user:alice']
    const who = (): string[] => dependants.filter((each) => engine.check(each, 'a'))
    assert.deepEqual(who(), dependants)
    engine.apply(add(editor.isSuspended()))
    assert.deepEqual(who(), [])
    assert.equal(engine.check('user:ed', 'a'), true)
  })

  test('a token that is suspended holds nothing', () => {
    const engine = edsWorld(token('t', ed, { full: true }).exists, token('u', ed, { full: true }).exists)
    engine.apply(add({ kind: 'suspension', of: 'token:t' }))
    assert.deepEqual(
      ['token:t', 'token:u'].map((each) => engine.check(each, 'a')),
      [false, true],
    )
  })

  test('granting what one does not hold is allowed, says so, and takes effect when one does', () => {
    const engine = edsWorld()
    const { results } = engine.apply(add(alice.grants('a:b', bob)))
    assert.deepEqual(results, [{ outcome: 'added', effective: false }])
    assert.equal(engine.check('user:bob', 'a:b'), false)
    engine.apply(add(ed.grants('a', alice)))
    assert.equal(engine.check('user:bob', 'a:b'), true)
    assert.deepEqual(engine.apply(add(alice.grants('a:c', bob))).results, [
      { outcome: 'added', effective: true },
    ])
  })

  test('the order of questions and what was asked before changes no answer', () => {
    const facts = [
      coolGroup.exists,
      alice.joins(coolGroup),
      ed.grants('a:b', fred),
      fred.grants('a:b', coolGroup),
    ]
    const questions = ['a', 'a:b', 'a:b:c', 'a:c'].flatMap((permission) =>
      [alice, bob, ed, fred].map((who) => ({ actor: who.as, permission })),
    )
    const fresh = questions.map((each) => edsWorld(...facts).check(each.actor, each.permission))
    const engine = edsWorld(...facts)
    for (const order of [questions, questions.toReversed(), questions]) {
      for (const each of order)
        assert.equal(engine.check(each.actor, each.permission), fresh[questions.indexOf(each)])
    }
  })
})

describe('5. the worked examples', () => {
  const file = 'fs:24729b88-a4c5-4990-ad4e-272b87895732'
  const time = { $: 'time', value: 0 }

  test('the reading of a file read by who it was granted to', () => {
    const ed3 = user('ed3')
    const engine = world([admin.exists, ed3.exists, admin.owns(file), admin.grants(`${file}:read`, ed3)])
    const explode = { $: 'explode', from: `${file}:read`, to: [`${file}:read`, `${file}:write`, file, 'fs'] }
    const option = (permission: string) => ({
      $: 'option',
      permission,
      source: 'implied',
      by: 'is-owner',
      data: {},
    })
    const reading = engine.scan('user:ed3', `${file}:read`)
    assert.deepEqual(withoutTimes(reading), [
      explode,
      {
        $: 'path',
        via: 'user',
        has_terminal: true,
        permission: `${file}:read`,
        data: {},
        holder_username: 'ed3',
        issuer_username: 'admin',
        reading: [explode, option(`${file}:read`), option(`${file}:write`), option(file), time],
      },
      time,
    ])
    assert.deepEqual(Object.keys(reading[1] ?? {}), [
      '$',
      'via',
      'has_terminal',
      'permission',
      'data',
      'holder_username',
      'issuer_username',
      'reading',
    ])
  })

  test('the chain alice ← cool_group ← fred ← ed stands, and each of its links is needed', () => {
    const [member, first, second] = [
      alice.joins(coolGroup),
      ed.grants('a:b', fred),
      fred.grants('a:b', coolGroup),
    ]
    const facts = [coolGroup.exists, member, first, second]
    const engine = edsWorld(...facts)
    const asks = (each = engine): boolean[] =>
      ['a:b', 'a:b:c', 'a'].map((permission) => each.check('user:alice', permission))
    assert.deepEqual(asks(), [true, true, false])
    for (const link of [member, first, second]) {
      engine.apply(remove(link))
      assert.deepEqual(asks(), [false, false, false], JSON.stringify(link))
      engine.apply(add(link))
      assert.deepEqual(asks(), [true, true, false])
    }
    engine.apply(add({ ...ed.owns('a'), owner: 'user:bob' }))
    assert.deepEqual(asks(), [false, false, false], 'a new owner inherits no consent')
    engine.apply(add(ed.owns('a'), ed.grants('a', alice)))
    engine.apply(remove(second))
    assert.deepEqual(asks(), [true, true, true], 'another path stands')
  })
})

describe('5. check, scan, claims and lists', () => {
  const chain = [
    coolGroup.exists,
    alice.joins(coolGroup),
    ed.grants('a:b', fred, { extra: { max: 10 } }),
    fred.grants('a:b', coolGroup, { extra: { max: 99 } }),
  ]

  test('check of several is true when any is held, of none is false', () => {
    const engine = edsWorld(...chain)
    assert.equal(engine.check('user:alice', ['a', 'proj', 'a:b']), true)
    assert.equal(engine.check('user:alice', ['a', 'proj']), false)
    assert.equal(engine.check('user:alice', []), false)
    assert.equal(engine.check('system', []), false)
  })

  test('checkEach answers each for itself, in order', () => {
    const engine = edsWorld(...chain)
    const questions = [
      { actor: 'user:alice', permission: 'a:b' },
      { actor: 'user:nobody', permission: 'a:b' },
      { actor: 'user:alice', permission: 'a' },
      { actor: 'user:alice', permission: 'a:b' },
    ]
    assert.deepEqual(engine.checkEach(questions), [true, false, false, true])
    assert.deepEqual(engine.checkEach([]), [])
  })

  test('claims are every `extra` from the actor to the option, for each pathway, so that re-granting never widens', () => {
    const engine = edsWorld(...chain, ed.grants('a', alice, { extra: { max: 1 } }))
    assert.deepEqual(
      engine.claims('user:alice', 'a:b').pathways.toSorted((x, y) => x.length - y.length),
      [[{ max: 1 }], [{ max: 99 }, { max: 10 }]],
    )
    assert.deepEqual(engine.claims('user:ed', 'a:b').pathways, [[]], 'by right: an empty list')
    assert.deepEqual(engine.claims('user:bob', 'a:b').pathways, [])
  })

  test('a reading of `system` is one option for the first permission asked', () => {
    const reading = edsWorld().scan('system', ['a:b', 'proj'])
    assert.deepEqual(withoutTimes(reading), [
      { $: 'option', permission: 'a:b', source: 'implied', by: 'is-system', data: {} },
      { $: 'time', value: 0 },
    ])
  })

  test('each way to come by a permission has its `via` and its keys', () => {
    const [agent, tool] = [acting(alice, editor), app('tool', ed)]
    const engine = edsWorld(
      ...chain,
      editor.exists,
      tool.exists,
      alice.grants('a:b', agent),
      ed.grants('a:b', tool),
      token('full', alice, { full: true }).exists,
      token('some', alice).exists,
      alice.grants('a:b', 'token:some', { extra: { once: true } }),
    )
    const first = (actor: string): object => {
      const { reading: _, ...rest } = engine.scan(actor, 'a:b:c').find((node) => node.$ === 'path') as {
        reading: Reading
      }
      return rest
    }
    const common = { $: 'path', has_terminal: true, permission: 'a:b', data: {} }
    const names = (holder: string, issuer: string) => ({ holder_username: holder, issuer_username: issuer })
    const cases = [
      ['user:fred', { ...common, via: 'user', data: { max: 10 }, ...names('fred', 'ed') }],
      [
        'user:alice',
        { ...common, via: 'user-group', data: { max: 99 }, ...names('alice', 'fred'), group: 'cool_group' },
      ],
      [
        agent.as,
        { ...common, via: 'user-app', ...names('alice', 'alice'), holder: agent.as, issuer: 'user:alice' },
      ],
      [
        'user:bob/app:tool',
        { ...common, via: 'app-owner', ...names('tool', 'ed'), holder: 'app:tool', issuer: 'user:ed' },
      ],
      ['app:tool', { ...common, via: 'app', ...names('tool', 'ed'), holder: 'app:tool', issuer: 'user:ed' }],
      [
        'token:some',
        {
          ...common,
          via: 'access-token',
          data: { once: true },
          ...names('some', 'alice'),
          holder: 'token:some',
          issuer: 'user:alice',
        },
      ],
      [
        'token:full',
        {
          ...common,
          permission: 'a:b:c',
          via: 'access-token',
          ...names('full', 'alice'),
          holder: 'token:full',
          issuer: 'user:alice',
        },
      ],
    ] as const
    for (const [actor, expected] of cases) assert.deepEqual(first(actor), expected, actor)
  })

  test('several permissions: the nodes of each in turn, no string scanned twice', () => {
    const engine = edsWorld(ed.grants('a:b', alice))
    const kinds = (permissions: string[]) => engine.scan('user:alice', permissions).map((node) => node.$)
    assert.deepEqual(kinds(['a:b', 'a:b:c']), ['explode', 'path', 'explode', 'time'])
    assert.deepEqual(kinds(['proj:1', 'a:b:c', 'a:b']), ['explode', 'explode', 'path', 'explode', 'time'])
    assert.deepEqual(kinds([]), ['time'])
  })

  test('within a scanner the order is place in the explosion, issuer, holder, by code point', () => {
    const issuers = ['Z', 'a', 'a.b', 'a-b', 'a_b', '~', '0'].map((id) => user(id))
    const groups = ['y', 'Y'].map((id) => group(id))
    const facts = [
      ...issuers.map((each) => each.exists),
      ...groups.map((each) => each.exists),
      ...groups.map((each) => alice.joins(each)),
      ...issuers.map((each) => system.grants('a', each)),
      ...issuers
        .toReversed()
        .flatMap((each) =>
          ['a', 'a:x'].flatMap((permission) => [
            each.grants(permission, alice),
            ...groups.map((to) => each.grants(permission, to)),
          ]),
        ),
    ]
    const shown = edsWorld(...facts)
      .scan('user:alice', 'a:x')
      .flatMap((node) =>
        node.$ === 'path' ? [[node.via, node.permission, node.issuer_username, node.group ?? '']] : [],
      )
    const order = ['0', 'Z', 'a', 'a-b', 'a.b', 'a_b', '~']
    assert.deepEqual(shown, [
      ...['a:x', 'a'].flatMap((permission) => order.map((issuer) => ['user', permission, issuer, ''])),
      ...['a:x', 'a'].flatMap((permission) =>
        order.flatMap((issuer) => ['Y', 'y'].map((to) => ['user-group', permission, issuer, to])),
      ),
    ])
  })

  test('lists are in code-point order, where UTF-16 would differ', () => {
    const [small, astral] = ['a:\uff5e', 'a:\u{1f600}']
    const engine = edsWorld(ed.grants(astral, alice), ed.grants(small, alice))
    assert.deepEqual(
      engine.permissionsOf('user:alice', 'a').items.map((each) => each.permission),
      [small, astral],
    )
  })

  test('permissionsOf with a prefix: what lies beneath it or covers it', () => {
    const engine = edsWorld(
      ed.grants('a:b', alice),
      ed.grants('a:b:c:d', alice),
      ed.grants('a:x', alice),
      bob.grants('a:b:dead', alice),
    )
    assert.deepEqual(engine.permissionsOf('user:alice', 'a:b:c').items, [
      { permission: 'a:b', source: 'user' },
      { permission: 'a:b:c:d', source: 'user' },
    ])
    assert.deepEqual(
      engine.permissionsOf('user:alice').items.map((each) => each.permission),
      ['a:b', 'a:b:c:d', 'a:x', 'user:alice'],
    )
  })

  test('holders: everyone, `system` in no list, each with a pathway', () => {
    const engine = edsWorld(...chain)
    const items = engine.holders('a:b').items
    assert.deepEqual(
      items.map((each) => each.actor),
      ['user:alice', 'user:ed', 'user:fred'],
    )
    assert.deepEqual(items[0]?.pathway, [
      { actor: 'user:alice', permission: 'a:b', via: 'user-group' },
      { actor: 'user:fred', permission: 'a:b', via: 'user' },
      { actor: 'user:ed', permission: 'a:b', via: 'option' },
    ])
  })

  test('every page states its revision; what was held throughout is listed exactly once', () => {
    const many = Array.from({ length: 30 }, (_, n) => user(`u${String(n).padStart(2, '0')}`))
    const engine = edsWorld(
      ...many.map((each) => each.exists),
      ...many.filter((_, n) => n % 2 === 0).map((each) => ed.grants('a', each)),
    )
    const seen: string[] = []
    let cursor: string | null = null
    for (let n = 0; ; n++) {
      const page = engine.holders('a', { limit: 2, ...(cursor === null ? {} : { cursor }) })
      assert.equal(page.revision, engine.revision)
      seen.push(...page.items.map((each) => each.actor))
      cursor = page.nextCursor
      if (cursor === null) break
      const odd = many[(n * 2 + 1) % 30] as Said
      engine.apply(add(ed.grants('a', odd)))
      engine.apply(remove(ed.grants('a', many[(n * 2 + 11) % 30] as Said)))
    }
    const throughout = many.filter((_, n) => n % 2 === 0).map((each) => each.as)
    for (const each of [...throughout, 'user:ed'])
      assert.equal(seen.filter((one) => one === each).length, 1, each)
    assert.equal(new Set(seen).size, seen.length)
  })

  test('a cursor holds its question: another one is CURSOR_MISMATCH, garbage is CURSOR_INVALID', () => {
    const engine = edsWorld(...chain, ed.grants('a:c', alice))
    const cursor = engine.holders('a:b', { limit: 1 }).nextCursor ?? ''
    errorOf(() => engine.holders('a:c', { cursor }), 'CURSOR_MISMATCH')
    errorOf(() => engine.permissionsOf('user:alice', 'a:b', { cursor }), 'CURSOR_MISMATCH')
    errorOf(() => engine.preview(remove(ed.grants('a:c', alice)), { cursor }), 'CURSOR_MISMATCH')
    const other = engine.permissionsOf('user:alice', 'a', { limit: 1 }).nextCursor ?? ''
    errorOf(() => engine.permissionsOf('user:bob', 'a', { cursor: other }), 'CURSOR_MISMATCH')
    errorOf(() => engine.permissionsOf('user:alice', 'a:b', { cursor: other }), 'CURSOR_MISMATCH')
    for (const bad of [
      '',
      'x',
      'null',
      '{}',
      '____',
      Buffer.from('[]').toString('base64url'),
      cursor.slice(1),
    ]) {
      errorOf(() => engine.holders('a:b', { cursor: bad }), 'CURSOR_INVALID')
    }
  })

  test('unknown ids are denials that explain names', () => {
    const engine = edsWorld(editor.exists)
    for (const actor of [
      'user:nobody',
      'app:nobody',
      'token:nobody',
      'user:nobody/app:editor',
      'user:ed/app:nobody',
    ]) {
      assert.equal(engine.check(actor, 'a'), false)
      const sets = engine.explain(actor, 'a').brokenLinks ?? []
      assert.ok(sets.length > 0)
      for (const set of sets)
        assert.ok(
          set.some((link) => link.problem === 'unknown' && link.detail.includes('nobody')),
          JSON.stringify(set),
        )
    }
    assert.match(JSON.stringify(engine.explain('user:alice', 'fs:nothing:read').brokenLinks), /fs:nothing/)
  })

  test('a denial names the fewest facts that would mend it, and who could', () => {
    const engine = edsWorld(...chain, fred.isSuspended())
    const { allowed, brokenLinks, graph } = engine.explain('user:alice', 'a:b')
    assert.equal(allowed, false)
    assert.deepEqual(graph, { nodes: [], edges: [] })
    const suspended = brokenLinks?.find((set) => set[0]?.problem === 'suspended')
    assert.deepEqual(
      suspended?.map((link) => link.mend),
      [{ remove: { kind: 'suspension', of: 'user:fred' } }],
    )
    for (const set of brokenLinks ?? []) assert.equal(set.length, 1)
  })

  test('a denial where no grant reaches names the owners, to those who may see the resource', () => {
    const engine = edsWorld(alice.owns('fs:x'), alice.grants('fs:x:see', bob))
    assert.deepEqual(engine.explain('user:fred', 'fs:x:read').owners, ['user:alice'])
    assert.equal(engine.explain('user:fred', 'fs:x:read', { viewer: 'user:fred' }).owners, undefined)
    assert.deepEqual(engine.explain('user:bob', 'fs:x:read', { viewer: 'user:bob' }).owners, ['user:alice'])
  })

  test('a read may ask for a revision that is not here yet', () => {
    const engine = edsWorld()
    const atLeast = engine.revision + 1
    errorOf(() => engine.check('user:ed', 'a', { atLeast }), 'REVISION_AHEAD')
    errorOf(() => engine.holders('a', { atLeast }), 'REVISION_AHEAD')
    engine.apply(add(ed.grants('a', alice)))
    assert.equal(engine.check('user:alice', 'a', { atLeast }), true)
  })

  test('links one is no party to are hidden from a viewer', () => {
    const engine = edsWorld(...chain)
    const text = JSON.stringify([
      engine.scan('user:alice', 'a:b', { viewer: 'user:alice' }),
      engine.explain('user:alice', 'a:b', { viewer: 'user:alice' }),
    ])
    assert.doesNotMatch(text, /user:ed\b|"ed"/, 'who gave it to fred is not for alice')
    assert.match(text, /hidden/)
    assert.equal(engine.check('user:alice', 'a:b', { viewer: 'user:alice' }), true)
  })
})

describe('5. who may ask', () => {
  const engine = edsWorld(
    editor.exists,
    token('hers', alice).exists,
    token('his', bob).exists,
    token('all', alice, { full: true }).exists,
    app('mine', alice).exists,
    ed.grants('manage:a:b', fred),
    user('auditor').exists,
    system.grants('castellan:check', 'user:auditor'),
    system.grants('castellan:journal', 'user:auditor'),
  )
  const may = (caller: string, question: Parameters<Engine['authorizeQuestion']>[1]): boolean => {
    try {
      engine.authorizeQuestion(caller, question)
      return true
    } catch (error) {
      assert.ok(error instanceof CastellanError && error.code === 'FORBIDDEN', String(error))
      return false
    }
  }
  const mayAsk = (caller: string, actor: string): boolean => may(caller, { about: 'actor', actor })
  const mayList = (caller: string, permission: string): boolean =>
    may(caller, { about: 'holders', permission })

  test('about yourself, your apps and your tokens: you', () => {
    for (const about of ['user:alice', 'user:alice/app:editor', 'token:hers', 'app:mine'])
      assert.equal(mayAsk('user:alice', about), true, about)
    for (const about of ['user:bob', 'user:bob/app:editor', 'token:his', 'app:editor', 'system'])
      assert.equal(mayAsk('user:alice', about), false, about)
    assert.equal(mayAsk('user:alice/app:editor', 'user:alice/app:editor'), true)
    assert.equal(mayAsk('token:hers', 'token:hers'), true)
    assert.equal(mayAsk('user:alice/app:editor', 'user:alice'), false)
    assert.equal(mayAsk('token:hers', 'user:alice'), false)
  })

  test('about others: holders of `castellan:check`', () => {
    for (const about of ['user:bob', 'app:editor', 'user:bob/app:editor', 'token:his'])
      assert.equal(mayAsk('user:auditor', about), true)
    assert.equal(mayAsk('system', 'user:bob'), true)
  })

  test('holders and preview: `manage:` of the permission', () => {
    assert.equal(mayList('user:fred', 'a:b:c'), true)
    assert.equal(mayList('user:fred', 'a'), false)
    assert.equal(mayList('user:ed', 'a'), true)
    assert.equal(mayList('user:auditor', 'a'), false)
    const mayPreview = (caller: string, permission: string) =>
      may(caller, { about: 'preview', changes: remove(ed.grants(permission, bob)) })
    assert.equal(mayPreview('user:fred', 'a:b'), true)
    assert.equal(mayPreview('user:fred', 'a'), false)
  })

  test('the journal: holders of `castellan:journal`', () => {
    assert.equal(may('user:auditor', { about: 'journal' }), true)
    assert.equal(may('user:ed', { about: 'journal' }), false)
    assert.equal(may('system', { about: 'journal' }), true)
  })
})
