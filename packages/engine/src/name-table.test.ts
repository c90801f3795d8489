import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NONE } from './columns.ts'
import { NameTable } from './name-table.ts'

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
