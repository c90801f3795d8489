import { hash } from 'node:crypto'
import { CursorError, LIMITS } from '@castellan/engine'
import { canonicalJson } from '@castellan/store'
import { smallestAfter } from '../page.ts'

const DEFAULT_LIMIT = 100

/** Candidates that one page looks at. With rules of one's own, asking about each takes some 20 µs of the one thread. */
const CANDIDATES_MAX = 2_000

export interface PageRequest {
  readonly token?: string | undefined
  readonly limit?: number | undefined
}

export interface SearchPage {
  /** In order. */
  readonly found: readonly string[]
  /** Empty when there are no more. */
  readonly nextToken: string
}

/**
 * One page of those candidates that are found, in order. A page ends also where many were looked at and few found,
 * so that no search holds the thread for long; its token leads on all the same.
 *
 * @param question - what makes this search this search; another one's token is refused
 * @throws {CursorError}
 */
export function searchPage(
  candidates: Iterable<string>,
  isFound: (candidate: string) => boolean,
  question: object,
  { token, limit }: PageRequest = {},
): SearchPage {
  const mark = hash('sha256', canonicalJson(question), 'base64url').slice(0, 12)
  const start = token === undefined ? { limit: limit ?? DEFAULT_LIMIT, after: '' } : openToken(token, mark)
  if (limit !== undefined && limit !== start.limit) throw new CursorError('CURSOR_MISMATCH')
  const foundMax = Math.min(start.limit, LIMITS.pageMax)
  const keys = smallestAfter(candidates, (candidate) => candidate, start.after, CANDIDATES_MAX + 1)
  const found: string[] = []
  let last = start.after
  const nextToken = (): string => Buffer.from(JSON.stringify([mark, start.limit, last])).toString('base64url')
  for (const { key } of keys.slice(0, CANDIDATES_MAX)) {
    const isOne = isFound(key)
    if (isOne && found.length === foundMax) return { found, nextToken: nextToken() }
    if (isOne) found.push(key)
    last = key
  }
  return { found, nextToken: keys.length > CANDIDATES_MAX ? nextToken() : '' }
}

function openToken(token: string, mark: string): { readonly limit: number; readonly after: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
  } catch {
    throw new CursorError('CURSOR_INVALID')
  }
  if (!Array.isArray(parsed) || parsed.length !== 3) throw new CursorError('CURSOR_INVALID')
  const [found, limit, after] = parsed as unknown[]
  // Nothing keeps a caller from writing a token: it is believed no more than the rest of the request.
  const isWhole = typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0
  if (typeof found !== 'string' || !isWhole || typeof after !== 'string')
    throw new CursorError('CURSOR_INVALID')
  if (found !== mark) throw new CursorError('CURSOR_MISMATCH')
  return { limit, after }
}
