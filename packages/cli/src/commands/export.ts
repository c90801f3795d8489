import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { printFact } from '@castellan/protocol'
import { unreadable } from '../change-file.ts'
import type { Handler } from '../command.ts'
import { count } from '../render/words.ts'
import type { Target } from '../target/target.ts'

/** Characters gathered before they are written: a call for every line would cost more than the line. */
const PIECE_LENGTH = 65_536

export const exportFacts: Handler = async (session, input) => {
  const target = await session.target('read')
  const output = input.text('output')
  if (output === undefined) {
    await writeAll(target, (piece) => session.screen.write(piece))
    return undefined
  }
  const total = await writeFile(target, resolve(session.io.cwd, output), output)
  session.screen.note(`${count(total, 'fact')} written to ${output}`)
  return undefined
}

async function writeAll(target: Target, write: (piece: string) => Promise<void>): Promise<number> {
  let total = 0
  let piece = ''
  for await (const fact of target.facts()) {
    total++
    piece += `${printFact(fact)}\n`
    if (piece.length < PIECE_LENGTH) continue
    await write(piece)
    piece = ''
  }
  if (piece !== '') await write(piece)
  return total
}

/** The name appears when the file is whole. */
async function writeFile(target: Target, path: string, name: string): Promise<number> {
  const partial = `${path}.partial`
  const stream = createWriteStream(partial, { flush: true })
  const end = finished(stream)
  try {
    const total = await writeAll(target, async (piece) => {
      if (!stream.write(piece)) await Promise.race([once(stream, 'drain'), end])
    })
    stream.end()
    await end
    await rename(partial, path)
    return total
  } catch (error) {
    stream.destroy()
    await end.catch(() => undefined)
    await rm(partial, { force: true })
    throw 'syscall' in (error as Error) ? unreadable(name, error) : error
  }
}
