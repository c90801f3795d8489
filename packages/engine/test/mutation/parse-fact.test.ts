import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type CastellanError,
  factKey,
  FactInvalidError,
  LimitExceededError,
  parseChanges,
  parseExtra,
  parseFact,
  parseFactKey,
  sameJson,
} from '../../src/index.ts'
import { errorOf } from '../say.ts'

/** The path of what is wrong. */
function wrong(run: () => unknown): string {
  const error: CastellanError = errorOf(run, 'FACT_INVALID')
  assert.ok(error instanceof FactInvalidError)
  if (error.path !== '') assert.ok(error.message.startsWith(`\`${error.path}\`: `), error.message)
  return error.path
}

function tooMuch(run: () => unknown): string {
  const error: CastellanError = errorOf(run, 'LIMIT_EXCEEDED')
  assert.ok(error instanceof LimitExceededError)
  return error.limit
}

const USER = { kind: 'user', id: 'alice', name: 'Alice' }
const APP = { kind: 'app', id: 'editor', owner: 'user:alice', name: 'Editor' }
const GROUP = { kind: 'group', id: 'club', owner: 'user:alice' }
const TOKEN = {
  kind: 'token',
  id: 't',
  issuer: 'user:alice',
  full: true,
  expiresAt: '2027-01-01T00:00:00.000Z',
}
const RESOURCE = { kind: 'resource', permission: 'fs:x', owner: 'user:alice', parent: 'fs:f', name: 'x' }
const MEMBER = { kind: 'member', group: 'club', member: 'user:alice' }
const GRANT = {
  kind: 'grant',
  issuer: 'user:alice',
  holder: 'user:bob',
  permission: 'a:b',
  extra: { n: 1 },
  expiresAt: '2027-01-01T00:00:00.000Z',
  reason: 'because',
}
const SUSPENSION = { kind: 'suspension', of: 'user:alice' }
const NAMESPACE = {
  kind: 'namespace',
  name: 'own',
  description: 'x',
  modes: ['see', 'read'],
  requestable: false,
  enforcedBy: 'us',
}
const WHOLE = [USER, APP, GROUP, TOKEN, RESOURCE, MEMBER, GRANT, SUSPENSION, NAMESPACE]

