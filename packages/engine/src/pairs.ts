import { NONE } from './columns.ts'

/**
 * Pairs of rows, each once, in the order they came. A Set would need a key for each, which is a string or a number
 * too large to be kept without memory of its own.
 */
export class Pairs {
  size = 0
  /** By place. */
  readonly left: number[] = []
  readonly right: number[] = []
  /** Places by hash, twice as many as are taken at least; undefined while there are few enough to be looked through. */
  private slots: Int32Array | undefined

  /** The place of a pair, which is the last one when it is new. */
  add(left: number, right: number): number {
    const slot = this.slotOf(left, right)
    const known = this.slots === undefined ? slot : this.slots[slot]!
    if (known !== NONE) return known
    const place = this.size++
    this.left.push(left)
    this.right.push(right)
    if (this.slots !== undefined) this.slots[slot] = place
    if (place >= FEW && (this.slots === undefined || this.size * 2 > this.slots.length)) this.grow()
    return place
  }

  /** The place of a pair, NONE when it is not there. */
  find(left: number, right: number): number {
    const slot = this.slotOf(left, right)
    return this.slots === undefined ? slot : this.slots[slot]!
  }

  /** The slot where it is, or the free one where it belongs; without slots, its place or NONE. */
  private slotOf(left: number, right: number): number {
    const { slots } = this
    if (slots === undefined) {
      for (let place = this.size - 1; place >= 0; place--)
        if (this.left[place] === left && this.right[place] === right) return place
      return NONE
    }
    const mask = slots.length - 1
    for (let slot = hashOf(left, right) & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot]!
      if (place === NONE || (this.left[place] === left && this.right[place] === right)) return slot
    }
  }

  private grow(): void {
    this.slots = new Int32Array((this.slots?.length ?? FEW) * 4).fill(NONE)
    for (let place = 0; place < this.size; place++)
      this.slots[this.slotOf(this.left[place]!, this.right[place]!)] = place
  }
}

/** So many are sooner looked through than looked up. */
const FEW = 16

function hashOf(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca77)
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 7
}
