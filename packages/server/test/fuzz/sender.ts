import type { Seen } from '../../src/testing/conform.ts'
import { Generator } from './generate.ts'
import { hostileBytes } from './hostile.ts'
import { codeOf, findException, judge, judgeHostile, type Standing } from './judge.ts'
import { kindOf, type Pool } from './pool.ts'
import type { Random } from './random.ts'
import {
  listTargets,
  nearRequest,
  nextPage,
  validRequest,
  write,
  type Request,
  type Target,
} from './request.ts'
import type { Tally } from './tally.ts'
import { exchange, type Exchange } from './wire.ts'
import type { Caller, Fuzzed } from './world.ts'

/** Longest an answer may take, in milliseconds. Far above any, since others may want the machine as well. */
export const DEADLINE_MS = 15_000
/** Requests that are sent together, now and then. */
const AT_ONCE = 15
/** Requests that share a connection, now and then. */
const ON_ONE = 8

/** What the fuzz found, with all that is needed to send it again. */
export class FuzzError extends Error {
  constructor(problem: string, where: string, bytes: readonly (string | Uint8Array)[]) {
    const sent = Buffer.concat(bytes.map((piece) => Buffer.from(piece))).toString('latin1')
    super(
      `${problem}\n${where}\n${sent.length > 4_000 ? `${sent.slice(0, 4_000)}… (${sent.length} bytes)` : sent}`,
    )
  }
}

/** Sends requests to one world, one after the other, and judges what comes. */
export class Sender {
  readonly #world: Fuzzed
  readonly #random: Random
  readonly #generator: Generator
  readonly #pool: Pool
  readonly #tally: Tally
  readonly #targets: readonly Target[]
  #where = ''

  constructor(world: Fuzzed, random: Random, pool: Pool, tally: Tally) {
    this.#world = world
    this.#random = random
    this.#generator = new Generator(random, pool)
    this.#pool = pool
    this.#tally = tally
    this.#targets = listTargets()
  }

