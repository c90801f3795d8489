import { parseFact, type ChangeResult, type Fact } from '@castellan/engine'
import { FileInvalidError, parseLine, readLines, type Line } from '@castellan/protocol'
import type { Handler } from '../command.ts'
import { count } from '../render/words.ts'
import type { Session } from '../session.ts'
import { openSource } from '../source.ts'
import { BatchError, type Target } from '../target/target.ts'

/** Facts in one commit: large enough that the disk is no matter, small enough to hold and to report on. */
export const BATCH_LINES = 10_000

interface Tally {
  lines: number
  added: number
  updated: number
  unchanged: number
  commits: number
  revision: number
}

export const importFacts: Handler = async (session, input) => {
  const name = input.arg(0)
  const source = await openSource(session.io, name)
  const target = await session.target('change')
  const tally: Tally = {
    lines: 0,
    added: 0,
    updated: 0,
    unchanged: 0,
    commits: 0,
    revision: await target.revision(),
  }
  const show = progress(session, source.size)
  try {
    for await (const batch of inBatches(readLines(source.chunks), BATCH_LINES)) {
      addTo(tally, await commitBatch(target, batch, input.text('reason')))
      show(tally, source.bytesRead())
    }
  } catch (error) {
    session.screen.endProgress()
    // What came before the bad line is kept, and the next run passes over it.
    if (tally.lines > 0) session.screen.note(`kept: ${summary(tally)}`)
    throw error
  }
  session.screen.endProgress()
  if (session.screen.json) await session.screen.printJson({ ...tally })
  else await session.screen.print(summary(tally))
  return undefined
}

async function commitBatch(
  target: Target,
  batch: readonly FactLine[],
  reason: string | undefined,
): Promise<Committed> {
  try {
    const { revision, results } = await target.importBatch(
      batch.map((line) => line.fact),
      reason,
    )
    return { revision, results }
  } catch (error) {
    if (!(error instanceof BatchError)) throw error
    const { cause, index, last } = error
    const line = batch[index]?.line ?? 0
    const problem =
      last === index ? cause.message : `${cause.message} (somewhere up to line ${batch[last]?.line ?? 0})`
    throw new FileInvalidError('LINE_INVALID', { line, column: 1 }, problem, hintOf(cause), cause)
  }
}

interface Committed {
  readonly revision: number
  readonly results: readonly ChangeResult[]
}

function addTo(tally: Tally, { revision, results }: Committed): void {
  let changed = 0
  for (const { outcome } of results) {
    tally.lines++
    if (outcome === 'added') tally.added++
    else if (outcome === 'updated') tally.updated++
    else tally.unchanged++
    if (outcome === 'added' || outcome === 'updated') changed++
  }
  if (changed > 0) tally.commits++
  tally.revision = revision
}

function summary(tally: Tally): string {
  const parts = [`${count(tally.lines, 'fact')} read`, `${tally.added.toLocaleString('en')} new`]
  if (tally.updated > 0) parts.push(`${tally.updated.toLocaleString('en')} updated`)
  if (tally.unchanged > 0) parts.push(`${tally.unchanged.toLocaleString('en')} there already`)
  return `${parts.join(', ')}; revision ${tally.revision}`
}

function hintOf(error: Error): string {
  return 'hint' in error && typeof error.hint === 'string'
    ? error.hint
    : 'correct the line and run the import again'
}

interface FactLine {
  readonly line: number
  readonly fact: Fact
}

/** Parsed one by one: a bad line takes its own batch with it, and none that was whole before it. */
async function* inBatches(
  pieces: AsyncIterable<readonly Line[]>,
  size: number,
): AsyncGenerator<readonly FactLine[]> {
  let batch: FactLine[] = []
  for await (const piece of pieces) {
    for (const line of piece) {
      batch.push({ line: line.number, fact: parseLine(line, parseFact) })
      if (batch.length === size) {
        yield batch
        batch = []
      }
    }
  }
  if (batch.length > 0) yield batch
}

const BAR_COLUMNS = 24

function progress(session: Session, size: number | undefined): (tally: Tally, bytes: number) => void {
  const started = session.io.now()
  return (tally, bytes) => {
    const seconds = Math.max(1, session.io.now() - started) / 1_000
    const rate = `${count(Math.round(tally.lines / seconds), 'fact')}/s`
    const lines = count(tally.lines, 'fact')
    if (size === undefined || size === 0) return session.screen.progress(`${lines}, ${rate}`)
    const share = Math.min(1, bytes / size)
    const filled = Math.round(share * BAR_COLUMNS)
    session.screen.progress(
      `${'█'.repeat(filled)}${'░'.repeat(BAR_COLUMNS - filled)} ${String(Math.round(share * 100)).padStart(3)} %  ${lines}, ${rate}`,
    )
  }
}
