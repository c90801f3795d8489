import { flagName, SETTING_NAMES, SETTINGS, type Setting, type SettingName } from '@castellan/server/settings'
import { changeCommands, previewCommands } from './change-commands.ts'
import type { CommandGroup, CommandSpec, Heading, OptionSpec } from './command.ts'

const PAGING: readonly OptionSpec[] = [
  { flags: '--limit <n>', doc: 'how many at most; default: all' },
  { flags: '--cursor <cursor>', doc: 'go on where a page ended' },
]

const VALUE_WORDS = { text: 'text', whole: 'n', number: 'n', switch: 'true|false' } as const

/** A flag for each setting; `--store` is there for every command. */
const SETTING_FLAGS: readonly OptionSpec[] = SETTING_NAMES.filter((name) => name !== 'store').map(settingFlag)
const ADDRESS: readonly OptionSpec[] = (['host', 'port'] as const).map(settingFlag)

function settingFlag(name: SettingName): OptionSpec {
  const setting: Setting = SETTINGS[name]
  const { doc } = setting
  if (setting.kind === 'choice') return { flags: `${flagName(name)} <choice>`, doc, choices: setting.values }
  return { flags: `${flagName(name)} <${VALUE_WORDS[setting.kind]}>`, doc }
}

const asking = () => import('./commands/questions.ts')
const lists = () => import('./commands/lists.ts')
const journals = () => import('./commands/journal.ts')
const configs = () => import('./commands/config.ts')
const platforms = () => import('./commands/platform.ts')

