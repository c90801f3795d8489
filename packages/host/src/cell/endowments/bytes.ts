import type { BufferShim } from '../module.ts'
import type { Ses } from '../ses.ts'

/** The sources of the `buffer` library, which runs in a compartment of its own and holds nothing. */
export interface BufferSources {
  readonly buffer: string
  readonly base64: string
  readonly ieee754: string
}

/**
 * A `Buffer` made of a `Uint8Array` of its own each. Node's shares a pool: whoever holds one of its buffers can look at what
 * lies beside it, and that may be another request's frame.
 */
export function makeBuffer({ Compartment, harden }: Ses, sources: BufferSources): BufferShim {
  const { evaluate } = compartmentOf(Compartment)
  const run = (source: string, modules: Readonly<Record<string, unknown>>) => {
    const module = { exports: {} as Record<string, unknown> }
    const wrapped = evaluate(`(function (module, exports, require) {${source}\n})`) as (
      module: object,
      exports: unknown,
      require: (name: string) => unknown,
    ) => void
    wrapped(module, module.exports, (name: string) => modules[name])
    return module.exports
  }
  const modules = { 'base64-js': run(sources.base64, {}), ieee754: run(sources.ieee754, {}) }
  return harden(run(sources.buffer, modules)['Buffer']) as BufferShim
}

function compartmentOf(Compartment: Ses['Compartment']) {
  const compartment = new Compartment({ __options__: true, name: 'buffer', globals: {} })
  return { evaluate: (source: string) => compartment.evaluate(source) }
}

/** `atob` and `btoa`, as in a browser. */
export function makeBase64(Buffer: BufferShim) {
  const invalid = () =>
    Object.assign(new Error('the text is not correctly encoded'), { name: 'InvalidCharacterError' })
  return {
    atob: (text: unknown): string => {
      const packed = String(text).replace(/[\t\n\f\r ]/g, '')
      const bare = packed.length % 4 === 0 ? packed.replace(/={1,2}$/, '') : packed
      if (bare.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(bare)) throw invalid()
      return textOf(Buffer.from(bare, 'base64'), 'latin1')
    },
    btoa: (text: unknown): string => {
      const plain = String(text)
      for (let at = 0; at < plain.length; at++) if (plain.charCodeAt(at) > 0xff) throw invalid()
      return textOf(Buffer.from(plain, 'latin1'), 'base64')
    },
  }
}

function textOf(bytes: Uint8Array, encoding: string): string {
  return (bytes as { toString(encoding: string): string }).toString(encoding)
}
