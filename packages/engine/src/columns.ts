/**
 * Rows of numbers, and doubly linked lists threaded through them. A million grants as objects would cost a kilobyte
 * each; as rows they cost what their numbers cost. What is read together lies together: the walk pays for memory by
 * the cache line.
 */

/** No row. */
export const NONE = -1

/** Rows in two parts: what the walk reads, and what only changes and lists need. */
export class Table {
  readonly hot: Part
  readonly cold: Part
  /** One more than the highest row ever given. */
  size = 0
  private free: number[] = []

  constructor(hotWidth: number, coldWidth: number) {
    this.hot = new Part(hotWidth)
    this.cold = new Part(coldWidth)
  }

  /** A row, of those given back if there are any, with NONE in every field. */
  take(): number {
    const row = this.free.pop() ?? this.size++
    this.hot.clear(row)
    this.cold.clear(row)
    return row
  }

  give(row: number): void {
    this.free.push(row)
  }

  /**
   * Puts rows in another order and closes the gaps.
   *
   * @param order - every row in use, once
   * @returns the new row of each old one
   */
  reorder(order: Int32Array): Int32Array {
    const newOf = new Int32Array(this.size).fill(NONE)
    for (let at = 0; at < order.length; at++) newOf[order[at]!] = at
    this.hot.reorder(order)
    this.cold.reorder(order)
    this.size = order.length
    this.free = []
    return newOf
  }
}

/** Loading ends with `reorder`, which leaves no room unused but for what comes later. */
const GROWTH = 1.6

class Part {
  /** Row after row; a field is at `row * width + place`. Moves when it grows. */
  data: Int32Array<ArrayBuffer>
  readonly width: number

  constructor(width: number) {
    this.width = width
    this.data = new Int32Array(width * 16)
  }

  clear(row: number): void {
    const start = row * this.width
    const end = start + this.width
    if (end > this.data.length) this.data = grown(this.data, (Math.ceil(row * GROWTH) + 16) * this.width)
    const { data } = this
    for (let at = start; at < end; at++) data[at] = NONE
  }

  reorder(order: Int32Array): void {
    const { data, width } = this
    const moved = new Int32Array((order.length + 16) * width)
    for (let to = 0; to < order.length; to++) {
      const from = order[to]! * width
      for (let place = 0; place < width; place++) moved[to * width + place] = data[from + place]!
    }
    this.data = moved
  }

  field(place: number): Field {
    return new Field(this, place)
  }

  /** Where rows moved, the fields that point to them follow. @param size - rows of this part */
  follow(newOf: Int32Array, size: number, ...fields: readonly Field[]): void {
    const { data, width } = this
    const places = fields.map(({ place }) => place)
    for (let start = 0; start < size * width; start += width) {
      for (const place of places) {
        const row = data[start + place]!
        if (row !== NONE) data[start + place] = newOf[row]!
      }
    }
  }
}

function grown(data: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(data)
  return larger
}

/** One number of every row. */
export class Field {
  private readonly part: Part
  readonly place: number
  private readonly width: number

  constructor(part: Part, place: number) {
    this.part = part
    this.place = place
    this.width = part.width
  }

  get(row: number): number {
    return this.part.data[row * this.width + this.place]!
  }

  set(row: number, value: number): void {
    this.part.data[row * this.width + this.place] = value
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
