/**
 * Counts in buckets that were chosen beforehand. Kept by hand: to observe is a few comparisons and allocates nothing,
 * so that it can be done for every decision; who reads the metrics pays for reading them.
 */
export class Histogram {
  /** Upper ends of the buckets, ascending, each included. */
  readonly bounds: readonly number[]
  /** How many fell into each bucket, and last how many into none. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.counts[at]!++
    this.sum += value
  }
}
