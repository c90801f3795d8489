import { Composer, isAlias, isMap, isScalar, isSeq, Parser, type Document, type Node as YamlNode } from 'yaml'
import { JSON_DEPTH_MAX, quoteShort, type Entry, type Node } from './json.ts'

export class YamlInvalidError extends Error {
  /** In UTF-16 units, from 0. */
  readonly position: number

  constructor(position: number, problem: string) {
    super(problem)
    this.position = position
  }

  override get name(): string {
    return 'YamlInvalidError'
  }
}

/**
 * Values that aliases may add to a file. Ten aliases to ten aliases to ten … make a billion of a screenful; what
 * people share between the entries of a world is far below.
 */
const ALIASED_MAX = 100_000

/**
 * Reads one YAML 1.2 document as JSON with places: names are strings and unique, aliases are bounded, tags that are
 * not JSON's are refused.
 *
 * @throws {YamlInvalidError}
 */
export function parseYamlTree(text: string): Node {
  const document = compose(text)
  if (document === undefined) return { kind: 'scalar', at: 0, value: null }
  return new Walk().node(document.contents, 0, 0)
}

/** The first error ends it: a hostile file may hold one for each of its bytes. */
function compose(text: string): Document.Parsed | undefined {
  // The library looks for equal names by comparing each with each, which takes minutes for 100,000; `Walk` does it.
  const composer = new Composer({
    uniqueKeys: false,
    schema: 'core',
    keepSourceTokens: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  let found: Document.Parsed | undefined
  for (const token of new Parser().parse(text)) {
    for (const document of composer.next(token)) found = theOnly(document, found)
  }
  for (const document of composer.end()) found = theOnly(document, found)
  return found
}

function theOnly(document: Document.Parsed, before: Document.Parsed | undefined): Document.Parsed {
  const wrong = document.errors[0] ?? document.warnings[0]
  if (wrong !== undefined) throw new YamlInvalidError(wrong.pos[0], lowerFirst(wrong.message))
  if (before !== undefined) throw new YamlInvalidError(document.range[0], 'a second document starts here')
  return document
}

class Walk {
  /** As far as the walk has come: the library would look through the whole document for each alias. */
  readonly #anchors = new Map<string, YamlNode>()
  #aliased = 0
  #isAliased = false

  node(node: YamlNode | null, fallbackAt: number, depth: number): Node {
    const at = node?.range?.[0] ?? fallbackAt
    if (depth > JSON_DEPTH_MAX) throw new YamlInvalidError(at, `it nests deeper than ${JSON_DEPTH_MAX}`)
    if (this.#isAliased && ++this.#aliased > ALIASED_MAX) {
      throw new YamlInvalidError(at, `its aliases add more than ${ALIASED_MAX} values`)
    }
    if (node === null) return { kind: 'scalar', at, value: null }
    if (isAlias(node)) return this.#alias(node.source, at, depth)
    if (!this.#isAliased && node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isMap(node)) return { kind: 'map', at, entries: this.#entries(node.items, at, depth) }
    if (isSeq(node)) return { kind: 'list', at, items: this.#items(node.items, at, depth) }
    if (isScalar(node)) return { kind: 'scalar', at, value: jsonScalar(node.value, at) }
    throw new YamlInvalidError(at, 'it is not a value')
  }

  #alias(name: string, at: number, depth: number): Node {
    const target = this.#anchors.get(name)
    if (target === undefined) throw new YamlInvalidError(at, `no anchor ${quoteShort(name)} stands before it`)
    const wasAliased = this.#isAliased
    this.#isAliased = true
    const node = this.node(target, at, depth + 1)
    this.#isAliased = wasAliased
    return node
  }

  #items(items: readonly unknown[], at: number, depth: number): Node[] {
    return items.map((item) => this.node(item as YamlNode | null, at, depth + 1))
  }

  #entries(
    pairs: readonly { readonly key: unknown; readonly value: unknown }[],
    fallbackAt: number,
    depth: number,
  ): Map<string, Entry> {
    const entries = new Map<string, Entry>()
    for (const pair of pairs) {
      const key = this.node(pair.key as YamlNode | null, fallbackAt, depth + 1)
      if (key.kind !== 'scalar' || typeof key.value !== 'string') {
        throw new YamlInvalidError(
          key.at,
          key.kind === 'scalar'
            ? `a name must be text: write '${String(key.value)}' in quotes`
            : 'a name must be text',
        )
      }
      if (entries.has(key.value))
        throw new YamlInvalidError(key.at, `${quoteShort(key.value)} is given twice`)
      entries.set(key.value, {
        at: key.at,
        value: this.node(pair.value as YamlNode | null, key.at, depth + 1),
      })
    }
    return entries
  }
}

function jsonScalar(value: unknown, at: number): string | number | boolean | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new YamlInvalidError(at, 'it is not a value of JSON: write it in quotes')
}

function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1)
}