describe('facts from outside', () => {
  for (const fact of WHOLE) {
    test(`a whole ${fact.kind} is taken as it is, frozen`, () => {
      const parsed = parseFact(fact)
      assert.deepEqual(parsed, fact)
      assert.ok(Object.isFrozen(parsed))
      assert.deepEqual(parseFact(JSON.parse(JSON.stringify(fact))), fact)
      assert.deepEqual(parseFact(Object.assign(Object.create(null), fact)), fact)
    })

    test(`another field of a ${fact.kind} is refused by name`, () => {
      assert.equal(
        wrong(() => parseFact({ ...fact, other: 1 })),
        'other',
      )
      assert.equal(
        wrong(() => parseFactKey({ ...fact, other: 1 })),
        'other',
      )
      assert.equal(
        wrong(() => parseFact({ ...fact, ['y'.repeat(50)]: 1 })),
        'y'.repeat(40),
      )
      assert.equal(
        wrong(() => parseFact({ ...fact, toString: 1 })),
        'toString',
      )
    })
  }

  test('what may be left out, or null, is left out', () => {
    const empty = null
    for (const [given, expected] of [
      [
        { kind: 'user', id: 'a' },
        { kind: 'user', id: 'a' },
      ],
      [
        { kind: 'user', id: 'a', name: empty },
        { kind: 'user', id: 'a' },
      ],
      [
        { kind: 'group', id: 'a' },
        { kind: 'group', id: 'a', owner: 'system' },
      ],
      [
        { kind: 'app', id: 'a', name: empty },
        { kind: 'app', id: 'a', owner: 'system' },
      ],
      [
        { kind: 'token', id: 'a', issuer: 'user:b', full: empty, expiresAt: empty },
        { kind: 'token', id: 'a', issuer: 'user:b', full: false },
      ],
      [
        { kind: 'resource', permission: 'a:b', owner: empty, parent: empty, name: empty },
        { kind: 'resource', permission: 'a:b', owner: 'system' },
      ],
      [
        {
          kind: 'grant',
          issuer: 'system',
          holder: 'app:a',
          permission: 'a',
          extra: empty,
          expiresAt: empty,
          reason: empty,
        },
        { kind: 'grant', issuer: 'system', holder: 'app:a', permission: 'a', extra: {} },
      ],
      [
        {
          kind: 'namespace',
          name: 'a',
          description: empty,
          modes: empty,
          requestable: empty,
          enforcedBy: empty,
        },
        { kind: 'namespace', name: 'a', description: '' },
      ],
    ] as const)
      assert.deepEqual(parseFact(given), expected)
  })

  const without = (fact: object, field: string): object =>
    Object.fromEntries(Object.entries(fact).filter(([key]) => key !== field))

  test('what is needed is named when it is missing', () => {
    for (const [fact, field] of [
      [USER, 'id'],
      [APP, 'id'],
      [GROUP, 'id'],
      [TOKEN, 'id'],
      [TOKEN, 'issuer'],
      [RESOURCE, 'permission'],
      [MEMBER, 'group'],
      [MEMBER, 'member'],
      [GRANT, 'issuer'],
      [GRANT, 'holder'],
      [GRANT, 'permission'],
      [SUSPENSION, 'of'],
      [NAMESPACE, 'name'],
      [USER, 'kind'],
    ] as const) {
      assert.equal(
        wrong(() => parseFact(without(fact, field))),
        field,
      )
      assert.equal(
        wrong(() => parseFact({ ...fact, [field]: 7 })),
        field,
      )
      if (field !== 'issuer' || fact !== TOKEN)
        assert.equal(
          wrong(() => parseFactKey(without(fact, field))),
          field,
        )
    }
  })

  test('each party is of a kind that fits', () => {
    const all = ['system', 'user:a', 'group:a', 'app:a', 'token:a', 'user:a/app:b']
    for (const [fact, field, fitting] of [
      [GROUP, 'owner', ['system', 'user:a']],
      [APP, 'owner', ['system', 'user:a']],
      [RESOURCE, 'owner', ['system', 'user:a']],
      [TOKEN, 'issuer', ['user:a', 'user:a/app:b']],
      [MEMBER, 'member', ['user:a', 'group:a']],
      [GRANT, 'issuer', ['system', 'user:a', 'user:a/app:b']],
      [GRANT, 'holder', ['user:a', 'group:a', 'app:a', 'token:a', 'user:a/app:b']],
      [SUSPENSION, 'of', ['user:a', 'app:a', 'token:a']],
    ] as const) {
      for (const party of all) {
        const given = { ...fact, [field]: party }
        if ((fitting as readonly string[]).includes(party)) assert.deepEqual(parseFact(given), given)
        else
          assert.equal(
            wrong(() => parseFact(given)),
            field,
          )
      }
      assert.equal(
        wrong(() => parseFact({ ...fact, [field]: 'nobody' })),
        field,
      )
      assert.equal(
        wrong(() => parseFact({ ...fact, [field]: 'user:' })),
        field,
      )
    }
  })

  test('fields are of their type', () => {
    for (const [fact, field, bad] of [
      [USER, 'name', 1],
      [USER, 'name', ''],
      [USER, 'name', 'a\nb'],
      [USER, 'name', '\ud800'],
      [RESOURCE, 'name', ''],
      [RESOURCE, 'parent', 1],
      [TOKEN, 'full', 'yes'],
      [TOKEN, 'full', 0],
      [TOKEN, 'expiresAt', 0],
      [NAMESPACE, 'requestable', 1],
      [NAMESPACE, 'description', 1],
      [NAMESPACE, 'description', 'a\u0000'],
      [NAMESPACE, 'enforcedBy', 1],
      [NAMESPACE, 'modes', 'see'],
      [NAMESPACE, 'modes', []],
      [NAMESPACE, 'modes', {}],
      [GRANT, 'reason', 1],
      [GRANT, 'extra', 1],
      [GRANT, 'extra', []],
      [GRANT, 'extra', 'x'],
      [MEMBER, 'group', 'a b'],
      [MEMBER, 'group', 'group:club'],
      [USER, 'id', ''],
      [USER, 'id', 'a b'],
      [USER, 'id', 'x'.repeat(257)],
    ] as const)
      assert.equal(
        wrong(() => parseFact({ ...fact, [field]: bad })),
        field,
        `${field} ${JSON.stringify(bad)}`,
      )
    assert.deepEqual(parseFact({ ...GRANT, reason: '' }), { ...GRANT, reason: '' })
    for (const limit of ['name', 'description', 'enforcedBy'] as const) {
      const [fact] = [limit === 'name' ? USER : NAMESPACE]
      assert.equal(
        tooMuch(() => parseFact({ ...fact, [limit]: 'x'.repeat(1025) })),
        'textMax',
      )
      assert.equal(parseFact({ ...fact, [limit]: '\u{1f600}'.repeat(1024) }).kind, fact.kind)
    }
  })

  test('namespaces are short words, modes a ladder of different ids', () => {
    const own = (more: object): object => ({ ...NAMESPACE, ...more })
    for (const name of ['x'.repeat(64), '\u00e9t\u00e9', 'a.b'])
      assert.deepEqual(parseFact(own({ name })), own({ name }))
    for (const name of ['', 'a b', 'a:b', 'a/b', 'a\\b', 'x'.repeat(65), 'a\u0007', ' a', 'a '])
      assert.equal(
        wrong(() => parseFact(own({ name }))),
        'name',
      )
    assert.equal(
      wrong(() => parseFact(own({ modes: ['see', 'a b'] }))),
      'modes[1]',
    )
    assert.equal(
      wrong(() => parseFact(own({ modes: ['see', 1] }))),
      'modes[1]',
    )
    assert.equal(
      wrong(() => parseFact(own({ modes: ['see', 'read', 'see'] }))),
      'modes[2]',
    )
    const many = (length: number): string[] => Array.from({ length }, (_, i) => `m${i}`)
    assert.deepEqual(parseFact(own({ modes: many(32) })), own({ modes: many(32) }))
    assert.equal(
      wrong(() => parseFact(own({ modes: many(33) }))),
      'modes',
    )
    const parsed = parseFact(NAMESPACE)
    assert.ok(
      parsed.kind === 'namespace' && Object.isFrozen(parsed.modes) && parsed.modes !== NAMESPACE.modes,
    )
  })

  test('instants are real, and kept in UTC with milliseconds', () => {
    const read = (expiresAt: string): unknown => {
      const fact = parseFact({ ...TOKEN, expiresAt })
      return fact.kind === 'token' && fact.expiresAt
    }
    for (const [given, kept] of [
      ['2027-01-01T00:00:00Z', '2027-01-01T00:00:00.000Z'],
      ['2027-01-01T02:30:00+02:30', '2027-01-01T00:00:00.000Z'],
      ['2026-12-31T19:00:00-05:00', '2027-01-01T00:00:00.000Z'],
      ['2027-01-01T00:00:00.5Z', '2027-01-01T00:00:00.500Z'],
      ['2027-01-01T00:00:00.123456789Z', '2027-01-01T00:00:00.123Z'],
      ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
      ['2027-01-31T00:00:00Z', '2027-01-31T00:00:00.000Z'],
      ['2027-12-31T23:59:59Z', '2027-12-31T23:59:59.000Z'],
    ] as const)
      assert.equal(read(given), kept)
    for (const bad of [
      '',
      'tomorrow',
      '2027-01-01',
      '2027-01-01T00:00:00',
      '2027-01-01 00:00:00Z',
      '2027-02-29T00:00:00Z',
      '2027-02-30T00:00:00Z',
      '2027-04-31T00:00:00Z',
      '2027-13-01T00:00:00Z',
      '2027-00-01T00:00:00Z',
      '2027-01-00T00:00:00Z',
      '2027-01-01T25:00:00Z',
      '2027-01-01T00:60:00Z',
      '2027-01-01T00:00:61Z',
      '2027-01-01T00:00:00.Z',
      '2027-01-01T00:00:00.1234567890Z',
      '2027-01-01T00:00:00z',
      'x2027-01-01T00:00:00Z',
      '2027-01-01T00:00:00Zx',
      '2027-01-01T00:00:00+0200',
      '12027-01-01T00:00:00Z',
      '2027-1-01T00:00:00Z',
    ])
      assert.equal(
        wrong(() => read(bad)),
        'expiresAt',
        bad,
      )
  })

  test('what is wrong is told in words that fit', () => {
    for (const [fact, words] of [
      [{ kind: 'user' }, /missing/],
      [{ kind: 'user', id: 'a b' }, /1 to 256 characters/],
      [{ id: 'a' }, /missing/],
      [{ kind: 'users', id: 'a' }, /no facts of kind `users`/],
      [{ kind: 1, id: 'a' }, /not a string/],
      [{ ...GROUP, owner: 'nobody' }, /its kind is not known/],
      [{ ...GROUP, owner: 'app:x' }, /cannot stand here; it takes system, user:<id>$/],
    ] as const)
      assert.match(errorOf(() => parseFact(fact), 'FACT_INVALID').message, words)
  })

  test('only plain objects of known kinds', () => {
    for (const bad of [undefined, null, 1, 'user', [], () => {}, new Date(), new Map()])
      for (const parse of [parseFact, parseFactKey])
        assert.equal(
          wrong(() => parse(bad)),
          '',
        )
    for (const kind of [undefined, null, 1, '', 'users', 'toString', '__proto__', {}])
      for (const parse of [parseFact, parseFactKey])
        assert.equal(
          wrong(() => parse({ kind, id: 'a' })),
          'kind',
        )
    const inherited: unknown = Object.create({ kind: 'user' })
    assert.equal(
      wrong(() => parseFact(inherited)),
      '',
    )
  })
})

