import { usageError } from './exit.ts'
import type { Session } from './session.ts'

/**
 * Asks a person before what could not be taken back.
 *
 * Without a terminal there is nobody to ask, and the prompt library would end the process with status 0 and no
 * answer; so the flag is required there.
 */
export async function confirm(session: Session, deed: string, isAgreed: boolean): Promise<boolean> {
  if (isAgreed) return true
  const { io, screen } = session
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true || screen.json) {
    throw usageError(`this would ${deed}, and nobody is there to ask`, 'add `--yes` to agree')
  }
  const prompts = await import('@clack/prompts')
  const answer = await prompts.confirm({
    message: `This would ${deed}. Go on?`,
    initialValue: false,
    output: io.stderr,
  })
  if (answer === true) return true
  screen.note('nothing was changed')
  return false
}
