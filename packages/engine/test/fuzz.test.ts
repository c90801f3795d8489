import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  ActorInvalidError,
  CastellanError,
  factKey,
  FactInvalidError,
  keyParts,
  LIMITS,
  openEngine,
  parseActor,
  parseChanges,
  parseFact,
  parseFactKey,
  parseParty,
  parsePermission,
  PermissionInvalidError,
  printParty,
  printPermission,
  type Fact,
} from '../src/index.ts'
import { idsOf, makeRandom, randomWorld } from './worlds.ts'

/** Text made to go wrong: separators, escapes, surrogates, controls, names of things that objects have anyway. */
const arbHostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      ':',
      '\\',
      'C',
      '/',
      'a',
      '\u0000',
      '\ud800',
      '\udc00',
      '\u{1f600}',
      '%',
      '~',
      '.',
      '\u2028',
      ' ',
    ),
    maxLength: 30,
  }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'user:__proto__',
    'manage:',
    'manage',
    'fs:/',
    'fs:~/',
    'fs:/../..',
    'app:',
    'user:a/',
    '/app:b',
    'system/app:a',
    'null',
    '\ufeff',
    '\u202e',
  ),
  fc
    .tuple(
      fc.constantFrom(
        'fs:',
        'user:',
        'a:',
        'manage:',
        'manage:manage:',
        'fs:/',
        'app:',
        'site:',
        'token:',
        'group:',
      ),
      fc.string({ unit: 'binary', maxLength: 20 }),
    )
    .map((parts) => parts.join('')),
  fc.integer({ min: 0, max: 3000 }).map((length) => 'fs:'.repeat(length)),
  fc.integer({ min: 0, max: 20_000 }).map((length) => `a:${'x'.repeat(length)}`),
  fc.integer({ min: 0, max: 4000 }).map((length) => 'manage:'.repeat(length) + 'fs'),
)
const arbJson = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  arbHostile,
  fc.object({
    key: fc.oneof(
      fc.constantFrom(
        'kind',
        'id',
        'owner',
        'extra',
        '__proto__',
        'constructor',
        'permission',
        'holder',
        'issuer',
        'parent',
        'of',
        'modes',
        'expiresAt',
        'add',
        'remove',
      ),
      fc.string(),
    ),
    maxDepth: 3,
  }),
  fc.constantFrom(undefined, Number.NaN, -0, 1n, Symbol('x'), () => 1, new Date(0), new Map(), []),
)
const RUNS = { numRuns: 1000 }

const engine = openEngine({
  catalog: [{ name: 'a', description: 'x' }],
  facts: [
    { kind: 'user', id: 'ed' },
    { kind: 'resource', permission: 'a', owner: 'user:ed' },
  ],
  now: () => 0,
})

/** Runs it; whatever it throws must be one of ours. */
function ours<Value>(run: () => Value): Value | CastellanError {
  try {
    return run()
  } catch (error) {
    if (error instanceof CastellanError) {
      assert.match(error.message, /^[^A-Z]/)
      assert.ok(error.message.length < 2000 && error.hint.length < 500)
      assert.doesNotMatch(error.message, /[\p{Cc}\p{Cs}]/u)
      return error
    }
    throw error
  }
}

describe('permission strings', () => {
  test('any text is a permission that prints as itself, or an error that says where', () => {
    fc.assert(
      fc.property(arbHostile, (text) => {
        const parsed = ours(() => parsePermission(text))
        if (parsed instanceof CastellanError) {
          assert.ok(parsed instanceof PermissionInvalidError)
          assert.ok(parsed.position >= 0 && parsed.position <= text.length)
        } else {
          assert.equal(printPermission(parsed), text)
          assert.ok(parsed.length >= 1 && parsed.length <= LIMITS.componentsMax && !parsed.includes(''))
        }
      }),
      RUNS,
    )
  })

  test('any text is answered or refused on every question, and refused alike', () => {
    fc.assert(
      fc.property(arbHostile, (text) => {
        const calls: (() => unknown)[] = [
          () => engine.check('user:ed', text),
          () => engine.scan('user:ed', text),
          () => engine.explain('user:ed', text),
          () => engine.claims('user:ed', text),
          () => engine.holders(text),
          () => engine.permissionsOf('user:ed', text),
          () => engine.checkEach([{ actor: 'user:ed', permission: text }]),
        ]
        const answers = calls.map((call) => ours(call))
        const codes = answers.map((answer) => (answer instanceof CastellanError ? answer.code : 'fine'))
        assert.equal(new Set(codes).size, 1, `${codes.join(' ')} for ${JSON.stringify(text)}`)
        const allowed = answers[0]
        if (typeof allowed === 'boolean') {
          const own = /^(manage:)?a(:|$)/.test(text) || /^user:ed(:|$)/.test(text)
          assert.equal(allowed, own, text)
        }
      }),
      RUNS,
    )
  })
})

