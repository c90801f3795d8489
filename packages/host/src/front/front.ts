import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { CellResponse } from '../broker/cell.ts'
import type { AppLimits } from '../limits.ts'
import type { AppPackage } from '../package/app-package.ts'
import { readAppBody, type Body } from './body.ts'
import { AppRequestError, notFoundError } from './errors.ts'
import { parseAppPath, type AppPath } from './path.ts'
import { makeAppRequest, type AppRequest, type Visited } from './request.ts'
import { ResponseInvalidError, writeAppResponse, type Place } from './respond.ts'
import { findRoute, type RouteMatch } from './routes.ts'
import { findPublicFile, sendPublicFile, type PublicFile, type PublicFolder } from './static.ts'

/** What answers for an app: its files, and a cell that runs its scripts. */
export interface Served {
  readonly package: AppPackage
  /** What the app wrote over its package, and then the package. */
  readonly publicFolders: readonly PublicFolder[]
  readonly limits: AppLimits
  /** @throws {AppRequestError} when no cell answered */
  run(request: AppRequest, blobs: readonly Uint8Array[], from: From): Promise<CellResponse>
  /** Told of an answer that could not be sent. */
  report(error: ResponseInvalidError): void
}

export interface From {
  /** Fires when the visitor is gone. */
  readonly signal: AbortSignal
  /** The request itself, for its bearer: an administrator's own right is asked where an app uses `platform`. */
  readonly authorization: string | undefined
}

/** How a request came to the app. */
export interface Visit extends Visited, Place {
  /** As it was sent, beneath the app, from `/`; empty for the app's address without its last `/`. */
  readonly path: string
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Answers one request to an app: a public file, or a script.
 *
 * @throws {AppRequestError} and then nothing was written
 */
export async function serveApp(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
  visit: Visit,
): Promise<void> {
  const method = request.method ?? 'GET'
  if (!METHODS.has(method))
    throw new AppRequestError(
      'METHOD_NOT_ALLOWED',
      `apps take no ${method}`,
      `use ${[...METHODS].join(', ')}`,
    )
  if (visit.path === '') return redirectToFolder(request, response, visit)
  const found = await findTarget(served, method, parseAppPath(visit.path))
  if ('names' in found) await sendPublicFile(request, response, found)
  else await runScript(request, response, served, visit, found)
}

/** So that links in the app's first page are read from its folder. */
function redirectToFolder(request: IncomingMessage, response: ServerResponse, { basePath }: Visit): void {
  const query = request.url?.split('?')[1]
  response.writeHead(308, {
    Location: query === undefined ? basePath : `${basePath}?${query}`,
    'Content-Length': 0,
  })
  response.end()
}

/** A path with an extension is a public file; any other is a route of the manifest, then a script, then a folder's page. */
async function findTarget(served: Served, method: string, path: AppPath): Promise<PublicFile | RouteMatch> {
  const { manifest } = served.package
  const last = path.names.at(-1)
  if (last?.includes('.') === true && !path.isFolder) {
    const file = await findPublicFile(foldersOf(served), path.names)
    if (file === undefined) throw notFoundError()
    return file
  }
  const { match, methods } = findRoute(manifest.routes, method, path)
  const script = match ?? scriptAt(served.package, path)
  if (script !== undefined) return script
  if (methods.length > 0)
    throw new AppRequestError(
      'METHOD_NOT_ALLOWED',
      `this takes ${methods.join(', ')}`,
      'use one of these methods',
    )
  const page = await findPublicFile(foldersOf(served), [...path.names, 'index.html'])
  if (page !== undefined && (path.isFolder || path.names.length === 0)) return page
  const fallback = await findFallback(served, method)
  if (fallback === undefined) throw notFoundError()
  return fallback
}

function scriptAt({ sources }: AppPackage, { names, isFolder }: AppPath): RouteMatch | undefined {
  const script = `${names.join('/')}.js`
  return !isFolder && sources.has(script) ? { script, params: {} } : undefined
}

/** An app of one page shows what was built of it before anything else. */
function foldersOf({ package: { manifest }, publicFolders }: Served): readonly PublicFolder[] {
  const { spa } = manifest
  if (spa === undefined) return publicFolders
  const built = publicFolders.map((shown) => ({
    folder: join(shown.folder, spa.folder),
    isHidden: (names: readonly string[]) => shown.isHidden?.([...spa.folder.split('/'), ...names]) === true,
  }))
  return [...built, ...publicFolders]
}

/** The page of an app of one page answers every address that nothing else does: the page itself reads it. */
async function findFallback(served: Served, method: string): Promise<PublicFile | undefined> {
  const { spa } = served.package.manifest
  if (spa === undefined || (method !== 'GET' && method !== 'HEAD')) return undefined
  return findPublicFile(foldersOf(served), spa.fallback.split('/'))
}

async function runScript(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
  visit: Visit,
  match: RouteMatch,
): Promise<void> {
  const body: Body = await readAppBody(request, served.limits.bodyBytesMax)
  const { signal, forget } = signalOf(response)
  try {
    const { authorization } = request.headers
    const answer = await served.run(makeAppRequest(request, match, visit, body), body.blobs, {
      signal,
      authorization,
    })
    writeAppResponse(request, response, answer, visit)
  } catch (error) {
    if (!(error instanceof ResponseInvalidError)) throw error
    served.report(error)
    throw new AppRequestError('SCRIPT_FAILED', 'the app answered what cannot be sent', 'tell its author')
  } finally {
    forget()
  }
}

/** Fires when the visitor went away before there was an answer. */
function signalOf(response: ServerResponse): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController()
  const onClose = (): void => controller.abort()
  response.once('close', onClose)
  return { signal: controller.signal, forget: () => response.off('close', onClose) }
}
