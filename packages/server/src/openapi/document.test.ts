import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { MEANINGS, values } from '@castellan/protocol'
import { z } from 'zod'
import { ALL_ROUTES, readOpenApi } from '../app.ts'
import type { RouteDoc } from '../routes/route.ts'
import { schemaProblem } from '../testing/conform.ts'
import { serve, type Loose } from '../testing/serve.ts'
import { NOT_OF_ROUTES } from './codes.ts'
import { writeOpenApi } from './document.ts'
import type { Operation } from './operation.ts'

const document = readOpenApi()

describe('the OpenAPI document', () => {
  test('is OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document) as Loose)
    assert.equal(valid, true, JSON.stringify(errors))
    assert.match(document.openapi, /^3\.1\.\d+$/)
  })

  test('is refused by the same check when it is broken', async () => {
    const broken = { ...document, paths: { '/x': { get: { operationId: 3 } } } }
    assert.equal((await new Validator().validate(structuredClone(broken) as Loose)).valid, false)
  })

  test('has schemas of draft 2020-12, each of which compiles strictly', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false })
    ajv.addKeyword('components')
    ajv.addSchema({ $id: 'castellan', components: document.components })
    for (const name of Object.keys(document.components.schemas)) {
      assert.ok(ajv.getSchema(`castellan#/components/schemas/${name}`) !== undefined, name)
    }
  })

  test('refers to what is there, and has nothing that is not referred to', () => {
    const references = new Set(valuesOf(document, '$ref') as string[])
    for (const reference of references) assert.ok(isThere(reference), reference)
    const { securitySchemes: _, ...components } = document.components
    for (const [kind, all] of Object.entries(components))
      for (const name of Object.keys(all))
        assert.ok(references.has(`#/components/${kind}/${name}`), `${kind}/${name} is used nowhere`)
  })

  test('names the server as others reach it, where that is known', async (t) => {
    const serversOf = async (publicUrl?: string): Promise<Loose> => {
      const { call } = await serve(t, publicUrl === undefined ? {} : { publicUrl })
      return (await call('GET', '/openapi.json')).body.servers
    }
    assert.deepEqual(await serversOf(), [{ url: '/' }])
    assert.deepEqual(await serversOf('https://a.example/tenant1/'), [{ url: 'https://a.example/tenant1' }])
  })

  test('has every route, and no other', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    assert.deepEqual(operations.sort(), ALL_ROUTES.map(({ method, path }) => `${method} ${path}`).sort())
  })

  test('names each operation once, in the way clients name their calls', () => {
    const ids = operationsOf().map(({ operationId }) => operationId)
    assert.equal(new Set(ids).size, ids.length)
    for (const id of ids) assert.match(id, /^[a-z][A-Za-z0-9]*$/)
  })

  test('says what each parameter of a path is', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
      for (const { parameters, operationId } of Object.values(methods))
        assert.deepEqual(
          parameters.flatMap((each) => ('name' in each && each.in === 'path' ? [each.name] : [])),
          names,
          operationId,
        )
    }
  })

  test('gives each code to some operation, or we know why not', () => {
    const given = new Set(
      valuesOf(document, 'code').flatMap((code) => (code as { readonly enum?: string[] }).enum ?? []),
    )
    const elsewhere: readonly string[] = NOT_OF_ROUTES
    for (const code of Object.keys(MEANINGS))
      assert.notEqual(
        given.has(code),
        elsewhere.includes(code),
        `${code} is ${given.has(code) ? '' : 'not '}given`,
      )
  })

  test('has examples that are valid', () => {
    let count = 0
    visit(document.components.schemas, '/components/schemas', (schema, pointer) => {
      const { examples = [] } = schema as { readonly examples?: readonly unknown[] }
      for (const example of examples) {
        assert.equal(schemaProblem(pointer, example), undefined, pointer)
        count++
      }
    })
    assert.ok(count > 20, String(count))
  })

  test('says who may call: with a token, but for what is open', () => {
    for (const { method, path, isOpen } of ALL_ROUTES)
      assert.equal(document.paths[path]![method.toLowerCase()]!.security !== undefined, isOpen === true, path)
    for (const { security, responses } of operationsOf())
      assert.equal('401' in responses, security === undefined)
  })

  test('is served to anyone', async (t) => {
    const { call } = await serve(t)
    const reply = await call('GET', '/openapi.json')
    assert.deepEqual(reply.body, JSON.parse(JSON.stringify(document)))
  })
})

