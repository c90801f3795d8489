import { z } from 'zod'
import type { RouteDoc } from '../routes/route.ts'
import { codesOf } from './codes.ts'
import { headersOf, problemsOf, shared, type Reference, type Response } from './responses.ts'
import type { JsonSchema, Schemas } from './schemas.ts'

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly schema: JsonSchema
}

export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  /** Empty for what anyone may call. */
  readonly security?: readonly []
  readonly parameters: readonly (Parameter | Reference)[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: { readonly 'application/json': { readonly schema: JsonSchema } }
  }
  readonly responses: Readonly<Record<string, Response | Reference>>
}

/**
 * Adds the shapes of a route, and gives back what writes its operation once the shapes of all routes are added.
 */
export function operationOf(route: RouteDoc, schemas: Schemas): () => Operation {
  const id = route.id ?? idOf(route)
  const params = Object.entries(paramsOf(route))
  const name = id.slice(0, 1).toUpperCase() + id.slice(1)
  if (route.body !== undefined) schemas.add(`${name}Request`, route.body)
  if (route.query !== undefined) schemas.addUnnamed(route.query)
  for (const [, shape] of params) schemas.addUnnamed(shape)
  for (const shape of Object.values(route.takes ?? {})) schemas.addUnnamed(shape)
  schemas.add(`${name}Answer`, route.answer)
  return () => {
    const query = route.query === undefined ? [] : queryParameters(route.query, schemas)
    const body = route.body === undefined ? undefined : schemas.refer(route.body, 'input')
    const names = new Set([...query.map((parameter) => parameter.name), ...fieldsOf(route, schemas)])
    return {
      operationId: id,
      tags: [route.tag],
      summary: route.doc,
      ...(route.isOpen === true && { security: [] as const }),
      parameters: [
        ...params.map(([param, shape]) => pathParameter(param, schemas.place(shape, 'input'))),
        ...query,
        ...Object.entries(route.takes ?? {}).map(([header, shape]) =>
          headerParameter(header, schemas.write(shape, 'output')),
        ),
        { $ref: '#/components/parameters/RequestId' },
      ],
      ...(body !== undefined && {
        requestBody: {
          required: route.isBodyOptional !== true,
          content: { 'application/json': { schema: body } },
        },
      }),
      responses: responsesOf(route, schemas.refer(route.answer, 'output'), problemsOf(codesOf(route, names))),
    }
  }
}

/** `GET /v1/grants/{id}` is `getV1GrantsId`: what a route is called that does not say. */
function idOf({ method, path }: RouteDoc): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  return method.toLowerCase() + words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')
}

function paramsOf({ path, params = {} }: RouteDoc): Record<string, z.ZodType> {
  const names = [...path.matchAll(/\{(?<name>\w+)\}/g)].map(({ groups }) => groups!['name']!)
  return Object.fromEntries(names.map((name) => [name, params[name] ?? z.string()]))
}

function pathParameter(name: string, schema: JsonSchema): Parameter {
  return { name, in: 'path', required: true, ...described(schema) }
}

/** Numbers are described as numbers; what becomes anything at all, as the text that it is before. */
function queryParameters(query: z.ZodType, schemas: Schemas): readonly Parameter[] {
  const { properties = {}, required = [] } = schemas.write(query, 'output') as Fields
  const { properties: texts = {} } = schemas.write(query, 'input') as Fields
  return Object.entries(properties).map(([name, property]) => {
    const { description: _, ...value } = property
    const isSaid = Object.keys(value).length > 0
    return {
      name,
      in: 'query',
      required: required.includes(name),
      ...described(isSaid ? property : (texts[name] ?? {})),
    }
  })
}

interface Fields {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

function headerParameter(name: string, schema: JsonSchema): Parameter {
  return { name, in: 'header', required: false, ...described(schema) }
}

/** What a value is for belongs to the parameter, what it may be to its schema. */
function described({ description, ...schema }: JsonSchema): {
  readonly description?: string
  readonly schema: JsonSchema
} {
  return typeof description === 'string' ? { description, schema } : { schema }
}

/** Names of the fields of a body. */
function fieldsOf({ body }: RouteDoc, schemas: Schemas): readonly string[] {
  if (body === undefined) return []
  return Object.keys(schemas.write(body, 'input')['properties'] ?? {})
}

function responsesOf(
  { statuses = { 200: 'the answer' }, headers = {}, type = 'application/json' }: RouteDoc,
  schema: JsonSchema,
  problems: Readonly<Record<string, Response>>,
): Record<string, Response | Reference> {
  const own = Object.entries(headers).map(([name, description]): [string, object] => [
    name,
    { description, schema: { type: 'string' } },
  ])
  const answers = Object.entries(statuses).map(([status, description]): [string, Response] => [
    status,
    {
      description,
      headers: { ...headersOf(), ...Object.fromEntries(own) },
      content: { [type]: { schema } },
    },
  ])
  const refusals = Object.entries(problems).map(([status, refusal]): [string, Response | Reference] => {
    const answer = answers.find(([other]) => other === status)?.[1]
    return [status, answer === undefined ? shared(refusal) : either(answer, refusal)]
  })
  return Object.fromEntries([...answers, ...refusals])
}

/** One status may be an answer of a route and a refusal of the server: the content type tells them apart. */
function either(answer: Response, refusal: Response): Response {
  return {
    description: `${answer.description}; or ${refusal.description}`,
    headers: { ...answer.headers, ...refusal.headers },
    content: { ...answer.content, ...refusal.content },
  }
}
