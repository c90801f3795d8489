import { parseBody } from '@castellan/protocol'
import { readOpenApi } from '../../src/app.ts'
import type { Operation, Parameter } from '../../src/openapi/operation.ts'
import type { JsonSchema } from '../../src/openapi/schemas.ts'
import { schemaProblem } from '../../src/testing/conform.ts'
import type { Generator } from './generate.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

export interface Target {
  readonly method: string
  /** As in `/v1/grants/{id}`. */
  readonly path: string
  /** Where the operation stands in the document. */
  readonly pointer: string
  readonly operation: Operation
}

/** Every operation of the document: a new route is here by itself. */
export function listTargets(): readonly Target[] {
  return Object.entries(readOpenApi().paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([name, operation]) => ({
      method: name.toUpperCase(),
      path,
      pointer: `/paths/${encodeURIComponent(path.replaceAll('~', '~0').replaceAll('/', '~1'))}/${name}`,
      operation,
    })),
  )
}

export interface Request {
  readonly target: Target
  readonly method: string
  /** The path with its query, encoded. */
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | undefined
  readonly isChunked: boolean
  /** With what the server must refuse it, whoever sends it; undefined when it is well formed. */
  readonly refusal: 'QUERY_INVALID' | 'CONTENT_TYPE' | 'BODY_TOO_LARGE' | 'BODY_INVALID' | undefined
  /** What was done to it. */
  readonly note: string
}

/** Largest body that the fuzzed server takes, in bytes. */
export const BODY_BYTES_MAX = 65_536

/** A request as the document wants it. */
export function validRequest(target: Target, random: Random, generator: Generator): Request {
  const draft = draftOf(target, random, generator)
  const isHead = target.method === 'GET' && random.chance(0.1)
  return finish({ ...draft, method: isHead ? 'HEAD' : target.method }, random, '')
}

/** A request with one thing that is not as the document wants it, or may not be. */
export function nearRequest(target: Target, random: Random, generator: Generator): Request {
  const draft = draftOf(target, random, generator)
  const kind = draft.text === undefined ? 0 : random.int(10)
  if (kind < 2) return finish({ ...draft, query: oddQuery(draft.query, random, generator) }, random, 'query')
  if (kind === 2) return finish({ ...draft, type: random.pick(ODD_TYPES) }, random, 'content type')
  if (kind === 3) return finish({ ...draft, text: oddText(draft.text!, random) }, random, 'text of the body')
  const value = mutate(draft.value, random, generator)
  return finish({ ...draft, text: Buffer.from(JSON.stringify(value)) }, random, 'value of the body')
}

/** The same request for the page after the one that was answered. */
export function nextPage(request: Request, cursor: string): Request {
  const [path = '', search = ''] = request.url.split('?', 2)
  const others = search.split('&').filter((pair) => pair !== '' && !pair.startsWith('cursor='))
  return {
    ...request,
    url: `${path}?${[...others, `cursor=${encodeURIComponent(cursor)}`].join('&')}`,
    note: 'next page',
  }
}

interface Draft {
  readonly target: Target
  readonly method: string
  readonly path: string
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly type: string
  readonly value?: unknown
  readonly text?: Buffer
}

function draftOf(target: Target, random: Random, generator: Generator): Draft {
  const { operation, method } = target
  const parameters = operation.parameters.filter((parameter): parameter is Parameter => 'name' in parameter)
  const values = (place: Parameter['in'], chance: number) =>
    parameters
      .filter((each) => each.in === place && (each.required || random.chance(chance)))
      .map((each) => [each.name, String(generator.value(each.schema, each.name))] as const)
  const { requestBody } = operation
  const isSent = requestBody?.required === true || random.chance(0.7)
  const schema = isSent ? requestBody?.content['application/json'].schema : undefined
  const value = schema && validValue(schema, target, generator)
  return {
    target,
    method,
    path: target.path.replaceAll(/([^/]*)\/\{(\w+)\}/g, (_, before: string, name: string) => {
      const { schema } = parameters.find((each) => each.in === 'path' && each.name === name)!
      return `${before}/${segment(generator.param(schema, name, before))}`
    }),
    query: values('query', 0.4),
    headers: values('header', 0.4).map(([name, text]) => [name, headerText(text)] as const),
    type: random.chance(0.1) ? 'application/json; charset=utf-8' : 'application/json',
    ...(schema !== undefined && { value, text: Buffer.from(print(value, random)) }),
  }
}

