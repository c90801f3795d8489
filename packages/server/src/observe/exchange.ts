import type { ProblemCode } from '@castellan/protocol'
import type { Sample } from './decision-log.ts'
import type { DecisionMeter } from './meter.ts'
import type { RequestSpan } from './tracing.ts'

/** How a request for decisions ended; `mixed` when some of several were allowed. */
export type Outcome = 'allowed' | 'denied' | 'mixed' | 'error'

/** What stands for the route of a request that met none. */
export const NO_ROUTE = 'none'

/** A request and what became of it, for those who watch. One is made for every check, so it holds little. */
export class Exchange {
  readonly requestId: string
  readonly method: string
  /** Its path as in the reference, without what stands for names. */
  route: string
  /** When its head was here, in the milliseconds of `performance.now()`; 0 of a decision, whose body tells it. */
  readonly began: number
  /** When its body was here, of a decision; 0 before. */
  asked = 0
  /** Whose it is, once that is known. */
  tokenId: string | undefined = undefined
  /** Why it was refused. */
  code: ProblemCode | undefined = undefined
  outcome: Outcome | undefined = undefined
  /** Of its route, where that decides. */
  meter: DecisionMeter | undefined = undefined
  span: RequestSpan | undefined = undefined
  /** Its answer is given in a later turn than its questions are answered in. */
  isFollowed = false
  isEnded = false
  /** Answers that were picked for the decision log. */
  samples: Sample[] | undefined = undefined

  constructor(requestId: string, method: string, route: string, began = 0) {
    this.requestId = requestId
    this.method = method
    this.route = route
    this.began = began
  }
}
