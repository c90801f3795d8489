import type { JsonSchema } from '../openapi/schemas.ts'
import { html, prose, type Html } from './html.ts'

/** What a value of a schema is, in a few words. */
export function typeOf(schema: JsonSchema): Html {
  const { $ref, enum: values, type, items } = schema
  if (typeof $ref === 'string') {
    const name = $ref.slice($ref.lastIndexOf('/') + 1)
    return html`<a href="#schema-${name}">${name}</a>`
  }
  if ('const' in schema) return code(schema['const'])
  if (Array.isArray(values)) return joined(values.map(code))
  const branches = branchesOf(schema)
  if (branches !== undefined) return joined(branches.map(typeOf))
  if (Array.isArray(type)) return html`${type.join(' or ')}`
  if (type === 'array') return html`list of ${typeOf((items ?? {}) as JsonSchema)}`
  return html`${typeof type === 'string' ? type : 'anything'}`
}

function code(value: unknown): Html {
  return html`<code>${JSON.stringify(value)}</code>`
}

function joined(parts: readonly Html[]): Html {
  return html`${parts.map((part, i) => (i === 0 ? part : html` or ${part}`))}`
}

/** Of a value that may be one thing or another. */
function branchesOf({ anyOf, oneOf, properties }: JsonSchema): readonly JsonSchema[] | undefined {
  if (properties !== undefined) return undefined
  return (anyOf ?? oneOf) as readonly JsonSchema[] | undefined
}

/** The fields of an object, and of what lies in it, as a list; nothing for what has no fields. */
export function fieldsOf(schema: JsonSchema): Html | undefined {
  const branches = branchesOf(schema)
  if (branches !== undefined) {
    const inner = branches.map(fieldsOf).filter((each) => each !== undefined)
    return inner.length === 0
      ? undefined
      : html`<ul class="branches">
          ${inner.map((each) => html`<li>${each}</li>`)}
        </ul>`
  }
  if (schema['type'] === 'array') return fieldsOf((schema['items'] ?? {}) as JsonSchema)
  const { properties, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, JsonSchema>>
    readonly required?: readonly string[]
  }
  if (properties === undefined || '$ref' in schema) return undefined
  return html`<dl class="fields">
    ${Object.entries(properties).map(([name, field]) => fieldOf(name, field, required.includes(name)))}
  </dl>`
}

/** One field or parameter, as an entry of a list of definitions. */
export function fieldOf(name: string, schema: JsonSchema, isRequired: boolean, description?: string): Html {
  const about = description ?? schema['description']
  return html`<div>
    <dt>
      <code>${name}</code> <span class="type">${typeOf(schema)}</span>
      ${isRequired ? html`<span class="required">required</span>` : undefined}
    </dt>
    ${typeof about === 'string' ? html`<dd>${prose(about)}</dd>` : undefined} ${inside(fieldsOf(schema))}
  </div>`
}

function inside(fields: Html | undefined): Html | undefined {
  return fields && html`<dd>${fields}</dd>`
}