describe('keys', () => {
  const keys = [
    [USER, { kind: 'user', id: 'alice' }],
    [APP, { kind: 'app', id: 'editor' }],
    [GROUP, { kind: 'group', id: 'club' }],
    [TOKEN, { kind: 'token', id: 't' }],
    [RESOURCE, { kind: 'resource', permission: 'fs:x' }],
    [MEMBER, MEMBER],
    [GRANT, { kind: 'grant', issuer: 'user:alice', holder: 'user:bob', permission: 'a:b' }],
    [SUSPENSION, SUSPENSION],
    [NAMESPACE, { kind: 'namespace', name: 'own' }],
  ] as const

  for (const [fact, key] of keys) {
    test(`of a ${fact.kind}`, () => {
      for (const found of [parseFactKey(fact), parseFactKey(key), factKey(parseFact(fact))]) {
        assert.deepEqual(found, key)
        assert.ok(Object.isFrozen(found))
      }
    })
  }
})

describe('changes', () => {
  test('add a fact or remove by key', () => {
    assert.deepEqual(parseChanges([{ add: USER }, { remove: USER }, { remove: RESOURCE, recursive: true }]), [
      { add: USER },
      { remove: { kind: 'user', id: 'alice' } },
      { remove: { kind: 'resource', permission: 'fs:x' }, recursive: true },
    ])
    for (const recursive of [false, null])
      assert.deepEqual(parseChanges([{ remove: USER, recursive }]), [
        { remove: { kind: 'user', id: 'alice' } },
      ])
    assert.deepEqual(parseChanges([]), [])
  })

  test('say where they go wrong', () => {
    for (const [changes, path] of [
      [{}, 'changes'],
      [null, 'changes'],
      [[1], 'changes[0]'],
      [[{ add: USER }, {}], 'changes[1]'],
      [[{ add: USER, remove: USER }], 'changes[0]'],
      [[{ add: USER, recursive: true }], 'changes[0].recursive'],
      [[{ remove: USER, recursive: 'yes' }], 'changes[0].recursive'],
      [[{ add: USER, other: 1 }], 'changes[0].other'],
      [[{ add: { kind: 'user' } }], 'changes[0].add.id'],
      [[{ add: 1 }], 'changes[0].add'],
      [[{ remove: { kind: 'user' } }], 'changes[0].remove.id'],
      [[{ remove: 1 }], 'changes[0].remove'],
    ] as const)
      assert.equal(
        wrong(() => parseChanges(changes)),
        path,
      )
    const error = errorOf(() => parseChanges([{ add: { kind: 'user' } }]), 'FACT_INVALID')
    assert.equal(error.message, '`changes[0].add.id`: it is missing')
    const top = errorOf(() => parseChanges([{}]), 'FACT_INVALID')
    assert.match(top.message, /^`changes\[0\]`: a change has either/)
    const hinted = errorOf(() => parseChanges([{ add: { ...TOKEN, expiresAt: 'x' } }]), 'FACT_INVALID')
    assert.match(hinted.hint, /2027-01-01T00:00:00Z/)
  })

  test('are 1,000 at most', () => {
    const many = (length: number): unknown[] => Array.from({ length }, () => ({ add: USER }))
    assert.equal(parseChanges(many(1000)).length, 1000)
    assert.equal(
      tooMuch(() => parseChanges(many(1001))),
      'changesMax',
    )
    const long = [{ add: { ...USER, name: 'x'.repeat(1025) } }]
    assert.equal(
      tooMuch(() => parseChanges(long)),
      'textMax',
    )
  })
})

