/**
 * Growable columns of numbers, and doubly linked lists threaded through them. A million grants as objects would
 * cost a kilobyte each; as columns they cost what their numbers cost.
 */

export class IntColumn {
  data: Int32Array<ArrayBuffer> = new Int32Array(16).fill(NONE)

  /** Makes room for `size` rows; new ones hold NONE. */
  ensure(size: number): void {
    if (size <= this.data.length) return
    const grown = new Int32Array(Math.max(size, Math.ceil(this.data.length * 1.5))).fill(
      NONE,
      this.data.length,
    )
    grown.set(this.data)
    this.data = grown
  }
}

export class FloatColumn {
  data: Float64Array<ArrayBuffer> = new Float64Array(16)

  ensure(size: number): void {
    if (size <= this.data.length) return
    const grown = new Float64Array(Math.max(size, Math.ceil(this.data.length * 1.5)))
    grown.set(this.data)
    this.data = grown
  }
}

/** No row. */
export const NONE = -1

/** Lists of rows: `head` is indexed by the list's owner, `next` and `prev` by the row. A row is in one list at a time. */
export class Chains {
  readonly head = new IntColumn()
  readonly next = new IntColumn()
  readonly prev = new IntColumn()

  ensureOwners(size: number): void {
    this.head.ensure(size)
  }

  ensureRows(size: number): void {
    this.next.ensure(size)
    this.prev.ensure(size)
  }

  link(owner: number, row: number): void {
    const first = this.head.data[owner]!
    this.next.data[row] = first
    this.prev.data[row] = NONE
    if (first !== NONE) this.prev.data[first] = row
    this.head.data[owner] = row
  }

  unlink(owner: number, row: number): void {
    const next = this.next.data[row]!
    const prev = this.prev.data[row]!
    if (prev === NONE) this.head.data[owner] = next
    else this.next.data[prev] = next
    if (next !== NONE) this.prev.data[next] = prev
    this.next.data[row] = NONE
    this.prev.data[row] = NONE
  }

  first(owner: number): number {
    return this.head.data[owner]!
  }

  *of(owner: number): Generator<number> {
    for (let row = this.head.data[owner]!; row !== NONE; row = this.next.data[row]!) yield row
  }
}

/** Row numbers, those given back first. */
export class Rows {
  /** One more than the highest number ever given. */
  size = 0
  private readonly free: number[] = []

  take(): number {
    return this.free.pop() ?? this.size++
  }

  give(row: number): void {
    this.free.push(row)
  }
}

/** A copy that does not keep the longer string alive it was cut from. Engines copy slices below 13 units outright. */
export function flatten(text: string): string {
  if (text.length < 13) return text
  const parts: string[] = []
  for (let at = 0; at < text.length; at += 12) parts.push(text.slice(at, at + 12))
  return parts.join('')
}
