import { PlatformError } from './platform/errors.ts'

/**
 * The URL under which others reach the server, as documents of the server name it.
 *
 * @returns without `/` at its end
 * @throws {PlatformError} SETTINGS_INVALID
 */
export function parsePublicUrl(text: string): string {
  const url = findPublicUrl(text)
  if (url !== undefined) return url
  throw new PlatformError(
    'SETTINGS_INVALID',
    `\`${text.slice(0, 200)}\` is no public URL`,
    'write `https://<host>`, with a path if there is one, and nothing behind it',
    { path: 'publicUrl' },
  )
}

/** The same, undefined where it is none: it holds no secrets, and nothing that a path could not stand behind. */
export function findPublicUrl(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/u.test(url.protocol) || /[?#]/u.test(text)) return undefined
  if (url.username !== '' || url.password !== '') return undefined
  return url.origin + url.pathname.replace(/\/+$/u, '')
}
