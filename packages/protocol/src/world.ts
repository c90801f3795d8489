import type { Fact, FactKind } from '@castellan/engine'
import { FileInvalidError, isCodedError, type Place } from './errors.ts'
import { JsonInvalidError, parseJsonTree, placeOf, plain, quoteShort, type Entry, type Node } from './json.ts'
import type { ParseValue } from './jsonl.ts'
import { parseYamlTree, YamlInvalidError } from './yaml-tree.ts'

/** UTF-16 units of a world file. It is for worlds that people write and is held whole; JSON Lines have no such bound. */
export const WORLD_BYTES_MAX = 16_777_216

export interface World {
  /** In an order in which each comes after what it names, resources parents first. */
  readonly facts: readonly Fact[]
  readonly expectations: readonly Expectation[]
}

/** What `castellan test` finds true or not. `now` in milliseconds since 1970; without it the clock is asked. */
export type Expectation =
  | {
      readonly kind: 'allowed'
      readonly place: Place
      readonly actor: string
      /** Any of them is enough. */
      readonly permissions: readonly string[]
      readonly allowed: boolean
      readonly now?: number
    }
  | {
      /** Exactly these hold it, in any order. */
      readonly kind: 'holders'
      readonly place: Place
      readonly permission: string
      readonly actors: readonly string[]
      readonly now?: number
    }

/**
 * Reads a world file.
 *
 * @param text - YAML 1.2 or JSON
 * @param parse - the engine's `parseFact`
 * @throws {FileInvalidError} WORLD_INVALID with line and column; what the model refused is its `cause`
 */
export function parseWorld(text: string, parse: ParseValue<Fact>): World {
  return new WorldReader(text, parse).world()
}

/** What a world file may say of a fact, in the names of the fact; `key` is given by the name in a map. */
const SECTIONS = {
  namespaces: {
    kind: 'namespace',
    key: 'name',
    required: [],
    optional: ['description', 'modes', 'requestable', 'enforcedBy'],
  },
  users: { kind: 'user', key: 'id', required: [], optional: ['name'] },
  groups: { kind: 'group', key: 'id', required: [], optional: ['owner', 'members'] },
  apps: { kind: 'app', key: 'id', required: [], optional: ['owner', 'name'] },
  tokens: { kind: 'token', key: 'id', required: ['issuer'], optional: ['full', 'expiresAt'] },
  resources: { kind: 'resource', key: 'permission', required: [], optional: ['owner', 'parent', 'name'] },
  grants: {
    kind: 'grant',
    key: undefined,
    required: ['issuer', 'holder', 'permission'],
    optional: ['extra', 'expiresAt', 'reason'],
  },
  suspensions: { kind: 'suspension', key: 'of', required: [], optional: [] },
} as const satisfies Record<string, Section>

interface Section {
  readonly kind: FactKind
  readonly key: string | undefined
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

type Fields = ReadonlyMap<string, Entry>

class WorldReader {
  readonly #text: string
  readonly #parse: ParseValue<Fact>
  /** Filled in the order of the sections, which is one that can be loaded. */
  readonly #facts: Fact[] = []
  readonly #members: Fact[] = []
  readonly #seen = new Set<string>()
  #root: Fields = new Map()

  constructor(text: string, parse: ParseValue<Fact>) {
    this.#text = text
    this.#parse = parse
  }

  world(): World {
    if (this.#text.length > WORLD_BYTES_MAX)
      throw this.#wrong(
        WORLD_BYTES_MAX,
        `it is longer than ${WORLD_BYTES_MAX} characters`,
        'keep bulk facts in JSON Lines',
      )
    this.#root = this.#readRoot()
    for (const name of ['namespaces', 'users', 'groups', 'apps', 'tokens'] as const)
      this.#section(SECTIONS[name], name)
    this.#resources()
    this.#facts.push(...this.#members)
    for (const name of ['grants', 'suspensions'] as const) this.#section(SECTIONS[name], name)
    return { facts: this.#facts, expectations: this.#expectations() }
  }

  #readRoot(): Fields {
    const root = this.#tree()
    if (root.kind === 'scalar' && root.value === null) return new Map()
    const fields = this.#map(root, 'a world')
    const known = [...Object.keys(SECTIONS), 'expect']
    for (const [name, { at }] of fields) {
      if (!known.includes(name))
        throw this.#wrong(
          at,
          `${quoteShort(name)} is no section of a world`,
          `the sections are ${known.join(', ')}`,
        )
    }
    return fields
  }

