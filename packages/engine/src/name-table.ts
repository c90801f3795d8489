import { NONE } from './columns.ts'
import { invariant } from './errors.ts'

/** What is looked up together: pieces of texts, each beneath a parent. */
export class Pieces {
  count = 0
  readonly texts: string[] = []
  readonly parents: Int32Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Found on the way. */
  readonly hashes: Int32Array

  /** @param room - how many there can be */
  constructor(room: number) {
    this.parents = new Int32Array(room)
    this.starts = new Int32Array(room)
    this.ends = new Int32Array(room)
    this.hashes = new Int32Array(room)
  }

  clear(): void {
    this.count = 0
  }

  add(parent: number, text: string, start: number, end: number): void {
    const place = this.count++
    this.texts[place] = text
    this.parents[place] = parent
    this.starts[place] = start
    this.ends[place] = end
  }
}

/**
 * Rows by name, each beneath a parent, found from a piece of a longer text without cutting it out: a Map takes twice
 * as long for the piece alone, since engines hash and compare slices the slow way.
 */
export class NameTable {
  /** By row. */
  private readonly names: readonly string[]
  /** Hash, parent and row, side by side; a free slot has row NONE, one that was given back GONE. */
  private slots = new Int32Array(64 * SLOT.width).fill(NONE)
  /** Slots but one. */
  private mask = 63
  /** Slots that are not free. */
  private taken = 0

  constructor(names: readonly string[]) {
    this.names = names
  }

  /** The row beneath `parent` whose name is `text` from `start` to `end`, NONE when there is none. */
  find(parent: number, text: string, start: number, end: number): number {
    return this.findHashed(hashOf(text, start, end), parent, text, start, end)
  }

  /** @param hash - as `findAll` left it */
  findHashed(hash: number, parent: number, text: string, start: number, end: number): number {
    const { slots, mask } = this
    for (let slot = mix(parent, hash) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * SLOT.width
      const row = slots[at + SLOT.row]!
      if (row === NONE) return NONE
      if (slots[at + SLOT.hash] !== hash || slots[at + SLOT.parent] !== parent || row === GONE) continue
      if (isPiece(this.names[row]!, text, start, end)) return row
    }
  }

  /**
   * The rows of many names, NONE for those not there. One by one, finding a million is mostly waiting for memory: here
   * each step is taken for all of them before the next, so that the waiting overlaps.
   *
   * @param rows - is filled with them
   */
  findAll(pieces: Pieces, rows: Int32Array): void {
    const { count, texts, parents, starts, ends, hashes } = pieces
    for (let i = 0; i < count; i++) hashes[i] = hashOf(texts[i]!, starts[i]!, ends[i]!)
    this.guessAll(pieces, rows)
    this.doubtAll(pieces, rows)
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      if (row === NONE || (row !== OTHER && isAt(this.names[row]!, texts[i]!, starts[i]!))) continue
      rows[i] = this.findHashed(hashes[i]!, parents[i]!, texts[i]!, starts[i]!, ends[i]!)
    }
  }

  /** The first row with the same hash and parent, if there is any. */
  private guessAll({ count, parents, hashes }: Pieces, rows: Int32Array): void {
    const { slots, mask } = this
    // Nothing hangs on what is read here, so that the processor need not wait for any of it.
    for (let i = 0; i < count; i++)
      rows[i] = slots[(mix(parents[i]!, hashes[i]!) & mask) * SLOT.width + SLOT.row]!
    for (let i = 0; i < count; i++) {
      if (rows[i] === NONE) continue
      const hash = hashes[i]!
      const parent = parents[i]!
      for (let slot = mix(parent, hash) & mask; ; slot = (slot + 1) & mask) {
        const at = slot * SLOT.width
        const row = slots[at + SLOT.row]!
        if (
          row !== NONE &&
          (slots[at + SLOT.hash] !== hash || slots[at + SLOT.parent] !== parent || row === GONE)
        )
          continue
        rows[i] = row
        break
      }
    }
  }

  /** OTHER instead of rows whose name has another length or end. Mostly there are none: it is for looking at all names. */
  private doubtAll({ count, texts, starts, ends }: Pieces, rows: Int32Array): void {
    const { names } = this
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      if (row === NONE) continue
      const name = names[row]!
      const last = ends[i]! - 1
      if (
        name.length !== ends[i]! - starts[i]! ||
        name.charCodeAt(last - starts[i]!) !== texts[i]!.charCodeAt(last)
      )
        rows[i] = OTHER
    }
  }

  /** Adds a row whose name no other beneath the parent has. */
  add(parent: number, row: number): void {
    const name = this.names[row]!
    this.addHashed(hashOf(name, 0, name.length), parent, row)
  }

  /** @param hash - as `findAll` left it */
  addHashed(hash: number, parent: number, row: number): void {
    if ((this.taken + 1) * 3 > (this.mask + 1) * 2) this.grow()
    this.taken++
    insert(this.slots, this.mask, hash, parent, row)
  }

  remove(parent: number, row: number): void {
    const { slots, mask } = this
    const name = this.names[row]!
    let slot = mix(parent, hashOf(name, 0, name.length)) & mask
    for (; slots[slot * SLOT.width + SLOT.row] !== row; slot = (slot + 1) & mask)
      invariant(slots[slot * SLOT.width + SLOT.row] !== NONE, 'a name that is not there was removed')
    slots[slot * SLOT.width + SLOT.row] = GONE
  }

  /** Where the rows moved, and the parents, which are rows like them. */
  follow(newOf: Int32Array): void {
    this.refill(this.mask + 1, newOf)
  }

  private grow(): void {
    let kept = 1
    for (let at = 0; at < this.slots.length; at += SLOT.width) if (this.slots[at + SLOT.row]! >= 0) kept++
    let size = this.mask + 1
    while (size < kept * 2) size *= 2
    this.refill(size)
  }

  /** Without the slots that were given back. @param newOf - where the rows moved, if they did */
  private refill(size: number, newOf?: Int32Array): void {
    const before = this.slots
    this.slots = new Int32Array(size * SLOT.width).fill(NONE)
    this.mask = size - 1
    this.taken = 0
    for (let at = 0; at < before.length; at += SLOT.width) {
      const row = before[at + SLOT.row]!
      if (row < 0) continue
      const hash = before[at + SLOT.hash]!
      const parent = before[at + SLOT.parent]!
      this.taken++
      if (newOf === undefined) insert(this.slots, this.mask, hash, parent, row)
      else insert(this.slots, this.mask, hash, newOf[parent]!, newOf[row]!)
    }
  }
}

