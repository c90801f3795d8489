import { hasOption } from '@castellan/engine'
import type { Handler } from '../command.ts'
import { EXIT } from '../exit.ts'
import { renderReading } from '../render/reading.ts'

export const scan: Handler = async (session, input) => {
  const [actor = '', ...permissions] = input.args
  const target = await session.target('read')
  const answer = await target.scan(actor, permissions)
  if (session.screen.json) await session.screen.printJson(answer)
  else for (const line of renderReading(answer.reading, session.screen)) await session.screen.print(line)
  return hasOption(answer.reading) ? EXIT.done : EXIT.denied
}
