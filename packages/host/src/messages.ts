// What the host and a cell say to each other. Types only: the host checks what comes from a cell with the schemas of
// `broker/hear.ts`, since a cell may have been broken out of; a cell believes its host.

import type { JsonObject } from '@castellan/engine'

/** What a cell is told before any code of the app runs in it. Sources are in `blobs`, in the order of `files`. */
export interface StartMessage {
  readonly kind: 'start'
  readonly app: AppFacts
  /** Paths in the app's box, as in `api/hello.js`, each with the place of its source in `blobs`. */
  readonly files: readonly (readonly [path: string, blob: number])[]
  /** The keys granted when the cell was started: what `require` finds. The broker asks anew at each call. */
  readonly granted: readonly string[]
  readonly startupScripts: readonly string[]
  readonly defaultInclude: readonly string[]
  /** How an app signs its JSON Web Tokens; undefined when the app states no secret. */
  readonly jwtSecret?: string
}

/** `$g.app`. */
export interface AppFacts {
  /** By which the host knows it, as in its address. */
  readonly id: string
  /** As its author calls it. */
  readonly name: string
  readonly version: string
  readonly description: string
  readonly env: JsonObject
}

/** One HTTP request for the app. Its body, or the files of a form, are in `blobs`. */
export interface RequestMessage {
  readonly kind: 'request'
  readonly id: number
  /** The script that answers, a path in the app's box. */
  readonly script: string
  readonly method: string
  /** With the query, as the app's author would write it in a link: `/<app>/…`. */
  readonly url: string
  readonly path: string
  readonly protocol: string
  readonly hostname: string
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | readonly string[]>>
  readonly params: Readonly<Record<string, string>>
  readonly body: BodyMessage
}

export type BodyMessage =
  | { readonly type: 'none' }
  | { readonly type: 'json' | 'form'; readonly value: unknown }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'bytes'; readonly blob: number }
  | {
      readonly type: 'multipart'
      readonly fields: Readonly<Record<string, string | readonly string[]>>
      readonly files: readonly FileMessage[]
    }

export interface FileMessage {
  readonly field: string
  readonly name: string
  readonly type: string
  readonly blob: number
}

export type ToCell =
  | StartMessage
  | RequestMessage
  /** Nobody waits for the request any more: its `signal` fires. */
  | { readonly kind: 'abort'; readonly id: number }
  /** The answer to a call. On the pipe for synchronous calls there is never more than one outstanding. */
  | { readonly kind: 'answer'; readonly id: number; readonly ok: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly error: CallError }
  | { readonly kind: 'ping'; readonly at: number }

/** How a call that was not carried out looks to the app: an `Error` with these fields. */
export interface CallError {
  readonly message: string
  readonly code: string
  /** With MODULE_NOT_GRANTED: as in `module:fs`. */
  readonly permission?: string
}

export type ToHost =
  /** The runtime is loaded and the second stage of the seal is in place. */
  | { readonly kind: 'ready' }
  /** The app's startup scripts have run. */
  | { readonly kind: 'started' }
  /** It cannot be started. */
  | { readonly kind: 'failed'; readonly error: ScriptError }
  | { readonly kind: 'call'; readonly id: number; readonly op: string; readonly args: unknown }
  | ResponseMessage
  /** The script failed before it answered. */
  | { readonly kind: 'thrown'; readonly id: number; readonly error: ScriptError }
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly data?: unknown
      readonly request?: number
    }
  | { readonly kind: 'pong'; readonly at: number }

export interface ResponseMessage {
  readonly kind: 'response'
  readonly id: number
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly cookies: Readonly<Record<string, string>>
  /** The body is blob 0, or there is none. */
  readonly type?: string
}

/** What a script threw, for the log; the visitor is told no more than that it failed. */
export interface ScriptError {
  readonly message: string
  readonly code?: string
  /** With MODULE_NOT_GRANTED: the visitor is answered 403 and the journal told. */
  readonly permission?: string
  readonly stack?: string
}