describe('extra', () => {
  test('is a deep, frozen copy of any JSON', () => {
    const given = JSON.parse(
      '{"a":[1,"x",null,true,false,{"b":[]}],"__proto__":{"c":1},"constructor":2,"n":1.5,"e":{}}',
    ) as Record<string, unknown>
    const copy = parseExtra(given)
    assert.equal(JSON.stringify(copy), JSON.stringify(given))
    assert.ok(Object.hasOwn(copy, '__proto__'))
    assert.equal(Object.getPrototypeOf(copy), Object.prototype)
    const list = copy['a'] as readonly unknown[]
    for (const each of [copy, list, list[5]]) assert.ok(Object.isFrozen(each))
    assert.notEqual(list, given['a'])
    assert.ok(Object.is(parseExtra({ z: -0 })['z'], 0))
  })

  test('is no other thing', () => {
    for (const [bad, path] of [
      [{ a: undefined }, 'extra.a'],
      [{ a: NaN }, 'extra.a'],
      [{ a: Infinity }, 'extra.a'],
      [{ a: () => {} }, 'extra.a'],
      [{ a: 1n }, 'extra.a'],
      [{ a: [1, undefined] }, 'extra.a[1]'],
      [{ a: { b: new Date() } }, 'extra.a.b'],
      [{ a: '\ud800' }, 'extra.a'],
      [{ a: { '\udc00': 1 } }, 'extra.a'],
      [[], 'extra'],
      [null, 'extra'],
      ['x', 'extra'],
    ] as const)
      assert.equal(
        wrong(() => parseExtra(bad)),
        path,
      )
  })

  test('is at most 16 KiB, and 64 deep', () => {
    const sized = (bytes: number): object => ({ a: 'x'.repeat(bytes - 8) })
    assert.equal(JSON.stringify(parseExtra(sized(16_384))).length, 16_384)
    assert.equal(
      tooMuch(() => parseExtra(sized(16_385))),
      'extraBytesMax',
    )
    const nested = (depth: number): object => {
      let value: object = {}
      for (let i = 0; i < depth; i++) value = i % 2 === 0 ? { a: value } : [value]
      return Array.isArray(value) ? { a: value } : value
    }
    assert.ok(parseExtra(nested(63)))
    assert.equal(
      tooMuch(() => parseExtra(nested(67))),
      'extraDepthMax',
    )
    let deep: object = {}
    for (let i = 0; i < 64; i++) deep = { a: deep }
    assert.ok(parseExtra(deep))
    assert.equal(
      tooMuch(() => parseExtra({ a: deep })),
      'extraDepthMax',
    )
    let list: unknown = []
    for (let i = 0; i < 64; i++) list = [list]
    assert.equal(
      tooMuch(() => parseExtra({ a: list })),
      'extraDepthMax',
    )
  })
})

describe('sameness of JSON', () => {
  test('is by value, whatever the order of keys', () => {
    for (const [a, b] of [
      [1, 1],
      ['x', 'x'],
      [null, null],
      [{}, {}],
      [[], []],
      [
        { a: 1, b: [1, { c: 2 }] },
        { b: [1, { c: 2 }], a: 1 },
      ],
    ] as const)
      assert.equal(sameJson(a, b), true)
    for (const [a, b] of [
      [1, 2],
      [1, '1'],
      [null, {}],
      [{}, null],
      [{}, []],
      [[], {}],
      [{ a: 1 }, { a: 2 }],
      [{ a: 1 }, { b: 1 }],
      [{ a: 1 }, { a: 1, b: 1 }],
      [{ a: 1, b: 1 }, { a: 1 }],
      [{ toString: undefined }, { x: 1 }],
      [{ constructor: Object }, { x: 1 }],
      [
        [1, 2],
        [2, 1],
      ],
      [[1], { 0: 1 }],
      ['ab', ['a', 'b']],
      [{}, 1],
      [1, {}],
      [undefined, {}],
    ] as const)
      assert.equal(sameJson(a, b), false)
  })
})
