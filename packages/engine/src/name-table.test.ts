import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { NONE } from './columns.ts'
import { isAt, NameTable, Pieces } from './name-table.ts'

const PARENTS = 3

/** Each name beneath each parent: row `n * PARENTS + parent` bears the n-th. */
function namesakes(count: number): string[] {
  return Array.from({ length: count * PARENTS }, (_, row) => `name ${Math.floor(row / PARENTS)}`)
}

/** Looks for names within longer texts. */
function findAll(table: NameTable, names: readonly string[], parents: readonly number[]): number[] {
  const pieces = new Pieces(names.length)
  for (const [i, name] of names.entries()) pieces.add(parents[i]!, `:${name}!`, 1, name.length + 1)
  const rows = new Int32Array(names.length)
  table.findAll(pieces, rows)
  return [...rows]
}

describe('a name table', () => {
  test('tells names apart whose hashes are the same', () => {
    // Of so many, a dozen pairs share a hash of 32 bits: that none does happens once in 100,000 runs. All have the same
    // length and end.
    const names = Array.from({ length: 320_000 }, (_, row) => `${String(row).padStart(6, '0')} name`)
    const table = new NameTable(names)
    const isNew = names.map((name, row) => {
      const found = table.find(0, name, 0, name.length)
      table.add(0, row)
      return found === NONE
    })
    assert.equal(isNew.indexOf(false), -1)
    const parents = names.map(() => 0)
    const rows = [...names.keys()]
    assert.deepEqual(findAll(table, names, parents), rows)
    const alone = names.map((name) => table.find(0, `a ${name}!`, 2, name.length + 2))
    assert.deepEqual(alone, rows)
    const others = names.map((name) => `other ${name}`)
    assert.deepEqual(new Set(findAll(table, others, parents)), new Set([NONE]))
  })

  test('tells the same name beneath different parents apart', () => {
    const names = namesakes(500)
    const table = new NameTable(names)
    const parents = names.map((_, row) => row % PARENTS)
    for (const [row, parent] of parents.entries()) table.add(parent, row)
    assert.deepEqual(findAll(table, names, parents), [...names.keys()])
    assert.equal(table.find(PARENTS, 'name 0', 0, 6), NONE)
  })

  test('forgets what was taken out, and finds what stands behind it', () => {
    const names = namesakes(500)
    const table = new NameTable(names)
    const parents = names.map((_, row) => row % PARENTS)
    for (const [row, parent] of parents.entries()) table.add(parent, row)
    const isKept = (row: number): boolean => row % 4 === 0
    for (const [row, parent] of parents.entries()) if (!isKept(row)) table.remove(parent, row)
    const left = names.map((_, row) => (isKept(row) ? row : NONE))
    assert.deepEqual(findAll(table, names, parents), left)
    assert.deepEqual(
      names.map((name, row) => table.find(parents[row]!, name, 0, name.length)),
      left,
    )
    for (const [row, parent] of parents.entries()) if (!isKept(row)) table.add(parent, row)
    assert.deepEqual(findAll(table, names, parents), [...names.keys()])
  })

  test('follows rows and parents to where they move', () => {
    const names = ['top', ...Array.from({ length: 100 }, (_, n) => `name ${n}`)]
    const table = new NameTable(names)
    for (let row = 1; row < names.length; row++) table.add(0, row)
    names.reverse()
    const last = names.length - 1
    table.follow(Int32Array.from(names, (_, row) => last - row))
    for (let row = 0; row < last; row++)
      assert.equal(table.find(last, names[row]!, 0, names[row]!.length), row)
    assert.equal(table.find(0, 'name 7', 0, 6), NONE)
  })
})

test('a name stands in a text where a slice of it is the name', () => {
  // Few letters, so that names stand in texts, and in themselves, at many places.
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f600}'), maxLength: 40 })
  fc.assert(
    fc.property(text, text, text, fc.nat(60), (before, name, after, at) => {
      const whole = before + name + after
      for (const start of [before.length, Math.min(at, whole.length - name.length)])
        assert.equal(isAt(name, whole, start), whole.slice(start, start + name.length) === name)
    }),
  )
})
