import type { JournalEntry } from '@castellan/engine'
import type { Live } from '../live.ts'

/** An entry of the journal, as it goes to everyone who follows. */
export interface JournalEvent {
  readonly entry: JournalEntry
  readonly bytes: Buffer
}

/** Bytes of events kept for those who come next. What is older is read from the journal again. */
const KEPT_BYTES_MAX = 4_194_304
/** Entries and bytes read at once where none is kept. */
const READ_MAX = 64
const READ_BYTES_MAX = 1_048_576

/**
 * The events that follow a revision, written once for all who want them at about the same time: whoever keeps up
 * costs no reading, and a hundred of them hold the same bytes.
 */
export class JournalEvents {
  readonly #live: Live
  /** By revision, those used last at the end. */
  readonly #kept = new Map<number, JournalEvent>()
  #keptBytes = 0

  constructor(live: Live) {
    this.#live = live
  }

  /** @returns undefined when there is none yet @throws {StoreError} */
  after(revision: number): JournalEvent | undefined {
    if (revision >= this.#live.engine.revision) return undefined
    return this.#kept.get(revision + 1) ?? this.#read(revision)
  }

  /** Takes an entry in that was just added to the journal. */
  add(entry: JournalEntry): JournalEvent {
    const known = this.#kept.get(entry.revision)
    if (known !== undefined) return known
    const event = { entry, bytes: Buffer.from(writeEvent(entry)) }
    this.#kept.set(entry.revision, event)
    this.#keptBytes += event.bytes.length
    for (const [revision, { bytes }] of this.#kept) {
      // The newest stays, however large: all who keep up want it now.
      if (this.#keptBytes <= KEPT_BYTES_MAX || revision === entry.revision) break
      this.#kept.delete(revision)
      this.#keptBytes -= bytes.length
    }
    return event
  }

  #read(revision: number): JournalEvent | undefined {
    let first: JournalEvent | undefined
    let bytes = 0
    const to = Math.min(this.#live.engine.revision, revision + READ_MAX)
    for (const entry of this.#live.journal({ from: revision, to })) {
      const event = this.add(entry)
      first ??= event
      bytes += event.bytes.length
      if (bytes >= READ_BYTES_MAX) break
    }
    return first
  }
}

function writeEvent(entry: JournalEntry): string {
  return `id: ${entry.revision}\nevent: change\ndata: ${JSON.stringify(entry)}\n\n`
}
