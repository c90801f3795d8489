import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { JSON_DEPTH_MAX, JsonInvalidError, parseJson, parseJsonTree, placeOf, plain } from './json.ts'

describe('parseJson', () => {
  test('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'medium' }), (value) => {
        const text = JSON.stringify(value)
        assert.deepEqual(parseJson(text), JSON.parse(text))
        assert.deepEqual(plain(parseJsonTree(text)), JSON.parse(text))
      }),
    )
  })

  test('refuses exactly what JSON.parse refuses, with a position inside of the text', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\',
      '\\u12',
      '1',
      '-',
      '0',
      '.',
      'e',
      'true',
      'nul',
      ' ',
      '\n',
      '"',
      '\u0000',
      '\\"',
      "'",
      '\u{1f600}',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        const parsed = outcome(() => parseJsonTree(text))
        if (parsed.error === undefined || !parsed.error.message.includes('given twice')) {
          assert.equal(parsed.error === undefined, outcome(() => JSON.parse(text)).error === undefined, text)
        }
        assert.deepEqual(outcome(() => parseJson(text)).error?.message, parsed.error?.message)
        if (parsed.error === undefined) return
        assert.ok(parsed.error instanceof JsonInvalidError)
        assert.ok(parsed.error.position >= 0 && parsed.error.position <= text.length)
      }),
      { numRuns: 3_000 },
    )
  })

  const wrong = [
    { name: 'a missing comma', text: '{"a":1 "b":2}', position: 7, says: /expected `,` or `}`/ },
    { name: 'a trailing comma', text: '[1,]', position: 3, says: /expected a value/ },
    { name: 'a name without quotes', text: '{a:1}', position: 1, says: /double quotes/ },
    {
      name: 'a name given twice',
      text: '{"a":1,"b":{"c":1,"c":2}}',
      position: 18,
      says: /`c` is given twice/,
    },
    {
      name: 'a name given twice in two spellings',
      text: '{"a":1,"\\u0061":2}',
      position: 7,
      says: /given twice/,
    },
    { name: 'a string without an end', text: '"abc', position: 4, says: /does not end/ },
    { name: 'a control character in a string', text: '"a\tb"', position: 2, says: /control character/ },
    { name: 'an escape that is none', text: '"a\\x"', position: 2, says: /escape/ },
    { name: 'half an escape', text: '"\\u12"', position: 1, says: /escape/ },
    { name: 'nothing', text: '  ', position: 2, says: /found the end/ },
    { name: 'more after the value', text: '1 2', position: 2, says: /expected the end/ },
    { name: 'a byte order mark', text: '\u{feff}1', position: 0, says: /expected a value/ },
  ]
  for (const { name, text, position, says } of wrong) {
    test(`names the place of ${name}`, () => {
      const { error } = outcome(() => parseJson(text))
      assert.ok(error instanceof JsonInvalidError)
      assert.match(error.message, says)
      assert.equal(error.position, position)
    })
  }

  test('takes nesting up to the limit and no further, however deep', () => {
    const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    assert.doesNotThrow(() => parseJson(deep(JSON_DEPTH_MAX)))
    for (const depth of [JSON_DEPTH_MAX + 1, 1_000_000]) {
      const { error } = outcome(() => parseJson(deep(depth)))
      assert.ok(error instanceof JsonInvalidError)
      assert.equal(error.position, JSON_DEPTH_MAX)
    }
  })

  test('counts brackets and colons in strings as text', () => {
    const value = { 'a:[{': ':'.repeat(200), b: '['.repeat(200), 'c\\"': '"\\"' }
    assert.deepEqual(parseJson(JSON.stringify(value)), value)
  })

  test('keeps prototype names as names', () => {
    const value = parseJson('{"__proto__":{"x":1},"constructor":2}') as object
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.deepEqual(JSON.stringify(plain(parseJsonTree('{"__proto__":{"x":1}}'))), '{"__proto__":{"x":1}}')
  })
})

test('placeOf follows a path as far as it leads', () => {
  const text = '{"extra":{"hosts":["a","b"]},"holder":"x"}'
  const tree = parseJsonTree(text)
  assert.equal(placeOf(tree, 'extra.hosts[1]'), text.indexOf('"b"'))
  assert.equal(placeOf(tree, 'holder'), text.indexOf('"x"'))
  assert.equal(placeOf(tree, 'extra.nowhere'), text.indexOf('{"hosts"'))
  assert.equal(placeOf(tree, ''), 0)
})

function outcome(run: () => unknown): { readonly error?: Error } {
  try {
    run()
    return {}
  } catch (error) {
    return { error: error as Error }
  }
}
