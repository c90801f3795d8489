/** How a module of the cell reaches the host. Each call is one frame; the host decides. */
export interface Calls {
  /** @throws an `Error` with `code`, and with `permission` when the key is not granted */
  readonly call: (op: string, args: unknown, blobs?: readonly Uint8Array[]) => Promise<Answered>
  /** The same, while nothing else in the cell runs. */
  readonly callSync: (op: string, args: unknown, blobs?: readonly Uint8Array[]) => Answered
}

export interface Answered {
  readonly value: unknown
  readonly blobs: readonly Uint8Array[]
}

/** What a module is made with. One per cell, so it belongs to one app. */
export interface ModuleContext extends Calls {
  readonly app: { readonly id: string }
  readonly jwtSecret: string | undefined
  /** The `Buffer` of the app: bytes handed to it are of this kind. */
  readonly Buffer: BufferShim
  /** The folder of the script that called `require`, in the box: where a path without a leading `/` begins. */
  readonly folder: string
  /** A pure JavaScript library, run in a compartment of its own that holds nothing; kept once it was loaded. */
  readonly library: (name: string) => unknown
}

export interface BufferShim {
  from(value: string | ArrayLike<number> | ArrayBufferLike, encoding?: string): Uint8Array
  isBuffer(value: unknown): boolean
  concat(list: readonly Uint8Array[]): Uint8Array
  alloc(size: number): Uint8Array
}

/** A module that an app can `require`. What `make` returns is hardened before the app sees it. */
export interface CellModule {
  readonly name: string
  /** Which key it needs; undefined for the free ones. */
  readonly key: string | undefined
  /** Called for each folder that requires it, since paths are relative to the script. */
  make(context: ModuleContext): object
}
