import { compareText } from './permission.ts'

export type Key<Field extends string> = Readonly<Record<Field, string>>

/**
 * The first items of a list, in order: by code points of the first field, then of the next. The rest is not put in
 * order, since what is shown is short beside what there is.
 *
 * @param count - at most so many
 * @param after - only what comes after this
 */
export function firstInOrder<Field extends string, Item extends Key<Field>>(
  items: Iterable<Item>,
  fields: readonly Field[],
  count: number,
  after?: Key<Field>,
): Item[] {
  const compare = (a: Key<Field>, b: Key<Field>): number => compareBy(fields, a, b)
  const found: Item[] = []
  let last: Item | undefined
  for (const item of items) {
    if (after !== undefined && compare(item, after) <= 0) continue
    if (last !== undefined && compare(item, last) > 0) continue
    found.push(item)
    if (found.length < count * 2) continue
    found.sort(compare).length = count
    last = found.at(-1)
  }
  return found.sort(compare).slice(0, count)
}

function compareBy<Field extends string>(fields: readonly Field[], a: Key<Field>, b: Key<Field>): number {
  for (const field of fields) {
    const x = a[field]
    const y = b[field]
    // Where items have a string in common, it is often one and the same.
    const order = x === y ? 0 : compareText(x, y)
    if (order !== 0) return order
  }
  return 0
}
