/**
 * Rows of numbers, and doubly linked lists threaded through them. A million grants as objects would cost a kilobyte
 * each; as rows they cost what their numbers cost. What is read together lies together: the walk pays for memory by
 * the cache line, so a row of 16 is one.
 */

/** No row. */
export const NONE = -1

export class Table {
  /** Row after row; a field is at `row * width + place`. Moves when it grows. */
  data: Int32Array<ArrayBuffer>
  readonly width: number
  /** One more than the highest row ever given. */
  size = 0
  private readonly free: number[] = []

  constructor(width: number) {
    this.width = width
    this.data = new Int32Array(width * 16)
  }

  /** A row, of those given back if there are any, with NONE in every field. */
  take(): number {
    const row = this.free.pop() ?? this.size++
    const start = row * this.width
    if (start >= this.data.length) {
      const grown = new Int32Array(Math.ceil(this.data.length / this.width / 4 + 1) * 5 * this.width)
      grown.set(this.data)
      this.data = grown
    }
    const { data } = this
    for (let at = start; at < start + this.width; at++) data[at] = NONE
    return row
  }

  give(row: number): void {
    this.free.push(row)
  }

  field(place: number): Field {
    return new Field(this, place)
  }
}

/** One number of every row. */
export class Field {
  readonly table: Table
  readonly place: number
  private readonly width: number

  constructor(table: Table, place: number) {
    this.table = table
    this.place = place
    this.width = table.width
  }

  get(row: number): number {
    return this.table.data[row * this.width + this.place]!
  }

  set(row: number, value: number): void {
    this.table.data[row * this.width + this.place] = value
  }
}

export class FloatColumn {
  private data = new Float64Array(16)

  get(row: number): number {
    return this.data[row]!
  }

  set(row: number, value: number): void {
    if (row >= this.data.length) {
      const grown = new Float64Array(Math.ceil((row + 1) * 1.25))
      grown.set(this.data)
      this.data = grown
    }
    this.data[row] = value
  }
}

/** Lists of rows, one for each owner: `head` is a field of the owner's row, `next` and `prev` are of the listed row's. */
export class Chains {
  readonly head: Field
  readonly next: Field
  readonly prev: Field

  constructor(head: Field, next: Field, prev: Field) {
    this.head = head
    this.next = next
    this.prev = prev
  }

  link(owner: number, row: number): void {
    const first = this.head.get(owner)
    this.next.set(row, first)
    this.prev.set(row, NONE)
    if (first !== NONE) this.prev.set(first, row)
    this.head.set(owner, row)
  }

  unlink(owner: number, row: number): void {
    const next = this.next.get(row)
    const prev = this.prev.get(row)
    if (prev === NONE) this.head.set(owner, next)
    else this.next.set(prev, next)
    if (next !== NONE) this.prev.set(next, prev)
    this.next.set(row, NONE)
    this.prev.set(row, NONE)
  }

  first(owner: number): number {
    return this.head.get(owner)
  }

  after(row: number): number {
    return this.next.get(row)
  }

  *of(owner: number): Generator<number> {
    for (let row = this.head.get(owner); row !== NONE; row = this.next.get(row)) yield row
  }
}

/** A copy that does not keep the longer string alive it was cut from. Engines copy slices below 13 units outright. */
export function flatten(text: string): string {
  if (text.length < 13) return text
  const parts: string[] = []
  for (let at = 0; at < text.length; at += 12) parts.push(text.slice(at, at + 12))
  return parts.join('')
}
