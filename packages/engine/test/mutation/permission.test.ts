import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  compareText,
  type Fact,
  isAtOrBeneath,
  namespaceOf,
  parsePermission,
  PermissionInvalidError,
  PermissionUnknownError,
  printPermission,
} from '../../src/index.ts'
import {
  countCodePoints,
  decodeComponent,
  encodeComponent,
  splitManage,
  utf8Length,
  validatePermission,
  validateUnrewritten,
} from '../../src/permission.ts'
import { errorOf, user, world } from '../say.ts'

/** Where it goes wrong, and how; undefined when it does not. */
function flawOf(text: string, validate = validatePermission): string | undefined {
  try {
    validate(text)
    return undefined
  } catch (error) {
    assert.ok(error instanceof PermissionInvalidError)
    return String(error.position)
  }
}

describe('what may stand in a permission', () => {
  const engine = world([])
  // Long texts take the way on which each character is looked at.
  const long = `a:${'x'.repeat(80)}`

  for (const good of [
    '\u0020',
    '\u007e',
    '\u00a0',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
    '\\C',
    '\\\\',
  ]) {
    test(`accepts ${JSON.stringify(good)}`, () => {
      for (const around of [
        `a:${good}`,
        `a:x${good}x`,
        `${long}${good}`,
        `${long}:${good}`,
        `${good}:${long}`,
      ]) {
        assert.equal(flawOf(around), undefined)
        assert.equal(flawOf(around, validateUnrewritten), undefined)
        assert.equal(printPermission(parsePermission(around)), around)
      }
    })
  }

  for (const bad of [
    '\u0000',
    '\u001f',
    '\u007f',
    '\u0080',
    '\u009f',
    '\ud800',
    '\udbff',
    '\udc00',
    '\udfff',
    '\udc00\ud800',
    '\ud800\ud800',
    '\ud800\ue000',
    '\udc00\udc00',
    '\\c',
    '\\n',
    '\\:',
    '\\',
    '\\C\\',
  ]) {
    test(`refuses ${JSON.stringify(bad)}`, () => {
      const at = bad === '\\C\\' ? 2 : 0
      assert.equal(flawOf(`a:${bad}`), String(2 + at))
      assert.equal(flawOf(`${long}${bad}`), String(82 + at))
      assert.equal(flawOf(`${long}:x${bad}`, validateUnrewritten), String(84 + at))
      assert.equal(flawOf(`${bad}${long}`), String(at))
      if (!bad.startsWith('\\')) assert.equal(flawOf(`${long}${bad}x`), '82')
      assert.equal(flawOf(bad), String(at))
      errorOf(() => engine.check('user:x', bad), 'PERMISSION_INVALID')
    })
  }

  test('refuses empty components, and says where', () => {
    for (const [text, position] of [
      ['', 0],
      [':', 0],
      [':a', 0],
      ['a:', 2],
      ['a::b', 2],
      [`${long}:`, 83],
      [`${long}::b`, 83],
      [`:${long}`, 0],
    ] as const)
      assert.equal(flawOf(text), String(position))
  })

  test('refuses what is too much, and says where it begins to be', () => {
    const component = 'x'.repeat(256)
    assert.equal(flawOf(`a${':x'.repeat(31)}${'x'.repeat(20)}`), undefined)
    assert.equal(flawOf(`a${':x'.repeat(32)}`), '64')
    assert.equal(flawOf(`a${':x'.repeat(40)}`), '64')
    assert.equal(flawOf(`a:${component}`), undefined)
    assert.equal(flawOf(`a:${component}x`), '2')
    assert.equal(flawOf(`a:b:${component}x:c`), '4')
    assert.equal(flawOf(`a:${'\\C'.repeat(256)}`), undefined)
    assert.equal(flawOf(`a:${'\\C'.repeat(257)}`), '2')
    assert.equal(flawOf(`a:${'\u{1f600}'.repeat(256)}`), '2')
    assert.equal(flawOf(`a:${'\u{1f600}'.repeat(255)}`), undefined)
    const bytes = `a:${component}:${component}:${component}`
    assert.equal(flawOf(`${bytes}:${'x'.repeat(250)}`), undefined)
    assert.equal(utf8Length(`${bytes}:${'x'.repeat(251)}`), 1024)
    assert.equal(flawOf(`${bytes}:${'x'.repeat(251)}`), undefined)
    assert.equal(flawOf(`${bytes}:${'x'.repeat(252)}`), '773')
    assert.equal(flawOf(`${bytes}:${'x'.repeat(251)}:y`), '1025')
    assert.equal(flawOf(`a:${'\u00e9'.repeat(256)}:${'\u20ac'.repeat(169)}`), undefined)
    assert.equal(flawOf(`a:${'\u00e9'.repeat(256)}:${'\u20ac'.repeat(170)}`), '259')
  })

  test('before rewriting 16,384 units are the only limit', () => {
    assert.equal(flawOf('x'.repeat(16_384), validateUnrewritten), undefined)
    assert.equal(flawOf('x'.repeat(16_385), validateUnrewritten), '16384')
    assert.equal(flawOf(`x${':y'.repeat(100)}`, validateUnrewritten), undefined)
    assert.equal(flawOf('x::', validateUnrewritten), '2')
    const engine = world([])
    assert.equal(engine.check('user:x', `fs:/${'x'.repeat(200)}`), false)
    errorOf(() => engine.check('user:x', `fs:/${'x'.repeat(16_384)}`), 'PERMISSION_INVALID')
  })
})