/** Values that are made until one fits. */
const VALUES_MAX = 500

/** Not every branch that a schema forbids can be seen from where a value is made: so it is made again until it fits. */
function validValue(schema: JsonSchema, target: Target, generator: Generator): unknown {
  for (let i = 0; i < VALUES_MAX; i++) {
    const value = generator.value(schema)
    if (schemaProblem(bodyPointer(target), toWire(value)) === undefined) return value
  }
  throw new Error(`nothing was made that ${target.operation.operationId} takes`)
}

function toWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** One segment of a path: neither empty nor of dots, which name other paths. */
function segment(text: string): string {
  const sane = text.toWellFormed()
  return /^\.{0,2}$/.test(sane) ? 'x' : encodeURIComponent(sane)
}

function headerText(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?').slice(0, 500)
}

function print(value: unknown, random: Random): string {
  const text = JSON.stringify(value, undefined, random.pick([0, 0, 1, 4]))
  // Every character has a longer spelling that means the same.
  return random.chance(0.1) ? text.replaceAll('a', String.raw`\u0061`) : text
}

const ODD_TYPES = [
  '',
  'text/plain',
  'application/json; charset=latin1',
  'application/problem+json',
  'application/json, text/plain',
  'multipart/form-data; boundary=x',
]

function oddQuery(
  query: Draft['query'],
  random: Random,
  generator: Generator,
): readonly (readonly [string, string])[] {
  const strange = () => generator.string(random.pick(['', 'cursor', 'permission']))
  const [first] = query
  const choices: readonly (() => Draft['query'])[] = [
    () => [...query, [random.pick(['now', '__proto__', 'constructor', 'Limit', '']), '1']],
    () => [...query, ...query.slice(0, 1)],
    () => query.map(([name]) => [name, strange()]),
    () => [
      ...query.filter(([name]) => name !== 'limit'),
      ['limit', random.pick(['', '-1', '1e3', '01', ' 1', '1.0', '99999999999999999999', strange()])],
    ],
    () => (first === undefined ? [['x', 'y']] : [[first[0].toUpperCase(), first[1]], ...query.slice(1)]),
  ]
  return random.pick(choices)()
}

