import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { Input, type CommandGroup, type CommandSpec, type OptionSpec } from './command.ts'
import { commands } from './commands.ts'
import { EXIT, exitStatusOf, usageError, type ExitStatus } from './exit.ts'
import type { Io } from './io.ts'
import { reportProblem } from './problem.ts'
import { openScreen } from './screen.ts'
import type { Purpose, Session, TargetFlags } from './session.ts'
import type { Target } from './target/target.ts'

/**
 * Runs one command to its end.
 *
 * @param argv - without the program and the script
 * @returns the exit status; nothing is thrown
 */
export async function run(argv: readonly string[], io: Io): Promise<ExitStatus> {
  const screen = openScreen(io, hasJsonFlag(argv))
  let opened: Promise<Target> | undefined
  const state = { isQuestion: false, status: EXIT.done as ExitStatus }
  try {
    const program = buildProgram(io, async (spec, command) => {
      state.isQuestion = spec.isQuestion === true
      const options: Readonly<Record<string, unknown>> = command.optsWithGlobals()
      const input = new Input(command.args, options)
      const flags = targetFlags(input)
      const session: Session = {
        io,
        screen,
        flags,
        target: (purpose) => (opened ??= open(io, flags, purpose)),
      }
      const handler = await spec.load()
      state.status = asStatus(await handler(session, input))
    })
    if (
      argv[0] === 'complete' ||
      (argv[0] === 'completion' && !argv.includes('--help') && !argv.includes('-h'))
    ) {
      const { complete } = await import('./commands/completion.ts')
      return complete(program, argv)
    }
    await program.parseAsync(argv, { from: 'user' })
    return state.status
  } catch (error) {
    screen.endProgress()
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done
      await reportProblem(toUsageError(error), io, screen)
      return EXIT.usage
    }
    await reportProblem(error, io, screen)
    return exitStatusOf(error, state.isQuestion)
  } finally {
    screen.endProgress()
    await opened?.then((target) => target.close()).catch(() => undefined)
  }
}

async function open(io: Io, flags: TargetFlags, purpose: Purpose): Promise<Target> {
  const { openTarget } = await import('./target/open.ts')
  return openTarget(io, flags, purpose)
}

type Runner = (spec: CommandSpec, command: Command) => Promise<void>

function buildProgram(io: Io, runner: Runner): Command {
  const program = new Command('castellan')
    .description('Who may do what, and why. Asks and changes a permission engine, near or on a server.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'how to use it, with an example')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // Usage errors are thrown, and shown with all the others.
      writeErr: () => undefined,
      outputError: () => undefined,
      getOutHelpWidth: () => io.stdout.columns || 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  for (const spec of GLOBAL_OPTIONS) program.addOption(toOption(spec))
  program.addHelpText('after', ROOT_EPILOGUE)
  program.action(() => program.outputHelp())
  program.allowExcessArguments(true)
  program.hook('preAction', (_, command) => {
    if (command === program && program.args.length > 0) failUnknown(program)
  })
  for (const spec of commands) addCommand(program, spec, runner)
  program
    .command('completion')
    .argument('<shell>', 'zsh, bash, fish or powershell')
    .description('print the completion script of a shell')
    .helpGroup('Run:')
    .addHelpText('after', exampleText(['source <(castellan completion bash)']))
  return program
}

const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--json',
    doc: 'machine output: JSON on standard output, errors as problem documents on standard error',
  },
  { flags: '--server <url>', doc: 'work on a server; its token is CASTELLAN_TOKEN or the saved login' },
  {
    flags: '--dir <dir>',
    doc: 'work on a platform folder; default: the one around here, or ./castellan-data',
  },
  { flags: '--store <store>', doc: 'work on one database, as in sqlite:file.db' },
  { flags: '--facts <file>', doc: 'work on a facts or world file, in memory' },
  { flags: '--as <actor>', doc: 'act as user:<id>: authority is checked as that user' },
]

const ROOT_EPILOGUE = `
Examples:
  $ castellan explain user:alice a:b
  $ castellan preview revoke a:b --from user:fred
  $ castellan test world.yaml

Exit status: 0 done, 1 denied or an expectation failed, 2 usage, 3 the server or the store could not be reached.`

function addCommand(parent: Command, spec: CommandSpec | CommandGroup, runner: Runner): void {
  const command = parent.command(spec.name).description(spec.summary)
  if (spec.heading !== undefined) command.helpGroup(`${spec.heading}:`)
  if ('commands' in spec) {
    for (const inner of spec.commands) addCommand(command, inner, runner)
    const { own } = spec
    if (own === undefined) command.action(() => failMissing(command))
    else {
      addOptions(command, own)
      command.action(async () => {
        if (command.args.length > 0) failUnknown(command)
        await runner(own, command)
      })
    }
    command.allowExcessArguments(true)
    if (own === undefined)
      command.hook('preAction', (_, acting) =>
        acting === command && command.args.length > 0 ? failUnknown(command) : undefined,
      )
  } else {
    // Inherited from the group, which takes any to say which command was meant.
    command.allowExcessArguments(false)
    if (spec.args !== undefined) command.arguments(spec.args)
    addOptions(command, spec)
    command.action(() => runner(spec, command))
  }
  if (spec.details !== undefined) command.addHelpText('after', `\n${spec.details}`)
  command.addHelpText('after', exampleText(spec.examples))
}

function addOptions(command: Command, spec: CommandSpec): void {
  for (const option of spec.options ?? []) command.addOption(toOption(option))
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.doc)
  if (spec.choices !== undefined) option.choices(spec.choices)
  if (spec.isRequired === true) option.makeOptionMandatory()
  return option
}

function exampleText(examples: readonly string[]): string {
  return `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${examples.map((example) => `  $ ${example}`).join('\n')}`
}

/** The library knows the nearest name, but says it only where no default stands. */
function failUnknown(command: Command): never {
  return (command as Command & { unknownCommand(): never }).unknownCommand()
}

function failMissing(command: Command): never {
  const names = command.commands.map((inner) => inner.name()).join(', ')
  throw usageError(`\`${pathOf(command)}\` takes a command`, `one of: ${names}`)
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

/** The library's `error: …\n(Did you mean x?)`, in our words. */
function toUsageError(error: CommanderError): Error {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const nearest = /Did you mean (.*)\?/.exec(rest.join(' '))?.[1]
  return usageError(
    first.replaceAll("'", '`'),
    nearest === undefined ? 'add `--help` to see what there is' : `did you mean ${nearest}?`,
  )
}

function hasJsonFlag(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}

function targetFlags(input: Input): TargetFlags {
  const names = ['server', 'dir', 'store', 'facts', 'as'] as const
  return Object.fromEntries(
    names.flatMap((name) => (input.text(name) === undefined ? [] : [[name, input.text(name)]])),
  )
}

function asStatus(status: number | undefined): ExitStatus {
  return status === 1 || status === 2 || status === 3 ? status : EXIT.done
}

function readVersion(): string {
  const text: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return typeof text === 'object' && text !== null && 'version' in text && typeof text.version === 'string'
    ? text.version
    : 'unknown'
}
