import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { commands } from './commands.ts'
import type { CommandGroup, CommandSpec } from './command.ts'
import { castellan, COOL_GROUP, problemOf } from './testing/castellan.ts'
import { inside } from './testing/inside.ts'

function pathsOf(all: readonly (CommandSpec | CommandGroup)[], before: readonly string[] = []): string[][] {
  return all.flatMap((command) => {
    const path = [...before, command.name]
    return 'commands' in command ? [path, ...pathsOf(command.commands, path)] : [path]
  })
}

const REFERENCE = [
  'init serve start check scan explain holders permissions claims preview grant revoke suspend resume change'.split(
    ' ',
  ),
  ['group create', 'group add', 'group remove', 'group leave', 'group delete', 'group list', 'group show'],
  [
    'user create',
    'user list',
    'user remove',
    'resource create',
    'resource move',
    'resource give',
    'resource delete',
  ],
  [
    'token create',
    'token list',
    'token revoke',
    'journal verify',
    'preview revoke',
    'preview group remove',
    'preview change',
  ],
  'import export test rules journal watch backup restore doctor'.split(' '),
  ['config check', 'config schema', 'journal unused'],
].flat()

describe('help', () => {
  const paths = pathsOf(commands)

  test('knows all commands of the reference', () => {
    const names = new Set(paths.map((path) => path.join(' ')))
    for (const name of REFERENCE) {
      assert.ok(names.has(name), name)
    }
  })

  for (const path of [...paths, ['completion'], []]) {
    test(`has an example: ${['castellan', ...path].join(' ')}`, async () => {
      const ran = await inside([...path, '--help'])
      assert.equal(ran.status, 0, ran.stderr)
      assert.match(ran.stdout, /^Usage: castellan/)
      assert.match(ran.stdout, /Examples?:\n {2}\$ /)
      assert.equal(ran.stderr, '')
    })
  }

  test('examples are commands that exist, with flags that exist', async () => {
    const examples = (all: readonly (CommandSpec | CommandGroup)[]): string[] =>
      all.flatMap((command) => [
        ...command.examples,
        ...('commands' in command ? examples(command.commands) : []),
      ])
    for (const example of new Set(examples(commands))) {
      const words =
        example
          .replace(/^.*castellan /, '')
          .replace(/ > .*/, '')
          .match(/'[^']*'|\S+/g) ?? []
      // Nothing is done: no file, no folder, no server is there. A usage error of the words themselves would say so.
      const ran = await inside([
        ...words.map((word) => word.replaceAll("'", '')),
        '--facts',
        '/none',
        '--json',
      ])
      assert.doesNotMatch(
        ran.stderr,
        /unknown command|unknown option|missing required|too many arguments|takes a command|required option/,
        example,
      )
    }
  })
})

