import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plain } from './json.ts'
import { parseYamlTree, YamlInvalidError } from './yaml-tree.ts'

test('an alias means the anchor of its name that was last before it', () => {
  const text = 'a: &x 1\nb: *x\nc: &y {n: &x 2}\nd: *x\ne: &x 3\nf: *y\ng: *x\n'
  assert.deepEqual(plain(parseYamlTree(text)), { a: 1, b: 1, c: { n: 2 }, d: 2, e: 3, f: { n: 2 }, g: 3 })
})

test('very many anchors and aliases cost no more than themselves', { timeout: 20_000 }, () => {
  const count = 40_000
  const lines = Array.from({ length: count }, (_, i) => `- &a${i} ${i}\n- *a${i}`)
  const tree = parseYamlTree(lines.join('\n'))
  assert.equal(tree.kind === 'list' && tree.items.length, 2 * count)
})

test('aliases add no more than their bound, wherever they stand', () => {
  const hundred = `- &a [${'x,'.repeat(1_000)}]\n`
  assert.doesNotThrow(() => parseYamlTree(hundred + '- *a\n'.repeat(90)))
  assert.throws(
    () => parseYamlTree(hundred + '- *a\n'.repeat(101)),
    /its aliases add more than 100000 values/,
  )
})

test('an alias within what it names goes nowhere', () => {
  assert.throws(() => parseYamlTree('&a [*a]'), YamlInvalidError)
  assert.throws(() => parseYamlTree('&a {k: {*a : 1}}'), YamlInvalidError)
})

test('YAML 1.1 words are text, whatever the directive says', () => {
  for (const head of ['', '%YAML 1.1\n---\n']) {
    assert.deepEqual(
      plain(parseYamlTree(`${head}[yes, no, on, 0o17, 012, 1:30, 2027-01-01, null, ~, true]`)),
      ['yes', 'no', 'on', 15, 12, '1:30', '2027-01-01', null, null, true],
    )
  }
})

test('a merge key is a name like any other', () => {
  assert.deepEqual(plain(parseYamlTree('a: &a {x: 1}\nb: {<<: *a}')), { a: { x: 1 }, b: { '<<': { x: 1 } } })
})
