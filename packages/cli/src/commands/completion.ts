import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import { EXIT, usageError, type ExitStatus } from '../exit.ts'

const SHELLS: readonly string[] = ['zsh', 'bash', 'fish', 'powershell']

const OWN_NAME = 'completion-of-the-library'

/** `castellan completion <shell>` prints the script; the script asks `castellan complete -- <words>` for words. */
export function complete(program: Command, argv: readonly string[]): ExitStatus {
  // The library brings a command of its own, which would stand beside ours.
  const completion = tab(program, { completionCommandName: OWN_NAME })
  completion.commands.delete(OWN_NAME)
  // Options of the program stand after a command as well, which the library does not know.
  for (const command of completion.commands.values()) {
    for (const [name, option] of completion.options)
      if (!command.options.has(name)) command.options.set(name, option)
  }
  if (argv[0] === 'complete') {
    completion.parse(argv.slice(argv[1] === '--' ? 2 : 1))
    return EXIT.done
  }
  const shell = argv[1] ?? ''
  if (!SHELLS.includes(shell))
    throw usageError(
      shell === '' ? 'which shell is it for' : `there is no completion for \`${shell}\``,
      `one of: ${SHELLS.join(', ')}`,
    )
  completion.setup('castellan', 'castellan', shell)
  return EXIT.done
}
