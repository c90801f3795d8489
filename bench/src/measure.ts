/** Sorted ascending; the value below which `share` of them lie. */
export function quantile(values: readonly number[] | Float64Array, share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** One of several that do the same work. */
export interface Runner {
  readonly name: string
  /** Does the questions `from` to `to` and says how long it took, in milliseconds. Making ready is not timed. */
  run(from: number, to: number): number | Promise<number>
  /** Questions a round, of those it is offered. Default: all. */
  readonly most?: number
}

export interface Rates {
  /** Per second, in the median round. */
  readonly rate: number
  /** How many times as fast as another, in the median of the rounds both were in. */
  over(other: string): number
}

/**
 * Runs all in turn, round after round, each round on questions of its own and starting with another of them. What
 * else the machine does then falls on all alike, and the median of the ratios within rounds says more than any of
 * the times.
 */
export async function interleave(
  runners: readonly Runner[],
  { rounds, perRound, from = 0 }: { rounds: number; perRound: number; from?: number },
): Promise<ReadonlyMap<string, Rates>> {
  const rates = new Map(runners.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    const start = from + round * perRound
    for (let turn = 0; turn < runners.length; turn++) {
      const runner = runners[(turn + round) % runners.length]!
      const count = Math.min(perRound, runner.most ?? perRound)
      rates.get(runner.name)!.push((count / (await runner.run(start, start + count))) * 1000)
    }
  }
  return new Map(
    runners.map(({ name }) => {
      const own = rates.get(name)!
      const over = (other: string) => median(own.map((rate, round) => rate / rates.get(other)![round]!))
      return [name, { rate: median(own), over }]
    }),
  )
}

/** Times each call by itself. @returns microseconds */
export function latencies(count: number, call: (index: number) => void): Float64Array {
  const took = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    call(index)
    took[index] = (performance.now() - start) * 1000
  }
  return took
}

/** The same for one that is slow. @returns milliseconds */
export function milliseconds(call: () => unknown): number {
  const start = performance.now()
  call()
  return performance.now() - start
}
