import { isIP } from 'node:net'
import type { JsonObject } from '@castellan/engine'
import { isAdmitted } from '../../broker/claims.ts'
import { OperationError, type Call } from '../../broker/operation.ts'
import { isPublicAddress } from './addresses.ts'

/** Finds the addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

export interface EgressPolicy {
  /** Hosts that apps may reach although they are not public, as in `intranet.example:8080`. Their address is not checked. */
  readonly internalHosts: readonly string[]
}

/** Where a request may go: a URL that was allowed, and the only addresses to connect to. */
export interface Destination {
  readonly url: URL
  readonly addresses: readonly string[]
}

const DEFAULT_PORTS = new Map([
  ['http:', 80],
  ['https:', 443],
])
const PRIVILEGED_PORTS_END = 1_024
/** Above the privileged ones, where other protocols listen that a request could be mistaken for. */
const OTHER_PROTOCOLS = new Set([
  1_719, 1_720, 1_723, 2_049, 3_659, 4_045, 4_190, 5_060, 5_061, 6_000, 6_379, 6_566, 6_665, 6_666, 6_667,
  6_668, 6_669, 6_679, 6_697, 10_080, 11_211,
])

/**
 * Decides on one URL, the first as well as each redirect.
 *
 * @throws {OperationError} EGRESS_DENIED, which never says what an address was: it may be inside
 */
export async function admit(
  text: string | URL,
  claims: Call<unknown>['claims'],
  { internalHosts }: EgressPolicy,
  resolve: Resolve,
): Promise<Destination> {
  const url = parseUrl(text)
  const port = portOf(url)
  if (!isAdmitted(claims, (extra) => admitsHost(extra, url.hostname, port, url.protocol)))
    throw denied(`the grant of \`module:httpclient\` does not include ${url.host}`)
  const isInternal = internalHosts.some((entry) => isListed(entry, url.hostname, port, url.protocol))
  if (!isInternal && !isWebPort(port)) throw denied(`port ${port} is not for web servers`)
  const addresses = await addressesOf(url.hostname, resolve)
  // All of them: which one is connected to is chosen later.
  if (!isInternal && !addresses.every(isPublicAddress))
    throw denied(`${url.host} is not on the public Internet`)
  return { url, addresses }
}

function parseUrl(text: string | URL): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new OperationError('URL_INVALID', 'the URL is not valid')
  }
  if (!DEFAULT_PORTS.has(url.protocol)) throw denied('only http and https are allowed')
  if (url.username !== '' || url.password !== '')
    throw new OperationError(
      'URL_INVALID',
      'a URL may not hold a user or password: send an authorization header',
    )
  url.hash = ''
  return url
}

function portOf(url: URL): number {
  return url.port === '' ? DEFAULT_PORTS.get(url.protocol)! : Number(url.port)
}

function isWebPort(port: number): boolean {
  return port === 80 || port === 443 || (port >= PRIVILEGED_PORTS_END && !OTHER_PROTOCOLS.has(port))
}

async function addressesOf(hostname: string, resolve: Resolve): Promise<readonly string[]> {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(literal) !== 0) return [literal]
  let addresses: readonly string[]
  try {
    addresses = await resolve(hostname)
  } catch {
    throw new OperationError('HOST_UNKNOWN', `${hostname} cannot be found`)
  }
  if (addresses.length === 0) throw new OperationError('HOST_UNKNOWN', `${hostname} cannot be found`)
  return addresses
}

/** A grant that lists hosts admits those; one whose list cannot be read admits none. */
function admitsHost(extra: JsonObject, hostname: string, port: number, protocol: string): boolean {
  if (!Object.hasOwn(extra, 'hosts')) return true
  const { hosts } = extra
  return (
    Array.isArray(hosts) &&
    hosts.some((entry) => typeof entry === 'string' && isListed(entry, hostname, port, protocol))
  )
}

/** As in `api.example.com`, `api.example.com:8443`, `*.example.com` or `[::1]:8080`. Without a port: the usual ones. */
function isListed(entry: string, hostname: string, port: number, protocol: string): boolean {
  const matched = /^(\*\.)?(\[[\da-f:.]+\]|[^:/?#@\s*]+)(?::(\d{1,5}))?$/i.exec(entry)
  if (matched === null) return false
  const [, wildcard, name, listedPort] = matched
  if (port !== (listedPort === undefined ? DEFAULT_PORTS.get(protocol) : Number(listedPort))) return false
  const wanted = canonicalHost(name!)
  // A name with a final dot is the same name.
  const host = hostname.replace(/\.$/, '')
  if (wanted === undefined) return false
  return wildcard === undefined ? host === wanted : host.endsWith(`.${wanted}`)
}

function canonicalHost(name: string): string | undefined {
  const url = `http://${name}/`
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined
}

function denied(why: string): OperationError {
  return new OperationError('EGRESS_DENIED', why)
}
