import { readFileSync } from 'node:fs'
import { LIMITS, openEngine } from '@castellan/engine'
import { MEANINGS } from '@castellan/protocol'
import { environmentName, flagName, SETTING_NAMES, SETTINGS, type Setting } from '@castellan/server/settings'
import type { CommandGroup, CommandSpec, OptionSpec } from '../packages/cli/src/command.ts'
import { commands } from '../packages/cli/src/commands.ts'
import { ALL_ROUTES } from '../packages/server/src/app.ts'
import type { DecisionLog } from '../packages/server/src/observe/decision-log.ts'
import { Meter } from '../packages/server/src/observe/meter.ts'
import { createMetrics } from '../packages/server/src/observe/metrics.ts'

/** A part of a page that is written from the code. */
export interface TableSpec {
  readonly page: string
  /** As in `<!-- name -->`. */
  readonly name: string
  write(): Promise<string> | string
}

export const TABLES: readonly TableSpec[] = [
  { page: 'docs/cli.md', name: 'commands', write: writeCommands },
  { page: 'docs/http.md', name: 'routes', write: writeRoutes },
  { page: 'docs/http.md', name: 'errors', write: writeErrors },
  { page: 'docs/rules.md', name: 'built-in rules', write: writeRules },
  { page: 'docs/concepts.md', name: 'namespaces', write: writeNamespaces },
  { page: 'docs/operations.md', name: 'settings', write: writeSettings },
  { page: 'docs/operations.md', name: 'limits of the model', write: writeModelLimits },
  { page: 'docs/operations.md', name: 'metrics', write: writeMetrics },
]

// ---- the command

function writeCommands(): string {
  const sections = Map.groupBy(commands, (command) => command.heading ?? 'Run')
  return [...sections]
    .map(([heading, list]) => `## ${heading}\n\n${list.map((command) => sayCommand(command, [])).join('')}`)
    .join('')
}

function sayCommand(command: CommandSpec | CommandGroup, before: readonly string[]): string {
  const path = [...before, command.name]
  if (!('commands' in command)) return sayOne(command, path)
  if (command.name === 'preview') return sayPreview(command)
  const { own: alone, summary } = command
  const own = alone === undefined ? '' : sayOne({ ...alone, summary, details: sentence(alone.summary) }, path)
  return own + command.commands.map((inner) => sayCommand(inner, path)).join('')
}

function sayOne(
  { args, summary, details, options = [], examples }: CommandSpec,
  path: readonly string[],
): string {
  const usage = ['castellan', ...path, ...(args === undefined ? [] : [args])].join(' ')
  return [
    `### \`${usage}\``,
    `${sentence(summary)}${details === undefined ? '' : ` ${details}`}`,
    ...(options.length === 0 ? [] : [sayOptions(options)]),
    sayExamples(examples),
    '',
  ].join('\n\n')
}

/** Settings stand in one table, with their bounds. */
function sayOptions(options: readonly OptionSpec[]): string {
  const others = options.filter(({ flags }) => !SETTING_FLAGS.has(flags.split(' ', 1)[0]!))
  const lines =
    others.length === options.length - SETTING_FLAGS.size
      ? [...others.map(sayOption), EACH_SETTING]
      : options.map(sayOption)
  return lines.join('\n')
}

/** `--store` is there for every command. */
const SETTING_FLAGS = new Set(SETTING_NAMES.filter((name) => name !== 'store').map(flagName))
const EACH_SETTING =
  '- A flag for each [setting](operations.md#settings), as in `--port 8080` or `--log-level debug`.'

