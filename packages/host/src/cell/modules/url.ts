import { parse as parseQuery } from 'node:querystring'
import type { CellModule, ModuleContext } from '../module.ts'
import { asText, fieldOf } from './values.ts'

/** What apps know as `url`: the classes, and the older functions made of the same parser. */
export const urlModule: CellModule = { name: 'url', key: undefined, make: makeUrl }

const SOMEWHERE = 'http://url.invalid'

function makeUrl(context: ModuleContext): object {
  const { URL: AppURL, URLSearchParams: AppParams } = context.library('url') as {
    URL: unknown
    URLSearchParams: unknown
  }
  return {
    URL: AppURL,
    URLSearchParams: AppParams,
    parse: (text: unknown, isQueryParsed?: unknown) => parse(asText(text, 'the URL'), isQueryParsed === true),
    format: (url: unknown) => format(url),
    resolve: (from: unknown, to: unknown) => resolve(asText(from, 'the base'), asText(to, 'the URL')),
  }
}

function parse(text: string, isQueryParsed: boolean): object {
  const isAbsolute = URL.canParse(text)
  const url = new URL(text, SOMEWHERE)
  const auth =
    url.username === '' ? null : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const query = url.search.slice(1)
  return {
    protocol: isAbsolute ? url.protocol : null,
    slashes: isAbsolute ? text.includes('//') : null,
    auth: isAbsolute ? auth : null,
    host: isAbsolute ? url.host : null,
    port: isAbsolute && url.port !== '' ? url.port : null,
    hostname: isAbsolute ? url.hostname : null,
    hash: url.hash === '' ? null : url.hash,
    search: url.search === '' ? null : url.search,
    query: isQueryParsed ? { ...parseQuery(query) } : query === '' ? null : query,
    pathname: url.pathname,
    path: url.pathname + url.search,
    href: isAbsolute ? url.href : url.href.slice(SOMEWHERE.length),
  }
}

function format(url: unknown): string {
  if (typeof url === 'string') return url
  const href = fieldOf(url, 'href')
  if (typeof href === 'string') return href
  const part = (name: string): string => {
    const value = fieldOf(url, name)
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  }
  const protocol = part('protocol') === '' ? '' : `${part('protocol').replace(/:$/, '')}:`
  const port = part('port') === '' ? '' : `:${part('port')}`
  const host = part('host') || (part('hostname') === '' ? '' : `${part('hostname')}${port}`)
  const auth = part('auth') === '' ? '' : `${encodeURIComponent(part('auth')).replace('%3A', ':')}@`
  const search =
    part('search') === '' ? part('query') && `?${part('query')}` : `?${part('search').replace(/^\?/, '')}`
  const hash = part('hash') === '' ? '' : `#${part('hash').replace(/^#/, '')}`
  return `${protocol}${host === '' ? '' : `//${auth}${host}`}${part('pathname')}${search}${hash}`
}

function resolve(from: string, to: string): string {
  const { href } = new URL(to, new URL(from, SOMEWHERE))
  return href.startsWith(`${SOMEWHERE}/`) ? href.slice(SOMEWHERE.length) : href
}