  #tree(): Node {
    try {
      return /^\s*[{[]/u.test(this.#text) ? this.#flow() : parseYamlTree(this.#text)
    } catch (error) {
      if (error instanceof YamlInvalidError || error instanceof JsonInvalidError)
        throw this.#wrong(error.position, error.message)
      throw error
    }
  }

  /** What opens with a brace is JSON, or YAML in its flow form; when it is neither, YAML’s complaint is no help. */
  #flow(): Node {
    try {
      return parseJsonTree(this.#text)
    } catch (error) {
      if (!(error instanceof JsonInvalidError) || /^\s*[{[]\s*"/u.test(this.#text)) throw error
      return parseYamlTree(this.#text)
    }
  }

  #section(section: Section, name: string): void {
    const node = this.#root.get(name)?.value
    for (const item of this.#items(section, node)) this.#facts.push(this.#fact(section, item))
  }

  /** A section is a list of entries, or a map from key to the rest. */
  *#items(section: Section, node: Node | undefined): Generator<Item> {
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) return
    if (node.kind === 'list') {
      for (const item of node.items) yield this.#listItem(section, item)
    } else if (node.kind === 'map' && section.key !== undefined) {
      for (const [key, entry] of node.entries) yield this.#mapItem(section.key, key, entry)
    } else {
      throw this.#wrong(node.at, section.key === undefined ? 'expected a list' : 'expected a list or a map')
    }
  }

  #listItem(section: Section, item: Node): Item {
    if (section.key !== undefined && item.kind === 'scalar') {
      return { at: item.at, node: item, fields: new Map([[section.key, { at: item.at, value: item }]]) }
    }
    return { at: item.at, node: item, fields: this.#map(item, 'an entry') }
  }

  #mapItem(keyName: string, key: string, { at, value }: Entry): Item {
    const rest =
      value.kind === 'scalar' && value.value === null
        ? new Map<string, Entry>()
        : this.#map(value, 'an entry')
    const own = rest.get(keyName)
    if (own !== undefined) throw this.#wrong(own.at, `\`${keyName}\` stands before the colon already`)
    const keyNode: Node = { kind: 'scalar', at, value: key }
    return { at, node: value, fields: new Map([[keyName, { at, value: keyNode }], ...rest]) }
  }

  #fact(section: Section, { at, node, fields }: Item): Fact {
    this.#close(section, at, fields)
    const raw: Record<string, unknown> = { kind: section.kind }
    for (const [name, { value }] of fields) {
      if (name === 'members') this.#membersOf(fields, value)
      else raw[name] = name === 'owner' ? ownerOf(value) : plain(value)
    }
    return this.#parsed(raw, at, { kind: 'map', at: node.at, entries: fields })
  }

  /** Unknown and missing names, before the engine looks at what they hold. */
  #close(section: Section, at: number, fields: Fields): void {
    const key = section.key === undefined ? [] : [section.key]
    const known = [...key, ...section.required, ...section.optional]
    for (const [name, field] of fields) {
      if (!known.includes(name))
        throw this.#wrong(
          field.at,
          `an entry of \`${section.kind}s\` has no ${quoteShort(name)}`,
          `its parts are ${known.join(', ')}`,
        )
    }
    for (const name of [...key, ...section.required]) {
      if (!fields.has(name)) throw this.#wrong(at, `\`${name}\` is missing`)
    }
  }

