import { z } from 'zod'
import type { ToHost } from '../messages.ts'

// What a cell says is believed by nobody: each head is one of these, with these fields and no others.

const STRING_MAX = 65_536
const HEADERS_MAX = 128
/** Ids are ours, or count the cell's own calls. */
const id = z.int().min(0)

const text = z.string().max(STRING_MAX)
const scriptError = z.strictObject({
  message: text,
  code: text.optional(),
  permission: text.optional(),
  stack: text.optional(),
})
const named = <Value extends z.ZodType>(value: Value) =>
  z.record(text, value).refine((record) => Object.keys(record).length <= HEADERS_MAX)

const heard = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({ kind: z.literal('started') }),
  z.strictObject({ kind: z.literal('failed'), error: scriptError }),
  z.strictObject({ kind: z.literal('call'), id, op: z.string().max(128), args: z.unknown() }),
  z.strictObject({
    kind: z.literal('response'),
    id,
    status: z.int().min(200).max(599),
    headers: named(z.union([text, z.array(text).max(HEADERS_MAX)])),
    cookies: named(text),
    type: text.optional(),
  }),
  z.strictObject({ kind: z.literal('thrown'), id, error: scriptError }),
  z.strictObject({
    kind: z.literal('log'),
    level: z.enum(['info', 'warn', 'error']),
    message: text,
    data: z.unknown().optional(),
    request: id.optional(),
  }),
  z.strictObject({ kind: z.literal('pong'), at: z.number() }),
])

/** @returns undefined for what a cell of ours would never say */
export function findHeard(head: unknown): ToHost | undefined {
  const result = heard.safeParse(head)
  return result.success ? (result.data as ToHost) : undefined
}