function sayOption({ flags, doc, choices, isRequired }: OptionSpec): string {
  const notes = [
    ...(choices === undefined ? [] : [`one of ${choices.map((choice) => `\`${choice}\``).join(', ')}`]),
    ...(isRequired === true ? ['required'] : []),
  ]
  return `- \`${flags}\`: ${doc}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`
}

function sayPreview({ summary, details = '', examples, commands: inner }: CommandGroup): string {
  const names = inner.flatMap((command) =>
    'commands' in command
      ? command.commands.map(({ name }) => `\`${command.name} ${name}\``)
      : [`\`${command.name}\``],
  )
  return [
    '### `castellan preview <command…>`',
    `${sentence(summary)} ${details} There are: ${names.join(', ')}. Each takes what it takes without \`preview\`, and:`,
    '- `--limit <n>`: how many at most; default: all\n- `--cursor <cursor>`: go on where a page ended',
    sayExamples(examples),
    '',
  ].join('\n\n')
}

function sayExamples(examples: readonly string[]): string {
  return `For example ${examples.map((example) => `\`${example}\``).join(', or ')}.`
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

// ---- HTTP

function writeRoutes(): string {
  const rows = ALL_ROUTES.map(({ method, path, doc }) => [`\`${method} ${path}\``, doc])
  return table(['route', 'does'], rows)
}

function writeErrors(): string {
  const rows = Object.entries(MEANINGS).map(([code, { status, title }]) => [
    `\`${code}\``,
    String(status),
    title,
  ])
  return table(['code', 'status', 'means'], rows)
}

// ---- the model

function writeRules(): string {
  const rows = openEngine()
    .rules()
    .map(({ kind, id, doc }) => [kind, `\`${id}\``, doc])
  return table(['kind', 'id', 'does'], rows)
}

function writeNamespaces(): string {
  const rows = openEngine()
    .catalog()
    .map(({ name, description, modes = [] }) => [`\`${name}\``, description, modes.join(' < ')])
  return table(['namespace', 'is', 'modes'], rows)
}

// ---- settings and limits

function writeSettings(): string {
  const rows = SETTING_NAMES.map((name) => {
    const setting: Setting = SETTINGS[name]
    return [
      `\`${name}\``,
      `\`${environmentName(name)}\`, \`${flagName(name)}\``,
      `\`${JSON.stringify(setting.default)}\``,
      `${setting.doc}${sayBounds(setting)}`,
    ]
  })
  return table(['setting', 'environment, flag', 'default', 'is'], rows)
}

function sayBounds(setting: Setting): string {
  if (setting.kind === 'choice') return ` (${setting.values.map((value) => `\`${value}\``).join(', ')})`
  if (setting.kind !== 'whole' && setting.kind !== 'number') return ''
  return ` (${setting.min.toLocaleString('en')} to ${setting.max.toLocaleString('en')})`
}

/** What stands above each limit says its unit and its reason. */
function writeModelLimits(): string {
  const docs = docsIn('../packages/engine/src/limits.ts')
  return limitTable(LIMITS, docs)
}

function limitTable(limits: object, docs: ReadonlyMap<string, string>): string {
  const rows = Object.entries(limits).map(([name, value]) => [
    `\`${name}\``,
    Number(value).toLocaleString('en'),
    (docs.get(name) ?? '').replace(/ Default [\d,]+\.$/, ''),
  ])
  return table(['limit', 'at most', 'of'], rows)
}

function docsIn(path: string): Map<string, string> {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  const found = text.matchAll(/^ *\/\*\* (?<doc>.*) \*\/\n *(?:readonly )?(?<name>\w+):/gm)
  return new Map([...found].map(({ groups }) => [groups!['name']!, groups!['doc']!]))
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, headings.map(() => '---'), ...rows]
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |\n`)
    .join('')
}

/** What someone who reads them sees of them. */
async function writeMetrics(): Promise<string> {
  const log = { written: 0, lost: {} } as unknown as DecisionLog
  const metrics = createMetrics(
    {
      meter: new Meter(),
      decisionLog: log,
      connections: () => ({ open: 0, refused: 0 }),
      rateLimited: () => [],
      revision: () => 0,
      followers: () => 0,
      store: () => undefined,
    },
    true,
  )
  const text = await metrics.read()
  const rows = [...text.matchAll(/^# HELP (?<name>castellan_\w+) (?<help>.*)\n# TYPE \w+ (?<type>\w+)$/gm)]
  return table(
    ['metric', 'type', 'is'],
    rows.map(({ groups }) => [`\`${groups!['name']!}\``, groups!['type']!, groups!['help']!]),
  )
}
