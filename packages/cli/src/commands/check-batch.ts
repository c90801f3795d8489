import {
  FileInvalidError,
  parseQuestion,
  readJsonLines,
  type BatchQuestion,
  type Parsed,
} from '@castellan/protocol'
import { EXIT, type ExitStatus } from '../exit.ts'
import type { Session } from '../session.ts'
import { openSource } from '../source.ts'
import type { Target } from '../target/target.ts'

/** Questions in one call: as many as the server takes. */
const CALL_QUESTIONS = 1_000

/**
 * Answers questions as they come, in order: each line goes out as it came in, with `allowed` added.
 *
 * @returns 0 once every line has its answer, whatever the answers are
 */
export async function checkBatch(session: Session, name: string): Promise<ExitStatus> {
  const { chunks } = await openSource(session.io, name)
  const target = await session.target('read')
  for await (const lines of readJsonLines(chunks, { parse: parseQuestion })) {
    for (let from = 0; from < lines.length; from += CALL_QUESTIONS)
      await answer(session, target, lines.slice(from, from + CALL_QUESTIONS))
  }
  return EXIT.done
}

async function answer(
  session: Session,
  target: Target,
  lines: readonly Parsed<BatchQuestion>[],
): Promise<void> {
  const { results } = await ask(target, lines)
  const text = lines.map(
    ({ value }, index) => `${JSON.stringify({ ...value, allowed: results[index]?.allowed })}\n`,
  )
  await session.screen.write(text.join(''))
}

async function ask(target: Target, lines: readonly Parsed<BatchQuestion>[]): ReturnType<Target['checkEach']> {
  try {
    return await target.checkEach(lines.map(({ value }) => value))
  } catch (error) {
    await blameLine(target, lines)
    throw error
  }
}

/** Which of them could not be asked: each is put alone until one fails as all did. */
async function blameLine(target: Target, lines: readonly Parsed<BatchQuestion>[]): Promise<void> {
  for (const { line, value } of lines) {
    try {
      await target.check(value.actor, [value.permission])
    } catch (error) {
      if (!(error instanceof Error) || !('hint' in error) || typeof error.hint !== 'string') throw error
      throw new FileInvalidError('LINE_INVALID', { line, column: 1 }, error.message, error.hint, error)
    }
  }
}
