import { copyPiece, NONE, Rows } from './columns.ts'
import { isAt, type NameTable, Pieces } from './name-table.ts'

/** What is looked up together at most: enough that the waiting overlaps, and all of it stays near. */
export const BATCH = 512

/** Of a string: where it hangs; of a resource, whose it is and where it lies; of modes, those beside it. */
export const STRING = {
  width: 6,
  parent: 0,
  rank: 1,
  owner: 2,
  folder: 3,
  firstMode: 4,
  nextMode: 5,
} as const
export const MEMBERSHIP = { width: 2, group: 0, party: 1 } as const
export const GIVEN = { width: 3, node: 0, holder: 1, issuer: 2 } as const

/**
 * Facts as numbers, in the order they came and linked to nothing: what the index lays its rows out from. To sort a
 * million takes less time than to find their places one by one.
 */
export class Gathered {
  readonly strings: GatheredStrings
  readonly memberships = new Rows(MEMBERSHIP.width)
  readonly grants = new Rows(GIVEN.width)

  constructor(strings: GatheredStrings) {
    this.strings = strings
  }
}

/** A namespace as far as strings are gathered beneath it. */
interface Space {
  readonly node: number
  readonly ladder: readonly string[]
}

/** Strings as a trie, a row for each component. */
export class GatheredStrings {
  readonly rows = new Rows(STRING.width)
  /** By row. */
  readonly component: string[]
  /** Rows by parent and component; modes are found without. */
  private readonly names: NameTable
  private readonly pieces = new Pieces(BATCH)
  private readonly found = new Int32Array(BATCH)
  private readonly foundRanks = new Int32Array(BATCH)

  constructor(component: string[], names: NameTable) {
    this.component = component
    this.names = names
  }

  add(parent: number, rank: number, component: string): number {
    const at = this.rows.add()
    const { data } = this.rows
    data[at + STRING.parent] = parent
    data[at + STRING.rank] = rank
    data[at + STRING.owner] = NONE
    data[at + STRING.folder] = NONE
    data[at + STRING.firstMode] = NONE
    data[at + STRING.nextMode] = NONE
    this.component[this.rows.count - 1] = component
    return this.rows.count - 1
  }

  setResource(row: number, owner: number, folder: number): void {
    const { data } = this.rows
    data[row * STRING.width + STRING.owner] = owner
    data[row * STRING.width + STRING.folder] = folder
  }

  /** A mode that was added is found from now on. */
  linkMode(row: number): void {
    const { data } = this.rows
    const at = row * STRING.width
    const head = data[at + STRING.parent]! * STRING.width + STRING.firstMode
    data[at + STRING.nextMode] = data[head]!
    data[head] = row
  }

  /**
   * The rows of strings, made where there are none. All of them go one component further before any goes on.
   *
   * @param texts - at most BATCH
   * @param spaces - the namespace of each
   */
  internAll(texts: readonly string[], spaces: readonly Space[]): Int32Array {
    const rows = new Int32Array(texts.length)
    const ends = new Int32Array(texts.length)
    let going: number[] = []
    for (let i = 0; i < texts.length; i++) {
      rows[i] = spaces[i]!.node
      ends[i] = texts[i]!.indexOf(':')
      if (ends[i]! >= 0) going.push(i)
    }
    while (going.length > 0) {
      this.stepDown(going, texts, spaces, rows, ends)
      going = going.filter((i) => ends[i]! >= 0)
    }
    return rows
  }

  /** From rows to those of the next component. @param ends - where the one before ended; -1 after the last */
  private stepDown(
    going: readonly number[],
    texts: readonly string[],
    spaces: readonly Space[],
    rows: Int32Array,
    ends: Int32Array,
  ): void {
    const { pieces } = this
    const named: number[] = []
    const modes: number[] = []
    const ranks: number[] = []
    pieces.clear()
    for (const i of going) {
      const text = texts[i]!
      const start = ends[i]! + 1
      const colon = text.indexOf(':', start)
      const end = colon < 0 ? text.length : colon
      ends[i] = colon
      const rank = rankOf(spaces[i]!.ladder, text, start, end)
      if (rank === NONE) {
        pieces.add(rows[i]!, text, start, end)
        named.push(i)
      } else {
        modes.push(i)
        ranks.push(rank)
      }
    }
    this.stepToNames(named, rows)
    this.stepToModes(modes, ranks, spaces, rows)
  }

  private stepToNames(named: readonly number[], rows: Int32Array): void {
    const { pieces, found } = this
    this.names.findAll(pieces, found)
    for (let k = 0; k < named.length; k++) rows[named[k]!] = found[k] === NONE ? this.nameOf(k) : found[k]!
  }

  /** Of a piece that was not there when all were looked up. */
  private nameOf(place: number): number {
    const { names, pieces } = this
    const text = pieces.texts[place]!
    const hash = pieces.hashes[place]!
    const parent = pieces.parents[place]!
    const start = pieces.starts[place]!
    const end = pieces.ends[place]!
    const known = names.findHashed(hash, parent, text, start, end)
    if (known !== NONE) return known
    const row = this.add(parent, NONE, copyPiece(text, start, end))
    names.addHashed(hash, parent, row)
    return row
  }

  private stepToModes(
    modes: readonly number[],
    ranks: readonly number[],
    spaces: readonly Space[],
    rows: Int32Array,
  ): void {
    const { found, foundRanks } = this
    const { data } = this.rows
    for (let k = 0; k < modes.length; k++)
      found[k] = data[rows[modes[k]!]! * STRING.width + STRING.firstMode]!
    for (let k = 0; k < modes.length; k++)
      foundRanks[k] = found[k] === NONE ? NONE : data[found[k]! * STRING.width + STRING.rank]!
    for (let k = 0; k < modes.length; k++) {
      const i = modes[k]!
      const rank = ranks[k]!
      rows[i] = foundRanks[k] === rank ? found[k]! : this.modeOf(rows[i]!, rank, spaces[i]!.ladder)
    }
  }

  private modeOf(row: number, rank: number, ladder: readonly string[]): number {
    const { data } = this.rows
    for (
      let mode = data[row * STRING.width + STRING.firstMode]!;
      mode !== NONE;
      mode = data[mode * STRING.width + STRING.nextMode]!
    )
      if (data[mode * STRING.width + STRING.rank] === rank) return mode
    const made = this.add(row, rank, ladder[rank]!)
    this.linkMode(made)
    return made
  }
}

function rankOf(ladder: readonly string[], text: string, start: number, end: number): number {
  for (let rank = 0; rank < ladder.length; rank++) {
    const mode = ladder[rank]!
    if (mode.length === end - start && isAt(mode, text, start)) return rank
  }
  return NONE
}
