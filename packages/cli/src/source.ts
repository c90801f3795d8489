import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Chunks } from '@castellan/protocol'
import { unreadable } from './change-file.ts'
import type { Io } from './io.ts'

/** Lines that are read as they come: a file, or standard input. */
export interface Source {
  readonly chunks: Chunks
  /** In bytes; undefined where nobody knows. */
  readonly size: number | undefined
  bytesRead(): number
}

/** Opens it at once, so that a file that cannot be read is found before anything is done. */
export async function openSource(io: Io, name: string): Promise<Source> {
  if (name === '-') return { chunks: io.stdin, size: undefined, bytesRead: () => 0 }
  const path = resolve(io.cwd, name)
  try {
    const { size } = await stat(path)
    const stream = createReadStream(path, { highWaterMark: 1 << 18 })
    await new Promise<void>((done, fail) => {
      stream.once('open', () => done()).once('error', fail)
    })
    return { chunks: readAll(stream, name), size, bytesRead: () => stream.bytesRead }
  } catch (error) {
    throw unreadable(name, error)
  }
}

/** A folder opens like a file, and fails when it is read. */
async function* readAll(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* stream
  } catch (error) {
    throw unreadable(name, error)
  }
}
