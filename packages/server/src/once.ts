import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { EdgeError } from '@castellan/protocol'
import type { Caller } from './caller.ts'
import type { Live } from './live.ts'
import type { Answer } from './routes/route.ts'

/** A request that is to be done once, however often it is sent. */
export interface Once {
  /** The caller's own name for it. */
  readonly key: string
  /** What tells it from another request under the same key. */
  readonly digest: string
}

const KEY = /^[!-~]{1,255}$/

/** @param request - all of it that counts @throws {EdgeError} REQUEST_INVALID */
export function readOnce(headers: IncomingHttpHeaders, request: unknown): Once | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new EdgeError(
      'REQUEST_INVALID',
      'the `Idempotency-Key` is not 1 to 255 visible ASCII characters',
      'send one that is new for each request, such as a UUID',
    )
  }
  return { key, digest: hash('sha256', JSON.stringify(request)) }
}

/** Requests of one caller under one key, one after the other: whoever comes second is told what became of the first. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<Result>(caller: Caller, { key }: Once, work: () => Promise<Result>): Promise<Result> {
    const name = JSON.stringify([caller.actor, key])
    const before = this.#last.get(name)
    const turn = (async () => {
      // How it ended is told to whoever sent it; here it only matters that it did.
      await before?.catch(() => undefined)
      return work()
    })()
    this.#last.set(name, turn)
    try {
      return await turn
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name)
    }
  }
}

/** What is kept of an answer. Of a new token no more than its id: its secret is kept nowhere. */
export type Kept = { readonly answer: Answer } | { readonly token: string }

/**
 * The answer that the same request had before.
 *
 * @returns undefined when there was none @throws {EdgeError} KEY_REUSED, SECRET_SHOWN
 */
export function findAnswer(live: Live, caller: Caller, { key, digest }: Once): Answer | undefined {
  const receipt = live.receipt(caller.actor, key)
  if (receipt === undefined) return undefined
  if (receipt.digest !== digest) {
    throw new EdgeError(
      'KEY_REUSED',
      'another request was sent under this `Idempotency-Key`',
      'send a new key with each request, and the same one only with the very same request',
    )
  }
  const kept = JSON.parse(receipt.answer) as Kept
  if ('token' in kept) throw new SecretShownError(kept.token)
  return { ...kept.answer, headers: { ...kept.answer.headers, [REPLAYED]: 'true' } }
}

/** On an answer that was given before. */
export const REPLAYED = 'Idempotent-Replayed'

class SecretShownError extends EdgeError {
  readonly items: readonly string[]
  readonly total = 1

  constructor(id: string) {
    super(
      'SECRET_SHOWN',
      `token \`${id}\` was made, and its secret is not shown again`,
      'if the answer never came, end this token and make another, under a new key',
    )
    this.items = [id]
  }
}
