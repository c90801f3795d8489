import { AppError } from './errors.ts'

/** What the server answers itself, or may one day: no app takes its place. */
const RESERVED = new Set([
  'access',
  'admin',
  'api',
  'app',
  'apps',
  'assets',
  'auth',
  'console',
  'docs',
  'favicon',
  'files',
  'health',
  'healthz',
  'login',
  'logout',
  'me',
  'metrics',
  'oauth',
  'openapi',
  'public',
  'readyz',
  'robots',
  'session',
  'sites',
  'static',
  'system',
  'user',
  'v1',
  'v2',
  'www',
])

const ID = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/u

/** @throws {AppError} APP_NAME_INVALID */
export function assertAppId(id: string): void {
  if (!ID.test(id))
    throw new AppError(
      'APP_NAME_INVALID',
      `\`${id.slice(0, 80)}\` cannot be the name of an app`,
      'use at most 63 of a-z, 0-9, `-` and `_`, the first and last a letter or digit',
    )
  if (RESERVED.has(id))
    throw new AppError(
      'APP_NAME_INVALID',
      `\`${id}\` is an address of the server itself`,
      'choose another name',
    )
}
