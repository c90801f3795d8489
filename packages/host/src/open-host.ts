import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Live } from '@castellan/store'
import { AppLogs } from './app-logs.ts'
import { makeCalls } from './broker/calls.ts'
import { CELL_LIMITS } from './broker/limits.ts'
import { openCellPool } from './broker/pool.ts'
import { Host, type InstalledApp } from './host.ts'
import { ManagedApps } from './lifecycle/manage.ts'
import { LIMIT_DEFAULTS, type AppLimits } from './limits.ts'
import { FS_LIMITS } from './modules/fs/operations.ts'
import { Overlay } from './modules/fs/overlay.ts'
import { openModules } from './modules/modules.ts'
import type { Bindings } from './package/read-manifest.ts'
import { findRuntime } from './seal/spawn.ts'

export interface OpenHostOptions {
  /** The platform's folder: apps are kept in its `apps`, what an operator bound for them in `settings/apps/<app>.json`. */
  readonly dir: string
  readonly live: Pick<Live, 'engine' | 'change' | 'watchCommits'>
  /** As in `http://127.0.0.1:7070`, without `/` at its end. */
  readonly publicUrl: () => string
  /** As in `apps.example.com`; empty: all apps answer beneath the server's own address. */
  readonly appsHost: string
  /** Default: {@link LIMIT_DEFAULTS}. */
  readonly limits?: Partial<AppLimits>
  /** Cells kept ready. Default 1. */
  readonly sparesMax?: number
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number
}

export interface OpenedHost extends AsyncDisposable {
  readonly host: Host
  readonly apps: ManagedApps
  close(): Promise<void>
}

/** Of those that no user of a system has: cells become them, one each, when the host is root. */
const CELL_UIDS = { first: 1_900_000_000, count: 60_000 }
/** After a commit, so that many in a row are looked at once, in milliseconds. */
const FOLLOW_MS = 20

/** Opens the server apps of a platform: what is installed, what runs it, and what it may. */
export function openHost({
  dir,
  live,
  publicUrl,
  appsHost,
  limits = {},
  sparesMax = 1,
  now,
}: OpenHostOptions): OpenedHost {
  const { engine } = live
  const logs = new AppLogs()
  const modules = openModules()
  const monotonic = (): number => performance.now()
  const apps = new ManagedApps({
    folder: join(dir, 'apps'),
    live,
    logs,
    release: (id) => modules.release(id),
    bindingsOf: (id) => readBindings(join(dir, 'settings', 'apps', `${id}.json`)),
    addressOf: (id) => addressOf(id, publicUrl(), appsHost),
    now,
  })
  const bounds = { ...LIMIT_DEFAULTS, ...limits }
  const pool = openCellPool({
    calls: makeCalls({
      engine,
      operations: modules.operations,
      denied: (app, permission, op) =>
        logs.add(app, {
          at: now(),
          level: 'warn',
          message: `\`${op}\` was denied: \`${permission}\` is not granted`,
        }),
      failed: (app, op, error) =>
        logs.add(app, {
          at: now(),
          level: 'error',
          message: `\`${op}\` failed: ${error instanceof Error ? error.message : String(error)}`,
        }),
    }),
    limits: { ...CELL_LIMITS, memoryBytes: bounds.memoryBytesMax },
    runtime: findRuntime(),
    uids: process.getuid?.() === 0 ? CELL_UIDS : undefined,
    isSealed: true,
    isWarm: !apps.isEmpty,
    sparesMax,
    log: (app, level, message, data) =>
      logs.add(app, { at: now(), level, message, ...(data !== undefined && { data }) }),
    monotonic,
  })
  const host = new Host({
    installed: apps,
    pool,
    engine,
    isPublicHidden,
    limits: bounds,
    logs,
    now,
    monotonic,
    publicUrl,
    appsHost,
  })
  apps.use(host)
  const unfollow = followGrants(live, host)
  const close = async (): Promise<void> => {
    unfollow()
    await host.close()
    await modules.close()
  }
  return { host, apps, close, [Symbol.asyncDispose]: close }
}

/** A file of the package shows itself unless the app put something over it, or deleted it. */
function isPublicHidden(
  { package: { folder }, dataFolder }: InstalledApp,
  names: readonly string[],
): boolean {
  return !new Overlay({ packageFolder: folder, dataFolder }, FS_LIMITS).exists('WEB', names)
}

function followGrants(live: Pick<Live, 'watchCommits'>, host: Host): () => void {
  let timer: NodeJS.Timeout | undefined
  const unwatch = live.watchCommits(() => {
    timer ??= setTimeout(() => {
      timer = undefined
      // What a reload comes to is in the app's log.
      host.followGrants().catch(() => {})
    }, FOLLOW_MS)
    timer.unref()
  })
  return () => {
    unwatch()
    clearTimeout(timer)
  }
}

/** `{ "env:NAME": "value", "file:path": "value" }`: what stands for a reference in an app's manifest. */
function readBindings(file: string): Bindings {
  if (!existsSync(file)) return new Map()
  const read = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  return new Map(
    Object.entries(read).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

function addressOf(id: string, publicUrl: string, appsHost: string): string {
  if (appsHost === '') return `${publicUrl}/${id}/`
  const { protocol, port } = new URL(publicUrl)
  return `${protocol}//${id}.${appsHost}${port === '' ? '' : `:${port}`}/`
}
