// How values of a database travel between a cell and a driver. JSON has no bytes, dates or large numbers, and an app's
// own object may look like anything: so whatever JSON cannot say stands in an object made here, never in one of the app's.

/** A value that JSON says as it is, or one in a wrapper with a single letter: what kind it is. */
export type Wire =
  | null
  | boolean
  | number
  | string
  /** The place of the bytes in `blobs`. */
  | { readonly b: number }
  /** Milliseconds since 1970, or null for an invalid date. */
  | { readonly d: number | null }
  /** A number that JSON has no word for: `NaN`, `Infinity`, `-Infinity`. */
  | { readonly n: string }
  | { readonly i: string }
  | { readonly l: readonly Wire[] }
  /** An object, as its JSON. */
  | { readonly j: string }

/** Deepest list in a list. Databases have few dimensions. */
const DEPTH_MAX = 16

/**
 * @param blobs - gets the bytes
 * @throws {TypeError} when it is nothing that a database takes
 */
export function toWire(value: unknown, blobs: Uint8Array[], depth = 0): Wire {
  if (value === undefined || value === null) return null
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value
    case 'number':
      return Number.isFinite(value) ? value : { n: String(value) }
    case 'bigint':
      return { i: String(value) }
    case 'object':
      return objectToWire(value, blobs, depth)
    default:
      throw new TypeError(`a ${typeof value} cannot go into a database`)
  }
}

function objectToWire(value: object, blobs: Uint8Array[], depth: number): Wire {
  if (value instanceof Uint8Array) return { b: blobs.push(value) - 1 }
  if (value instanceof ArrayBuffer) return { b: blobs.push(new Uint8Array(value)) - 1 }
  if (value instanceof Date) return { d: Number.isNaN(value.getTime()) ? null : value.getTime() }
  if (Array.isArray(value)) {
    if (depth === DEPTH_MAX) throw new TypeError(`a list is deeper than ${DEPTH_MAX}`)
    return { l: value.map((item) => toWire(item, blobs, depth + 1)) }
  }
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined) throw new TypeError('an object that is no JSON cannot go into a database')
  return { j: json }
}

/** @param bytesOf - makes the receiver's own kind of bytes */
export function fromWire(
  wire: Wire,
  blobs: readonly Uint8Array[],
  bytesOf: (bytes: Uint8Array) => unknown,
): unknown {
  if (wire === null || typeof wire !== 'object') return wire
  if ('b' in wire) return bytesOf(blobs[wire.b] ?? new Uint8Array())
  if ('d' in wire) return new Date(wire.d ?? Number.NaN)
  if ('n' in wire) return Number(wire.n)
  if ('i' in wire) return BigInt(wire.i)
  if ('l' in wire) return wire.l.map((item) => fromWire(item, blobs, bytesOf))
  return JSON.parse(wire.j) as unknown
}

/** What a statement gave: names once, then each row's values in their order. */
export interface Result {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Wire[])[]
  /** How many rows it changed; what a driver says for a statement that changes none. */
  readonly count: number
}
