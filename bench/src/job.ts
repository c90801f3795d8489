/** One part of the benchmark at one size; each runs in a process of its own. */
export interface Job {
  readonly part: string
  readonly grants: number
  readonly seed: number
  /** Fewer rounds, for a look rather than a verdict. */
  readonly quick: boolean
  /** Where databases may be made; on a real disk, else durable changes say nothing. */
  readonly folder: string
}
