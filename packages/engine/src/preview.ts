import type { PreviewItem } from './answer.ts'
import type { FastCheck } from './check.ts'
import { NONE } from './columns.ts'
import type { FactsIndex } from './facts-index.ts'
import type { Inquiry } from './inquiry.ts'
import type { Plan } from './plan.ts'
import { Actors, type Names, type Questions, Reach } from './reach.ts'

/** What to compare, and what it takes. */
export interface Comparing {
  readonly index: FactsIndex
  readonly fast: FastCheck
  /** Asks the world as it is at that moment. */
  readonly inquire: () => Inquiry
  /** Permissions to compare besides those that the changes reach. */
  readonly alsoNamed: readonly string[]
  /** Pairs of actor and permission at most. */
  readonly max: number
}

/**
 * Puts the world before a plan beside the one after it, and takes the plan back.
 *
 * Actors and strings are numbers all the way, the same in both worlds, so that only what is told need be written out.
 *
 * @param tell - is given every difference, unordered
 */
export function compareWorlds<Told>(
  plan: Plan,
  comparing: Comparing,
  tell: (items: readonly PreviewItem[]) => Told,
): Told {
  const { index, inquire, alsoNamed, max } = comparing
  const effects = [...plan.effects]
  return index.keepingNodes((nodeFor) => {
    const names: Names = { actors: new Actors(index), nodeFor }
    let isUndone = false
    const undo = (): void => {
      plan.undo()
      isUndone = true
    }
    const redo = (): void => {
      plan.redo(effects)
      isUndone = false
    }
    try {
      const gains = new Reach(inquire(), names, effects, 'after', max)
      undo()
      const losses = new Reach(inquire(), names, effects, 'before', max)
      const named = new Set([...alsoNamed.map(nodeFor), ...losses.named, ...gains.named])
      const lossPairs = losses.pairsFor(named)
      const before = holdsEach(comparing, names, lossPairs)
      redo()
      const after = holdsEach(comparing, names, lossPairs)
      // Who holds it after and was not met before the change: held by nobody met, so newly gained unless held already.
      const gainPairs = gains.pairsFor(named, lossPairs)
      const gainedAfter = holdsEach(comparing, names, gainPairs)
      undo()
      const gainedBefore = holdsEach(comparing, names, gainPairs)
      const texts = new Texts(index, names.actors)
      return tell([
        ...differences(lossPairs, before, after, texts),
        ...differences(gainPairs, gainedBefore, gainedAfter, texts),
      ])
    } finally {
      if (!isUndone) plan.undo()
    }
  })
}

/** The answers of the world as it is now, by place. */
function holdsEach({ index, fast, inquire }: Comparing, { actors }: Names, { pairs }: Questions): boolean[] {
  const inquiry = inquire()
  const clock = (): number => inquiry.now
  const ask = (actor: number, node: number): boolean =>
    (actors.rowOf(actor) === NONE ? undefined : fast.checkNode(actor, node, clock)) ??
    inquiry.holds(actors.textOf(actor), index.permissionOf(node))
  return fast.batch(() => {
    const answers: boolean[] = []
    for (let place = 0; place < pairs.size; place++)
      answers.push(ask(pairs.left[place]!, pairs.right[place]!))
    return answers
  })
}

/** Strings of nodes, each made once. */
class Texts {
  private readonly byNode = new Map<number, string>()
  private readonly index: FactsIndex
  readonly actors: Actors

  constructor(index: FactsIndex, actors: Actors) {
    this.index = index
    this.actors = actors
  }

  of(node: number): string {
    let text = this.byNode.get(node)
    if (text === undefined) this.byNode.set(node, (text = this.index.permissionOf(node)))
    return text
  }
}

/** Puts the two answers to each question side by side. */
function* differences(
  { pairs, isTouched }: Questions,
  before: readonly boolean[],
  after: readonly boolean[],
  texts: Texts,
): Generator<PreviewItem> {
  for (let place = 0; place < pairs.size; place++) {
    const change = changeOf(before[place]!, after[place]!, isTouched[place]!)
    if (change === undefined) continue
    yield {
      change,
      actor: texts.actors.textOf(pairs.left[place]!),
      permission: texts.of(pairs.right[place]!),
    }
  }
}

function changeOf(before: boolean, after: boolean, isTouched: boolean): PreviewItem['change'] | undefined {
  if (before !== after) return after ? 'gained' : 'lost'
  return before && isTouched ? 'kept' : undefined
}
