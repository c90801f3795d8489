import type { Operation } from '../broker/operation.ts'

/** Lets `run` know the type of what `shape` returns, and forgets it afterwards: the broker knows operations by name. */
export function operation<Args>(definition: Operation<Args>): Operation {
  return definition
}