describe('text', () => {
  test('is encoded and decoded one to one', () => {
    for (const [plain, encoded] of [
      ['a', 'a'],
      [':', '\\C'],
      ['\\', '\\\\'],
      ['\\C', '\\\\C'],
      ['a:b\\c::', 'a\\Cb\\\\c\\C\\C'],
      ['C', 'C'],
    ] as const) {
      assert.equal(encodeComponent(plain), encoded)
      assert.equal(decodeComponent(encoded), plain)
    }
    assert.deepEqual(parsePermission('a:\\C:b\\\\C'), ['a', ':', 'b\\C'])
    assert.equal(printPermission(['a', ':', 'b\\C']), 'a:\\C:b\\\\C')
    for (const components of [[], [''], ['a', ''], ['a\n'], ['\ud800'], ['x'.repeat(257)]])
      errorOf(() => printPermission(components), 'PERMISSION_INVALID')
  })

  test('is ordered by code point', () => {
    const texts = [
      '',
      'a',
      'ab',
      'b',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{103ff}',
      '\u{10ffff}',
      'a\uffff',
      'a\u{10000}',
      '\u{10000}a',
    ]
    const points = (text: string): number[] => Array.from(text, (each) => each.codePointAt(0)!)
    const byPoints = (a: string, b: string): number => {
      const [left, right] = [points(a), points(b)]
      for (const [i, point] of left.entries()) {
        if (right[i] === undefined) return 1
        if (point !== right[i]) return point - right[i]
      }
      return left.length - right.length
    }
    for (const a of texts)
      for (const b of texts)
        assert.equal(Math.sign(compareText(a, b)), Math.sign(byPoints(a, b)), `${a} ${b}`)
  })

  test('is measured in code points and in bytes of UTF-8', () => {
    for (const text of [
      '',
      'a',
      '\u007f',
      '\u0080',
      '\u07ff',
      '\u0800',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{103ff}',
      'a\u{1f600}\u20ac',
    ]) {
      assert.equal(utf8Length(text), Buffer.byteLength(text), JSON.stringify(text))
      assert.equal(countCodePoints(text), Array.from(text).length)
    }
  })

  test('is split at colons', () => {
    assert.equal(namespaceOf('a:b:c'), 'a')
    assert.equal(namespaceOf('abc'), 'abc')
    assert.equal(namespaceOf(''), '')
    assert.deepEqual(
      ['a', 'a:b', 'ab', 'b', 'a:', ''].map((each) => isAtOrBeneath(each, 'a')),
      [true, true, false, false, true, false],
    )
    assert.deepEqual(splitManage('manage:manage:a:b'), { depth: 2, rest: 'a:b' })
    assert.deepEqual(splitManage('manage'), { depth: 0, rest: 'manage' })
    assert.deepEqual(splitManage('a:manage:b'), { depth: 0, rest: 'a:manage:b' })
  })
})

