import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { drawTree, type Branch } from './tree.ts'

const tree: Branch = {
  text: 'a',
  below: [
    { text: 'b', below: [{ text: 'c', below: [] }] },
    {
      text: 'd',
      below: [
        { text: 'e', below: [] },
        { text: 'f', below: [] },
      ],
    },
  ],
}

describe('drawTree', () => {
  test('draws lines that lead from each branch to what hangs below it', () => {
    assert.deepEqual(drawTree([tree], 'box'), ['a', '├─ b', '│  └─ c', '└─ d', '   ├─ e', '   └─ f'])
  })

  test('indents where there is no terminal', () => {
    assert.deepEqual(drawTree([tree], 'plain'), ['a', '  b', '    c', '  d', '    e', '    f'])
  })

  test('draws a chain longer than the call stack is deep', () => {
    let chain: Branch = { text: 'end', below: [] }
    for (let i = 0; i < 20_000; i++) chain = { text: 'link', below: [chain] }
    assert.equal(drawTree([chain], 'plain').length, 20_001)
  })
})
