import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NONE } from './columns.ts'
import { isAt, NameTable } from './name-table.ts'

test('a name table tells names apart whose hashes are the same', () => {
  // Of so many, a dozen pairs share a hash of 32 bits: that none does happens once in 100,000 runs.
  const names = Array.from({ length: 320_000 }, (_, row) => `name ${row}`)
  const table = new NameTable(names)
  for (const row of names.keys()) {
    const name = names[row]!
    assert.equal(table.find(name, 0, name.length), NONE)
    table.add(row)
  }
  for (const [row, name] of names.entries()) assert.equal(table.find(`a ${name}!`, 2, name.length + 2), row)
})

test('a name table forgets what was taken out, and finds what stood behind it', () => {
  const names = Array.from({ length: 1000 }, (_, row) => `name ${row}`)
  const table = new NameTable(names)
  for (const row of names.keys()) table.add(row)
  for (const row of names.keys()) if (row % 3 > 0) table.remove(row)
  for (const [row, name] of names.entries())
    assert.equal(table.find(name, 0, name.length), row % 3 > 0 ? NONE : row)
  for (const row of names.keys()) if (row % 3 > 0) table.add(row)
  for (const [row, name] of names.entries()) assert.equal(table.find(name, 0, name.length), row)
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