describe('the catalog', () => {
  const engine = world([user('x').exists])
  const BUILT_IN = {
    fs: { requestable: true, modes: ['see', 'list', 'read', 'write'] },
    kv: { requestable: true },
    ai: { requestable: true },
    hosting: { requestable: true },
    site: { requestable: true },
    module: { requestable: false },
    castellan: { requestable: false },
    user: { requestable: true },
    app: { requestable: false },
    group: { requestable: false },
    manage: { requestable: false },
  }

  test('brings its namespaces along, each with a line, who enforces it and whether apps may ask for it', () => {
    const found = [...engine.facts('namespace')].filter(
      (fact): fact is Extract<Fact, { kind: 'namespace' }> =>
        fact.kind === 'namespace' && Object.hasOwn(BUILT_IN, fact.name),
    )
    const all =
      found.length > 0 ? found : Object.keys(BUILT_IN).map((name) => engine.fact({ kind: 'namespace', name }))
    assert.equal(all.length, 11)
    for (const each of all) {
      assert.ok(each?.kind === 'namespace')
      const { name, description, enforcedBy, modes, requestable } = each
      const expected: { requestable: boolean; modes?: readonly string[] } =
        BUILT_IN[name as keyof typeof BUILT_IN]
      assert.deepEqual({ requestable, modes }, { modes: undefined, ...expected })
      assert.ok(description.length > 3 && enforcedBy!.length > 3)
    }
  })

  test('says where a string leaves the shape of its namespace, and what that is', () => {
    for (const [permission, position, shape] of [
      ['fs:x:run', 5, 'fs:<uuid>[:see|list|read|write]'],
      ['fs:x:read:more', 5, 'fs:<uuid>[:see|list|read|write]'],
      ['kv:u:a:see', 7, 'kv:<user id>:<app id>[:get|set|delete|list]'],
      ['kv:u:a:get:more', 7, 'kv:<user id>:<app id>[:get|set|delete|list]'],
      ['ai:chat:more', 3, 'ai[:chat|txt2img|img2txt]'],
      ['hosting:create:more', 8, 'hosting[:create]'],
      ['module:fs:more', 7, 'module:<key>'],
      ['castellan:check:more', 10, 'castellan:<function>'],
    ] as const) {
      const error = errorOf(() => engine.check('user:x', permission), 'PERMISSION_INVALID')
      assert.ok(error instanceof PermissionInvalidError)
      assert.equal(error.position, position, permission)
      assert.ok(error.message.includes(`\`${shape}\``), error.message)
    }
    for (const permission of [
      ...['see', 'list', 'read', 'write'].map((mode) => `fs:x:${mode}`),
      ...['get', 'set', 'delete', 'list'].map((mode) => `kv:u:a:${mode}`),
      'kv',
      'kv:u',
      'kv:u:a',
      'fs',
      'fs:x',
      'ai',
      'ai:any',
      'hosting',
      'module:x',
      'castellan:x',
      'site:x:y:z',
      'user:x:y:z',
      'app:x:y',
      'group:x:y',
      'manage',
      'manage:fs:x:read',
    ])
      assert.equal(typeof engine.check('user:x', permission), 'boolean')
  })

  test('names the nearest namespace, when one is near', () => {
    for (const [name, nearest] of [
      ['site2', 'site'],
      ['sit', 'site'],
      ['sote', 'site'],
      ['hostign', 'hosting'],
      ['castelan', 'castellan'],
      ['kastelan', 'castellan'],
      ['kasteln', undefined],
      ['mangae', 'manage'],
      ['fz', 'fs'],
      ['usr', 'user'],
      ['users', 'user'],
      ['xx', undefined],
      ['xyzzy', undefined],
      ['hosting-of-sites', undefined],
    ] as const) {
      const error = errorOf(() => engine.check('user:x', `${name}:x`), 'PERMISSION_UNKNOWN')
      assert.ok(error instanceof PermissionUnknownError)
      if (nearest === undefined) assert.doesNotMatch(error.hint, /did you mean/, name)
      else assert.ok(error.hint.includes(`\`${nearest}\``), `${name}: ${error.hint}`)
    }
  })
})
