import * as protocol from '@castellan/protocol'
import { z } from 'zod'

/** A JSON Schema of draft 2020-12, which is what OpenAPI 3.1 has for its schemas. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** Whether a shape is written as what arrives or as what leaves: numbers of a query arrive as digits. */
export type Side = 'input' | 'output'

const PLACE = '#/components/schemas/'

/** Shapes whose name ends so stand under it among the components of the document; others stand where they are used. */
const NAMED = /(?:Request|Answer|Shape|View|Id)$/

/** Values that deserve a name of their own, since many shapes are made of them. */
const VALUES = ['actor', 'holder', 'issuer', 'permission', 'instant', 'id'] as const

/**
 * Writes shapes as JSON Schemas, those with a name as references into the components of the document.
 *
 * Each shape must be added before the first is read, since a reference is to a name that all of them know.
 */
export class Schemas {
  readonly #registry = z.registry<{ id: string }>()
  #written: Readonly<Record<Side, Record<string, JsonSchema>>> | undefined
  readonly #used = new Map<string, JsonSchema>()
  readonly #unnamed = new Map<z.ZodType, z.ZodType>()

  constructor() {
    for (const name of VALUES) this.add(upperFirst(name), protocol.values[name])
    for (const [name, shape] of Object.entries(protocol))
      if (NAMED.test(name) && shape instanceof z.ZodType)
        this.add(upperFirst(name).replace(/(?:Shape|View)$/, ''), shape)
  }

  /** Does nothing for a shape that has a name already. */
  add(name: string, shape: z.ZodType): void {
    if (!this.#registry.has(shape)) this.#registry.add(shape, { id: name })
  }

  /** For a shape that is taken apart, or that is of one place. */
  addUnnamed(shape: z.ZodType): void {
    if (this.#registry.has(shape) || this.#unnamed.has(shape)) return
    // What is made of the same shape elsewhere must not refer to it here, so this is written from a copy.
    const copy = shape.meta({})
    this.#registry.add(copy, { id: `#${this.#unnamed.size}` })
    this.#unnamed.set(shape, copy)
  }

  /** A reference to a shape that was added; the components have it from now on, and all it refers to. */
  refer(shape: z.ZodType, side: Side): JsonSchema {
    const name = this.#nameOf(shape)
    this.#use(name, side)
    return { $ref: PLACE + name }
  }

  /** A reference where the shape has a name, else its schema. */
  place(shape: z.ZodType, side: Side): JsonSchema {
    return this.#unnamed.has(shape) ? this.write(shape, side) : this.refer(shape, side)
  }

  /** The schema of a shape that was added, to be taken apart. */
  write(shape: z.ZodType, side: Side): JsonSchema {
    const schema = this.#schemaOf(this.#nameOf(shape), side)
    for (const name of namesIn(schema)) this.#use(name, side)
    return schema
  }

  /** What was referred to, by name. */
  components(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#used].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #nameOf(shape: z.ZodType): string {
    const entry = this.#registry.get(this.#unnamed.get(shape) ?? shape)
    if (entry === undefined) throw new Error('a shape was not added before it was written')
    return entry.id
  }

  #use(name: string, side: Side): void {
    const schema = this.#schemaOf(name, side)
    const before = this.#used.get(name)
    if (before !== undefined) {
      if (JSON.stringify(before) !== JSON.stringify(schema))
        throw new Error(`the shape ${name} reads something else than it writes: give each side its own`)
      return
    }
    this.#used.set(name, schema)
    for (const inner of namesIn(schema)) this.#use(inner, side)
  }

  #schemaOf(name: string, side: Side): JsonSchema {
    this.#written ??= { input: writeAll(this.#registry, 'input'), output: writeAll(this.#registry, 'output') }
    const schema = this.#written[side][name]
    if (schema === undefined) throw new Error(`there is no shape ${name}`)
    return schema
  }
}

function writeAll(registry: z.core.$ZodRegistry<{ id: string }>, io: Side): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => PLACE + id, unrepresentable: writeOther })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _place, ...schema }]) => [
      name,
      schema as JsonSchema,
    ]),
  )
}

/** Of a check of our own the shape says how it is written; a transform's outcome is whatever comes of it. */
function writeOther({ zodSchema, message }: { zodSchema: z.core.$ZodType; message: string }): 'any' {
  const isSaid = z.globalRegistry.get(zodSchema as z.ZodType)?.['type'] !== undefined
  if (zodSchema._zod.def.type === 'transform' || isSaid) return 'any'
  throw new Error(`${message}: register it in z.globalRegistry with the type that JSON Schema has for it`)
}

function namesIn(schema: JsonSchema): readonly string[] {
  return [...JSON.stringify(schema).matchAll(/"\$ref":"#\/components\/schemas\/(?<name>[^"]+)"/g)].map(
    ({ groups }) => groups!['name']!,
  )
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
