import { MEANINGS, PROBLEM_TYPE, statusOf, type ProblemCode } from '@castellan/protocol'
import type { JsonSchema } from './schemas.ts'

export interface Response {
  readonly description: string
  readonly headers: Readonly<Record<string, object>>
  readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>>
}

export interface Reference {
  readonly $ref: string
}

const HEADERS = {
  'X-Request-ID': 'the request’s own where it is sane, else a new one',
  'Cache-Control': 'nothing here is to be kept',
  'WWW-Authenticate': 'how to say who is asking',
  'Retry-After': 'seconds to wait',
  Connection: 'the rest of the request is not read',
} as const

type HeaderName = keyof typeof HEADERS

export function commonHeaders(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(HEADERS).map(([name, description]) => [
      name,
      { description, schema: { type: 'string' }, required: name === 'X-Request-ID' },
    ]),
  )
}

export function headersOf(...names: readonly HeaderName[]): Record<string, Reference> {
  return Object.fromEntries(
    (['X-Request-ID', 'Cache-Control', ...names] as const).map((name) => [
      name,
      { $ref: `#/components/headers/${name}` },
    ]),
  )
}

/** Refusals of a route by status. */
export function problemsOf(codes: ReadonlySet<ProblemCode>): Record<string, Response> {
  const byStatus = [...Map.groupBy(codes, statusOf)].sort(([a], [b]) => a - b)
  return Object.fromEntries(byStatus.map(([status, alike]) => [String(status), problem(alike)]))
}

/** Those of a single code are alike wherever they are, and can stand among the components. */
export function commonResponses(): Record<string, Response> {
  return Object.fromEntries(CODES.map((code) => [nameOf(code), problem([code])]))
}

const CODES = Object.keys(MEANINGS) as readonly ProblemCode[]

/** A reference to a response that can stand among the components, or the response. */
export function shared(response: Response): Response | Reference {
  const code = CODES.find((each) => response.description === descriptionOf([each]))
  return code === undefined ? response : { $ref: `#/components/responses/${nameOf(code)}` }
}

/** `BODY_INVALID` is `BodyInvalid`. */
function nameOf(code: ProblemCode): string {
  return code
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}

function problem(codes: readonly ProblemCode[]): Response {
  const status = statusOf(codes[0]!)
  return {
    description: descriptionOf(codes),
    headers: headersOf(
      'Connection',
      ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
      ...(status === 503 || status === 429 ? (['Retry-After'] as const) : []),
    ),
    content: {
      [PROBLEM_TYPE]: {
        schema: {
          $ref: '#/components/schemas/Problem',
          properties: { status: { const: status }, code: { enum: codes } },
        },
      },
    },
  }
}

function descriptionOf(codes: readonly ProblemCode[]): string {
  return codes.map((code) => `\`${code}\`: ${MEANINGS[code].title}`).join('; ')
}
