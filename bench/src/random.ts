/** A seeded source of randomness: the same seed gives the same world on every machine. */
export interface Random {
  /** An integer, 0 to `below` - 1. */
  below(below: number): number
  /** True this often; `share` is 0 to 1. */
  chance(share: number): boolean
  /** 0 to 1, 1 excluded. */
  unit(): number
}

/** Mulberry32: 32 bits of state, which is plenty for choosing and far from enough for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0

  function unit(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  return { unit, below: (below) => Math.floor(unit() * below), chance: (share) => unit() < share }
}

/** Draws 0 to `count` - 1, the n-th with a weight of 1 / n. */
export function zipf(count: number, random: Random): () => number {
  const upTo = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    upTo[rank] = sum
  }
  return () => {
    const wanted = random.unit() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (upTo[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A bijection on 32-bit integers, so that ids look random and never collide. */
export function scramble(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
