import type { Page, Paging } from './answer.ts'
import { CursorError, FactInvalidError } from './errors.ts'
import { LIMITS } from './limits.ts'
import { firstInOrder, type Key } from './order.ts'

const DEFAULT_LIMIT = 100

/**
 * One page of a list that is made anew for each page: what comes after the cursor's item, so that what was held
 * throughout is listed exactly once however the list changes in between.
 *
 * @param question - everything that makes this list this list; a cursor of another one is refused
 * @param items - in any order
 * @param fields - the list's order: by code points of the first field, then the next; no two items are alike in all
 */
export function pageOf<Field extends string, Item extends Key<Field>>(
  question: unknown,
  items: Iterable<Item>,
  fields: readonly Field[],
  paging: Paging,
): Omit<Page<Item>, 'revision' | 'incomplete'> {
  const limit = paging.limit ?? DEFAULT_LIMIT
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.pageMax)
    throw new FactInvalidError('limit', `a page has 1 to ${LIMITS.pageMax} items`)
  const mark = fingerprint(JSON.stringify(question))
  const after = paging.cursor === undefined ? undefined : openCursor(paging.cursor, mark, fields)
  // One more than fits tells whether there is another page.
  const page = firstInOrder(items, fields, limit + 1, after)
  if (page.length <= limit) return { items: page, nextCursor: null }
  page.pop()
  const last = page.at(-1)!
  const nextCursor = encode(JSON.stringify([mark, ...fields.map((field) => last[field])]))
  return { items: page, nextCursor }
}

function openCursor<Field extends string>(
  cursor: string,
  mark: string,
  fields: readonly Field[],
): Key<Field> {
  let parsed: unknown
  try {
    parsed = JSON.parse(decode(cursor))
  } catch {
    throw new CursorError('CURSOR_INVALID')
  }
  if (!isTexts(parsed) || parsed.length === 0) throw new CursorError('CURSOR_INVALID')
  if (parsed[0] !== mark) throw new CursorError('CURSOR_MISMATCH')
  if (parsed.length !== 1 + fields.length) throw new CursorError('CURSOR_INVALID')
  return Object.fromEntries(fields.map((field, i) => [field, parsed[i + 1]!])) as Key<Field>
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** 53 bits that tell questions apart. A guard against mistakes: whoever forges it only moves within their own list. */
function fingerprint(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x9e3779b1)
    b = Math.imul(b ^ unit, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return (4294967296 * (0x1fffff & b) + (a >>> 0)).toString(36)
}

function encode(text: string): string {
  const bytes = new TextEncoder().encode(text)
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function decode(text: string): string {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new CursorError('CURSOR_INVALID')
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)))
}
