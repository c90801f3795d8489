import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import type { Explanation, GraphEdge, GraphNode } from '@castellan/engine'
import { openScreen } from '../screen.ts'
import { renderExplanation } from './explanation.ts'

const screen = openScreen(
  {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env: {},
    cwd: '/',
    now: () => 0,
    untilStopped: () => new AbortController().signal,
  },
  false,
)

function node(id: number, actor: string, isOwner = false): GraphNode {
  return {
    id,
    actor,
    permission: 'a',
    options: isOwner ? [{ permission: 'a', by: 'is-owner', data: {} }] : [],
  }
}

function edge(from: number, to: number, issuer: string, holder: string): GraphEdge {
  return { from, to, via: 'user', grant: { issuer, holder, permission: 'a', extra: {} } }
}

function allowed(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Explanation {
  return { allowed: true, graph: { nodes, edges }, revision: 1 }
}

describe('renderExplanation', () => {
  test('unfolds a state once where pathways join again', () => {
    const answer = allowed(
      [node(0, 'user:d'), node(1, 'user:b'), node(2, 'user:c'), node(3, 'user:a', true)],
      [
        edge(0, 1, 'user:b', 'user:d'),
        edge(0, 2, 'user:c', 'user:d'),
        edge(1, 3, 'user:a', 'user:b'),
        edge(2, 3, 'user:a', 'user:c'),
      ],
    )
    assert.deepEqual(renderExplanation('user:d', 'a', answer, screen), [
      'user:d holds a',
      '  user:b granted a to user:d',
      '    user:a granted a to user:b',
      '      user:a holds a by right (is-owner)',
      '  user:c granted a to user:d',
      '    user:a granted a to user:c',
      '      user:a holds a: as shown above',
    ])
  })

  test('ends where grants run in a loop', () => {
    const answer = allowed(
      [node(0, 'user:b'), node(1, 'user:a', true)],
      [edge(0, 1, 'user:a', 'user:b'), edge(1, 0, 'user:b', 'user:a')],
    )
    assert.deepEqual(renderExplanation('user:b', 'a', answer, screen), [
      'user:b holds a',
      '  user:a granted a to user:b',
      '    user:a holds a by right (is-owner)',
      '    user:b granted a to user:a',
      '      user:b holds a: as shown above',
    ])
  })

  test('stays linear on a ladder of diamonds', () => {
    const nodes: GraphNode[] = []
    const edges: GraphEdge[] = []
    for (let i = 0; i < 200; i++) {
      nodes.push(node(3 * i, `user:x${i}`), node(3 * i + 1, `user:l${i}`), node(3 * i + 2, `user:r${i}`))
      for (const side of [1, 2]) {
        edges.push(
          edge(3 * i, 3 * i + side, `user:s${i}`, `user:x${i}`),
          edge(3 * i + side, 3 * i + 3, `user:x${i + 1}`, `user:s${i}`),
        )
      }
    }
    nodes.push(node(600, 'user:x200', true))
    assert.ok(renderExplanation('user:x0', 'a', allowed(nodes, edges), screen).length < 1_500)
  })

  test('says what expired or is suspended, and everything that one mend takes', () => {
    const answer: Explanation = {
      allowed: false,
      graph: { nodes: [], edges: [] },
      brokenLinks: [
        [
          {
            problem: 'suspended',
            detail: 'user:a is suspended',
            mend: { remove: { kind: 'suspension', of: 'user:a' } },
            by: ['user:admin'],
          },
          {
            problem: 'expired',
            detail: 'the grant expired',
            mend: { add: { kind: 'grant', issuer: 'user:a', holder: 'user:b', permission: 'a', extra: {} } },
            by: ['user:a'],
          },
        ],
      ],
      revision: 1,
    }
    assert.deepEqual(renderExplanation('user:b', 'a', answer, screen).slice(2), [
      'what would mend it:',
      '  1. user:a is resumed (user:a is suspended)',
      '     who could: user:admin',
      '     castellan resume user:a --as user:admin',
      '     and user:a grants a to user:b (the grant expired)',
      '     who could: user:a',
      '     castellan grant a --to user:b --as user:a',
    ])
  })
})