  #membersOf(group: Fields, members: Node): void {
    if (members.kind === 'scalar' && members.value === null) return
    const id = group.get('id')
    if (members.kind !== 'list' || id === undefined)
      throw this.#wrong(members.at, 'expected a list of members')
    for (const member of members.items) {
      const raw = { kind: 'member', group: plain(id.value), member: plain(member) }
      this.#members.push(
        this.#parsed(raw, member.at, {
          kind: 'map',
          at: member.at,
          entries: new Map([['member', { at: member.at, value: member }]]),
        }),
      )
    }
  }

  #resources(): void {
    const waiting: Placed[] = []
    for (const item of this.#items(SECTIONS.resources, this.#root.get('resources')?.value)) {
      const fact = this.#fact(SECTIONS.resources, item)
      if (fact.kind === 'resource') waiting.push({ fact, at: item.at })
    }
    this.#facts.push(...this.#parentsFirst(waiting))
  }

  #parentsFirst(resources: readonly Placed[]): Fact[] {
    const byPermission = new Map(resources.map((placed) => [placed.fact.permission, placed]))
    const done = new Set<Placed>()
    const sorted: Fact[] = []
    for (const placed of resources) {
      const line: Placed[] = []
      const onLine = new Set<Placed>()
      for (
        let here: Placed | undefined = placed;
        here !== undefined && !done.has(here);
        here = parentOf(here, byPermission)
      ) {
        if (onLine.has(here))
          throw this.#wrong(here.at, `${quoteShort(here.fact.permission)} is its own ancestor`)
        onLine.add(here)
        line.push(here)
      }
      for (const next of line.toReversed()) {
        done.add(next)
        sorted.push(next.fact)
      }
    }
    return sorted
  }

  #parsed(raw: object, at: number, tree: Node): Fact {
    let fact: Fact
    try {
      fact = this.#parse(raw)
    } catch (error) {
      if (!isCodedError(error)) throw error
      const where = 'path' in error && typeof error.path === 'string' ? placeOf(tree, error.path) : at
      throw this.#wrong(where, error.message, error.hint, error)
    }
    const key = JSON.stringify(keyOf(fact))
    if (this.#seen.has(key)) throw this.#wrong(at, `this ${fact.kind} is in the file twice`)
    this.#seen.add(key)
    return fact
  }

  #expectations(): Expectation[] {
    const node = this.#root.get('expect')?.value
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) return []
    if (node.kind !== 'list') throw this.#wrong(node.at, 'expected a list of expectations')
    return node.items.flatMap((item) => this.#expectation(item))
  }

  #expectation(item: Node): Expectation[] {
    const fields = this.#map(item, 'an expectation')
    const common = { place: this.#place(item.at), ...this.#now(fields.get('now')) }
    if (fields.has('holders')) return this.#holders(fields, common)
    this.#only(fields, ['actor', 'permission', 'permissions', 'allowed', 'now'])
    if (fields.has('permission') === fields.has('permissions'))
      throw this.#wrong(item.at, 'give `permission` or `permissions`, one of them')
    const many = fields.get('permissions')
    const allowed = this.#need(fields, 'allowed', item.at)
    if (allowed.kind !== 'scalar' || typeof allowed.value !== 'boolean')
      throw this.#wrong(allowed.at, 'expected true or false')
    return [
      {
        kind: 'allowed',
        ...common,
        actor: this.#string(this.#need(fields, 'actor', item.at)),
        permissions:
          many === undefined
            ? [this.#string(this.#need(fields, 'permission', item.at))]
            : this.#strings(many.value),
        allowed: allowed.value,
      },
    ]
  }

  #holders(fields: Fields, common: { readonly place: Place; readonly now?: number }): Expectation[] {
    this.#only(fields, ['holders', 'now'])
    const wanted = this.#map(fields.get('holders')!.value, '`holders`')
    return [...wanted].map(([permission, { at, value }]) => ({
      kind: 'holders',
      ...common,
      place: this.#place(at),
      permission,
      actors: this.#strings(value),
    }))
  }

  #now(entry: Entry | undefined): { readonly now?: number } {
    if (entry === undefined) return {}
    const text = this.#string(entry.value)
    const now = TIME.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isNaN(now))
      throw this.#wrong(
        entry.value.at,
        `${quoteShort(text)} is not a time`,
        'write it as 2027-01-01T00:00:00Z',
      )
    return { now }
  }

  #only(fields: Fields, known: readonly string[]): void {
    for (const [name, { at }] of fields) {
      if (!known.includes(name))
        throw this.#wrong(
          at,
          `${quoteShort(name)} is no part of an expectation`,
          `its parts are ${known.join(', ')}`,
        )
    }
  }

  #need(fields: Fields, name: string, at: number): Node {
    const entry = fields.get(name)
    if (entry === undefined) throw this.#wrong(at, `\`${name}\` is missing`)
    return entry.value
  }

  #map(node: Node, what: string): Fields {
    if (node.kind !== 'map') throw this.#wrong(node.at, `${what} is a map of names to values`)
    return node.entries
  }

  #strings(node: Node): string[] {
    if (node.kind !== 'list') throw this.#wrong(node.at, 'expected a list')
    return node.items.map((item) => this.#string(item))
  }

  #string(node: Node): string {
    if (node.kind === 'scalar' && typeof node.value === 'string') return node.value
    throw this.#wrong(node.at, 'expected text', 'put it in quotes')
  }

  #wrong(
    at: number,
    problem: string,
    hint = 'compare it with the world files among the examples',
    cause?: unknown,
  ): FileInvalidError {
    return new FileInvalidError('WORLD_INVALID', this.#place(at), problem, hint, cause)
  }

  #place(at: number): Place {
    const before = this.#text.slice(0, at)
    return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
  }
}

interface Item {
  readonly at: number
  readonly node: Node
  readonly fields: Fields
}

interface Placed {
  readonly fact: Extract<Fact, { kind: 'resource' }>
  readonly at: number
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)$/u

/** In a world file a bare id is a user's. */
function ownerOf(node: Node): unknown {
  const owner = plain(node)
  return typeof owner === 'string' && owner !== 'system' && !owner.includes(':') ? `user:${owner}` : owner
}

function parentOf(placed: Placed, byPermission: ReadonlyMap<string, Placed>): Placed | undefined {
  return placed.fact.parent === undefined ? undefined : byPermission.get(placed.fact.parent)
}

function keyOf(fact: Fact): readonly string[] {
  switch (fact.kind) {
    case 'namespace':
      return [fact.kind, fact.name]
    case 'resource':
      return [fact.kind, fact.permission]
    case 'member':
      return [fact.kind, fact.group, fact.member]
    case 'grant':
      return [fact.kind, fact.issuer, fact.holder, fact.permission]
    case 'suspension':
      return [fact.kind, fact.of]
    default:
      return [fact.kind, fact.id]
  }
}
