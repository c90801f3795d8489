import { NONE } from './columns.ts'

/**
 * Rows by name, found from a piece of a longer text without cutting it out: a Map takes twice as long for the piece
 * alone, since engines hash and compare slices the slow way.
 */
export class NameTable {
  /** By row. */
  private readonly names: readonly string[]
  /** Hash and row, side by side; a free slot has row NONE, one that was given back GONE. */
  private slots = new Int32Array(64).fill(NONE)
  private taken = 0

  constructor(names: readonly string[]) {
    this.names = names
  }

  /** The row whose name is `text` from `start` to `end`, NONE when there is none. */
  find(text: string, start: number, end: number): number {
    const { slots } = this
    const mask = (slots.length >> 1) - 1
    const hash = hashOf(text, start, end)
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const row = slots[at * 2 + 1]!
      if (row === NONE) return NONE
      if (slots[at * 2] === hash && row !== GONE) {
        const name = this.names[row]!
        if (name.length === end - start && isAt(name, text, start)) return row
      }
    }
  }

  /**
   * Where names probably are: rows whose hash is that of `texts[i]` from `start` to `ends[i]`, NONE for most that are
   * not there. Each is to be compared. For many at once, so that their memory is waited for together: one by one,
   * finding a million names is mostly waiting.
   */
  guess(texts: readonly string[], start: number, ends: ArrayLike<number>): Int32Array {
    const guesses = new Int32Array(texts.length)
    for (let i = 0; i < texts.length; i++) guesses[i] = hashOf(texts[i]!, start, ends[i]!)
    const { slots } = this
    const mask = (slots.length >> 1) - 1
    for (let i = 0; i < guesses.length; i++) {
      const hash = guesses[i]!
      let at = hash & mask
      while (slots[at * 2] !== hash && slots[at * 2 + 1] !== NONE) at = (at + 1) & mask
      guesses[i] = Math.max(slots[at * 2 + 1]!, NONE)
    }
    return guesses
  }

  /** Adds a row whose name is in no other. */
  add(row: number): void {
    if (++this.taken * 3 > this.slots.length) this.grow()
    const name = this.names[row]!
    this.insert(hashOf(name, 0, name.length), row)
  }

  remove(row: number): void {
    const { slots } = this
    const mask = (slots.length >> 1) - 1
    const name = this.names[row]!
    let at = hashOf(name, 0, name.length) & mask
    while (slots[at * 2 + 1] !== row) at = (at + 1) & mask
    slots[at * 2 + 1] = GONE
  }

  /** Where the rows moved. */
  follow(newOf: Int32Array): void {
    const { slots } = this
    for (let at = 1; at < slots.length; at += 2) if (slots[at]! >= 0) slots[at] = newOf[slots[at]!]!
  }

  private grow(): void {
    const before = this.slots
    let kept = 1
    for (let at = 1; at < before.length; at += 2) if (before[at]! >= 0) kept++
    let length = 64
    while (length < kept * 4) length *= 2
    this.slots = new Int32Array(length).fill(NONE)
    this.taken = kept
    for (let at = 0; at < before.length; at += 2)
      if (before[at + 1]! >= 0) this.insert(before[at]!, before[at + 1]!)
  }

  private insert(hash: number, row: number): void {
    const { slots } = this
    const mask = (slots.length >> 1) - 1
    let at = hash & mask
    while (slots[at * 2 + 1]! >= 0) at = (at + 1) & mask
    slots[at * 2] = hash
    slots[at * 2 + 1] = row
  }
}

const GONE = -2

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
