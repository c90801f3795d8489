import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
// The protocol takes only types from the engine; what facts mean is handed in, here the real thing.
// oxlint-disable-next-line no-restricted-imports
import { parseFact } from '@castellan/engine'
import fc from 'fast-check'
import { FileInvalidError } from './errors.ts'
import { parseWorld } from './world.ts'

const EXAMPLE = `
namespaces: { a: { description: 'demo' } }
users: [ed, fred, alice]
groups: { cool_group: { owner: fred, members: [user:alice] } }
resources: [{ permission: a, owner: user:ed }]
grants:
  - { issuer: user:ed,   holder: user:fred,        permission: 'a:b' }
  - { issuer: user:fred, holder: group:cool_group, permission: 'a:b' }
expect:
  - { actor: user:alice, permission: 'a:b:c', allowed: true }
`

const world = (text: string) => parseWorld(text, parseFact)

describe('parseWorld', () => {
  test('reads the example of the documentation', () => {
    assert.deepEqual(world(EXAMPLE), {
      facts: [
        parseFact({ kind: 'namespace', name: 'a', description: 'demo' }),
        ...['ed', 'fred', 'alice'].map((id) => parseFact({ kind: 'user', id })),
        parseFact({ kind: 'group', id: 'cool_group', owner: 'user:fred' }),
        parseFact({ kind: 'resource', permission: 'a', owner: 'user:ed' }),
        parseFact({ kind: 'member', group: 'cool_group', member: 'user:alice' }),
        parseFact({ kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' }),
        parseFact({ kind: 'grant', issuer: 'user:fred', holder: 'group:cool_group', permission: 'a:b' }),
      ],
      expectations: [
        {
          kind: 'allowed',
          place: { line: 10, column: 5 },
          actor: 'user:alice',
          permissions: ['a:b:c'],
          allowed: true,
        },
      ],
    })
  })

  test('reads every section, as lists or as maps, in YAML and in JSON alike', () => {
    const lists = {
      namespaces: [{ name: 'a', description: 'd', modes: ['r', 'w'], requestable: true, enforcedBy: 'me' }],
      users: ['x', { id: 'dev', name: 'Dev' }],
      groups: [{ id: 'g', owner: 'dev', members: ['user:x'] }, 'h'],
      apps: [{ id: 'editor', owner: 'dev', name: 'Editor' }],
      tokens: [{ id: 't', issuer: 'user:x', full: true, expiresAt: '2027-01-01T00:00:00Z' }],
      resources: [{ permission: 'a:1', owner: 'x', parent: 'a:0', name: 'one' }, { permission: 'a:0' }],
      grants: [
        {
          issuer: 'user:x',
          holder: 'token:t',
          permission: 'a:1',
          extra: { n: [1] },
          expiresAt: '2027-01-01T00:00:00Z',
          reason: 'r',
        },
      ],
      suspensions: ['user:x', { of: 'app:editor' }],
      expect: [
        { actor: 'user:x', permissions: ['a', 'b'], allowed: false, now: '2026-01-01T00:00:00Z' },
        { holders: { a: ['user:x'], 'a:b': [] }, now: '2026-01-01T00:00:00.5+01:00' },
      ],
    }
    const maps = {
      ...lists,
      namespaces: { a: { description: 'd', modes: ['r', 'w'], requestable: true, enforcedBy: 'me' } },
      users: { x: null, dev: { name: 'Dev' } },
      groups: { g: { owner: 'user:dev', members: ['user:x'] }, h: null },
      apps: { editor: { owner: 'user:dev', name: 'Editor' } },
      tokens: { t: { issuer: 'user:x', full: true, expiresAt: '2027-01-01T00:00:00Z' } },
    }
    const read = (value: object) => {
      const { facts, expectations } = world(JSON.stringify(value))
      return { facts, expectations: expectations.map((each) => ({ ...each, place: undefined })) }
    }
    assert.deepEqual(read(lists), read(maps))
    assert.equal(read(lists).facts.length, 13)
    assert.deepEqual(
      read(lists).facts.flatMap((fact) => (fact.kind === 'resource' ? [fact.permission] : [])),
      ['a:0', 'a:1'],
    )
    assert.deepEqual(read(lists).expectations, [
      {
        place: undefined,
        kind: 'allowed',
        actor: 'user:x',
        permissions: ['a', 'b'],
        allowed: false,
        now: Date.UTC(2026, 0, 1),
      },
      {
        place: undefined,
        kind: 'holders',
        permission: 'a',
        actors: ['user:x'],
        now: Date.UTC(2025, 11, 31, 23, 0, 0, 500),
      },
      {
        place: undefined,
        kind: 'holders',
        permission: 'a:b',
        actors: [],
        now: Date.UTC(2025, 11, 31, 23, 0, 0, 500),
      },
    ])
  })

  test('is empty when the file is', () => {
    for (const text of ['', '{}', '# nothing\n', 'users:\n'])
      assert.deepEqual(world(text), { facts: [], expectations: [] })
  })

  test('takes prototype names as the ids they are', () => {
    const { facts } = world(
      '{"users": {"__proto__": {"name": "p"}, "constructor": null}, "groups": {"__proto__": {"members": ["user:__proto__"]}}}',
    )
    assert.deepEqual(
      facts.map((fact) => JSON.stringify(fact)),
      [
        { kind: 'user', id: '__proto__', name: 'p' },
        { kind: 'user', id: 'constructor' },
        { kind: 'group', id: '__proto__', owner: 'system' },
        { kind: 'member', group: '__proto__', member: 'user:__proto__' },
      ].map((fact) => JSON.stringify(parseFact(fact))),
    )
    assert.deepEqual(world('users: [__proto__]\ngroups: {constructor: {}}').facts.length, 2)
  })

  const wrong = [
    {
      name: 'a section it does not know',
      text: 'users: [a]\nuser: [b]',
      place: [2, 1],
      says: /`user` is no section/,
    },
    {
      name: 'a section given twice',
      text: 'users: [a]\nusers: [b]',
      place: [2, 1],
      says: /`users` is given twice/,
    },
    {
      name: 'a name given twice within',
      text: 'groups:\n  g: {}\n  g: {}',
      place: [3, 3],
      says: /`g` is given twice/,
    },
    {
      name: 'a field it does not know',
      text: 'apps:\n  - { id: a, ovner: b }',
      place: [2, 14],
      says: /an entry of `apps` has no `ovner`/,
    },
    {
      name: 'a field that is missing',
      text: 'grants:\n  - { issuer: user:a, permission: x }',
      place: [2, 5],
      says: /`holder` is missing/,
    },
    { name: 'a number for an id', text: 'users: [a, 7]', place: [1, 12], says: /id/ },
    { name: 'a number for a name', text: 'groups: {7: {}}', place: [1, 10], says: /'7' in quotes/ },
    { name: 'an id with a space', text: 'users:\n  - a\n  - b c', place: [3, 5], says: /id/ },
    {
      name: 'a holder that is none',
      text: 'grants:\n- issuer: user:a\n  holder: b\n  permission: x',
      place: [3, 11],
      says: /holder/,
    },
    {
      name: 'a member that is none',
      text: 'groups: { g: { members: [user:a, b] } }',
      place: [1, 34],
      says: /member/,
    },
    { name: 'the same fact twice', text: 'users: [a, b, a]', place: [1, 15], says: /twice/ },
    {
      name: 'resources in a ring',
      text: 'resources:\n- {permission: "a:1", parent: "a:2"}\n- {permission: "a:2", parent: "a:1"}',
      place: [2, 3],
      says: /own ancestor/,
    },
    {
      name: 'an expectation without its answer',
      text: 'expect: [{actor: user:a, permission: x}]',
      place: [1, 10],
      says: /`allowed` is missing/,
    },
    {
      name: 'an expectation with two questions',
      text: 'expect: [{actor: user:a, permission: x, permissions: [y], allowed: true}]',
      place: [1, 10],
      says: /one of them/,
    },
    {
      name: 'a time that is none',
      text: 'expect: [{actor: user:a, permission: x, allowed: true, now: tomorrow}]',
      place: [1, 61],
      says: /not a time/,
    },
    {
      name: 'a yes that is no boolean',
      text: 'expect: [{actor: user:a, permission: x, allowed: yes}]',
      place: [1, 50],
      says: /true or false/,
    },
    { name: 'a list for a world', text: '[1]', place: [1, 1], says: /a world is a map/ },
    { name: 'text for a section', text: 'users: nobody', place: [1, 8], says: /list or a map/ },
    { name: 'broken YAML', text: 'users: [a\ngrants: x', place: [2, 1], says: /./ },
    { name: 'a tab in YAML', text: 'users:\n\t- a', place: [2, 1], says: /tab/i },
    { name: 'broken JSON', text: '{"users": ["a",]}', place: [1, 16], says: /expected a value/ },
    {
      name: 'a second document',
      text: 'users: [a]\n---\nusers: [b]',
      place: [2, 1],
      says: /second document/,
    },
    { name: 'a tag', text: 'users: [!!js/function "x"]', place: [1, 9], says: /tag/i },
    { name: 'an anchor nobody made', text: 'users: [*a]', place: [1, 9], says: /alias|anchor/i },
    {
      name: 'what JSON has no word for',
      text: 'grants: [{issuer: user:a, holder: user:b, permission: x, extra: {n: .inf}}]',
      place: [1, 69],
      says: /not a value of JSON/,
    },
  ]
  for (const { name, text, place, says } of wrong) {
    test(`names the place of ${name}`, () => {
      assert.throws(
        () => world(text),
        (error) => {
          assert.ok(error instanceof FileInvalidError, String(error))
          assert.match(error.problem, says)
          assert.deepEqual([error.code, error.line, error.column], ['WORLD_INVALID', ...place])
          assert.notEqual(error.hint, '')
          return true
        },
      )
    })
  }

  describe('is not taken down by', () => {
    const many = 40_000
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
    for (let i = 1; i < 12; i++) {
      const [to, from] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)]
      bomb.push(`${to}: &${to} [${`*${from},`.repeat(10)}]`)
    }
    const hostile = [
      { name: 'open brackets', text: '['.repeat(many) },
      { name: 'open braces', text: '{a: '.repeat(many) },
      { name: 'open JSON', text: '{"a":'.repeat(many) },
      { name: 'dashes', text: '- '.repeat(many) },
      { name: 'question marks', text: '? '.repeat(many) },
      { name: 'anchors', text: '&a '.repeat(many) },
      { name: 'quotes', text: '"'.repeat(many + 1) },
      { name: 'documents', text: '---\n'.repeat(many) },
      { name: 'a billion laughs', text: `${bomb.join('\n')}\nusers: *l` },
      {
        name: 'a name twice among many',
        text: `users:\n${Array.from({ length: many }, (_, i) => `  u${i}: null`).join('\n')}\n  u0: null`,
      },
      { name: 'an alias to itself', text: 'users: &a [*a]' },
      { name: 'tags', text: '!a '.repeat(many) },
      { name: 'directives', text: `${'%YAML 1.1\n'.repeat(many)}---\n- x` },
      { name: 'nothing but colons', text: ':'.repeat(many) },
      { name: 'long blank', text: ' '.repeat(many * 10) + 'x' },
      { name: 'a length over the bound', text: ' '.repeat(16_777_217) },
    ]
    for (const { name, text } of hostile) {
      test(name, { timeout: 20_000 }, () => {
        const start = performance.now()
        assert.throws(() => world(text), FileInvalidError)
        assert.ok(performance.now() - start < 10_000, 'took too long')
      })
    }

    test('random text and random worlds cut anywhere', () => {
      const pieces = fc.constantFrom(
        'users',
        ':',
        ' ',
        '\n',
        '  ',
        '- ',
        '[',
        ']',
        '{',
        '}',
        ',',
        '&a',
        '*a',
        '!t',
        '"',
        "'",
        '|',
        '>',
        '#',
        '%',
        '? ',
        '__proto__',
        'null',
        '1',
        '\u0000',
        '\u{feff}',
        '\ud800',
        '---',
        '\t',
      )
      const text = fc.oneof(
        fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc
          .tuple(fc.nat(EXAMPLE.length), fc.nat(EXAMPLE.length), pieces)
          .map(([at, to, piece]) => EXAMPLE.slice(0, at) + piece + EXAMPLE.slice(to)),
      )
      fc.assert(
        fc.property(text, (given) => {
          try {
            world(given)
          } catch (error) {
            assert.ok(error instanceof FileInvalidError, String(error))
            assert.ok(error.line >= 1 && error.line <= given.split('\n').length)
            assert.ok(error.column >= 1)
          }
        }),
        { numRuns: 1_500 },
      )
    })
  })
})