const SLOT = { width: 3, hash: 0, parent: 1, row: 2 } as const
const GONE = -2
/** A name with the same hash, and yet another. */
const OTHER = -3

function insert(slots: Int32Array, mask: number, hash: number, parent: number, row: number): void {
  let slot = mix(parent, hash) & mask
  while (slots[slot * SLOT.width + SLOT.row]! >= 0) slot = (slot + 1) & mask
  const at = slot * SLOT.width
  slots[at + SLOT.hash] = hash
  slots[at + SLOT.parent] = parent
  slots[at + SLOT.row] = row
}

function isPiece(name: string, text: string, start: number, end: number): boolean {
  return name.length === end - start && isAt(name, text, start)
}

/**
 * Whether a name stands in a text from `start` on. A long one is compared by the engine, in whole words: should it
 * stand further on instead, finding that costs no more than having read the text.
 */
export function isAt(name: string, text: string, start: number): boolean {
  if (name.length === text.length) return name === text
  if (name.length >= LONG) return text.indexOf(name, start) === start
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== text.charCodeAt(start + i)) return false
  return true
}

/** Of a shorter name the characters are compared before a call is made. */
const LONG = 12

// Different in every process, so that nobody can choose names that all fall together. No answer depends on it.
// oxlint-disable-next-line no-restricted-properties -- see above
const SEED = Math.trunc(Math.random() * 0x7fffffff)

/** Two lanes, since each step of one waits for the step before. */
function hashOf(text: string, start: number, end: number): number {
  let a = SEED
  let b = ~SEED
  let at = start
  for (; at + 1 < end; at += 2) {
    a = Math.imul(a ^ text.charCodeAt(at), 0x9e3779b1)
    b = Math.imul(b ^ text.charCodeAt(at + 1), 0x85ebca77)
  }
  if (at < end) a = Math.imul(a ^ text.charCodeAt(at), 0x9e3779b1)
  a ^= Math.imul(b ^ (b >>> 15), 0xc2b2ae3d)
  a = Math.imul(a ^ (a >>> 16), 0x27d4eb2f)
  return a ^ (a >>> 15)
}

function mix(parent: number, hash: number): number {
  const mixed = Math.imul(parent, 0x9e3779b1) ^ hash
  return mixed ^ (mixed >>> 15)
}