  /** @param where - in the whole run, so that it can be found again */
  async run(where: string): Promise<void> {
    this.#where = where
    const random = this.#random
    const kind = random.next()
    if (kind < 0.6) return this.#sendPages(this.#make(validRequest), this.#pickCaller())
    if (kind < 0.85) return void (await this.#send(this.#make(nearRequest), this.#pickCaller(), 'near'))
    if (kind < 0.98) return this.#sendHostile(this.#make(validRequest), this.#pickCaller())
    return kind < 0.99 ? this.#sendAtOnce() : this.#sendOnOne()
  }

  #make(make: typeof validRequest, targets = this.#targets): Request {
    return make(this.#random.pick(targets), this.#random, this.#generator)
  }

  /** Mostly who may do something: a fuzz of refusals finds little. */
  #pickCaller(): Caller {
    const random = this.#random
    const made = random.chance(0.1) ? this.#pool.find('secret') : undefined
    if (made !== undefined)
      return { name: 'a token that was made', authorization: `Bearer ${made}`, isKnown: false, isMade: true }
    const { callers } = this.#world
    if (random.chance(0.5)) return callers[0]!
    const isStanding = (caller: Caller) => standingOf(caller, this.#world) === 'stands'
    return random.pick(random.chance(0.7) ? callers.filter(isStanding) : callers)
  }

  /** What a list shows on one page it goes on with on the next, since nothing changed in between. */
  async #sendPages(request: Request, caller: Caller): Promise<void> {
    const first = await this.#send(request, caller, 'valid')
    const cursor = first?.status === 200 && request.method !== 'HEAD' ? cursorOf(first) : undefined
    if (cursor === undefined) return
    const next = nextPage(request, cursor)
    const page = await this.#send(next, caller, 'valid')
    if (page?.status !== 200)
      throw new FuzzError(`there is no next page: ${page?.text}`, this.#where, [first!.text, '\n', next.url])
  }

  async #sendAtOnce(): Promise<void> {
    const requests = Array.from({ length: AT_ONCE }, () => this.#make(validRequest))
    await Promise.all(requests.map((request) => this.#send(request, this.#pickCaller(), 'valid', true)))
  }

  /** Several callers over one connection, as a proxy has them, none waiting for the answer before. */
  async #sendOnOne(): Promise<void> {
    // The same few routes by anyone at all: what is remembered of one caller must not serve the next.
    const { callers } = this.#world
    const targets = [this.#random.pick(this.#targets), this.#random.pick(this.#targets)]
    const sent = Array.from({ length: ON_ONE }, (_, i) => {
      const caller = this.#random.pick(this.#random.chance(0.5) ? callers.slice(0, 1) : callers)
      return { request: this.#make(validRequest, targets), caller, requestId: `fuzz-${i}` }
    }).filter(({ request }) => request.method !== 'HEAD' && !isStream(request.target))
    if (sent.length === 0) return
    const bytes = sent.flatMap(({ request, caller, requestId }, i) =>
      write(request, caller.authorization, requestId, i === sent.length - 1),
    )
    const { replies, ...rest } = await this.#exchange(bytes, false)
    if (replies.length > sent.length)
      throw new FuzzError(`${replies.length} answers came to ${sent.length}`, this.#where, bytes)
    for (const [i, seen] of replies.entries()) {
      const { request, caller, requestId } = sent[i]!
      const standing = caller.tokenId === undefined ? standingOf(caller, this.#world) : 'open'
      const problem = judge(request, standing, requestId, { ...rest, replies: [seen] }) ?? this.#fault()
      if (problem !== undefined) throw new FuzzError(`answer ${i}: ${problem}`, this.#where, bytes)
      this.#tally.note('valid', request.target.operation.operationId, seen.status, rest.ms, 'one of several')
    }
    // Who is refused before the body is in is the last that is answered.
    const isCut = replies.at(-1)?.headers.get('connection') === 'close'
    if (replies.length < sent.length && !isCut)
      throw new FuzzError(`${replies.length} of ${sent.length} were answered`, this.#where, bytes)
  }

  /** @param isAmong - whether others are sent beside it, so that nobody knows whose tokens stand by then */
  async #send(
    request: Request,
    caller: Caller,
    kind: 'valid' | 'near',
    isAmong = false,
  ): Promise<Seen | undefined> {
    const requestId = `fuzz-${this.#random.int(1e9)}`
    const bytes = write(request, caller.authorization, requestId)
    const standing = isAmong && caller.tokenId !== undefined ? 'open' : standingOf(caller, this.#world)
    const result = await this.#exchange(bytes, request.method === 'HEAD')
    const problem = judge(request, standing, requestId, result) ?? this.#fault()
    const what = `${request.method} ${request.target.path} by ${caller.name}, ${kind} ${request.note}`
    if (problem !== undefined) throw new FuzzError(problem, `${this.#where}: ${what}`, bytes)
    const seen = result.replies[0]!
    if (seen.text !== '' && /\bjson\b/.test(seen.headers.get('content-type') ?? ''))
      if (request.target.operation.operationId !== 'getOpenApi')
        this.#pool.harvest(JSON.parse(seen.text), kindOf(request.target.path.split('/')[2]))
    this.#tally.note(kind, request.target.operation.operationId, seen.status, result.ms, what)
    if (request.method !== 'HEAD')
      this.#tally.noteRefusal(codeOf(seen), findException(request.target.operation.operationId, seen))
    return seen
  }

  async #sendHostile(request: Request, caller: Caller): Promise<void> {
    const { pieces, note } = hostileBytes(request, caller.authorization, this.#random)
    const sent = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString('latin1')
    const lines = [...sent.matchAll(/^(\S+) (\S+)(?: .*)?\r?$/gm)].map(
      ([, method, url]) => [method!, url!] as const,
    )
    const result = await this.#exchange(pieces, lines[0]?.[0] === 'HEAD', this.#random.chance(0.8))
    const problem = judgeHostile(result, lines) ?? this.#fault()
    const what = `${note} around ${request.method} ${request.target.path} by ${caller.name}`
    if (problem !== undefined) throw new FuzzError(problem, `${this.#where}: ${what}`, pieces)
    this.#tally.note('hostile', undefined, 0, result.ms, what)
  }

  #exchange(bytes: readonly (string | Uint8Array)[], isHead: boolean, ends = false): Promise<Exchange> {
    return exchange(this.#world.port, bytes, { deadlineMs: DEADLINE_MS, isHead, ends })
  }

  #fault(): string | undefined {
    const [line] = this.#world.faults
    return line && `the server logged a fault: ${line}`
  }
}

/** As the facts have it at this moment. */
function standingOf({ isMade, tokenId }: Caller, { live, now }: Fuzzed): Standing {
  if (isMade === true) return 'open'
  if (tokenId === undefined) return 'unknown'
  const { engine } = live
  const token = engine.fact({ kind: 'token', id: tokenId })
  if (token?.kind !== 'token' || Date.parse(token.expiresAt ?? '9999-01-01') <= now) return 'fallen'
  const isSuspended = [`token:${tokenId}`, ...token.issuer.split('/')].some(
    (of) => engine.fact({ kind: 'suspension', of }) !== undefined,
  )
  return isSuspended ? 'fallen' : 'stands'
}

function isStream({ operation }: Target): boolean {
  return JSON.stringify(operation.responses['200'] ?? {}).includes('text/event-stream')
}

function cursorOf({ text }: Seen): string | undefined {
  if (!text.startsWith('{')) return undefined
  const { nextCursor } = JSON.parse(text) as { readonly nextCursor?: unknown }
  return typeof nextCursor === 'string' ? nextCursor : undefined
}
