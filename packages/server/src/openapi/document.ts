import { readFileSync } from 'node:fs'
import { problemShape } from '@castellan/protocol'
import type { RouteDoc, Tag } from '../routes/route.ts'
import { operationOf, type Operation } from './operation.ts'
import { commonHeaders, commonResponses, type Response } from './responses.ts'
import { Schemas, type JsonSchema } from './schemas.ts'

/** As much of an OpenAPI 3.1 document as ours has. */
export interface OpenApi {
  readonly openapi: string
  readonly jsonSchemaDialect: string
  readonly info: {
    readonly title: string
    readonly version: string
    readonly summary: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  readonly servers: readonly { readonly url: string }[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  /** By path, then by method in small letters. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, object>>
    readonly parameters: Readonly<Record<string, object>>
    readonly headers: Readonly<Record<string, object>>
    readonly responses: Readonly<Record<string, Response>>
    readonly schemas: Readonly<Record<string, JsonSchema>>
  }
}

/** What stands under a heading. One that is new and not said here does not compile. */
const TAGS: Readonly<Record<Tag, string>> = {
  Questions: 'Who holds what, and why. Nothing is changed by asking.',
  Changes: 'Facts added and removed, in one commit.',
  Facts: 'One kind of fact at a time.',
  Journal: 'What was changed, when and by whom.',
  AuthZEN: 'OpenID AuthZEN Authorization API 1.0.',
  Operations: 'How the server is, and what it can do.',
}

const DESCRIPTION = `Who may do what, and why.

\`actor\` may be left out and is then the caller. Unknown fields are errors, but in AuthZEN’s bodies. Answers say \`revision\`, the last commit they have seen. A list is
read with \`limit\` and \`cursor\`, the \`nextCursor\` of the page before; it is null on the last page. What answers GET answers HEAD too. Whatever is
refused is answered by a problem document (RFC 9457) whose \`code\` is stable. What a caller may not see looks like what is not there.`

/**
 * The OpenAPI document of routes, from the shapes that read their requests.
 *
 * @throws {Error} when two operations have one id, or a shape cannot be written
 */
export function writeOpenApi(routes: readonly RouteDoc[]): OpenApi {
  const schemas = new Schemas()
  // All shapes are known before the first is written, since it may refer to any other.
  const operations = routes.map((route) => ({ route, write: operationOf(route, schemas) }))
  const paths: Record<string, Record<string, Operation>> = {}
  const ids = new Set<string>()
  for (const { route, write } of operations) {
    const operation = write()
    if (ids.has(operation.operationId)) throw new Error(`two operations are called ${operation.operationId}`)
    ids.add(operation.operationId)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation }
  }
  const tags = new Set(routes.map(({ tag }) => tag))
  schemas.refer(problemShape, 'output')
  return {
    openapi: '3.1.1',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Castellan',
      version: readVersion(),
      summary: 'Who may do what, and why',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS)
      .filter(([name]) => tags.has(name as Tag))
      .map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'a token of Castellan’s, `cst_…`',
        },
      },
      parameters: {
        RequestId: {
          name: 'X-Request-ID',
          in: 'header',
          description: 'finds the request in the log; one is made where none comes',
          schema: { type: 'string', pattern: '^[A-Za-z0-9._~+=:/-]{1,128}$' },
        },
      },
      headers: commonHeaders(),
      responses: referredTo(commonResponses(), JSON.stringify(paths)),
      schemas: schemas.components(),
    },
  }
}

function referredTo<Value>(responses: Readonly<Record<string, Value>>, text: string): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(responses).filter(([name]) => text.includes(`"#/components/responses/${name}"`)),
  )
}

/** This package's. */
function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
