import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
// The protocol takes only types from the engine; what facts mean is handed in, here the real thing.
// oxlint-disable-next-line no-restricted-imports
import { factKey, parseFact, type Fact } from '@castellan/engine'
import fc from 'fast-check'
import { EdgeError, FileInvalidError } from './errors.ts'
import { readFactsFile } from './facts-file.ts'
import { printFact, readJsonLines, writeFacts } from './jsonl.ts'
import { parseQuestion } from './question.ts'
import { changeShape } from './shapes/changes.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const id = fc.stringMatching(/^[A-Za-z0-9._@+=~-]{1,12}$/u)
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((value) => !/\p{Cc}|\p{Cs}/u.test(value) && value.trim() !== '')
const extra = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')),
  fc.jsonValue({ maxDepth: 3 }),
  { maxKeys: 3 },
)
const time = fc
  .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())
const user = id.map((name) => `user:${name}`)
const optional = { requiredKeys: ['kind', 'id'] as ['kind', 'id'] }

const rawFact: fc.Arbitrary<object> = fc.oneof(
  fc.record({ kind: fc.constant('user'), id, name: text }, optional),
  fc.record({ kind: fc.constant('group'), id, owner: user }, optional),
  fc.record({ kind: fc.constant('app'), id, owner: user, name: text }, optional),
  fc.record(
    { kind: fc.constant('token'), id, issuer: user, full: fc.boolean(), expiresAt: time },
    { requiredKeys: ['kind', 'id', 'issuer'] },
  ),
  fc.record({ kind: fc.constant('member'), group: id, member: user }),
  fc.record({ kind: fc.constant('suspension'), of: user }),
  fc.record(
    {
      kind: fc.constant('namespace'),
      name: id,
      description: text,
      modes: fc.constant(['r', 'w']),
      requestable: fc.boolean(),
    },
    { requiredKeys: ['kind', 'name', 'description'] },
  ),
  fc.record(
    { kind: fc.constant('resource'), permission: id, owner: user, name: text },
    { requiredKeys: ['kind', 'permission'] },
  ),
  fc.record(
    {
      kind: fc.constant('grant'),
      issuer: user,
      holder: user,
      permission: id,
      extra,
      expiresAt: time,
      reason: text,
    },
    { requiredKeys: ['kind', 'issuer', 'holder', 'permission'] },
  ),
)

const arbFact: fc.Arbitrary<Fact> = rawFact
  .map((raw) => {
    try {
      return parseFact(raw)
    } catch {
      return undefined
    }
  })
  .filter((fact) => fact !== undefined)

async function factsOf(content: Uint8Array): Promise<Fact[]> {
  const facts: Fact[] = []
  for await (const some of readJsonLines([content], { parse: parseFact }))
    facts.push(...some.map(({ value }) => value))
  return facts
}

describe('bulk facts', () => {
  test('come back exactly as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbFact, { maxLength: 20 }), async (facts) => {
        const written = [...writeFacts(facts)].join('')
        const back = await factsOf(bytes(written))
        assert.deepEqual(back, facts)
        assert.equal([...writeFacts(back)].join(''), written)
        assert.deepEqual(readFactsFile({ name: 'x.jsonl', content: written }, parseFact).facts, facts)
      }),
    )
  })

  const wrong = [
    { name: 'a line that is not JSON', line: '{"kind":"user",id:"x"}', column: 16, says: /double quotes/ },
    {
      name: 'a name given twice',
      line: '{"kind":"user","id":"x","id":"y"}',
      column: 25,
      says: /given twice/,
    },
    { name: 'an id that is none', line: '{"kind":"user","id":"x y"}', column: 21, says: /id/ },
    { name: 'a kind that is none', line: '{"kind":"wizard","id":"x"}', column: 9, says: /kind/ },
    { name: 'a name that is none', line: '{"kind":"user","id":"x","email":"y"}', column: 33, says: /email/ },
    { name: 'a list', line: '  []', column: 3, says: /object/ },
    {
      name: 'claims that are no object',
      line: '{"kind":"grant","issuer":"user:a","holder":"user:b","permission":"a","extra":7}',
      column: 78,
      says: /extra/,
    },
  ]
  for (const { name, line, column, says } of wrong) {
    test(`name the line and column of ${name}`, async () => {
      await assert.rejects(factsOf(bytes(`\n{"kind":"user","id":"ok"}\r\n${line}\n`)), (error) => {
        assert.ok(error instanceof FileInvalidError)
        assert.match(error.problem, says)
        assert.deepEqual([error.code, error.line, error.column], ['LINE_INVALID', 3, column])
        return true
      })
    })
  }

  test('take random bytes with an error that has a place', async () => {
    const start = bytes(
      '{"kind":"user","id":"x"}\n{"kind":"grant","issuer":"user:a","holder":"user:b","permission":"a","extra":{"__proto__":{}}}\n',
    )
    const cut = fc
      .tuple(fc.nat(start.length), fc.uint8Array({ maxLength: 4 }))
      .map(([at, noise]) => new Uint8Array([...start.subarray(0, at), ...noise, ...start.subarray(at)]))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 40 }), cut), async (given) => {
        try {
          await factsOf(given)
        } catch (error) {
          assert.ok(error instanceof FileInvalidError, String(error))
          assert.ok(error.line >= 1 && error.column >= 1)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('do not hide a mistake of ours as one of the file', async () => {
    const parse = (): never => {
      throw new TypeError('ours')
    }
    await assert.rejects(async () => {
      for await (const _ of readJsonLines([bytes('{}\n')], { parse }));
    }, TypeError)
  })

  test('print no line end within a line', () => {
    const fact = parseFact({
      kind: 'grant',
      issuer: 'user:a',
      holder: 'user:b',
      permission: 'x',
      extra: { a: '\n\u2028' },
    })
    assert.equal(printFact(fact).includes('\n'), false)
  })
})

