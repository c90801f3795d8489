import { randomBytes } from 'node:crypto'
import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { JsonObject } from '@castellan/engine'
import type { PackageFiles } from '../package/unpack.ts'

/** Which version of an app stands: the one pointer. What it does not name is left over, and swept away. */
export interface AppState {
  readonly current: Version
  readonly previous?: Version & {
    /** Of `module:<key>`, as they stood when it was replaced. */
    readonly granted: Readonly<Record<string, JsonObject>>
  }
  readonly installedAt: number
  readonly installedBy: string
}

interface Version {
  readonly id: string
  readonly version: string
}

/** What is about to be committed, kept on the disk while it is: after a power cut it says what was meant. */
export interface Intent {
  readonly state: AppState | undefined
  /** How the grants are once it is done. */
  readonly granted: Readonly<Record<string, JsonObject>>
  /** Whose data the app gets back: a version's copy. */
  readonly restoreData?: string
}

const PACKAGE = 'package'
const ARCHIVE = 'package.gin'
const SOURCES = 'sources.json'
const STATE = 'state.json'
const INTENT = 'intent.json'

/**
 * The folder of all apps: `<app>/state.json`, `<app>/versions/<version>/{package,package.gin,data}`, `<app>/data`. Files of a
 * version are written and synced before anything names them, and never change.
 */
export class AppsFolder {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    mkdirSync(root, { recursive: true, mode: 0o711 })
  }

  list(): readonly string[] {
    return readdirSync(this.#root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted()
  }

  packageFolder(app: string, version: string): string {
    return join(this.#root, app, 'versions', version, PACKAGE)
  }

  dataFolder(app: string): string {
    return join(this.#root, app, 'data')
  }

  state(app: string): AppState | undefined {
    return readJson(join(this.#root, app, STATE)) as AppState | undefined
  }

  intent(app: string): Intent | undefined {
    return readJson(join(this.#root, app, INTENT)) as Intent | undefined
  }

  /** @returns the version's id; nothing names it yet */
  addVersion(
    app: string,
    bytes: Uint8Array,
    files: PackageFiles,
    sources: ReadonlyMap<string, string>,
  ): string {
    const id = `${Date.now().toString(36)}-${randomBytes(6).toString('hex')}`
    const folder = join(this.#root, app, 'versions', id)
    for (const [path, content] of files) writeSynced(join(folder, PACKAGE, path), content)
    writeSynced(join(folder, ARCHIVE), bytes)
    writeSynced(join(folder, SOURCES), JSON.stringify([...sources]))
    return id
  }

  /** Of the files of a version, those that say what the app is. */
  manifestFiles(app: string, version: string): PackageFiles {
    const folder = this.packageFolder(app, version)
    const paths = listFiles(folder, '')
    // Those that are named in it are looked for by their paths alone.
    return new Map(
      paths.map((path) => [path, MANIFESTS.has(path) ? readFileSync(join(folder, path)) : NOTHING]),
    )
  }

  /** As they were rewritten when the version was installed. */
  sources(app: string, version: string): ReadonlyMap<string, string> {
    return new Map(readJson(join(this.#root, app, 'versions', version, SOURCES)) as [string, string][])
  }

  archive(app: string, version: string): Uint8Array {
    return readFileSync(join(this.#root, app, 'versions', version, ARCHIVE))
  }

  /** Keeps the data as they are for whoever returns to this version. The app does not run meanwhile. */
  keepData(app: string, version: string): void {
    const kept = join(this.#root, app, 'versions', version, 'data')
    rmSync(kept, { recursive: true, force: true })
    if (existsSync(this.dataFolder(app))) cpSync(this.dataFolder(app), kept, { recursive: true })
  }

  restoreData(app: string, version: string): void {
    const kept = join(this.#root, app, 'versions', version, 'data')
    const fresh = `${this.dataFolder(app)}-new`
    rmSync(fresh, { recursive: true, force: true })
    if (existsSync(kept)) cpSync(kept, fresh, { recursive: true })
    else mkdirSync(fresh)
    rmSync(this.dataFolder(app), { recursive: true, force: true })
    renameSync(fresh, this.dataFolder(app))
  }

  intend(app: string, intent: Intent): void {
    writeAtomic(join(this.#root, app, INTENT), intent)
  }

  /** What was intended stands, or does not; either way it is over. */
  endIntent(app: string): void {
    rmSync(join(this.#root, app, INTENT), { force: true })
  }

  /** Carries out what was committed. Done twice it comes to the same. */
  fulfil(app: string, { state, restoreData }: Intent): void {
    if (state === undefined) {
      rmSync(join(this.#root, app), { recursive: true, force: true })
      return
    }
    if (restoreData !== undefined) this.restoreData(app, restoreData)
    mkdirSync(this.dataFolder(app), { recursive: true, mode: 0o700 })
    writeAtomic(join(this.#root, app, STATE), state)
    this.endIntent(app)
    this.sweep(app)
  }

  /** Removes versions that nothing names, and an app of which there is none. */
  sweep(app: string): void {
    const state = this.state(app)
    if (state === undefined) {
      rmSync(join(this.#root, app), { recursive: true, force: true })
      return
    }
    const named = new Set([state.current.id, state.previous?.id])
    const versions = join(this.#root, app, 'versions')
    for (const version of readdirSync(versions))
      if (!named.has(version)) rmSync(join(versions, version), { recursive: true, force: true })
  }
}

const MANIFESTS = new Set(['box/app.json', 'box/pmft.json', 'box/routes.json'])
const NOTHING = new Uint8Array()

function listFiles(folder: string, prefix: string): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    return entry.isDirectory() ? listFiles(folder, path) : [path]
  })
}

function readJson(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

function writeSynced(path: string, content: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const file = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The old one or the new one, never half of it. */
function writeAtomic(path: string, value: unknown): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  writeSynced(draft, `${JSON.stringify(value, undefined, 2)}\n`)
  renameSync(draft, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
