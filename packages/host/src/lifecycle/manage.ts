import { isDeepStrictEqual } from 'node:util'
import { ForbiddenError, type Change, type GrantFact, type JsonObject } from '@castellan/engine'
import type { Live } from '@castellan/store'
import type { AppLogLine, AppLogs } from '../app-logs.ts'
import { AppError } from '../errors.ts'
import type { InstalledApp, InstalledApps } from '../host.ts'
import { isKey, KEYS, type Key } from '../keys.ts'
import { assertAppId } from '../names.ts'
import type { AppPackage } from '../package/app-package.ts'
import { readManifest, type Bindings } from '../package/read-manifest.ts'
import { findRefused, rewriteSources } from '../package/sources.ts'
import { unpack } from '../package/unpack.ts'
import type { AppStatus, ReloadOutcome, ReloadReason } from '../runtime.ts'
import type { Acting, Applied, Apps, AppView, Consent, ConsentOptions, Inspection } from './apps.ts'
import { AppsFolder, type AppState, type Intent } from './disk.ts'

/** What runs apps, as far as whoever manages them needs it. */
export interface Runner {
  start(id: string): Promise<void>
  reload(id: string, reason: ReloadReason): Promise<ReloadOutcome>
  stop(id: string): Promise<void>
  forget(id: string): Promise<void>
  status(id: string): AppStatus
}

export interface ManagedAppsOptions {
  /** The platform's folder `apps`. */
  readonly folder: string
  readonly live: Pick<Live, 'engine' | 'change'>
  readonly logs: AppLogs
  /** Closes what modules hold open of an app, so that its folders can be moved. */
  readonly release: (id: string) => Promise<void>
  /** What the operator bound for an app. */
  readonly bindingsOf: (id: string) => Bindings
  /** As in `http://127.0.0.1:7070/blog/`. */
  readonly addressOf: (id: string) => string
  readonly now: () => number
}

const MANAGING = 'castellan:apps'
const PREFIX = 'module:'

/**
 * The apps that are installed, and what administrators do with them. The disk has the packages, the engine the grants;
 * an intent on the disk makes one change of both.
 */
