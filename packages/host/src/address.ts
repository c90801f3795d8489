import type { Visit } from './front/front.ts'

/** Where apps are reached. */
export interface Addresses {
  /** As in `https://example.com`: how visitors reach the server, without `/` at its end. */
  readonly publicUrl: () => string
  /**
   * As in `apps.example.com`: then each app answers at `<id>.apps.example.com` and nowhere else. Empty: all of them answer
   * beneath the server's own address, and share its origin.
   */
  readonly appsHost: string
}

/** How a request is addressed to an app. */
export type Addressed =
  | { readonly id: string; readonly visit: Visit }
  /** The app's own origin is where it is to be asked. */
  | { readonly id: string; readonly redirect: string }

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/u

/**
 * Reads which app a request is for, from its host or the first name of its path, as they were sent: an app has one
 * spelling.
 *
 * @returns undefined when it is addressed to the server itself
 */
export function findAddressed(
  url: string,
  host: string | undefined,
  addresses: Addresses,
): Addressed | undefined {
  const { appsHost } = addresses
  const origin = appsHost === '' ? undefined : idOfHost(host, appsHost)
  const protocol = addresses.publicUrl().startsWith('https:') ? 'https' : 'http'
  const hostname = host ?? ''
  if (origin !== undefined) {
    const path = url.split('?', 1)[0]!
    return { id: origin, visit: { path, protocol, hostname, basePath: '/', isShared: false } }
  }
  const [, id = ''] = /^\/([^/?]*)/u.exec(url) ?? []
  if (!ID.test(id)) return undefined
  const rest = url.slice(1 + id.length)
  if (appsHost !== '')
    return {
      id,
      redirect: `${protocol}://${id}.${appsHost}${portOf(host)}${rest.startsWith('/') ? rest : `/${rest}`}`,
    }
  const path = rest.split('?', 1)[0]!
  return { id, visit: { path, protocol, hostname, basePath: `/${id}/`, isShared: true } }
}

export function isAppOrigin(host: string | undefined, appsHost: string): boolean {
  return appsHost !== '' && idOfHost(host, appsHost) !== undefined
}

/** @returns the id, also when there is no such app: an app's origin never shows anything of the server */
function idOfHost(host: string | undefined, appsHost: string): string | undefined {
  const name = (host ?? '').toLowerCase().replace(/:\d+$/u, '').replace(/\.$/u, '')
  const suffix = `.${appsHost}`
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined
}

function portOf(host: string | undefined): string {
  return /:\d+$/u.exec(host ?? '')?.[0] ?? ''
}
