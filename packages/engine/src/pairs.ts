import { NONE } from './columns.ts'

/**
 * Pairs of rows, each once, in the order they came. Made for many: a Set would need a key for each, which is a string
 * or a number too large to be kept without memory of its own.
 */
export class Pairs {
  size = 0
  /** By place. */
  readonly left: number[] = []
  readonly right: number[] = []
  /** Places by hash, twice as many as are taken at least. */
  private slots = new Int32Array(64).fill(NONE)

  /** The place of a pair, which is the last one when it is new. */
  add(left: number, right: number): number {
    const slot = this.slotOf(left, right)
    const known = this.slots[slot]!
    if (known !== NONE) return known
    const place = this.size++
    this.left[place] = left
    this.right[place] = right
    this.slots[slot] = place
    if (this.size * 2 > this.slots.length) this.grow()
    return place
  }

  /** The place of a pair, NONE when it is not there. */
  find(left: number, right: number): number {
    return this.slots[this.slotOf(left, right)]!
  }

  /** Where it is, or the free slot where it belongs. */
  private slotOf(left: number, right: number): number {
    const { slots } = this
    const mask = slots.length - 1
    for (let slot = hashOf(left, right) & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot]!
      if (place === NONE || (this.left[place] === left && this.right[place] === right)) return slot
    }
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 4).fill(NONE)
    for (let place = 0; place < this.size; place++)
      this.slots[this.slotOf(this.left[place]!, this.right[place]!)] = place
  }
}

function hashOf(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca77)
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 7
}