describe('a wrong command line', () => {
  const cases = [
    { args: ['chekc'], detail: /unknown command `chekc`/, hint: /did you mean check\?/ },
    { args: ['group', 'ad'], detail: /unknown command `ad`/, hint: /did you mean add\?/ },
    { args: ['preview', 'revoek'], detail: /unknown command `revoek`/, hint: /did you mean revoke\?/ },
    { args: ['journal', 'verfy'], detail: /unknown command `verfy`/, hint: /did you mean verify\?/ },
    {
      args: ['check', 'user:a', 'a', '--fcats', 'x'],
      detail: /unknown option `--fcats`/,
      hint: /did you mean --facts\?/,
    },
    { args: ['grant', 'a:b'], detail: /required option `--to <holder>`/, hint: /--help/ },
    { args: ['explain', 'user:a'], detail: /missing required argument `permission`/, hint: /--help/ },
    { args: ['holders', 'a', 'b'], detail: /too many arguments/, hint: /--help/ },
    { args: ['group'], detail: /takes a command/, hint: /list, show, create/ },
    { args: ['check'], detail: /an actor and at least one permission/, hint: /castellan check/ },
    {
      args: ['check', '--store', 'x', '--facts', 'y', 'user:a', 'a'],
      detail: /name different things/,
      hint: /one of them/,
    },
    { args: ['check', 'user:a', 'a', '--store', 'postgres://h/d'], detail: /not there yet/, hint: /sqlite/ },
    { args: ['serve', '--store', 'postgres://h/d'], detail: /not there yet/, hint: /sqlite/ },
    { args: ['check', 'user:a', 'a', '--store', 'mysql:x'], detail: /no store/, hint: /sqlite/ },
    { args: ['check', 'user:a', 'a', '--server', 'nowhere'], detail: /no address/, hint: /http/ },
    {
      args: ['serve', '--log-level', 'loud'],
      detail: /`--log-level <choice>` argument `loud` is invalid/,
      hint: /--help/,
    },
    { args: ['serve', '--log-levle', 'info'], detail: /unknown option/, hint: /--log-level/ },
    { args: ['holders', 'a', '--limit', 'many'], detail: /whole number/, hint: /correct/ },
    { args: ['check', 'user:a', 'a'], detail: /nothing to work on/, hint: /castellan start/ },
    { args: ['completion', 'tcsh'], detail: /no completion for/, hint: /bash/ },
    {
      args: ['grant', 'a', '--to', 'user:b', '--extra', '[1]', '--facts', COOL_GROUP],
      detail: /not a JSON object/,
      hint: /hosts/,
    },
    {
      args: ['grant', 'a', '--to', 'user:b', '--extra', '{', '--facts', COOL_GROUP],
      detail: /not JSON/,
      hint: /hosts/,
    },
    {
      args: ['check', 'usr:a', 'a', '--facts', COOL_GROUP],
      detail: /`usr:a` is not valid/,
      hint: /user:<id>/,
    },
    { args: ['check', 'user:a', 'q', '--facts', COOL_GROUP], detail: /in no namespace/, hint: /./ },
  ]
  for (const { args, detail, hint } of cases) {
    test(`ends with 2 and says why: ${args.join(' ')}`, async () => {
      const problem = problemOf(await inside([...args, '--json']), 2)
      assert.match(problem.detail, detail)
      assert.match(problem.hint, hint)
    })
  }

  test('is told to people in words', async () => {
    const ran = await castellan(['chekc'])
    assert.deepEqual(ran, {
      status: 2,
      stdout: '',
      stderr: 'castellan: unknown command `chekc`\nhint: did you mean check?\n',
    })
  })
})

describe('castellan', () => {
  test('alone says what it can do', async () => {
    const ran = await castellan([])
    assert.equal(ran.status, 0)
    assert.match(ran.stdout, /Ask:\n {2}check/)
  })

  test('says its version', async () => {
    assert.match((await castellan(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  })

  test('takes flags before the command and after it', async () => {
    assert.equal(
      (await castellan(['--facts', COOL_GROUP, '--json', 'check', 'user:alice', 'a:b'])).stdout,
      '{"allowed":true,"revision":0}\n',
    )
  })
})

describe('completion', () => {
  for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
    test(`prints a script for ${shell}`, async () => {
      const ran = await castellan(['completion', shell])
      assert.equal(ran.status, 0)
      assert.match(ran.stdout, /castellan/)
    })
  }

  test('its script is one that bash reads', { skip: process.platform === 'win32' }, async () => {
    const { stdout } = await castellan(['completion', 'bash'])
    execFileSync('bash', ['-n'], { input: stdout })
  })

  const cases = [
    { words: ['exp'], offers: ['explain', 'export'] },
    { words: ['group', ''], offers: ['add', 'create', 'list'] },
    { words: ['preview', 'group', 're'], offers: ['remove'] },
    { words: ['grant', 'a:b', '--t'], offers: ['--to'] },
    { words: ['check', 'user:a', '--fa'], offers: ['--facts'] },
  ]
  for (const { words, offers } of cases) {
    test(`offers ${offers.join(', ')} after \`castellan ${words.join(' ')}\``, async () => {
      const { stdout } = await castellan(['complete', '--', ...words])
      for (const offer of offers) assert.match(stdout, new RegExp(`^${offer}\t`, 'm'))
    })
  }
})
