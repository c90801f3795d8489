import {
  factKey,
  type Change,
  type ChangeOptions,
  type Fact,
  type FactKey,
  type FactKind,
} from '@castellan/engine'
import { EdgeError, isCodedError } from '@castellan/protocol'
import type { Caller } from './caller.ts'
import type { Context } from './context.ts'
import type { Changed, Questions } from './live.ts'
import type { Kept, Once } from './once.ts'
import type { Answer } from './routes/route.ts'

/** What a request says beside the change itself; absent and undefined are the same here. */
export interface Wish {
  readonly reason?: string | undefined
  readonly onDependants?: 'allow' | 'refuse' | undefined
  readonly preconditions?: ChangeOptions['preconditions']
}

/** Times that a fact is read and written anew when others change it in between. */
const ATTEMPTS_MAX = 5

/**
 * The changes of one request: made with the caller's authority, in its name, and with its answer kept where it wants
 * to be done once. A request makes one change, so that it is done whole or not at all.
 */
export class Changing {
  readonly #context: Context
  readonly #caller: Caller
  readonly #once: Once | undefined

  constructor(context: Context, caller: Caller, once: Once | undefined) {
    this.#context = context
    this.#caller = caller
    this.#once = once
  }

  /**
   * @param answerOf - what the request is answered; what it throws refuses the change
   * @param keptOf - what of that is kept. Default: all
   */
  async change(
    changes: readonly Change[],
    { reason, onDependants, preconditions }: Wish,
    answerOf: (changed: Changed) => Answer,
    keptOf: (answer: Answer) => Kept = (answer) => ({ answer }),
  ): Promise<Answer> {
    const { live, engine, tokens } = this.#context
    const { actor } = this.#caller
    const ending = tokensEndedBy(engine, changes)
    let answer: Answer | undefined
    const answerOnce = (changed: Changed): string => JSON.stringify(keptOf((answer = answerOf(changed))))
    const changed = await live.change(changes, {
      actor,
      as: actor,
      ...(reason !== undefined && { reason }),
      ...(onDependants !== undefined && { onDependants }),
      ...(preconditions !== undefined && { preconditions }),
      ...(this.#once !== undefined && { receipt: { ...this.#once, caller: actor, answer: answerOnce } }),
    })
    // A hash without its fact opens nothing; it goes so that nothing of a token stays.
    for (const id of ending) if (engine.fact({ kind: 'token', id }) === undefined) tokens.remove(id)
    return answer ?? answerOf(changed)
  }

  /**
   * Makes something that is not there yet, with what comes with it.
   *
   * @throws {EdgeError} ID_TAKEN
   */
  async create(
    [fact, ...others]: readonly [Fact, ...Fact[]],
    { reason }: Pick<Wish, 'reason'>,
    answerOf: (changed: Changed) => Answer,
  ): Promise<Answer> {
    const changes = [fact, ...others].map((add) => ({ add }))
    const preconditions = { ifAbsent: [factKey(fact)] }
    try {
      return await this.change(changes, { reason, preconditions }, answerOf)
    } catch (error) {
      if (isCodedError(error) && error.code === 'PRECONDITION_FAILED') throw takenError(fact.kind)
      throw error
    }
  }

  /**
   * Reads a fact, alters it and writes it back whole, unless someone else changed it in between: then once more.
   *
   * @param read - the fact as it is now @throws where it is not, or no longer, there
   * @param answerOf - given the fact as it was written
   */
  async alter<Altered extends Fact>(
    read: () => Altered,
    alterIt: (before: Altered) => Altered,
    wish: Wish,
    answerOf: (fact: Altered, changed: Changed) => Answer,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const preconditions = { ifRevision: this.#context.engine.revision }
      const fact = alterIt(read())
      try {
        return await this.change([{ add: fact }], { ...wish, preconditions }, (changed) =>
          answerOf(fact, changed),
        )
      } catch (error) {
        const isOvertaken = isCodedError(error) && error.code === 'PRECONDITION_FAILED'
        if (!isOvertaken || attempt === ATTEMPTS_MAX) throw error
      }
    }
  }

  /**
   * Removes something, and says how many grants ended with it.
   *
   * @param unknown - what to say when it is gone meanwhile
   */
  async remove(
    { key, recursive = false }: { readonly key: FactKey; readonly recursive?: boolean },
    wish: Wish,
    unknown: EdgeError,
  ): Promise<Answer> {
    const change = { remove: key, ...(recursive && { recursive }) }
    return this.change([change], wish, ({ revision, results: [result] }) => {
      if (result === undefined || result.outcome === 'absent') throw unknown
      return { body: { revoked: result.revoked ?? 0, revision } }
    })
  }
}

/** Tokens that may end with these changes: those that are removed, and those of whoever is. */
function tokensEndedBy(engine: Questions, changes: readonly Change[]): ReadonlySet<string> {
  const ids = new Set<string>()
  for (const change of changes) {
    if (!('remove' in change)) continue
    const { remove } = change
    if (remove.kind === 'token') ids.add(remove.id)
    else if (remove.kind === 'user' || remove.kind === 'app')
      for (const { id } of engine.tokensWhere({ issuer: `${remove.kind}:${remove.id}` })) ids.add(id)
  }
  return ids
}

export function takenError(kind: FactKind): EdgeError {
  return new EdgeError(
    'ID_TAKEN',
    `this ${kind} is there already`,
    'choose another id, or change the one that is there',
  )
}