const OWN: readonly (CommandSpec | CommandGroup)[] = [
  {
    name: 'init',
    heading: 'Run',
    args: '[dir]',
    summary: 'make a platform folder: settings, database, the admin user and a token for it',
    examples: ['castellan init castellan-data'],
    load: async () => (await platforms()).init,
  },
  {
    name: 'serve',
    heading: 'Run',
    summary: 'serve a platform folder over HTTP',
    details:
      'Prints one line with the address when ready. Every setting of settings/castellan.json has a flag and an environment variable, CASTELLAN_…, as well.',
    options: SETTING_FLAGS,
    examples: ['castellan serve --dir castellan-data --port 7070'],
    load: async () => (await platforms()).serve,
  },
  {
    name: 'start',
    heading: 'Run',
    summary: 'serve ./castellan-data, made with the example world if it is not there yet',
    options: ADDRESS,
    examples: ['castellan start'],
    load: async () => (await platforms()).start,
  },
  {
    name: 'check',
    heading: 'Ask',
    args: '[actor] [permission...]',
    summary: 'does the actor hold any of the permissions',
    options: [
      {
        flags: '--batch <file>',
        doc: 'questions as JSON Lines, one {"actor", "permission"} a line; `-` reads standard input',
      },
    ],
    examples: ['castellan check user:alice a:b', 'castellan check --batch questions.jsonl'],
    isQuestion: true,
    load: async () => (await asking()).check,
  },
  {
    name: 'scan',
    heading: 'Ask',
    args: '<actor> <permission...>',
    summary: 'the reading: every pathway to the permissions',
    examples: ['castellan scan user:alice a:b --json'],
    isQuestion: true,
    load: async () => (await import('./commands/scan.ts')).scan,
  },
  {
    name: 'explain',
    heading: 'Ask',
    args: '<actor> <permission...>',
    summary: 'why the actor holds the permission, or what would mend that it does not',
    examples: ['castellan explain user:alice a:b'],
    isQuestion: true,
    load: async () => (await asking()).explain,
  },
  {
    name: 'holders',
    heading: 'Ask',
    args: '<permission>',
    summary: 'everyone who holds the permission',
    options: PAGING,
    examples: ['castellan holders a:b'],
    isQuestion: true,
    load: async () => (await asking()).holders,
  },
  {
    name: 'permissions',
    heading: 'Ask',
    args: '<actor> [prefix]',
    summary: 'what the actor holds, beneath the prefix or covering it',
    options: PAGING,
    examples: ['castellan permissions user:alice', 'castellan permissions user:alice fs'],
    isQuestion: true,
    load: async () => (await asking()).permissions,
  },
  {
    name: 'claims',
    heading: 'Ask',
    args: '<actor> <permission>',
    summary: 'the claims on each pathway to the permission',
    examples: ['castellan claims user:alice a:b'],
    isQuestion: true,
    load: async () => (await asking()).claims,
  },
  {
    name: 'preview',
    heading: 'Ask',
    summary: 'what a change would take from whom and give to whom; nothing is changed',
    details: 'Put `preview` before any command that changes something.',
    examples: [
      'castellan preview revoke a:b --from user:fred',
      'castellan preview group remove cool_group user:alice',
      'castellan preview change changes.json',
    ],
    commands: previewCommands,
  },
  {
    name: 'group',
    heading: 'Change',
    summary: 'make groups and change who is in them',
    examples: ['castellan group list'],
    commands: [
      {
        name: 'list',
        summary: 'every group, its owner and how many members',
        examples: ['castellan group list'],
        isQuestion: true,
        load: async () => (await lists()).groupList,
      },
      {
        name: 'show',
        args: '<group>',
        summary: 'a group, its members and what is granted to it',
        examples: ['castellan group show cool_group'],
        isQuestion: true,
        load: async () => (await lists()).groupShow,
      },
    ],
  },
  {
    name: 'user',
    heading: 'Change',
    summary: 'make and remove users',
    examples: ['castellan user list'],
    commands: [
      {
        name: 'list',
        summary: 'every user',
        examples: ['castellan user list'],
        isQuestion: true,
        load: async () => (await lists()).userList,
      },
    ],
  },
  {
    name: 'resource',
    heading: 'Change',
    summary: 'make, move, give away and delete what people own',
    examples: ['castellan resource list'],
    commands: [
      {
        name: 'list',
        args: '[prefix]',
        summary: 'every resource, its owner and what it lies in',
        examples: ['castellan resource list fs'],
        isQuestion: true,
        load: async () => (await lists()).resourceList,
      },
    ],
  },
  {
    name: 'token',
    heading: 'Change',
    summary: 'make and revoke access tokens',
    examples: ['castellan token create --for user:alice --permission a:b'],
    commands: [
      {
        name: 'create',
        summary: 'make a token; its secret is shown once',
        options: [
          { flags: '--for <issuer>', doc: 'user:<id> or user:<id>/app:<id>; default: who acts' },
          { flags: '--full', doc: 'holds all that its issuer holds' },
          { flags: '--permission <permission...>', doc: 'holds these, while its issuer does' },
          { flags: '--expires <when>', doc: 'an instant (RFC 3339) or a span such as 12h, 7d' },
        ],
        examples: [
          'castellan token create --for user:alice --permission a:b --expires 7d',
          'castellan token create --for user:alice --full',
        ],
        load: async () => (await import('./commands/token.ts')).tokenCreate,
      },
      {
        name: 'list',
        summary: 'every token and whom it is for; never a secret',
        examples: ['castellan token list'],
        isQuestion: true,
        load: async () => (await lists()).tokenList,
      },
    ],
  },
  {
    name: 'import',
    heading: 'Move facts',
    args: '<file>',
    summary: 'add facts from JSON Lines (`-` reads standard input)',
    details:
      'One commit for 10,000 lines. Interrupted, it goes on when run again: an equal fact changes nothing. A bad line is named, and nothing of its batch is kept.',
    options: [{ flags: '--reason <text>', doc: 'why, for the journal' }],
    examples: ['castellan import facts.jsonl', 'cat facts.jsonl | castellan import -'],
    load: async () => (await import('./commands/import.ts')).importFacts,
  },
  {
    name: 'export',
    heading: 'Move facts',
    summary: 'every fact as JSON Lines, ready to be imported',
    options: [{ flags: '--output <file>', doc: 'where to; default: standard output' }],
    examples: ['castellan export > facts.jsonl'],
    load: async () => (await import('./commands/export.ts')).exportFacts,
  },
  {
    name: 'test',
    heading: 'Ask',
    args: '<world...>',
    summary: 'run the expectations of world files',
    examples: ['castellan test world.yaml'],
    isQuestion: true,
    load: async () => (await import('./commands/test.ts')).test,
  },
  {
    name: 'rules',
    heading: 'Ask',
    summary: 'every rule, in order',
    examples: ['castellan rules'],
    load: async () => (await lists()).rules,
  },
  {
    name: 'journal',
    heading: 'Look back',
    summary: 'who changed what, when and why',
    examples: ['castellan journal --limit 5', 'castellan journal verify'],
    own: {
      name: 'journal',
      summary: 'the last entries, or those after a revision',
      options: [
        { flags: '--from <revision>', doc: 'only what came after it' },
        { flags: '--limit <n>', doc: 'how many at most; default: 20' },
      ],
      examples: ['castellan journal --limit 5', 'castellan journal --from 100'],
      isQuestion: true,
      load: async () => (await journals()).journalShow,
    },
    commands: [
      {
        name: 'verify',
        summary: 'find changed or missing entries',
        options: [
          {
            flags: '--head <hash>',
            doc: 'kept elsewhere, as backups print it: finds a cut or rewritten end as well',
          },
        ],
        examples: ['castellan journal verify', 'castellan journal verify --head 9f86d081884c7d65…'],
        isQuestion: true,
        load: async () => (await journals()).journalVerify,
      },
      {
        name: 'unused',
        summary: 'grants that no logged decision rested on',
        details:
          'Reads the decision log of the platform folder (setting `decisionLogFile`), or the files named. The log holds a sample: what is said of it says how much that is worth.',
        options: [
          { flags: '--decisions <file...>', doc: 'logs to read; default: those of the platform folder' },
          {
            flags: '--since <when>',
            doc: 'only decisions since an instant (RFC 3339) or a span such as 30d',
          },
        ],
        examples: [
          'castellan journal unused --since 90d',
          'castellan journal unused --decisions a.jsonl b.jsonl --json',
        ],
        isQuestion: true,
        load: async () => (await import('./commands/unused.ts')).journalUnused,
      },
    ],
  },
  {
    name: 'watch',
    heading: 'Look back',
    summary: 'every change as it happens',
    options: [{ flags: '--from <revision>', doc: 'begin after it; default: now' }],
    examples: ['castellan watch', 'castellan watch --from 0 --json'],
    isQuestion: true,
    load: async () => (await journals()).watch,
  },
  {
    name: 'backup',
    heading: 'Run',
    args: '<file>',
    summary: 'a consistent copy, while serving',
    options: [{ flags: '--yes', doc: 'overwrite without asking, for scripts' }],
    examples: ['castellan backup castellan.backup'],
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  {
    name: 'restore',
    heading: 'Run',
    args: '<file>',
    summary: 'put a backup in place of the database',
    options: [
      { flags: '--yes', doc: 'overwrite without asking, for scripts' },
      { flags: '--head <hash>', doc: 'printed when the backup was made: finds a backup that was rewritten' },
    ],
    examples: ['castellan restore castellan.backup --yes'],
    load: async () => (await import('./commands/backup.ts')).restore,
  },
  {
    name: 'config',
    heading: 'Run',
    summary: 'what the settings are and where they come from',
    examples: ['castellan config check'],
    commands: [
      {
        name: 'check',
        summary: 'each setting, its value and where it came from: default, file, environment or flag',
        details:
          'Takes the flags of `serve`, so that a whole line can be tried. Status 1 when the start would be refused.',
        options: SETTING_FLAGS,
        examples: ['castellan config check', 'castellan config check --port 8080 --json'],
        load: async () => (await configs()).configCheck,
      },
      {
        name: 'schema',
        summary: 'the JSON Schema of settings/castellan.json, for editors',
        examples: ['castellan config schema > settings/castellan.schema.json'],
        load: async () => (await configs()).configSchema,
      },
    ],
  },
  {
    name: 'doctor',
    heading: 'Run',
    summary: 'check settings, store, port and versions, and say what to do',
    examples: ['castellan doctor'],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
]

/** What people do most comes first. */
const HEADINGS: readonly (Heading | undefined)[] = ['Ask', 'Change', 'Move facts', 'Look back', 'Run']

/** Every command, in the order of the help; groups that change things also list and show. */
export const commands: readonly (CommandSpec | CommandGroup)[] = mergeGroups([
  ...OWN,
  ...changeCommands,
]).toSorted((a, b) => rank(a) - rank(b))

function rank(command: CommandSpec | CommandGroup): number {
  return HEADINGS.indexOf(command.heading)
}

function mergeGroups(all: readonly (CommandSpec | CommandGroup)[]): readonly (CommandSpec | CommandGroup)[] {
  return [...Map.groupBy(all, (command) => command.name).values()].flatMap(
    ([first, ...others]): (CommandSpec | CommandGroup)[] => {
      if (first === undefined) return []
      if (!('commands' in first)) return [first]
      return [
        {
          ...first,
          commands: [
            ...first.commands,
            ...others.flatMap((other) => ('commands' in other ? other.commands : [])),
          ],
        },
      ]
    },
  )
}
