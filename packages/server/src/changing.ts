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
import type { Changer, Questions } from './live.ts'

/** What a request says beside the change itself; absent and undefined are the same here. */
export interface Wish {
  readonly reason?: string | undefined
  readonly onDependants?: 'allow' | 'refuse' | undefined
  readonly preconditions?: ChangeOptions['preconditions']
}

/** Makes changes with the caller's authority and in its name. */
export async function change(
  { live, engine, tokens }: Pick<Context, 'live' | 'engine' | 'tokens'>,
  caller: Caller,
  changes: readonly Change[],
  { reason, onDependants, preconditions }: Wish = {},
): ReturnType<Changer['change']> {
  const ending = tokensEndedBy(engine, changes)
  const changed = await live.change(changes, {
    actor: caller.actor,
    as: caller.actor,
    ...(reason !== undefined && { reason }),
    ...(onDependants !== undefined && { onDependants }),
    ...(preconditions !== undefined && { preconditions }),
  })
  // A hash without its fact opens nothing; it goes so that nothing of a token stays.
  for (const id of ending) if (engine.fact({ kind: 'token', id }) === undefined) tokens.remove(id)
  return changed
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

/**
 * Makes something that is not there yet, with what comes with it in the same commit.
 *
 * @throws {EdgeError} ID_TAKEN
 */
export async function create(
  context: Context,
  caller: Caller,
  [fact, ...others]: readonly [Fact, ...Fact[]],
  reason: string | undefined,
): Promise<number> {
  const changes = [fact, ...others].map((add) => ({ add }))
  try {
    const { revision } = await change(context, caller, changes, {
      reason,
      preconditions: { ifAbsent: [factKey(fact)] },
    })
    return revision
  } catch (error) {
    if (isCodedError(error) && error.code === 'PRECONDITION_FAILED') throw takenError(fact.kind)
    throw error
  }
}

export function takenError(kind: FactKind): EdgeError {
  return new EdgeError(
    'ID_TAKEN',
    `this ${kind} is there already`,
    'choose another id, or change the one that is there',
  )
}

/** Times that a fact is read and written anew when others change it in between. */
const ATTEMPTS_MAX = 5

/**
 * Reads a fact, alters it and writes it back whole, unless someone else changed it in between: then once more.
 *
 * @param read - the fact as it is now @throws where it is not, or no longer, there
 * @returns the fact as it was written
 */
export async function alter<Altered extends Fact>(
  context: Context,
  caller: Caller,
  read: () => Altered,
  alterIt: (before: Altered) => Altered,
  wish: Wish,
): Promise<{ readonly fact: Altered; readonly revision: number }> {
  for (let attempt = 1; ; attempt++) {
    const ifRevision = context.engine.revision
    const fact = alterIt(read())
    try {
      const { revision } = await change(context, caller, [{ add: fact }], {
        ...wish,
        preconditions: { ifRevision },
      })
      return { fact, revision }
    } catch (error) {
      const isOvertaken = isCodedError(error) && error.code === 'PRECONDITION_FAILED'
      if (!isOvertaken || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

/**
 * Removes something.
 *
 * @returns how many grants ended with it
 * @throws {EdgeError} the one that says that it is unknown, when it is gone meanwhile
 */
export async function remove(
  context: Context,
  caller: Caller,
  { key, recursive = false }: { readonly key: FactKey; readonly recursive?: boolean },
  wish: Wish,
  unknown: EdgeError,
): Promise<{ readonly revoked: number; readonly revision: number }> {
  const { revision, results } = await change(
    context,
    caller,
    [{ remove: key, ...(recursive && { recursive }) }],
    wish,
  )
  const [result] = results
  if (result === undefined || result.outcome === 'absent') throw unknown
  return { revoked: result.revoked ?? 0, revision }
}
