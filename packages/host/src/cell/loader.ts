import type { CellModule } from './module.ts'
import { findPath, folderOf } from './paths.ts'
import type { Compartment } from './ses.ts'

/** Loads the scripts of one app, as CommonJS, each once. */
export interface Loader {
  /** @throws what the script throws; an `Error` with code MODULE_NOT_FOUND when there is none */
  load(path: string): unknown
}

export interface LoaderOptions {
  readonly appId: string
  readonly compartment: Compartment
  /** By their paths in the box. */
  readonly sources: ReadonlyMap<string, string>
  readonly modules: ReadonlyMap<string, CellModule>
  readonly granted: ReadonlySet<string>
  /** A module as scripts of one folder see it. Unchangeable. */
  make(module: CellModule, folder: string): object
}

interface Module {
  exports: unknown
}

type Wrapper = (this: unknown, exports: unknown, require: unknown, module: Module) => void

export function makeLoader(options: LoaderOptions): Loader {
  const { compartment, sources, modules, granted, appId } = options
  const loaded = new Map<string, Module>()
  const made = new Map<CellModule, Map<string, object>>()

  const load = (path: string): unknown => {
    const known = loaded.get(path)
    if (known !== undefined) return known.exports
    const source = sources.get(path)
    if (source === undefined) throw notFound(path)
    const module: Module = { exports: {} }
    // Before it runs: scripts may require each other in a circle.
    loaded.set(path, module)
    try {
      run(path, source, module)
    } catch (thrown) {
      loaded.delete(path)
      throw thrown
    }
    return module.exports
  }

  const run = (path: string, source: string, module: Module) => {
    if (path.endsWith('.json')) {
      module.exports = JSON.parse(source)
      return
    }
    const text = `(function (exports, require, module) {${withoutHashbang(source)}\n})\n//# sourceURL=${encodeURI(path)}`
    // Libraries written for sloppy code create globals by assigning to them.
    const wrapper = compartment.evaluate(text, { sloppyGlobalsMode: true }) as Wrapper
    wrapper.call(module.exports, module.exports, requireFrom(folderOf(path)), module)
  }

  const requireFrom = (folder: string) => {
    const require = (name: unknown): unknown => {
      // A primitive, so that what is compared is what is used.
      if (typeof name !== 'string') throw notFound(typeof name)
      const module = modules.get(name)
      if (module !== undefined) return makeOnce(module, folder)
      const path = findScript(sources, folder, name)
      if (path === undefined) throw notFound(name)
      return load(path)
    }
    return Object.freeze(require)
  }

  const makeOnce = (module: CellModule, folder: string): object => {
    if (module.key !== undefined && !granted.has(module.key)) throw notGranted(module.key, appId)
    const folders = made.get(module) ?? new Map<string, object>()
    made.set(module, folders)
    const known = folders.get(folder)
    if (known !== undefined) return known
    const fresh = options.make(module, folder)
    folders.set(folder, fresh)
    return fresh
  }

  return { load }
}

/** A name that is not relative is looked for in the box, then in the packages that came with the app. */
function findScript(sources: ReadonlyMap<string, string>, folder: string, name: string): string | undefined {
  const isRelative = /^(?:\.{1,2}(?:\/|$)|\/)/.test(name)
  const found = findFile(sources, findPath(isRelative ? folder : '', name))
  if (found !== undefined || isRelative) return found
  for (let from = folder; ; from = folderOf(from)) {
    const packaged = findPackaged(sources, findPath(from, `node_modules/${name}`))
    if (packaged !== undefined || from === '') return packaged
  }
}

function findFile(sources: ReadonlyMap<string, string>, path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  return [path, `${path}.js`, `${path}.cjs`, `${path}.json`, `${path}/index.js`].find((candidate) =>
    sources.has(candidate),
  )
}

function findPackaged(sources: ReadonlyMap<string, string>, path: string | undefined): string | undefined {
  const description = path === undefined ? undefined : sources.get(`${path}/package.json`)
  const main = description === undefined ? undefined : mainOf(description)
  const named = main === undefined ? undefined : findFile(sources, findPath(path!, main))
  return named ?? findFile(sources, path)
}

function mainOf(description: string): string | undefined {
  try {
    const { main } = JSON.parse(description) as { main?: unknown }
    return typeof main === 'string' ? main : undefined
  } catch {
    return undefined
  }
}

/** The same for what does not exist, what exists elsewhere, and what may not be named. */
function notFound(name: string): Error {
  return Object.assign(new Error(`module \`${name}\` is not available to this app`), {
    code: 'MODULE_NOT_FOUND',
  })
}

function notGranted(key: string, app: string): Error {
  const message = `app \`${app}\` was not granted \`module:${key}\`: an administrator can grant it under Apps › ${app} › Permissions, or with \`castellan app grant ${app} ${key}\``
  return Object.assign(new Error(message), { code: 'MODULE_NOT_GRANTED', permission: `module:${key}`, app })
}

function withoutHashbang(source: string): string {
  return source.startsWith('#!') ? `//${source}` : source
}
