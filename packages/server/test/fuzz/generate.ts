import { readOpenApi } from '../../src/app.ts'
import type { JsonSchema } from '../../src/openapi/schemas.ts'
import { kindOf, type Kind, type Pool } from './pool.ts'
import type { Random } from './random.ts'

/** Deepest a value is made before it is made as small as it may be. */
const DEPTH_MAX = 6

/** Schemas with a name of their own, as what the pool has for them. */
const BY_SCHEMA: Readonly<Record<string, Kind>> = {
  Actor: 'actor',
  Holder: 'holder',
  Issuer: 'issuer',
  Permission: 'permission',
  Id: 'id',
  GrantId: 'grant',
}

/** Plain strings, as what the pool has for fields of their name. */
const BY_NAME: Readonly<Record<string, Kind>> = {
  cursor: 'cursor',
  prefix: 'permission',
  owner: 'actor',
  actor: 'actor',
  holder: 'holder',
  issuer: 'issuer',
  permission: 'permission',
  id: 'id',
  group: 'group',
  member: 'holder',
  members: 'holder',
  permissions: 'permission',
}

const WORDS = [
  'a',
  'b',
  'c',
  'd',
  'read',
  'write',
  'see',
  'user',
  'fs',
  'notes.txt',
  'Zoë',
  '日本',
  '😀',
  'x'.repeat(256),
]

/** Strings that are strings and nothing else can be said for them. */
const STRANGE = [
  '',
  ' ',
  ':',
  'a:',
  ':a',
  'a::b',
  '\\',
  'a\\x',
  '__proto__',
  'constructor',
  'user:__proto__',
  'user:',
  'user:a/app:',
  'system/app:x',
  'manage:manage:manage:a',
  'fs:/../..',
  'fs:~/x',
  'fs:/ed/a:b',
  '\u0000',
  '\u202e',
  '\ufeff',
  '\ud800',
  'a\udc00b',
  '\r\nX: y',
  '%00',
  'null',
  '2026-02-30T00:00:00Z',
  '9999999999',
  'x'.repeat(1_025),
  'é'.repeat(600),
  'a:'.repeat(40) + 'a',
]

interface Wanting {
  readonly required?: readonly string[]
}

/** Makes values that a schema of the document allows, of what the pool holds. */
export class Generator {
  readonly #random: Random
  readonly #pool: Pool

  constructor(random: Random, pool: Pool) {
    this.#random = random
    this.#pool = pool
  }

  value(schema: JsonSchema, name = '', depth = 0): unknown {
    const { $ref, enum: values, type, ...rest } = schema
    if (typeof $ref === 'string') return this.#named($ref.slice($ref.lastIndexOf('/') + 1), name, depth)
    if ('const' in schema) return schema['const']
    const examples = schema['examples']
    if (Array.isArray(examples) && this.#random.chance(0.1)) return this.#random.pick(examples as unknown[])
    if (Array.isArray(values)) return this.#random.pick(values as unknown[])
    const chosen = Array.isArray(type) ? this.#random.pick(type as unknown[]) : type
    switch (chosen) {
      case 'object':
        return this.#object(rest, depth)
      case 'array':
        return this.#array((rest['items'] ?? {}) as JsonSchema, name, depth)
      case 'string':
        return typeof rest['pattern'] === 'string'
          ? this.#matching(new RegExp(rest['pattern'], 'u'), name, examples)
          : this.string(name)
      case 'integer':
      case 'number':
        return this.#integer(rest, name)
      case 'boolean':
        return this.#random.chance(0.5)
      case 'null':
        return null
      default:
        return this.#either(rest, name, depth)
    }
  }

  /** What stands for a name of a path: mostly an id of the collection before it. */
  param(schema: JsonSchema, name: string, before: string): string {
    const kind = kindOf(before)
    const found = kind !== undefined && this.#random.chance(0.8) ? this.#pool.find(kind) : undefined
    return found ?? String(this.value(schema, name))
  }

  /** Any text that a pattern allows, or an example of it. */
  #matching(pattern: RegExp, name: string, examples: unknown): unknown {
    for (let attempt = 0; attempt < 10; attempt++) {
      const text = this.string(name)
      if (pattern.test(text)) return text
    }
    return this.#random.pick(examples as unknown[])
  }

