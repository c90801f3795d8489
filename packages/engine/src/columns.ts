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

  /** Forgets all rows, and makes room for others. */
  restart(rows: number): void {
    this.hot.restart(rows)
    this.cold.restart(rows)
    this.size = 0
    this.free = []
  }
}

/** What is left beyond what a table was laid out for, in rows. */
const SPARE = 16

class Part {
  /** Row after row; a field is at `row * width + place`. Moves when it grows. */
  data: Int32Array<ArrayBuffer>
  readonly width: number

  constructor(width: number) {
    this.width = width
    this.data = new Int32Array(width * SPARE)
  }

  clear(row: number): void {
    const start = row * this.width
    const end = start + this.width
    if (end > this.data.length) this.data = grown(this.data, (Math.ceil(row * 1.25) + SPARE) * this.width)
    const { data } = this
    for (let at = start; at < end; at++) data[at] = NONE
  }

  restart(rows: number): void {
    this.data = new Int32Array((rows + SPARE) * this.width)
  }

  field(place: number): Field {
    return new Field(this, place)
  }
}

function grown(data: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(data)
  return larger
}

/** Rows that are only added: for what is gathered and then laid out. */
export class Rows {
  /** Row after row. Moves when it grows. */
  data: Int32Array<ArrayBuffer>
  readonly width: number
  count = 0

  constructor(width: number) {
    this.width = width
    this.data = new Int32Array(width * 256)
  }

  /** Where a new row begins. */
  add(): number {
    const at = this.count++ * this.width
    if (at === this.data.length) this.data = grown(this.data, this.data.length * 2)
    return at
  }
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

  /**
   * Threads all lists anew, each in the order of its rows. From end to end, twice: to link a row at a time is to
   * jump between it, its owner and the row before.
   *
   * @param ownerOf - of each row its owner, or NONE
   */
  thread(ownerOf: Field, rows: number, owners: number): void {
    const last = new Int32Array(owners).fill(NONE)
    for (let row = 0; row < rows; row++) {
      const owner = ownerOf.get(row)
      if (owner === NONE) continue
      this.prev.set(row, last[owner]!)
      last[owner] = row
    }
    last.fill(NONE)
    for (let row = rows - 1; row >= 0; row--) {
      const owner = ownerOf.get(row)
      if (owner === NONE) continue
      this.next.set(row, last[owner]!)
      last[owner] = row
    }
    for (let owner = 0; owner < owners; owner++) this.head.set(owner, last[owner]!)
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

/**
 * Rows by key, those with the same key in their order.
 *
 * @param keys - of each row, NONE for those to leave out
 * @param count - one more than the highest key
 * @returns the rows, and where those of each key begin; a last one says where all end
 */
export function sortByKey(
  keys: Int32Array,
  count: number,
): { readonly rows: Int32Array; readonly starts: Int32Array } {
  const starts = new Int32Array(count + 1)
  for (const key of keys) if (key !== NONE) starts[key + 1]!++
  for (let key = 0; key < count; key++) starts[key + 1]! += starts[key]!
  const places = starts.slice()
  const rows = new Int32Array(starts[count]!)
  for (let row = 0; row < keys.length; row++) {
    const key = keys[row]!
    if (key !== NONE) rows[places[key]!++] = row
  }
  return { rows, starts }
}

/** A copy that does not keep the longer string alive it was cut from. */
export function flatten(text: string): string {
  return copyPiece(text, 0, text.length)
}

/** The same of a piece, without cutting it out first. */
export function copyPiece(text: string, start: number, end: number): string {
  if (end - start > UNITS_MAX)
    return [copyPiece(text, start, start + UNITS_MAX), copyPiece(text, start + UNITS_MAX, end)].join('')
  units.length = end - start
  for (let at = start; at < end; at++) units[at - start] = text.charCodeAt(at)
  return String.fromCharCode(...units)
}

/** What is being copied; engines take only so many arguments. */
const units: number[] = []
const UNITS_MAX = 1024

/** Of a map by row: where the rows moved. */
export function renameKeys<Value>(map: Map<number, Value>, newOf: Int32Array): void {
  const entries = [...map]
  map.clear()
  for (const [row, value] of entries) map.set(newOf[row]!, value)
}
