import { z } from 'zod'
import { OperationError, type Operation } from '../../broker/operation.ts'
import { operation } from '../operation.ts'

export interface CacheLimits {
  /** Longest key, in UTF-16 code units. */
  readonly keyLengthMax: number
  /** Largest value, in UTF-16 code units of its JSON. */
  readonly valueLengthMax: number
  /** Most that one app may keep, keys included, in UTF-16 code units. The least recently used go first. */
  readonly appLengthMax: number
  /** Most entries of one app. Bounds what each costs beyond its text. */
  readonly entriesMax: number
  /** How long a value is kept when the app does not say, in seconds. */
  readonly ttlSeconds: number
}

export const CACHE_LIMITS: CacheLimits = {
  keyLengthMax: 1_024,
  valueLengthMax: 1024 * 1024,
  appLengthMax: 16 * 1024 * 1024,
  entriesMax: 100_000,
  ttlSeconds: 24 * 60 * 60,
}

const TTL_SECONDS_MAX = 10 * 365 * 24 * 60 * 60

interface Entry {
  /** Kept as the text that it came as: what one gets is always a copy, and the host parses nothing. */
  readonly json: string
  readonly expiresAt: number
}

/** One app's part. Its map is in the order of use, the least recent first. */
interface Shelf {
  readonly entries: Map<string, Entry>
  length: number
}

export interface Cache {
  readonly operations: readonly Operation[]
  /** Forgets everything that an app had in it. */
  release(appId: string): void
}

/** @param now - in milliseconds, never going back */
export function openCache(now: () => number, limits: CacheLimits = CACHE_LIMITS): Cache {
  // The app first, then the key: two maps, since a joined string could mean two pairs.
  const shelves = new Map<string, Shelf>()
  const key = z.string().min(1).max(limits.keyLengthMax)

  function take(app: string, name: string): Entry | undefined {
    const shelf = shelves.get(app)
    const entry = shelf?.entries.get(name)
    if (shelf === undefined || entry === undefined) return undefined
    shelf.entries.delete(name)
    shelf.length -= name.length + entry.json.length
    return entry
  }

  function put(app: string, name: string, entry: Entry): void {
    let shelf = shelves.get(app)
    if (shelf === undefined) {
      shelf = { entries: new Map(), length: 0 }
      shelves.set(app, shelf)
    }
    shelf.entries.set(name, entry)
    shelf.length += name.length + entry.json.length
    for (const [oldest] of shelf.entries) {
      if (shelf.length <= limits.appLengthMax && shelf.entries.size <= limits.entriesMax) return
      take(app, oldest)
    }
  }

  const operations = [
    operation({
      op: 'cache.get',
      key: 'cache',
      shape: z.strictObject({ key }),
      run: ({ app, args }) => {
        const entry = take(app.id, args.key)
        if (entry === undefined || entry.expiresAt <= now()) return Promise.resolve({ value: null })
        put(app.id, args.key, entry)
        return Promise.resolve({ value: entry.json })
      },
    }),
    operation({
      op: 'cache.set',
      key: 'cache',
      shape: z.strictObject({
        key,
        json: z.string(),
        ttlSeconds: z.number().positive().max(TTL_SECONDS_MAX).optional(),
      }),
      run: ({ app, args }) => {
        if (args.json.length > limits.valueLengthMax)
          throw new OperationError(
            'CACHE_TOO_LARGE',
            `a value of ${args.json.length} characters is too large`,
          )
        take(app.id, args.key)
        const expiresAt = now() + (args.ttlSeconds ?? limits.ttlSeconds) * 1_000
        put(app.id, args.key, { json: args.json, expiresAt })
        return Promise.resolve({ value: null })
      },
    }),
    operation({
      op: 'cache.del',
      key: 'cache',
      shape: z.strictObject({ key }),
      run: ({ app, args }) => {
        take(app.id, args.key)
        return Promise.resolve({ value: null })
      },
    }),
    operation({
      op: 'cache.clear',
      key: 'cache',
      shape: z.strictObject({}),
      run: ({ app }) => {
        shelves.delete(app.id)
        return Promise.resolve({ value: null })
      },
    }),
  ]
  return { operations, release: (appId) => void shelves.delete(appId) }
}
