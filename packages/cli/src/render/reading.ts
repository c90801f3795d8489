import { hasOption, type PathNode, type Reading, type ReadingNode } from '@castellan/engine'
import type { Screen } from '../screen.ts'
import { drawTree, type Branch } from './tree.ts'
import { clean } from './words.ts'

/** A reading for people: the same nodes, in the same order, one a line. */
export function renderReading(reading: Reading, screen: Screen): string[] {
  const lines = drawTree(
    reading.map((node) => toBranch(node, screen)),
    screen.isTerminal ? 'box' : 'plain',
  )
  return hasOption(reading) ? lines : [screen.paint('red', 'no pathway'), ...lines]
}

function toBranch(node: ReadingNode, screen: Screen): Branch {
  const text = sayNode(node, screen)
  return { text, below: node.$ === 'path' ? node.reading.map((inner) => toBranch(inner, screen)) : [] }
}

function sayNode(node: ReadingNode, screen: Screen): string {
  const name = screen.paint('dim', node.$.padEnd(8))
  switch (node.$) {
    case 'rewrite':
      return `${name} ${clean(node.from)} → ${clean(node.to)}`
    case 'explode':
      return `${name} ${node.from} → ${node.to.join(', ')}`
    case 'option':
      return `${name} ${node.permission} ${screen.paint('green', 'by right')} (${node.by})${sayData(node.data)}`
    case 'path':
      return `${name} ${node.permission} via ${sayVia(node)}: ${screen.paint('cyan', node.issuer ?? node.issuer_username)} to ${screen.paint('cyan', node.holder ?? node.holder_username)}${sayData(node.data)}`
    case 'truncated':
      return `${name} ${node.reason}, ${node.omitted} omitted`
    case 'time':
      return `${name} ${node.value} ms`
  }
}

function sayVia(node: PathNode): string {
  return node.group === undefined ? node.via : `${node.via} ${node.group}`
}

function sayData(data: object): string {
  return Object.keys(data).length === 0 ? '' : ` with ${clean(JSON.stringify(data))}`
}