  /** Any text, mostly of what is known. */
  string(name: string): string {
    const kind = BY_NAME[name]
    if (kind !== undefined && this.#random.chance(0.8)) return this.#known(kind)
    if (/expires|at$|time|since|until|before|after/i.test(name) && this.#random.chance(0.7))
      return this.#instant()
    if (this.#random.chance(0.3)) return this.#pool.find('text') ?? 'x'
    return this.#random.chance(0.2) ? this.#random.pick(STRANGE) : this.#random.pick(WORDS)
  }

  /** Anything JSON can say. */
  json(depth = 0): unknown {
    const random = this.#random
    switch (random.int(depth > 3 ? 5 : 7)) {
      case 0:
        return null
      case 1:
        return random.chance(0.5)
      case 2:
        return random.pick([0, -1, 1.5, 1e308, 2 ** 53, -0, 1e-7])
      case 3:
        return random.pick(STRANGE)
      case 4:
        return random.pick(WORDS)
      case 5:
        return Array.from({ length: random.int(4) }, () => this.json(depth + 1))
      default:
        return this.#freeObject(depth)
    }
  }

  #named(name: string, field: string, depth: number): unknown {
    const kind = BY_SCHEMA[name]
    if (kind !== undefined) return this.#known(kind)
    if (name === 'Instant') return this.#instant()
    return this.value(readOpenApi().components.schemas[name] ?? {}, field, depth)
  }

  /** Mostly something that is there, sometimes beneath or beside it, sometimes nonsense. */
  #known(kind: Kind): string {
    const random = this.#random
    const found = this.#pool.find(kind) ?? 'x'
    if (random.chance(0.05)) return random.pick(STRANGE)
    if (kind === 'permission' && random.chance(0.3)) return `${found}:${random.pick(['read', 'a', 'b'])}`
    if (kind === 'permission' && random.chance(0.1)) return `manage:${found}`
    if (kind === 'id' && random.chance(0.2)) return `new${random.int(30)}`
    return found
  }

  #instant(): string {
    return this.#random.pick([
      '2026-01-01T00:00:00Z',
      '2099-12-31T23:59:59.999Z',
      '1999-01-01T00:00:00Z',
      '2027-06-01T12:00:00+02:00',
      'tomorrow',
    ])
  }

  #integer({ minimum, maximum }: JsonSchema, name: string): number {
    const low = typeof minimum === 'number' ? minimum : -10
    const high = typeof maximum === 'number' ? maximum : 10_000
    const random = this.#random
    if (/revision|least|from|since/i.test(name) && random.chance(0.8))
      return Math.max(low, this.#pool.revision - random.int(5) + (random.chance(0.1) ? 3 : 0))
    if (name === 'limit' && random.chance(0.8)) return Math.max(low, 1 + random.int(20))
    return random.pick([low, high, Math.min(high, low + 1), Math.min(high, Math.max(low, random.int(1_200)))])
  }

  #array(items: JsonSchema, name: string, depth: number): unknown[] {
    const length = this.#random.chance(0.03)
      ? 40
      : depth > DEPTH_MAX
        ? 0
        : this.#random.pick([0, 1, 1, 1, 1, 2, 3])
    return Array.from({ length }, () => this.value(items, name, depth + 1))
  }

  #object(schema: JsonSchema, depth: number): object {
    const { properties, required = [] } = schema as {
      readonly properties?: Readonly<Record<string, JsonSchema>>
      readonly required?: readonly string[]
    }
    if (properties === undefined) return this.#freeObject(depth)
    // Beside its fields a schema may say that it wants some of them, and perhaps not others.
    const { oneOf = [], anyOf = [] } = schema as {
      readonly oneOf?: readonly Wanting[]
      readonly anyOf?: readonly Wanting[]
    }
    const branches = [...oneOf, ...anyOf]
    const branch = branches.length === 0 ? undefined : this.#random.pick(branches)
    const wanted = new Set([...required, ...(branch?.required ?? [])])
    const unwanted = new Set(oneOf.flatMap((other) => (other === branch ? [] : (other.required ?? []))))
    const isSmall = depth > DEPTH_MAX
    const names = Object.keys(properties).filter(
      (name) => wanted.has(name) || (!unwanted.has(name) && !isSmall && this.#random.chance(0.4)),
    )
    return Object.fromEntries(names.map((name) => [name, this.value(properties[name]!, name, depth + 1)]))
  }

  #freeObject(depth: number): object {
    const result = Object.create(null) as Record<string, unknown>
    for (let left = this.#random.int(4); left > 0; left--)
      result[this.#random.pick(['a', 'limit', 'hosts', '__proto__', 'constructor', '', '😀'])] = this.json(
        depth + 1,
      )
    return result
  }

  #either({ anyOf, oneOf }: JsonSchema, name: string, depth: number): unknown {
    const branches = (anyOf ?? oneOf) as readonly JsonSchema[] | undefined
    return branches === undefined ? this.json(depth) : this.value(this.#random.pick(branches), name, depth)
  }
}