describe('the shapes of facts', () => {
  test('take every fact and every key that the engine takes', () => {
    fc.assert(
      fc.property(arbFact, (fact) => {
        const parsed: unknown = JSON.parse(printFact(fact))
        assert.deepEqual(changeShape.parse({ add: parsed }), { add: parsed })
        assert.deepEqual(changeShape.parse({ remove: parsed }), { remove: parsed })
        assert.deepEqual(changeShape.parse({ remove: { ...factKey(fact) } }), { remove: factKey(fact) })
      }),
    )
  })
})

describe('readFactsFile', () => {
  const lines = '{"kind":"user","id":"x"}\n{"kind":"user","id":"y"}\n'
  const yaml = 'users: [x, y]\n'
  const json = '{\n  "users": ["x", "y"]\n}\n'
  const cases = [
    { name: 'lines by their extension', source: { name: 'a.JSONL', content: lines }, kind: 'lines' },
    { name: 'lines by their content', source: { content: lines }, kind: 'lines' },
    { name: 'lines in a file called JSON', source: { name: 'a.json', content: `\n${lines}` }, kind: 'lines' },
    { name: 'a world by its extension', source: { name: 'a.yml', content: yaml }, kind: 'world' },
    { name: 'a world by its content', source: { content: yaml }, kind: 'world' },
    { name: 'a world in JSON', source: { name: 'a.json', content: json }, kind: 'world' },
    { name: 'a world on one line', source: { content: '{"users":["x","y"]}' }, kind: 'world' },
    { name: 'a world behind a byte order mark', source: { content: `\u{feff}${json}` }, kind: 'world' },
    { name: 'lines behind a byte order mark', source: { content: `\u{feff}${lines}` }, kind: 'lines' },
  ] as const
  for (const { name, source, kind } of cases) {
    test(`knows ${name}, as text and as bytes`, () => {
      for (const content of [source.content, bytes(source.content)]) {
        const file = readFactsFile({ ...source, content }, parseFact)
        assert.equal(file.kind, kind)
        assert.deepEqual(
          file.facts,
          ['x', 'y'].map((user) => parseFact({ kind: 'user', id: user })),
        )
      }
    })
  }

  test('says that a broken first fact is a broken fact', () => {
    assert.throws(
      () => readFactsFile({ content: '{"kind":"user","id":}\n' }, parseFact),
      (error) => error instanceof FileInvalidError && error.code === 'LINE_INVALID' && error.column === 21,
    )
  })

  test('names the place of bytes that are not UTF-8 in a world', () => {
    assert.throws(
      () =>
        readFactsFile(
          { name: 'w.yaml', content: new Uint8Array([...bytes('users:\n- a'), 0xff]) },
          parseFact,
        ),
      (error) =>
        error instanceof FileInvalidError &&
        error.code === 'WORLD_INVALID' &&
        error.line === 2 &&
        error.column === 4,
    )
  })
})

test('parseQuestion takes a line of a batch, answered or not, and nothing more', () => {
  assert.deepEqual(parseQuestion({ actor: 'user:a', permission: 'x', allowed: true }), {
    actor: 'user:a',
    permission: 'x',
  })
  assert.throws(() => parseQuestion({ actor: 'user:a' }), EdgeError)
  assert.throws(() => parseQuestion({ actor: 'user:a', permission: 'x', who: 1 }), EdgeError)
})