function oddText(text: Buffer, random: Random): Buffer {
  const at = random.int(text.length + 1)
  const [before, after] = [text.subarray(0, at), text.subarray(at)]
  const choices: readonly (() => Buffer)[] = [
    () => before,
    () => after,
    () => Buffer.concat([before, Buffer.from([random.int(256)]), after]),
    () => Buffer.concat([Buffer.from('\ufeff'), text]),
    () => Buffer.concat([text, Buffer.from(random.pick([' ', '\n', 'x', ',', '{}', '\u0000']))]),
    () => Buffer.concat([before, Buffer.from([0xed, 0xa0, 0x80]), after]),
    () => Buffer.concat([before, Buffer.from([0xc0, 0x80]), after]),
    () => Buffer.from(text.toString().replace(/^\{("[^"]+":)/, '{$1null,$1')),
    () => Buffer.from(text.toString().replaceAll('"', "'")),
    () => Buffer.concat([text, Buffer.alloc(BODY_BYTES_MAX - text.length + random.int(3), ' ')]),
    () => Buffer.from('['.repeat(10_000)),
    () => Buffer.alloc(0),
  ]
  return random.pick(choices)()
}

function finish(draft: Draft, random: Random, note: string): Request {
  const { target, method, path, query, headers, type, text } = draft
  const isChunked = text !== undefined && random.chance(0.2)
  const search = query.map(([name, value]) => `${escape(name, random)}=${escape(value, random)}`).join('&')
  return {
    target,
    method,
    url: search === '' ? path : `${path}?${search}`,
    headers: [...headers, ...(text === undefined ? [] : [['Content-Type', type] as const])],
    body: text,
    isChunked,
    refusal: refusalOf(draft, isChunked),
    note,
  }
}

function escape(text: string, random: Random): string {
  const encoded = encodeURIComponent(text.toWellFormed())
  return random.chance(0.2) ? encoded.replaceAll('%20', '+') : encoded
}

/** The first thing the document has against a request, in the order in which the server looks. */
function refusalOf({ target, query, type, text }: Draft, isChunked: boolean): Request['refusal'] {
  if (isOddQuery(target, query)) return 'QUERY_INVALID'
  const isEmpty = text === undefined || (text.length === 0 && !isChunked)
  if (text === undefined || (isEmpty && target.operation.requestBody?.required !== true)) return undefined
  if (type !== 'application/json' && type !== 'application/json; charset=utf-8')
    // Some standards want 400 for it.
    return '415' in target.operation.responses ? 'CONTENT_TYPE' : 'BODY_INVALID'
  if (text.length > BODY_BYTES_MAX) return 'BODY_TOO_LARGE'
  try {
    const value = parseBody(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text))
    return schemaProblem(bodyPointer(target), value) === undefined ? undefined : 'BODY_INVALID'
  } catch {
    return 'BODY_INVALID'
  }
}

function isOddQuery({ operation, pointer }: Target, query: Draft['query']): boolean {
  const names = query.map(([name]) => name)
  if (new Set(names).size < names.length) return true
  const isOdd = ([name, text]: readonly [string, string]): boolean => {
    const at = operation.parameters.findIndex(
      (each) => 'name' in each && each.in === 'query' && each.name === name,
    )
    if (at < 0) return true
    const { schema } = operation.parameters[at] as Parameter
    const isNumber = schema['type'] === 'integer'
    if (isNumber && !/^(?:0|[1-9]\d{0,14})$/.test(text)) return true
    return schemaProblem(`${pointer}/parameters/${at}/schema`, isNumber ? Number(text) : text) !== undefined
  }
  const isMissing = operation.parameters.some(
    (each) => 'name' in each && each.in === 'query' && each.required && !names.includes(each.name),
  )
  return isMissing || query.some(isOdd)
}

function bodyPointer({ pointer }: Target): string {
  return `${pointer}/requestBody/content/application~1json/schema`
}

/**
 * A request as bytes, in pieces.
 *
 * @param isLast - of its connection
 */
export function write(
  request: Request,
  authorization: string | undefined,
  requestId: string,
  isLast = true,
): readonly (string | Buffer)[] {
  const { method, url, body, isChunked } = request
  const headers: (readonly [string, string])[] = [
    ['Host', 'localhost'],
    ['Connection', isLast ? 'close' : 'keep-alive'],
    ['X-Request-ID', requestId],
    ...(authorization === undefined ? [] : [['Authorization', authorization] as const]),
    ...request.headers,
    ...(body === undefined
      ? []
      : isChunked
        ? [['Transfer-Encoding', 'chunked'] as const]
        : [['Content-Length', String(body.length)] as const]),
  ]
  const head = `${method} ${url} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  if (body === undefined) return [head]
  return isChunked ? [head, ...chunksOf(body), '0\r\n\r\n'] : [head, body]
}

function* chunksOf(body: Buffer): Iterable<Buffer> {
  const size = Math.max(1, Math.ceil(body.length / 3))
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size)
    yield Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])
  }
}
