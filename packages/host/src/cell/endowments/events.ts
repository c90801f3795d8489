// `Event`, `EventTarget` and `AbortController` of our own: Node's reach its timers, its warnings and its inspection.

type Listener = ((event: object) => unknown) | { handleEvent(event: object): unknown }

interface Registration {
  readonly listener: Listener
  readonly once: boolean
}

/** @param crash - told what a listener threw */
export function makeEvents(
  crash: (thrown: unknown) => void,
  setTimer: (callback: () => void, ms: number) => void,
) {
  class Event {
    readonly type: string
    readonly cancelable: boolean
    readonly timeStamp = 0
    target: unknown = null
    currentTarget: unknown = null
    #isPrevented = false
    #isStopped = false

    constructor(type: unknown, options?: { cancelable?: unknown }) {
      this.type = String(type)
      this.cancelable = Boolean(options?.cancelable)
    }

    get defaultPrevented(): boolean {
      return this.#isPrevented
    }

    preventDefault(): void {
      this.#isPrevented = this.cancelable
    }

    stopPropagation(): void {}

    stopImmediatePropagation(): void {
      this.#isStopped = true
    }

    static isStopped(event: Event): boolean {
      return event.#isStopped
    }
  }
  // Known here, and to nobody who is handed the class.
  // oxlint-disable-next-line typescript/unbound-method -- static, and without `this`
  const { isStopped } = Event
  Reflect.deleteProperty(Event, 'isStopped')

  class EventTarget {
    readonly #listeners = new Map<string, Registration[]>()

    addEventListener(type: unknown, listener: unknown, options?: unknown): void {
      if (listener === null || listener === undefined) return
      const name = String(type)
      const list = this.#listeners.get(name) ?? []
      if (list.some((other) => other.listener === listener)) return
      const once =
        typeof options === 'object' && options !== null && Boolean((options as { once?: unknown }).once)
      this.#listeners.set(name, [...list, { listener: listener as Listener, once }])
    }

    removeEventListener(type: unknown, listener: unknown): void {
      const name = String(type)
      const list = this.#listeners.get(name) ?? []
      this.#listeners.set(
        name,
        list.filter((other) => other.listener !== listener),
      )
    }

    dispatchEvent(event: Event): boolean {
      event.target = this
      event.currentTarget = this
      for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
        if (isStopped(event)) break
        if (once) this.removeEventListener(event.type, listener)
        try {
          if (typeof listener === 'function') listener.call(this, event)
          else listener.handleEvent(event)
        } catch (thrown) {
          crash(thrown)
        }
      }
      return !event.defaultPrevented
    }
  }

  const key = Symbol('abort')
  let isInside = false
  const fire = new WeakMap<object, (reason: unknown) => void>()

  class AbortSignal extends EventTarget {
    #isAborted = false
    #reason: unknown = undefined
    onabort: ((event: Event) => unknown) | null = null

    constructor(inside?: unknown) {
      super()
      if (inside !== key || !isInside) throw new TypeError('an AbortSignal is made by an AbortController')
      fire.set(this, (reason) => {
        if (this.#isAborted) return
        this.#isAborted = true
        this.#reason = reason === undefined ? named('AbortError', 'this operation was aborted') : reason
        const event = new Event('abort')
        try {
          this.onabort?.(event)
        } catch (thrown) {
          crash(thrown)
        }
        this.dispatchEvent(event)
      })
    }

    get aborted(): boolean {
      return this.#isAborted
    }

    get reason(): unknown {
      return this.#reason
    }

    throwIfAborted(): void {
      if (this.#isAborted) throw this.#reason
    }

    static abort(reason?: unknown): AbortSignal {
      const signal = makeSignal()
      fire.get(signal)?.(reason)
      return signal
    }

    static timeout(ms: unknown): AbortSignal {
      const signal = makeSignal()
      setTimer(() => fire.get(signal)?.(named('TimeoutError', 'the operation timed out')), Number(ms))
      return signal
    }

    static any(signals: Iterable<AbortSignal>): AbortSignal {
      const joined = makeSignal()
      for (const signal of signals) {
        if (signal.aborted) fire.get(joined)?.(signal.reason)
        else signal.addEventListener('abort', () => fire.get(joined)?.(signal.reason), { once: true })
      }
      return joined
    }
  }

  function makeSignal(): AbortSignal {
    isInside = true
    try {
      return new AbortSignal(key)
    } finally {
      isInside = false
    }
  }

  class AbortController {
    readonly signal: AbortSignal = makeSignal()

    abort(reason?: unknown): void {
      fire.get(this.signal)?.(reason)
    }
  }

  return { Event, EventTarget, AbortController, AbortSignal }
}

export function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}