describe('writing the document', () => {
  const one: RouteDoc = {
    method: 'GET',
    path: '/x',
    tag: 'Operations',
    doc: 'x',
    answer: z.strictObject({ a: z.string() }),
  }

  test('names an operation that has no name by its method and path', () => {
    const { paths } = writeOpenApi([one, { ...one, path: '/v1/x-y/{id}/z', method: 'DELETE' }])
    assert.equal(paths['/x']!['get']!.operationId, 'getX')
    assert.equal(paths['/v1/x-y/{id}/z']!['delete']!.operationId, 'deleteV1XYIdZ')
  })

  test('refuses two operations of one name', () => {
    assert.throws(() => writeOpenApi([one, { ...one, path: '/y', id: 'getX' }]), /two operations/)
  })

  test('refuses a check of our own that does not say how it is written', () => {
    const answer = z.strictObject({ a: z.custom<string>(() => true) })
    assert.throws(() => writeOpenApi([{ ...one, answer }]), /register it/)
  })

  test('refuses one name for what reads something else than it writes', () => {
    const answer = z.strictObject({ a: z.string().transform(Number).pipe(z.int()) })
    const body = answer as z.ZodType
    assert.throws(
      () =>
        writeOpenApi([
          { ...one, answer, id: 'a' },
          { ...one, path: '/y', method: 'POST', body, id: 'b' },
        ]),
      /give each side its own/,
    )
  })

  test('describes what a query takes as what it becomes, where that can be said', () => {
    const query = z.strictObject({
      limit: values.digits.optional(),
      all: z.enum(['true', 'false']).transform((text) => text === 'true'),
    })
    const { parameters } = writeOpenApi([{ ...one, query }]).paths['/x']!['get']!
    assert.deepEqual(parameters.slice(0, 2), [
      {
        name: 'limit',
        in: 'query',
        required: false,
        schema: { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 },
      },
      { name: 'all', in: 'query', required: true, schema: { type: 'string', enum: ['true', 'false'] } },
    ])
  })

  test('describes the headers that a route looks at', () => {
    const takes = { 'Last-Event-ID': values.digits.describe('the last that is known') }
    const { parameters } = writeOpenApi([{ ...one, takes }]).paths['/x']!['get']!
    assert.deepEqual(parameters[0], {
      name: 'Last-Event-ID',
      in: 'header',
      required: false,
      description: 'the last that is known',
      schema: { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 },
    })
  })

  test('tells an answer from a refusal of the same status', () => {
    const { paths } = writeOpenApi([{ ...one, statuses: { 503: 'not now' }, codes: ['STORE_CLOSED'] }])
    const response = paths['/x']!['get']!.responses['503']!
    assert.ok('content' in response)
    assert.deepEqual(Object.keys(response.content), ['application/json', 'application/problem+json'])
  })
})

function operationsOf(): readonly Operation[] {
  return Object.values(document.paths).flatMap((methods) => Object.values(methods))
}

/** Every value of a name, at any depth. */
function valuesOf(value: unknown, wanted: string): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name === wanted ? [inner] : []),
    ...valuesOf(inner, wanted),
  ])
}

function visit(value: unknown, pointer: string, see: (schema: object, pointer: string) => void): void {
  if (typeof value !== 'object' || value === null) return
  see(value, pointer)
  for (const [name, inner] of Object.entries(value))
    if (name !== 'examples') visit(inner, `${pointer}/${encodeURIComponent(name)}`, see)
}

function isThere(reference: string): boolean {
  assert.match(reference, /^#\//)
  let value: Loose = document
  for (const step of reference.slice(2).split('/')) value = value?.[step.replaceAll('~1', '/')]
  return value !== undefined
}
