import type { Fact } from '@castellan/engine'
import { holdsAll, type Holds } from '../../../packages/engine/test/oracle.ts'
import type { Event } from './record.ts'
import type { Operation } from './operations.ts'

/**
 * Looks for what a server with one copy of the facts, on which everything happens at one moment between its beginning
 * and its end, could not have answered. The order is the one that the answers state: commits by revision, and every
 * other operation somewhere behind the commit of the revision it states and before the next.
 *
 * @param facts - what stood at revision `start`, before the first operation
 * @returns what is wrong, or undefined
 */
export function findViolation(
  history: readonly Event[],
  facts: readonly Fact[],
  start: number,
): string | undefined {
  return findGap(history, start) ?? findLateness(history) ?? findWrongAnswer(history, facts)
}

/** Each commit has its own revision, and nobody but the clients commits. */
function findGap(history: readonly Event[], start: number): string | undefined {
  const revisions = history.filter(isCommit).map(({ revision }) => revision)
  const place = revisions.toSorted((a, b) => a - b).findIndex((revision, i) => revision !== start + 1 + i)
  return place < 0 ? undefined : `no single commit states revision ${start + 1 + place}`
}

/** What begins after something has ended must have seen it. */
function findLateness(history: readonly Event[]): string | undefined {
  const ended = history.toSorted((a, b) => a.end - b.end).values()
  let next = ended.next()
  let last: Event | undefined
  for (const event of history.toSorted((a, b) => a.begin - b.begin)) {
    for (; next.done !== true && next.value.end < event.begin; next = ended.next())
      if (last === undefined || next.value.revision > last.revision) last = next.value
    const least = (last?.revision ?? 0) + (isCommit(event) ? 1 : 0)
    if (event.revision < least) return `${say(event)} began after ${say(last!)} had ended`
  }
  return undefined
}

/** Every answer is what the model says of the facts at the revision stated. */
function findWrongAnswer(history: readonly Event[], facts: readonly Fact[]): string | undefined {
  const state = new State(facts)
  // A commit makes its revision; everything else that states it comes after.
  const ordered = history.toSorted(
    (a, b) => a.revision - b.revision || Number(isCommit(b)) - Number(isCommit(a)),
  )
  for (const event of ordered)
    if (event.outcome !== state.expects(event.operation)) return `${say(event)} is not what the facts say`
  return undefined
}

class State {
  readonly #facts: Map<string, Fact>
  #holds: Holds | undefined

  constructor(facts: readonly Fact[]) {
    this.#facts = new Map(facts.map((fact) => [JSON.stringify(fact), fact]))
  }

  /** The outcome an operation must have here; a change is made. */
  expects(operation: Operation): boolean {
    switch (operation.kind) {
      case 'check':
        this.#holds ??= holdsAll([...this.#facts.values()], 0)
        return this.#holds(operation.actor, operation.permission)
      case 'add':
        return this.#put(operation.fact)
      case 'remove':
        return this.#take(operation.fact)
    }
  }

  #put(fact: Fact): boolean {
    const name = JSON.stringify(fact)
    if (this.#facts.has(name)) return false
    this.#facts.set(name, fact)
    this.#holds = undefined
    return true
  }

  #take(fact: Fact): boolean {
    const isThere = this.#facts.delete(JSON.stringify(fact))
    if (isThere) this.#holds = undefined
    return isThere
  }
}

function isCommit({ operation, outcome }: Event): boolean {
  return operation.kind !== 'check' && outcome
}

function say({ operation, revision, outcome, begin, end }: Event): string {
  return `${JSON.stringify(operation)} = ${outcome} at revision ${revision} (ticks ${begin} to ${end})`
}
