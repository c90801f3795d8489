/**
 * Finds the known name that was probably meant by one that is not known.
 *
 * @returns undefined when none is near: at most a third of its characters may differ
 */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let best = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(name, candidate, best)
    if (distance < best) [best, nearest] = [distance, candidate]
  }
  return nearest
}

/** Levenshtein's, in which two neighbours that changed places are one mistake; given up once it cannot stay under `bound`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(
        Math.min(
          row[j]! + 1,
          next[j - 1]! + 1,
          changed,
          isSwap ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    before = row
    row = next
  }
  return row[b.length]!
}
