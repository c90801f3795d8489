import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { JsonObject } from '@castellan/engine'
import { findAddressed, isAppOrigin, type Addressed, type Addresses } from './address.ts'
import type { AppLogs } from './app-logs.ts'
import type { AppHandle } from './broker/app-handle.ts'
import type { CellPool } from './broker/cell.ts'
import { notFoundError } from './front/errors.ts'
import { serveApp, type Served } from './front/front.ts'
import { KEYS, type Key } from './keys.ts'
import { tightenLimits, type AppLimits } from './limits.ts'
import type { StartMessage } from './messages.ts'
import type { AppPackage } from './package/app-package.ts'
import {
  AppRuntime,
  type AppEvent,
  type AppStatus,
  type ReloadOutcome,
  type ReloadReason,
  type Snapshot,
} from './runtime.ts'

/** An app on the disk, as it is at the moment. */
export interface InstalledApp {
  readonly package: AppPackage
  /** What it wrote, in `box` and `web`. */
  readonly dataFolder: string
}

export interface InstalledApps {
  find(id: string): InstalledApp | undefined
}

/** What the host asks of the engine. */
interface GrantSource {
  claims(actor: string, permission: string): { readonly pathways: readonly (readonly JsonObject[])[] }
}

export interface HostOptions extends Addresses {
  readonly installed: InstalledApps
  readonly pool: CellPool
  readonly engine: GrantSource
  /** What an app wrote over a public file of its package, or deleted. */
  readonly isPublicHidden: (app: InstalledApp, names: readonly string[]) => boolean
  readonly limits: AppLimits
  readonly logs: AppLogs
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number
  /** Milliseconds, of a clock that never goes back. */
  readonly monotonic: () => number
}

/** Between two looks at which apps nobody uses, in milliseconds. */
const REST_MS = 5_000

/**
 * The server apps of one platform: who a request is for, which cell answers it, and when a cell must give way because
 * code or grants changed.
 */
export class Host {
  readonly #options: HostOptions
  readonly #runtimes = new Map<string, AppRuntime>()
  /** What each app's cell was started with, as its grants said. */
  readonly #granted = new Map<string, Granted>()
  readonly #resting: NodeJS.Timeout

