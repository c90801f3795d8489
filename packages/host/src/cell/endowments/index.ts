import type { BufferShim } from '../module.ts'
import type { Ses } from '../ses.ts'
import { makeBase64 } from './bytes.ts'
import { type Level, makeConsole } from './console.ts'
import { makeEvents, named } from './events.ts'
import { makeCrypto } from './random.ts'
import { makeTimers } from './timers.ts'
import { SafeSearchParams, SafeUrl } from './url.ts'

export type Endowments = ReturnType<typeof makeEndowments>

/** Everything global that an app has beyond the language. Each is ours, and unchangeable. */
export function makeEndowments(
  ses: Ses,
  Buffer: BufferShim,
  log: (level: Level, message: string) => void,
  crash: (thrown: unknown) => void,
) {
  const timers = makeTimers(crash)
  const events = makeEvents(crash, (callback, ms) => timers.setTimeout(callback, ms))
  return ses.harden({
    ...timers,
    ...events,
    ...makeBase64(Buffer),
    Buffer,
    URL: SafeUrl,
    URLSearchParams: SafeSearchParams,
    console: makeConsole(log),
    crypto: makeCrypto(),
    structuredClone: cloneStructure,
    // SES withholds the clock and chance; an app may have them.
    Date,
    Intl,
    Math,
  })
}

const cloneNatively = structuredClone

function cloneStructure(value: unknown): unknown {
  try {
    return cloneNatively(value)
  } catch {
    throw named('DataCloneError', 'the value cannot be cloned')
  }
}
