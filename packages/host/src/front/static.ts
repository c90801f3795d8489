import { lstat, realpath } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join, sep } from 'node:path'
import send from 'send'
import { AppRequestError, notFoundError } from './errors.ts'

/** A folder that is shown, and the names beneath it that never are. */
export interface PublicFolder {
  readonly folder: string
  /** Whether a file that the app deleted is to be passed over here. */
  readonly isHidden?: (names: readonly string[]) => boolean
}

/** @returns where the file is, in the first folder that has it; undefined when none has, or what is there is no file */
export async function findPublicFile(
  folders: readonly PublicFolder[],
  names: readonly string[],
): Promise<PublicFile | undefined> {
  for (const { folder, isHidden } of folders) {
    const path = join(folder, ...names)
    if (isHidden?.(names) !== true && (await isOwnFile(folder, path))) return { folder, names }
  }
  return undefined
}

export interface PublicFile {
  readonly folder: string
  readonly names: readonly string[]
}

/** A file, and through no link: neither packages nor apps can make one, so one that is there is nothing of theirs. */
async function isOwnFile(folder: string, path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isFile()) return false
    const [root, real] = await Promise.all([realpath(folder), realpath(path)])
    return real === join(root, path.slice(folder.length)) && real.startsWith(root + sep)
  } catch {
    return false
  }
}

/** Sends it with its type, its ETag and the ranges that were asked for. @throws {AppRequestError} by rejecting */
export function sendPublicFile(
  request: IncomingMessage,
  response: ServerResponse,
  { folder, names }: PublicFile,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new AppRequestError('METHOD_NOT_ALLOWED', 'a file takes GET and HEAD', 'read it')
  return new Promise((resolve, reject) => {
    const path = names.map(encodeURIComponent).join('/')
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Content-Security-Policy', "frame-ancestors 'self'")
    send(request, path, { root: folder, dotfiles: 'deny', index: false, cacheControl: false })
      .on('headers', (sent: ServerResponse) => sent.setHeader('Cache-Control', 'no-cache'))
      .on('error', (error: Error & { status?: number }) => reject(errorOf(error, response)))
      .on('directory', () => reject(notFoundError()))
      .pipe(response)
    response.once('close', resolve)
  })
}

function errorOf(error: Error & { status?: number }, response: ServerResponse): Error {
  if (error.status === 416) {
    for (const name of ['X-Content-Type-Options', 'Content-Security-Policy', 'Cache-Control'])
      response.removeHeader(name)
    return new AppRequestError('RANGE_INVALID', 'the file has no such range', 'ask for less')
  }
  return error.status === 404 || error.status === 403 ? notFoundError() : error
}
