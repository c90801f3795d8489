import { AsyncLocalStorage } from 'node:async_hooks'
import type { RequestMessage, ScriptError, StartMessage } from '../messages.ts'
import { type Context, type Log, makeRequestContext, makeStartupContext } from './context.ts'
import type { Endowments } from './endowments/index.ts'
import { type Loader, makeLoader } from './loader.ts'
import type { CellModule, ModuleContext } from './module.ts'
import type { Pipes } from './pipes.ts'
import { print } from './print.ts'
import type { Ses } from './ses.ts'

/** The app that this cell runs. */
export interface App {
  /** @throws what a startup script throws */
  startUp(): Promise<void>
  request(message: RequestMessage, blobs: readonly Uint8Array[]): Promise<void>
  abort(id: number): void
}

export interface AppParts {
  readonly ses: Ses
  readonly pipes: Pipes
  readonly endowments: Endowments
  readonly modules: readonly CellModule[]
  readonly library: (name: string) => unknown
}

/** What runs now, and what its scripts started with `gingee` and did not wait for. */
interface Running {
  readonly context: Context
  readonly handlers: Promise<unknown>[]
}

const decoder = new TextDecoder()

export function makeApp(parts: AppParts, start: StartMessage, blobs: readonly Uint8Array[]): App {
  const { ses, pipes, endowments } = parts
  const running = new AsyncLocalStorage<Running>()
  const aborts = new Map<number, { abort(): void }>()
  const loader = loaderOf(parts, start, blobs, running)

  const logFor =
    (request?: number): Log =>
    (level, message, data) =>
      pipes.send({
        kind: 'log',
        level,
        message,
        ...(data === undefined ? {} : { data }),
        ...(request === undefined ? {} : { request }),
      })

  /** Runs one script to its end, and with it what it gave to `gingee`. */
  const runScript = async (path: string, context: Context) => {
    const now: Running = { context, handlers: [] }
    await running.run(now, async () => {
      const script = loader.load(path)
      if (typeof script !== 'function') throw new TypeError(`script \`${path}\` does not export a function`)
      await (script as () => unknown)()
    })
    await Promise.all(now.handlers)
  }

  return {
    startUp: async () => {
      for (const path of start.startupScripts) await runScript(path, makeStartupContext(start.app, logFor()))
    },
    request: async (message, requestBlobs) => {
      const { id } = message
      const controller = new endowments.AbortController()
      aborts.set(id, controller)
      const log = logFor(id)
      const context = makeRequestContext(
        start.app,
        log,
        endowments.Buffer,
        message,
        requestBlobs,
        ses.harden(controller.signal),
        ({ head, body }) => {
          pipes.send({ kind: 'response', id, ...head }, body === undefined ? [] : [body])
          aborts.delete(id)
        },
      )
      try {
        for (const path of start.defaultInclude) {
          await runScript(path, context)
          if (context.isAnswered()) return
        }
        await runScript(message.script, context)
      } catch (thrown) {
        if (context.isAnswered()) log('error', print(thrown), undefined)
        else {
          aborts.delete(id)
          pipes.send({ kind: 'thrown', id, error: scriptErrorOf(thrown) })
        }
      }
    },
    abort: (id) => {
      aborts.get(id)?.abort()
      aborts.delete(id)
    },
  }
}

function loaderOf(
  { ses, pipes, endowments, modules, library }: AppParts,
  start: StartMessage,
  blobs: readonly Uint8Array[],
  running: AsyncLocalStorage<Running>,
): Loader {
  const compartment = new ses.Compartment({
    __options__: true,
    name: start.app.id,
    globals: { ...endowments, gingee: ses.harden(gingeeOf(running)) },
  })
  const { globalThis: globals } = compartment
  globals['global'] = globals
  // What scripts of one request share, wherever it is named.
  Object.defineProperty(globals, '$g', { get: () => running.getStore()?.context.$g, enumerable: false })
  for (const name of ['__dirname', '__filename', 'process']) hideName(globals, name)
  const makeContext = (folder: string): ModuleContext => ({
    call: pipes.call,
    callSync: pipes.callSync,
    app: { id: start.app.id },
    jwtSecret: start.jwtSecret,
    Buffer: endowments.Buffer,
    folder,
    library,
  })
  return makeLoader({
    appId: start.app.id,
    compartment,
    sources: new Map(start.files.map(([path, blob]) => [path, decoder.decode(blobs[blob])])),
    modules: new Map(modules.map((module) => [module.name, module])),
    granted: new Set(start.granted),
    make: (module, folder) => ses.harden(module.make(makeContext(folder))),
  })
}

/** SES answers `undefined` to a name that is nowhere; scripts that ask for one of Node's rely on an error. */
function hideName(globals: object, name: string): void {
  const get = () => {
    throw new ReferenceError(`${name} is not defined`)
  }
  const set = (value: unknown) => {
    Object.defineProperty(globals, name, { value, writable: true, enumerable: true, configurable: true })
  }
  Object.defineProperty(globals, name, { get, set, enumerable: false, configurable: true })
}

/** `gingee(handler)`: hands `$g` to the handler. Often not waited for, so what it throws is kept for the request. */
function gingeeOf(running: AsyncLocalStorage<Running>) {
  return (handler: unknown): Promise<unknown> => {
    const now = running.getStore()
    if (now === undefined) throw new Error('`gingee` is called within a script that answers a request')
    if (typeof handler !== 'function') throw new TypeError('`gingee` is given a function of `$g`')
    const handled = (async () => await (handler as ($g: object) => unknown)(now.context.$g))()
    now.handlers.push(handled)
    // It is awaited with the script, whoever else waits for it.
    handled.catch(() => undefined)
    return handled
  }
}

export function scriptErrorOf(thrown: unknown): ScriptError {
  try {
    if (!(thrown instanceof Error)) return { message: print(thrown) }
    const { message, stack } = thrown
    const { code, permission } = thrown as { code?: unknown; permission?: unknown }
    return {
      message: print(message),
      ...(typeof code === 'string' ? { code: print(code) } : {}),
      ...(typeof permission === 'string' ? { permission: print(permission) } : {}),
      ...(typeof stack === 'string' ? { stack: print(stack) } : {}),
    }
  } catch {
    return { message: '[an error that cannot be printed]' }
  }
}
