/**
 * JSON as it arrives from outside. `JSON.parse` does the work; what it lets pass and we do not (a name given
 * twice, deep nesting) is counted beforehand in one pass without allocating, and the slow parser that knows
 * places runs only to say where a text is wrong.
 */

/** A value with where it stands. Objects are Maps, so no name is special. */
export type Node =
  | { readonly kind: 'scalar'; readonly at: number; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly Node[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: ReadonlyMap<string, Entry> }

export interface Entry {
  /** Where its name stands. */
  readonly at: number
  readonly value: Node
}

/** Objects and lists within each other. What comes after us may recurse; deeper is nobody's fact. */
export const JSON_DEPTH_MAX = 80

export class JsonInvalidError extends Error {
  /** In UTF-16 units, from 0. */
  readonly position: number

  constructor(position: number, problem: string) {
    super(problem)
    this.position = position
  }

  override get name(): string {
    return 'JsonInvalidError'
  }
}

/**
 * Parses JSON strictly: names are unique within their object, nesting is bounded.
 *
 * @throws {JsonInvalidError} at the first character that cannot be right
 */
export function parseJson(text: string, depthMax = JSON_DEPTH_MAX): unknown {
  const members = countMembers(text, depthMax)
  if (members >= 0) {
    try {
      const value: unknown = JSON.parse(text)
      if (members === 0 || countNames(value) === members) return value
    } catch {
      // Below it is parsed again, for the place.
    }
  }
  return plain(parseJsonTree(text, depthMax))
}

/** Colons outside strings, which in JSON are members; -1 when it nests too deeply. */
export function countMembers(text: string, depthMax = JSON_DEPTH_MAX): number {
  let members = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22:
        i = endOfString(text, i)
        break
      case 0x3a:
        members++
        break
      case 0x5b:
      case 0x7b:
        if (++depth > depthMax) return -1
        break
      case 0x5d:
      case 0x7d:
        depth--
        break
      default:
    }
  }
  return members
}

/** The closing quote of the string that opens here, or the end of the text. */
function endOfString(text: string, open: number): number {
  for (let from = open + 1; ;) {
    const close = text.indexOf('"', from)
    if (close < 0) return text.length
    let before = close - 1
    while (text.charCodeAt(before) === 0x5c) before--
    if ((close - before) % 2 === 1) return close
    from = close + 1
  }
}

function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let names = 0
  if (Array.isArray(value)) {
    for (const item of value) names += countNames(item)
    return names
  }
  for (const name of Object.keys(value)) names += 1 + countNames((value as Record<string, unknown>)[name])
  return names
}

/** The same, with places, ten times slower. @throws {JsonInvalidError} */
export function parseJsonTree(text: string, depthMax = JSON_DEPTH_MAX): Node {
  const reader = new TreeReader(text, depthMax)
  return reader.document()
}

/** A tree without its places. */
export function plain(node: Node): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'list':
      return node.items.map(plain)
    case 'map': {
      const object: Record<string, unknown> = {}
      for (const [name, { value }] of node.entries) {
        // A plain assignment to `__proto__` would set the prototype and keep nothing.
        Object.defineProperty(object, name, {
          value: plain(value),
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
      return object
    }
  }
}

/** Where `path` (as in `extra.hosts[2]`) leads, as near as the tree has it. */
export function placeOf(node: Node, path: string): number {
  let here = node
  for (const step of path.split(/[.[\]]+/u)) {
    if (step === '') continue
    const next =
      here.kind === 'map'
        ? here.entries.get(step)?.value
        : here.kind === 'list'
          ? here.items[Number(step)]
          : undefined
    if (next === undefined) break
    here = next
  }
  return here.at
}

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

class TreeReader {
  readonly #text: string
  readonly #depthMax: number
  #at = 0
  #depth = 0

  constructor(text: string, depthMax: number) {
    this.#text = text
    this.#depthMax = depthMax
  }

  document(): Node {
    const value = this.#value()
    if (this.#peek() !== '') throw this.#wrong('the end')
    return value
  }

  #value(): Node {
    const first = this.#peek()
    if (first === '{') return this.#map()
    if (first === '[') return this.#list()
    const at = this.#at
    if (first === '"') return { kind: 'scalar', at, value: this.#string() }
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, at)) {
        this.#at += word.length
        return { kind: 'scalar', at, value }
      }
    }
    NUMBER.lastIndex = at
    const number = NUMBER.exec(this.#text)?.[0]
    if (number === undefined) throw this.#wrong('a value')
    this.#at += number.length
    return { kind: 'scalar', at, value: Number(number) }
  }

  #map(): Node {
    const at = this.#open()
    const entries = new Map<string, Entry>()
    while (this.#more('}', entries.size === 0)) {
      if (this.#peek() !== '"')
        throw this.#wrong(entries.size === 0 ? 'a name in double quotes or `}`' : 'a name in double quotes')
      const nameAt = this.#at
      const name = this.#string()
      if (entries.has(name)) throw new JsonInvalidError(nameAt, `${quoteShort(name)} is given twice`)
      if (this.#peek() !== ':') throw this.#wrong('`:`')
      this.#at++
      entries.set(name, { at: nameAt, value: this.#value() })
    }
    return { kind: 'map', at, entries }
  }

  #list(): Node {
    const at = this.#open()
    const items: Node[] = []
    while (this.#more(']', items.length === 0)) items.push(this.#value())
    return { kind: 'list', at, items }
  }

  #open(): number {
    if (++this.#depth > this.#depthMax)
      throw new JsonInvalidError(this.#at, `it nests deeper than ${this.#depthMax}`)
    return this.#at++
  }

  /** Past the comma when another item follows, past the bracket when none does. */
  #more(close: string, isFirst: boolean): boolean {
    const next = this.#peek()
    if (next === close) {
      this.#at++
      this.#depth--
      return false
    }
    if (isFirst) return true
    if (next !== ',') throw this.#wrong(`\`,\` or \`${close}\``)
    this.#at++
    return true
  }

  #string(): string {
    const open = this.#at
    const close = endOfString(this.#text, open)
    for (let i = open + 1; i < close; i++) {
      const unit = this.#text.charCodeAt(i)
      if (unit < 0x20) throw new JsonInvalidError(i, 'a control character stands in a string')
      if (unit === 0x5c) i = this.#escape(i, close)
    }
    if (close >= this.#text.length) throw new JsonInvalidError(close, 'a string does not end')
    this.#at = close + 1
    return JSON.parse(this.#text.slice(open, close + 1)) as string
  }

  #escape(at: number, close: number): number {
    const letter = this.#text[at + 1] ?? ''
    if (letter !== '' && '"\\/bfnrt'.includes(letter)) return at + 1
    if (letter === 'u' && at + 5 < close && /^[0-9a-fA-F]{4}$/u.test(this.#text.slice(at + 2, at + 6)))
      return at + 5
    throw new JsonInvalidError(at, 'an escape is not one of JSON’s')
  }

  #peek(): string {
    SPACE.lastIndex = this.#at
    SPACE.test(this.#text)
    this.#at = SPACE.lastIndex
    return this.#text[this.#at] ?? ''
  }

  #wrong(expected: string): JsonInvalidError {
    const found = this.#peek()
    return new JsonInvalidError(
      this.#at,
      `expected ${expected}, found ${found === '' ? 'the end' : quoteShort(found)}`,
    )
  }
}

/** Input as it may stand in a message. */
export function quoteShort(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return `\`${shown.replace(/[\p{Cc}\p{Cs}\u2028\u2029`]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`)}\``
}
