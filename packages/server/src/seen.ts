import { RevisionAheadError, type Fact, type FactKey, type FactKind } from '@castellan/engine'
import { isCodedError, type EdgeError } from '@castellan/protocol'
import type { Caller } from './caller.ts'
import type { Questions } from './live.ts'

type KeyOf<Kind extends FactKind> = FactKey & { readonly kind: Kind }
type FactOf<Kind extends FactKind> = Extract<Fact, { readonly kind: Kind }>

/** The fact, if it is there and the caller may see it. Which of the two is missing is told to nobody. */
export function findSeen<Kind extends FactKind>(
  engine: Questions,
  caller: Caller,
  key: KeyOf<Kind>,
): FactOf<Kind> | undefined {
  if (!maySee(engine, caller, key)) return undefined
  return engine.fact(key, { viewer: caller.actor }) as FactOf<Kind> | undefined
}

/** @throws {EdgeError} the one that says that it is unknown */
export function getSeen<Kind extends FactKind>(
  engine: Questions,
  caller: Caller,
  key: KeyOf<Kind>,
  unknown: EdgeError,
): FactOf<Kind> {
  const fact = findSeen(engine, caller, key)
  if (fact === undefined) throw unknown
  return fact
}

export function maySee(engine: Questions, caller: Caller, key: FactKey): boolean {
  return isAllowed(() => engine.authorizeQuestion(caller.actor, { about: 'fact', key }))
}

export function maySeeAll(engine: Questions, caller: Caller, kind: FactKind): boolean {
  return isAllowed(() => engine.authorizeQuestion(caller.actor, { about: 'facts', kind }))
}

/** Whether an authority check lets its caller pass. */
export function isAllowed(authorize: () => void): boolean {
  try {
    authorize()
    return true
  } catch (error) {
    if (isCodedError(error) && error.code === 'FORBIDDEN') return false
    throw error
  }
}

/** @throws {RevisionAheadError} */
export function assertReached(engine: Questions, atLeast: number | undefined): void {
  if (atLeast !== undefined && atLeast > engine.revision)
    throw new RevisionAheadError(atLeast, engine.revision)
}