  constructor(options: HostOptions) {
    this.#options = options
    this.#resting = setInterval(() => {
      for (const runtime of this.#runtimes.values()) runtime.rest()
    }, REST_MS)
    this.#resting.unref()
  }

  /** Whether it is addressed to an origin of an app, be there such an app or not. */
  isOwnOrigin(request: IncomingMessage): boolean {
    return isAppOrigin(request.headers.host, this.#options.appsHost)
  }

  /** @returns undefined when the request is for the server itself */
  find(request: IncomingMessage): Addressed | undefined {
    const addressed = findAddressed(request.url ?? '/', request.headers.host, this.#options)
    if (addressed === undefined) return undefined
    const isOwnOrigin = 'visit' in addressed && !addressed.visit.isShared
    return isOwnOrigin || this.#options.installed.find(addressed.id) !== undefined ? addressed : undefined
  }

  /** @throws {AppRequestError} by rejecting, and then nothing was written */
  async serve(request: IncomingMessage, response: ServerResponse, addressed: Addressed): Promise<void> {
    const app = this.#get(addressed.id)
    if ('redirect' in addressed)
      response.writeHead(308, { Location: addressed.redirect, 'Content-Length': 0 }).end()
    else await serveApp(request, response, this.#serving(app), addressed.visit)
  }

  /** Starts an app that was just installed, so that its startup scripts are heard of. @throws {Error} when one fails */
  start(id: string): Promise<void> {
    return this.#runtime(id).start()
  }

  reload(id: string, reason: ReloadReason): Promise<ReloadOutcome> {
    return this.#runtime(id).reload(reason)
  }

  /** Ends its cell, once what it has begun is over. It starts again with a reload. */
  async stop(id: string): Promise<void> {
    await this.#runtimes.get(id)?.stop({ message: 'it was stopped' })
  }

  /** After an app is deleted. */
  async forget(id: string): Promise<void> {
    await this.stop(id)
    this.#runtimes.delete(id)
    this.#granted.delete(id)
    this.#options.logs.forget(id)
  }

  status(id: string): AppStatus {
    return this.#runtimes.get(id)?.status ?? { state: 'idle', inFlight: 0 }
  }

  /**
   * Looks whether apps may other things than their cells were started with, and puts new cells in their place where
   * they may. The broker asks at each call anyway: nothing that was revoked is done meanwhile.
   */
  async followGrants(): Promise<void> {
    const reloads: Promise<unknown>[] = []
    for (const [id, before] of this.#granted) {
      if (this.#options.installed.find(id) === undefined) continue
      const reason = compareGrants(before, this.#grantsOf(id))
      // One that is under way knows of it already, and is waited for as well.
      reloads.push(reason === undefined ? this.#runtime(id).settled : this.reload(id, reason))
    }
    await Promise.all(reloads)
  }

  async close(): Promise<void> {
    clearInterval(this.#resting)
    await Promise.all([...this.#runtimes.values()].map((runtime) => runtime.close()))
    await this.#options.pool.close()
  }

  #runtime(id: string): AppRuntime {
    const found = this.#runtimes.get(id)
    if (found !== undefined) return found
    const { pool, monotonic } = this.#options
    const runtime = new AppRuntime({
      pool,
      monotonic,
      snapshot: () => this.#snapshot(id),
      limits: () => this.#limitsOf(this.#get(id)),
      onEvent: (event) => this.#log(id, event),
    })
    this.#runtimes.set(id, runtime)
    return runtime
  }

  #serving(app: InstalledApp): Served {
    const {
      package: { id, folder },
      dataFolder,
    } = app
    const { isPublicHidden } = this.#options
    return {
      package: app.package,
      publicFolders: [
        { folder: join(dataFolder, 'web') },
        { folder, isHidden: (names) => isPublicHidden(app, names) },
      ],
      limits: this.#limitsOf(app),
      run: (request, blobs, from) => this.#runtime(id).run(request, blobs, from),
      report: (error) => this.#add(id, 'error', `the answer cannot be sent: ${error.message}`),
    }
  }

  #snapshot(id: string): Snapshot {
    const app = this.#get(id)
    const {
      package: { manifest, sources, folder },
    } = app
    const granted = this.#grantsOf(id)
    this.#granted.set(id, granted)
    const files = [...sources.keys()].map((path, blob): readonly [string, number] => [path, blob])
    const { name, version, description, env, startupScripts, defaultInclude, jwtSecret } = manifest
    const start: StartMessage = {
      kind: 'start',
      app: { id, name, version, description, env },
      files,
      granted: [...granted.keys()],
      startupScripts,
      defaultInclude,
      ...(jwtSecret !== undefined && { jwtSecret }),
    }
    const handle: AppHandle = {
      id,
      packageFolder: folder,
      dataFolder: app.dataFolder,
      databases: new Map(manifest.databases.map((database) => [database.name, database])),
      limits: this.#limitsOf(app),
    }
    return {
      start,
      sources: [...sources.values()].map((source) => Buffer.from(source)),
      handle,
      limits: handle.limits,
      lacking: manifest.permissions.mandatory.filter((key) => !granted.has(key)),
    }
  }

  #get(id: string): InstalledApp {
    const app = this.#options.installed.find(id)
    if (app === undefined) throw notFoundError()
    return app
  }

  #limitsOf({ package: { manifest } }: InstalledApp): AppLimits {
    return tightenLimits(this.#options.limits, manifest.limits)
  }

  #grantsOf(id: string): Granted {
    const granted = new Map<Key, string>()
    for (const { key } of KEYS) {
      const { pathways } = this.#options.engine.claims(`app:${id}`, `module:${key}`)
      if (pathways.length > 0) granted.set(key, JSON.stringify(pathways))
    }
    return granted
  }

  #log(id: string, event: AppEvent): void {
    if (event.event === 'started') this.#add(id, 'info', `started in ${Math.round(event.ms)} ms`)
    else if (event.event === 'failed')
      this.#add(id, 'error', `it could not be started: ${event.error.message}`, event.error)
    else this.#add(id, 'error', `its process ended: ${event.why}`, { detail: event.detail })
  }

  #add(id: string, level: 'info' | 'error', message: string, data?: unknown): void {
    this.#options.logs.add(id, {
      at: this.#options.now(),
      level,
      message,
      ...(data !== undefined && { data }),
    })
  }
}

/** The keys an app holds, each with all that its grants carry. */
type Granted = ReadonlyMap<Key, string>

/** Other parameters count as less: whether they are is not to be guessed. */
function compareGrants(before: Granted, now: Granted): ReloadReason | undefined {
  for (const [key, claims] of before) if (now.get(key) !== claims) return 'narrower'
  return now.size > before.size ? 'wider' : undefined
}