describe('actors', () => {
  test('any text is an actor that prints as itself, or an error', () => {
    fc.assert(
      fc.property(arbHostile, (text) => {
        for (const parse of [parseActor, parseParty]) {
          const parsed = ours(() => parse(text))
          if (parsed instanceof CastellanError) assert.ok(parsed instanceof ActorInvalidError)
          else assert.equal(printParty(parsed), text)
        }
        const answer = ours(() => engine.check(text, 'a'))
        if (typeof answer === 'boolean') assert.equal(answer, text === 'system' || text === 'user:ed')
      }),
      RUNS,
    )
  })

  test('what is no text gets no answer', () => {
    for (const odd of [undefined, null, 7, {}, [], ['user:ed'], Symbol('x'), () => 'user:ed']) {
      assert.throws(() => engine.check(odd as never, 'a'))
      assert.throws(() => engine.check('user:ed', [odd] as never))
      assert.throws(() => engine.checkEach([odd] as never))
      if (!Array.isArray(odd)) assert.throws(() => engine.check('user:ed', odd as never))
    }
  })
})

describe('facts and changes as JSON', () => {
  const facts: readonly Fact[] = Array.from({ length: 20 }, (_, seed) => randomWorld(seed).facts).flat()

  test('any JSON is a fact that parses to itself again, or an error that says where', () => {
    fc.assert(
      fc.property(arbJson, (value) => {
        for (const parse of [parseFact, parseFactKey, parseChanges]) {
          const parsed = ours(() => parse(value))
          if (parsed instanceof FactInvalidError) assert.equal(typeof parsed.path, 'string')
          else if (!(parsed instanceof CastellanError))
            assert.deepEqual(parse(JSON.parse(JSON.stringify(parsed))), parsed)
        }
      }),
      RUNS,
    )
  })

  test('a fact survives JSON as it is, and its key names it', () => {
    for (const fact of facts) {
      assert.deepEqual(parseFact(JSON.parse(JSON.stringify(fact))), fact)
      assert.deepEqual(
        keyParts(parseFactKey(JSON.parse(JSON.stringify(factKey(fact))))),
        keyParts(factKey(fact)),
      )
    }
  })

  test('a fact with one field spoilt is an error at that field, or still a fact', () => {
    const random = makeRandom(42)
    const values = [
      undefined,
      null,
      7,
      -1,
      true,
      '',
      ' ',
      ':',
      '\\',
      [],
      {},
      ['x'],
      'x'.repeat(2000),
      '__proto__',
      'user:',
      'group:user',
      '2026-13-01',
      '2026-06-01T12:00:00+02:00',
      { toJSON: 7 },
    ]
    for (const fact of facts) {
      const field = random.pick(Object.keys(fact))
      const spoilt = { ...fact, [field]: random.pick(values) }
      const parsed = ours(() => parseFact(spoilt))
      if (parsed instanceof FactInvalidError)
        assert.ok(parsed.path === '' || parsed.path.startsWith(field), `${parsed.path} for ${field}`)
      if (!(parsed instanceof CastellanError)) assert.deepEqual(parseFact(parsed), parsed)
    }
  })

  test('a field nobody knows is an error that names it', () => {
    for (const fact of facts.slice(0, 60)) {
      const parsed = ours(() => parseFact({ ...fact, colour: 'red' }))
      assert.ok(parsed instanceof FactInvalidError, fact.kind)
      assert.match(parsed.message, /colour/)
    }
  })

  test('`__proto__` in JSON is data, and never a prototype', () => {
    const text =
      '{"kind":"grant","issuer":"user:a","holder":"user:b","permission":"fs","extra":{"__proto__":{"admin":true},"constructor":1}}'
    const fact = parseFact(JSON.parse(text)) as { extra: Record<string, unknown> }
    assert.equal(JSON.stringify(fact.extra), '{"__proto__":{"admin":true},"constructor":1}')
    assert.equal(fact.extra['admin'], undefined)
    assert.ok(
      ours(() => parseFact(JSON.parse('{"__proto__":{"kind":"user"},"id":"x"}'))) instanceof CastellanError,
    )
  })

  test('optional fields may be null, which is absent', () => {
    assert.deepEqual(parseFact({ kind: 'user', id: 'x', name: null }), { kind: 'user', id: 'x' })
    assert.deepEqual(parseFact({ kind: 'group', id: 'g', owner: null }), {
      kind: 'group',
      id: 'g',
      owner: 'system',
    })
    assert.deepEqual(
      parseFact({ kind: 'resource', permission: 'fs:x', owner: 'user:x', parent: null, name: null }),
      {
        kind: 'resource',
        permission: 'fs:x',
        owner: 'user:x',
      },
    )
    assert.deepEqual(
      parseFact({
        kind: 'grant',
        issuer: 'system',
        holder: 'user:x',
        permission: 'fs',
        extra: null,
        expiresAt: null,
        reason: null,
      }),
      {
        kind: 'grant',
        issuer: 'system',
        holder: 'user:x',
        permission: 'fs',
        extra: {},
      },
    )
  })

  test('instants are RFC 3339 and become UTC with milliseconds', () => {
    const grant = (expiresAt: string) =>
      parseFact({ kind: 'grant', issuer: 'system', holder: 'user:x', permission: 'fs', expiresAt })
    for (const [given, kept] of [
      ['2027-01-01T00:00:00Z', '2027-01-01T00:00:00.000Z'],
      ['2027-01-01T01:30:00+01:30', '2027-01-01T00:00:00.000Z'],
      ['2027-01-01T00:00:00.5Z', '2027-01-01T00:00:00.500Z'],
    ] as const) {
      assert.equal((grant(given) as { expiresAt?: string }).expiresAt, kept)
    }
    for (const bad of [
      '',
      'tomorrow',
      '2027',
      '2027-01-01',
      '2027-01-01T00:00:00',
      '2027-02-30T00:00:00Z',
      '2027-01-01T25:00:00Z',
      '1',
      '+275761-01-01T00:00:00Z',
    ]) {
      assert.ok(ours(() => grant(bad)) instanceof FactInvalidError, bad)
    }
  })

  test('any JSON as changes leaves the engine as it was, or is a change', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ add: fc.oneof(arbJson, fc.constantFrom(...facts)) }),
            fc.record({ remove: fc.oneof(arbJson, fc.constantFrom(...facts)) }),
            arbJson,
          ),
          { maxLength: 4 },
        ),
        (value) => {
          const before = JSON.stringify([...engine.facts()])
          const changes = ours(() => parseChanges(value))
          if (changes instanceof CastellanError) return
          const staged = ours(() => engine.stage(changes))
          if (!(staged instanceof CastellanError)) staged.undo()
          assert.equal(JSON.stringify([...engine.facts()]), before)
        },
      ),
      RUNS,
    )
  })

  test('changes that were never parsed do nothing', () => {
    const odd = [
      undefined,
      null,
      7,
      'x',
      {},
      [null],
      [{}],
      [{ add: null }],
      [{ remove: {} }],
      [{ add: { kind: 'user' } }],
      [{ add: { kind: 'nothing' } }],
      [{ add: { kind: 'user', id: 7 } }],
    ]
    const before = JSON.stringify([...engine.facts()])
    for (const each of odd) assert.throws(() => engine.apply(each as never), JSON.stringify(each))
    assert.equal(JSON.stringify([...engine.facts()]), before)
  })
})

test('a name is never an id: hostile ids live side by side', () => {
  const hostile = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '0',
    '-1',
    'NaN',
    'undefined',
    'null',
    'system',
  ]
  const all = openEngine({
    now: () => 0,
    facts: [
      ...hostile.map((id) => ({ kind: 'user', id }) as const),
      ...hostile.map((id) => ({ kind: 'group', id: `g.${id}`, owner: 'system' }) as const),
      ...hostile.map((id) => ({ kind: 'resource', permission: `fs:${id}`, owner: `user:${id}` }) as const),
    ],
  })
  for (const id of hostile) {
    for (const other of hostile) assert.equal(all.check(`user:${id}`, `fs:${other}:read`), id === other)
    assert.deepEqual(
      all.holders(`fs:${id}`).items.map((each) => each.actor),
      [`user:${id}`],
    )
  }
  assert.equal(idsOf([...all.facts()], 'user').length, hostile.length)
})
