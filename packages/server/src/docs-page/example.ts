import type { OpenApi } from '../openapi/document.ts'
import type { JsonSchema } from '../openapi/schemas.ts'

/** Deepest an example is made up; a schema may hold itself. */
const DEPTH_MAX = 8

/** The example that a schema gives, else one made of what it requires. */
export function exampleOf(schema: JsonSchema, document: OpenApi, depth = 0): unknown {
  const whole = referredBy(schema, document)
  const { examples, enum: values, type, properties = {}, required = [], items } = whole as Readable
  if (examples?.[0] !== undefined) return examples[0]
  if ('const' in whole) return whole['const']
  if (values?.[0] !== undefined) return values[0]
  const branch = branchesOf(whole)[0]
  if (depth > DEPTH_MAX) return null
  if (properties !== undefined && type === 'object') {
    return Object.fromEntries(
      required.map((name) => [name, exampleOf(properties[name] ?? {}, document, depth + 1)]),
    )
  }
  if (branch !== undefined) return exampleOf(branch, document, depth + 1)
  if (type === 'array') return items === undefined ? [] : [exampleOf(items, document, depth + 1)]
  return SIMPLE[String(Array.isArray(type) ? type[0] : type)] ?? null
}

interface Readable {
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
}

const SIMPLE: Readonly<Record<string, unknown>> = { string: '', integer: 0, number: 0, boolean: false }

/** The schema itself, or the one it refers to. */
export function referredBy(schema: JsonSchema, { components }: OpenApi): JsonSchema {
  const { $ref } = schema
  if (typeof $ref !== 'string') return schema
  return components.schemas[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {}
}

function branchesOf({ anyOf, oneOf }: JsonSchema): readonly JsonSchema[] {
  return (anyOf ?? oneOf ?? []) as readonly JsonSchema[]
}