export class ManagedApps implements Apps, InstalledApps {
  readonly #options: ManagedAppsOptions
  readonly #disk: AppsFolder
  readonly #apps = new Map<string, Loaded>()
  /** The end of what was begun last, app by app: one change at a time. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #runner: Runner | undefined

  /** Opens the folder; what a power cut left half done is done or undone first. */
  constructor(options: ManagedAppsOptions) {
    this.#options = options
    this.#disk = new AppsFolder(options.folder)
    for (const id of this.#disk.list()) this.#open(id)
  }

  /** Once, before anything is asked: what runs apps is made with this. */
  use(runner: Runner): void {
    this.#runner = runner
  }

  get isEmpty(): boolean {
    return this.#apps.size === 0
  }

  find(id: string): InstalledApp | undefined {
    return this.#apps.get(id)?.app
  }

  async inspect(bytes: Uint8Array, id: string): Promise<Inspection> {
    assertAppId(id)
    const { files, manifest, notices } = await this.#read(bytes, id)
    const before = this.#apps.get(id)
    return {
      id,
      name: manifest.name,
      version: manifest.version,
      description: manifest.description,
      bytes: bytes.length,
      files: files.size,
      mandatory: manifest.permissions.mandatory,
      optional: manifest.permissions.optional,
      databases: manifest.databases.map(({ name, type }) => ({ name, type })),
      notices,
      installed:
        before === undefined
          ? undefined
          : { version: before.state.current.version, granted: [...this.#granted(id).keys()] },
    }
  }

  install(
    bytes: Uint8Array,
    id: string,
    consent: Consent,
    by: Acting,
    options: ConsentOptions = {},
  ): Promise<Applied> {
    assertAppId(id)
    return this.#inTurn(id, async () => {
      this.#assertMay(by)
      if (this.#apps.has(id))
        throw new AppError(
          'APP_EXISTS',
          `the app \`${id}\` is installed already`,
          'upgrade it, or choose another name',
        )
      const { files, sources, manifest } = await this.#read(bytes, id)
      this.#assertConsent(manifest.permissions, consent, options)
      const version = { id: this.#disk.addVersion(id, bytes, files, sources), version: manifest.version }
      const state: AppState = { current: version, installedAt: this.#options.now(), installedBy: by.issuer }
      const revision = await this.#commit(
        id,
        { state, granted: Object.fromEntries(consent) },
        by,
        reasonOf('install', options),
      )
      try {
        await this.#running.start(id)
      } catch (error) {
        await this.#running.forget(id)
        await this.#commit(id, { state: undefined, granted: {} }, by, 'install: it could not be started')
        throw startFailedError(error)
      }
      return { app: this.get(id, by), revision, reload: { outcome: 'reloaded', ms: 0 } }
    })
  }

  upgrade(
    id: string,
    bytes: Uint8Array,
    consent: Consent,
    by: Acting,
    options: ConsentOptions = {},
  ): Promise<Applied> {
    return this.#inTurn(id, async () => {
      this.#assertMay(by)
      const before = this.#get(id)
      const { files, sources, manifest } = await this.#read(bytes, id)
      const granted = this.#granted(id)
      const asked = new Set([...manifest.permissions.mandatory, ...manifest.permissions.optional])
      const kept: Consent = new Map([...[...granted].filter(([key]) => asked.has(key)), ...consent])
      this.#assertConsent(manifest.permissions, kept, options)
      const version = { id: this.#disk.addVersion(id, bytes, files, sources), version: manifest.version }
      const state: AppState = {
        ...before.state,
        current: version,
        previous: { ...before.state.current, granted: Object.fromEntries(granted) },
      }
      await this.#rest(id)
      this.#disk.keepData(id, before.state.current.id)
      return this.#replace(
        id,
        before,
        { state, granted: Object.fromEntries(kept) },
        by,
        reasonOf('upgrade', options),
      )
    })
  }

  rollback(id: string, by: Acting): Promise<Applied> {
    return this.#inTurn(id, async () => {
      this.#assertMay(by)
      const before = this.#get(id)
      const { previous, ...rest } = before.state
      if (previous === undefined)
        throw new AppError(
          'APP_NO_PREVIOUS',
          `there is no version of \`${id}\` to return to`,
          'upgrade keeps the one before it',
        )
      const { granted, ...current } = previous
      await this.#rest(id)
      return this.#replace(
        id,
        before,
        { state: { ...rest, current }, granted, restoreData: current.id },
        by,
        'rollback',
      )
    })
  }

  delete(id: string, by: Acting): Promise<{ readonly revision: number }> {
    return this.#inTurn(id, async () => {
      this.#assertMay(by)
      this.#get(id)
      await this.#rest(id)
      const revision = await this.#commit(id, { state: undefined, granted: {} }, by, 'delete')
      await this.#running.forget(id)
      return { revision }
    })
  }

  setPermissions(id: string, consent: Consent, by: Acting, options: ConsentOptions = {}): Promise<Applied> {
    return this.#inTurn(id, async () => {
      this.#assertMay(by)
      const { app, state } = this.#get(id)
      this.#assertConsent(app.package.manifest.permissions, consent, options)
      const before = this.#granted(id)
      const revision = await this.#commit(
        id,
        { state, granted: Object.fromEntries(consent) },
        by,
        reasonOf('permissions', options),
      )
      return this.#applied(id, revision, reloadReason(before, this.#granted(id)), by)
    })
  }

  reload(id: string, by: Acting): Promise<Applied> {
    return this.#inTurn(id, async () => {
      this.#assertMay(by)
      this.#get(id)
      return this.#applied(id, this.#options.live.engine.revision, 'code', by)
    })
  }

  get(id: string, by: Acting): AppView {
    this.#assertMay(by)
    const { app, state } = this.#get(id)
    const { manifest } = app.package
    return {
      id,
      name: manifest.name,
      version: manifest.version,
      description: manifest.description,
      address: this.#options.addressOf(id),
      status: this.#running.status(id),
      mandatory: manifest.permissions.mandatory,
      optional: manifest.permissions.optional,
      granted: Object.fromEntries(this.#granted(id)),
      installedAt: state.installedAt,
      installedBy: state.installedBy,
      previous: state.previous === undefined ? undefined : { version: state.previous.version },
    }
  }

  list(by: Acting): readonly AppView[] {
    this.#assertMay(by)
    return [...this.#apps.keys()].toSorted().map((id) => this.get(id, by))
  }

  async package(id: string, by: Acting): Promise<Uint8Array> {
    this.#assertMay(by)
    return this.#disk.archive(id, this.#get(id).state.current.id)
  }

  logs(id: string, max: number, by: Acting): readonly AppLogLine[] {
    this.#assertMay(by)
    this.#get(id)
    return this.#options.logs.list(id, max)
  }

  // ---- the change itself

  /** Puts a version in the place of another; when it cannot be started the other one stands as before. */
  async #replace(id: string, before: Loaded, intent: Intent, by: Acting, reason: string): Promise<Applied> {
    const granted = Object.fromEntries(this.#granted(id))
    const revision = await this.#commit(id, intent, by, reason)
    const applied = await this.#applied(id, revision, 'code', by)
    const { reload } = applied
    if (reload.outcome !== 'kept' && reload.outcome !== 'stopped') return applied
    const restore = { state: before.state, granted, restoreData: before.state.current.id }
    await this.#commit(id, restore, by, `${reason}: it could not be started`)
    await this.#running.reload(id, 'code')
    throw startFailedError(reload.error)
  }

  /**
   * The disk is told what is meant, the engine commits, the disk follows. The engine decides: what it refuses leaves
   * nothing, what it made is carried out, now or at the next start.
   */
  async #commit(id: string, intent: Intent, by: Acting, reason: string): Promise<number> {
    await this.#know(id, by)
    this.#disk.intend(id, intent)
    try {
      const { revision } = await this.#options.live.change(this.#changesFor(id, intent, by), {
        actor: by.actor,
        as: by.actor,
        reason: `app ${id}: ${reason}`,
      })
      this.#disk.fulfil(id, intent)
      this.#load(id)
      return revision
    } catch (error) {
      this.#disk.endIntent(id)
      this.#disk.sweep(id)
      this.#load(id)
      throw error
    }
  }

  /**
   * The app as a fact, which only `system` states. It stays when the app is deleted: ids are never used for another,
   * but the same app may come back.
   */
  async #know(id: string, { issuer }: Acting): Promise<void> {
    const { live } = this.#options
    if (live.engine.fact({ kind: 'app', id }) !== undefined) return
    const fact = { kind: 'app', id, owner: issuer } as const
    await live.change([{ add: fact }], { actor: 'system', reason: `app ${id}: install, for ${issuer}` })
  }

  #changesFor(id: string, { state, granted }: Intent, { issuer }: Acting): Change[] {
    const { engine } = this.#options.live
    const holder = `app:${id}`
    const stored = [...engine.grantsWhere({ holder })]
    const kept = (fact: GrantFact): boolean => {
      if (!fact.permission.startsWith(PREFIX)) return state !== undefined
      const key = fact.permission.slice(PREFIX.length)
      return Object.hasOwn(granted, key) && isDeepStrictEqual(fact.extra, granted[key])
    }
    const removed = stored.filter((fact) => !kept(fact))
    const keptKeys = new Set(stored.filter(kept).map((fact) => fact.permission))
    const added = Object.entries(granted).filter(([key]) => !keptKeys.has(PREFIX + key))
    return [
      ...removed.map((fact): Change => ({
        remove: { kind: 'grant', issuer: fact.issuer, holder, permission: fact.permission },
      })),
      ...added.map(([key, extra]): Change => ({
        add: { kind: 'grant', issuer, holder, permission: PREFIX + key, extra },
      })),
    ]
  }

  /** One app that cannot be read leaves the others alone. */
  #open(id: string): void {
    try {
      this.#recover(id)
    } catch (error) {
      const message = `it cannot be read: ${error instanceof Error ? error.message : String(error)}`
      this.#options.logs.add(id, { at: this.#options.now(), level: 'error', message })
    }
  }

  /** At the start: what the engine has made is carried out, what it has not is forgotten. */
  #recover(id: string): void {
    const intent = this.#disk.intent(id)
    if (intent !== undefined) {
      const isMade = isDeepStrictEqual(Object.fromEntries(this.#granted(id)), intent.granted)
      if (isMade) this.#disk.fulfil(id, intent)
      else this.#disk.endIntent(id)
    }
    if (this.#disk.list().includes(id)) this.#disk.sweep(id)
    this.#load(id)
  }

  #load(id: string): void {
    const state = this.#disk.list().includes(id) ? this.#disk.state(id) : undefined
    if (state === undefined) {
      this.#apps.delete(id)
      return
    }
    if (isDeepStrictEqual(this.#apps.get(id)?.state, state)) return
    const version = state.current.id
    const files = this.#disk.manifestFiles(id, version)
    const loaded: AppPackage = {
      id,
      versionId: version,
      folder: this.#disk.packageFolder(id, version),
      manifest: readManifest(files, this.#options.bindingsOf(id)).manifest,
      sources: this.#disk.sources(id, version),
    }
    this.#apps.set(id, { app: { package: loaded, dataFolder: this.#disk.dataFolder(id) }, state })
  }

  // ---- asked before

  async #read(bytes: Uint8Array, id: string) {
    const files = await unpack(bytes)
    const { manifest, notices } = readManifest(files, this.#options.bindingsOf(id))
    const sources = rewriteSources(files)
    return { files, sources, manifest, notices: [...notices, ...findRefused(sources)] }
  }

  #assertMay(by: Acting): void {
    if (by.actor === 'system') return
    if (!this.#options.live.engine.check(by.actor, MANAGING))
      throw new ForbiddenError('to manage apps', MANAGING)
  }

  #assertConsent(
    { mandatory, optional }: AppPackage['manifest']['permissions'],
    consent: Consent,
    { override }: ConsentOptions,
  ): void {
    if (override !== undefined) return
    const asked = new Set([...mandatory, ...optional])
    const lacking = mandatory.filter((key) => !consent.has(key))
    const unasked = [...consent.keys()].filter((key) => !asked.has(key))
    if (lacking.length > 0)
      throw new AppError(
        'CONSENT_MISMATCH',
        `the app cannot do without ${lacking.join(', ')}`,
        'grant them, or leave the app alone',
      )
    if (unasked.length > 0)
      throw new AppError(
        'CONSENT_MISMATCH',
        `the app does not ask for ${unasked.join(', ')}`,
        'grant what its manifest asks for, or say why not with an override',
      )
  }

  #get(id: string): Loaded {
    const found = this.#apps.get(id)
    if (found === undefined)
      throw new AppError(
        'APP_UNKNOWN',
        `there is no app \`${id.slice(0, 80)}\``,
        'list the apps that are installed',
      )
    return found
  }

  #granted(id: string): Map<Key, JsonObject> {
    const { engine } = this.#options.live
    const granted = new Map<Key, JsonObject>()
    if (engine.fact({ kind: 'app', id }) === undefined) return granted
    for (const { permission, extra } of engine.grantsWhere({ holder: `app:${id}` })) {
      const key = permission.startsWith(PREFIX) ? permission.slice(PREFIX.length) : ''
      if (isKey(key)) granted.set(key, extra)
    }
    return new Map(KEYS.flatMap(({ key }) => (granted.has(key) ? [[key, granted.get(key)!] as const] : [])))
  }

  // ---- around it

  get #running(): Runner {
    if (this.#runner === undefined) throw new Error('apps are managed before anything runs them')
    return this.#runner
  }

  async #applied(id: string, revision: number, reason: ReloadReason, by: Acting): Promise<Applied> {
    const reload = await this.#running.reload(id, reason)
    return { app: this.get(id, by), revision, reload }
  }

  /** Its data are moved or copied: nothing writes to them meanwhile. */
  async #rest(id: string): Promise<void> {
    await this.#running.stop(id)
    await this.#options.release(id)
  }

  #inTurn<Result>(id: string, act: () => Promise<Result>): Promise<Result> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(act, act)
    const settled = turn.catch(() => {})
    this.#turns.set(id, settled)
    const forget = (): void => {
      if (this.#turns.get(id) === settled) this.#turns.delete(id)
    }
    settled.then(forget, forget)
    return turn
  }
}

interface Loaded {
  readonly app: InstalledApp
  readonly state: AppState
}

function reasonOf(what: string, { override }: ConsentOptions): string {
  return override === undefined ? what : `${what}, against its manifest: ${override}`
}

function reloadReason(before: ReadonlyMap<Key, JsonObject>, now: ReadonlyMap<Key, JsonObject>): ReloadReason {
  for (const [key, extra] of before) if (!isDeepStrictEqual(now.get(key), extra)) return 'narrower'
  return 'wider'
}

function startFailedError(error: unknown): AppError {
  const { message } = error as { readonly message?: unknown }
  return new AppError(
    'APP_START_FAILED',
    `the app could not be started: ${String(message).slice(0, 500)}`,
    'nothing was changed: its author finds the reason in the log',
  )
}
