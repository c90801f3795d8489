type Callback = (...args: readonly unknown[]) => unknown

/** Timers by number, as in a browser: Node's own are objects that lead to its insides. */
export interface Timers {
  readonly setTimeout: (callback: unknown, ms?: unknown, ...args: readonly unknown[]) => number
  readonly setInterval: (callback: unknown, ms?: unknown, ...args: readonly unknown[]) => number
  readonly setImmediate: (callback: unknown, ...args: readonly unknown[]) => number
  readonly clearTimeout: (id: unknown) => void
  readonly clearInterval: (id: unknown) => void
  readonly clearImmediate: (id: unknown) => void
  readonly queueMicrotask: (callback: unknown) => void
}

/** What Node waits at most; more would fire at once. */
const MS_MAX = 0x7fffffff

/** @param crash - told what a callback threw, which is the end of the cell, as it would be of a program in Node */
export function makeTimers(crash: (thrown: unknown) => void): Timers {
  const running = new Map<number, () => void>()
  let lastId = 0

  const guarded = (callback: Callback, args: readonly unknown[]) => {
    try {
      callback(...args)
    } catch (thrown) {
      crash(thrown)
    }
  }

  const clear = (id: unknown) => {
    if (typeof id !== 'number') return
    running.get(id)?.()
    running.delete(id)
  }

  return {
    setTimeout: (callback, ms, ...args) => {
      const call = requireCallback(callback)
      const id = ++lastId
      const timer = setTimeout(() => {
        running.delete(id)
        guarded(call, args)
      }, msOf(ms))
      running.set(id, () => clearTimeout(timer))
      return id
    },
    setInterval: (callback, ms, ...args) => {
      const call = requireCallback(callback)
      const timer = setInterval(() => guarded(call, args), msOf(ms))
      const id = ++lastId
      running.set(id, () => clearInterval(timer))
      return id
    },
    setImmediate: (callback, ...args) => {
      const call = requireCallback(callback)
      const id = ++lastId
      const timer = setImmediate(() => {
        running.delete(id)
        guarded(call, args)
      })
      running.set(id, () => clearImmediate(timer))
      return id
    },
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
    queueMicrotask: (callback) => {
      const call = requireCallback(callback)
      queueMicrotask(() => guarded(call, []))
    },
  }
}

function requireCallback(callback: unknown): Callback {
  if (typeof callback !== 'function') throw new TypeError('the callback is not a function')
  return callback as Callback
}

function msOf(ms: unknown): number {
  const number = Number(ms)
  return number >= 1 ? Math.min(number, MS_MAX) : 1
}
