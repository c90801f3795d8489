import { METHODS } from 'node:http'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { PROBLEM_TYPE } from '@castellan/protocol'
import { readOpenApi } from '../app.ts'
import type { OpenApi } from '../openapi/document.ts'
import type { Operation } from '../openapi/operation.ts'

/** What came back of a request, its headers by small name. */
export interface Seen {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  /** Empty for HEAD. */
  readonly text: string
}

/** What HTTP itself puts on an answer. */
const TRANSPORT = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
])

/** Refusals of what is no operation of the document. */
const OUTSIDE = new Set([400, 404, 405, 408, 413, 415, 417, 431])

/**
 * Holds an answer against the OpenAPI document: status, headers, content type and body.
 *
 * @param path - with its query
 * @returns what the document does not say of it; undefined when all is as it says
 */
export function findUndocumented(method: string, path: string, seen: Seen): string | undefined {
  const found = findOperation(method, path)
  const problem =
    found === undefined ? findOutside(seen) : against(found.operation, found.pointer, method, seen)
  return problem && `${method} ${path} answered ${seen.status}: ${problem}\n${seen.text.slice(0, 500)}`
}

interface FoundOperation {
  readonly operation: Operation
  /** Where it stands in the document, as a JSON pointer. */
  readonly pointer: string
  /** As in `/v1/grants/{id}`. */
  readonly path: string
}

/** HEAD is answered as GET is. */
function findOperation(method: string, path: string): FoundOperation | undefined {
  const { paths } = readOpenApi()
  const given = path.split(/[?#]/, 1)[0]!.split('/')
  for (const [template, methods] of Object.entries(paths)) {
    const wanted = template.split('/')
    const isThis =
      wanted.length === given.length &&
      wanted.every((part, i) => (part.startsWith('{') ? given[i] !== '' : part === given[i]))
    const name = method === 'HEAD' ? 'get' : method.toLowerCase()
    const operation = isThis && METHODS.includes(method) ? methods[name] : undefined
    if (operation !== undefined)
      return { operation, pointer: `/paths/${escape(template)}/${name}`, path: template }
  }
  return undefined
}

/** What is wrong with an answer to what is no operation: it must be a refusal, and a problem document. */
export function findOutside({ status, headers, text }: Seen): string | undefined {
  if (!OUTSIDE.has(status)) return 'the document has no such operation'
  const extra = [...headers.keys()].find((name) => !TRANSPORT.has(name) && !OUTSIDE_HEADERS.has(name))
  if (extra !== undefined) return `no refusal has the header ${extra}`
  return text === '' ? undefined : bodyProblem('/components/schemas/Problem', PROBLEM_TYPE, headers, text)
}

const OUTSIDE_HEADERS = new Set(['x-request-id', 'cache-control', 'allow'])

function against(
  operation: Operation,
  pointer: string,
  method: string,
  { status, headers, text }: Seen,
): string | undefined {
  const written = operation.responses[String(status)]
  if (written === undefined) return `the document has no status ${status} for it`
  const place = '$ref' in written ? written.$ref.slice(1) : `${pointer}/responses/${status}`
  const response = '$ref' in written ? readOpenApi().components.responses[lastOf(written.$ref)]! : written
  return (
    headerProblem(response.headers, headers) ??
    (method === 'HEAD' ? undefined : contentProblem(response.content, place, headers, text))
  )
}

function headerProblem(documented: object, headers: ReadonlyMap<string, string>): string | undefined {
  const names = new Set(Object.keys(documented).map((name) => name.toLowerCase()))
  const extra = [...headers.keys()].find((name) => !TRANSPORT.has(name) && !names.has(name))
  if (extra !== undefined) return `the document has no header ${extra} for it`
  return headers.has('x-request-id') ? undefined : 'it has no X-Request-ID'
}

function contentProblem(
  content: object,
  place: string,
  headers: ReadonlyMap<string, string>,
  text: string,
): string | undefined {
  const type = headers.get('content-type') ?? ''
  if (!Object.hasOwn(content, type)) return `the document has no content type \`${type}\` for it`
  return bodyProblem(`${place}/content/${escape(type)}/schema`, type, headers, text)
}

function bodyProblem(
  pointer: string,
  type: string,
  headers: ReadonlyMap<string, string>,
  text: string,
): string | undefined {
  if (headers.get('content-type') !== type) return `its content type is not \`${type}\``
  let value: unknown = text
  if (/\bjson\b/.test(type)) {
    try {
      value = JSON.parse(text)
    } catch {
      return 'its body is no JSON'
    }
  }
  return schemaProblem(pointer, value)
}

let ajv: Ajv2020 | undefined
let held: OpenApi | undefined

/** What a schema of the document, named by its JSON pointer, does not allow of a value. */
export function schemaProblem(pointer: string, value: unknown): string | undefined {
  if (ajv === undefined || held !== readOpenApi()) {
    held = readOpenApi()
    ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false }).addSchema(
      held,
      'castellan',
    )
  }
  const validate = ajv.getSchema(`castellan#${pointer}`)
  if (validate === undefined) return `the document has nothing at ${pointer}`
  if (validate(value) === true) return undefined
  const error = validate.errors?.[0]
  return `${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'} ${JSON.stringify(error?.params ?? {})}`
}

function escape(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}

function lastOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}
