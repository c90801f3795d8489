import { createRequire } from 'node:module'

/** What SES puts on the global object, as far as it is used here. */
export interface Ses {
  /** Makes an object, and all that can be reached from it, unchangeable. */
  readonly harden: <T>(value: T) => T
  readonly Compartment: new (options: {
    readonly __options__: true
    readonly name: string
    readonly globals: object
  }) => Compartment
}

/** A global object of its own, that holds the language and what it was given. */
export interface Compartment {
  readonly globalThis: Record<PropertyKey, unknown>
  evaluate(source: string, options?: { readonly sloppyGlobalsMode: boolean }): unknown
}

/** @param path - SES as one file, which the host has found: nothing is looked up from a cell */
export function loadSes(path: string): Ses & { lockdown(): void } {
  createRequire(import.meta.url)(path)
  const loaded = globalThis as unknown as Ses & { lockdown(options: object): void }
  return {
    // Read only after `lockdown` has put them there.
    get harden() {
      return loaded.harden
    },
    get Compartment() {
      return loaded.Compartment
    },
    lockdown: () =>
      loaded.lockdown({
        // Libraries assign to what they inherit, as in `this.constructor = …`.
        overrideTaming: 'severe',
        // Only the app's own frames are in a stack here, and its author needs them.
        errorTaming: 'unsafe',
        // An app gets a console of its own; Node's is not reachable.
        consoleTaming: 'unsafe',
        // What depends on a language or a place is no power.
        localeTaming: 'unsafe',
        unhandledRejectionTrapping: 'none',
        errorTrapping: 'none',
      }),
  }
}
