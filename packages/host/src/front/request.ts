import type { IncomingMessage } from 'node:http'
import type { RequestMessage } from '../messages.ts'
import { parseFields, type Body } from './body.ts'

/** What a cell is told of a request, but for its number. */
export type AppRequest = Omit<RequestMessage, 'kind' | 'id'>

export interface Routed {
  readonly script: string
  readonly params: Readonly<Record<string, string>>
}

/** Where the host is reached, as visitors write it. */
export interface Visited {
  readonly protocol: 'http' | 'https'
  readonly hostname: string
}

export function makeAppRequest(
  request: IncomingMessage,
  { script, params }: Routed,
  { protocol, hostname }: Visited,
  { message: body }: Body,
): AppRequest {
  const url = request.url ?? '/'
  const [path, query = ''] = splitOnce(url, '?')
  const headers = headersOf(request)
  return {
    script,
    method: request.method ?? 'GET',
    url,
    path,
    protocol,
    hostname,
    headers,
    cookies: parseCookies(headers['cookie'] ?? ''),
    query: parseFields(query),
    params,
    body,
  }
}

/** Of the server's own, for which no app is to act. */
const OWN_BEARER = /^\s*bearer\s+cst_/iu
const OWN_COOKIE = /^(?:__Host-|__Secure-)?castellan/iu

function headersOf(request: IncomingMessage): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined) continue
    const text = typeof value === 'string' ? value : value.join(', ')
    if (name === 'authorization' && OWN_BEARER.test(text)) continue
    headers[name] = name === 'cookie' ? withoutOwn(text) : text
  }
  return headers
}

function withoutOwn(cookies: string): string {
  return cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '' && !OWN_COOKIE.test(cookie))
    .join('; ')
}

/** The first of a name counts: it is the one with the longest path. */
function parseCookies(text: string): Record<string, string> {
  const cookies = Object.create(null) as Record<string, string>
  for (const pair of text.split(';')) {
    const [name, value] = splitOnce(pair.trim(), '=')
    if (name === '' || value === undefined || name in cookies) continue
    cookies[name] = decodeCookie(value)
  }
  return cookies
}

function decodeCookie(value: string): string {
  const bare = /^".*"$/su.test(value) ? value.slice(1, -1) : value
  try {
    return decodeURIComponent(bare)
  } catch {
    return bare
  }
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}
