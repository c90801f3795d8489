import type { Endowments } from './endowments/index.ts'
import type { Calls } from './module.ts'
import type { Ses } from './ses.ts'

type Wrapper = (module: { exports: unknown }, exports: unknown) => void

const decoder = new TextDecoder()

/**
 * Libraries that modules are made of: pure JavaScript that the host hands out as text, CommonJS in one file. Each runs in a
 * compartment of its own that holds nothing but the language, so that a fault in one stays in it.
 */
export function makeLibraries(
  ses: Ses,
  endowments: Endowments,
  { callSync }: Calls,
): (name: string) => unknown {
  const loaded = new Map<string, unknown>()
  const { atob, btoa, Buffer, Date, Intl, Math, URL, URLSearchParams } = endowments
  const { AbortController, AbortSignal, clearTimeout, setTimeout, queueMicrotask, structuredClone } =
    endowments

  return (name) => {
    if (loaded.has(name)) return loaded.get(name)
    const { blobs } = callSync('library', { name })
    const compartment = new ses.Compartment({
      __options__: true,
      name,
      globals: {
        atob,
        btoa,
        Buffer,
        Date,
        Intl,
        Math,
        URL,
        URLSearchParams,
        console: silentConsole(ses),
        AbortController,
        AbortSignal,
        clearTimeout,
        setTimeout,
        queueMicrotask,
        structuredClone,
      },
    })
    const { globalThis: globals } = compartment
    for (const alias of ['global', 'self']) globals[alias] = globals
    const text = `(function (module, exports) {${decoder.decode(blobs[0])}\n})\n//# sourceURL=${name}`
    const module = { exports: {} as unknown }
    const wrapper = compartment.evaluate(text, { sloppyGlobalsMode: true }) as Wrapper
    wrapper.call(globals, module, module.exports)
    loaded.set(name, module.exports)
    return module.exports
  }
}

function silentConsole(ses: Ses): object {
  const nothing = () => undefined
  return ses.harden({ log: nothing, info: nothing, debug: nothing, warn: nothing, error: nothing })
}
