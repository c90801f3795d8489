import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { castellan, COOL_GROUP, jsonOf, newFolder } from './testing/castellan.ts'
import { shellWord } from './render/words.ts'

/** Gives a program a terminal of its own. */
const RECORDER = process.env['CASTELLAN_TEST_RECORDER'] ?? 'script'
const BIN = fileURLToPath(new URL('../bin/castellan.js', import.meta.url))

describe('on a terminal', { skip: hasScript() ? false : '`script` of util-linux is not here' }, () => {
  const folder = newFolder()
  after(() => folder.remove())

  /** Everything that came to the terminal, both outputs together, without `\r`. */
  async function onTerminal(
    args: readonly string[],
    {
      env = {},
      keys = [],
    }: { readonly env?: Record<string, string>; readonly keys?: readonly string[] } = {},
  ): Promise<{ readonly status: number | null; readonly text: string }> {
    const command = [
      process.execPath,
      ...process.execArgv.filter((flag) => flag.startsWith('--conditions=')),
      BIN,
      ...args,
    ]
      .map(shellWord)
      .join(' ')
    const child = spawn(RECORDER, ['-qec', `stty cols 100 rows 30; exec ${command}`, '/dev/null'], {
      cwd: folder.dir,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm-256color', ...env },
    })
    const chunks: Buffer[] = []
    const left = [...keys]
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      // A key is pressed when something is on the screen to answer.
      const key = Buffer.concat(chunks).includes('Go on?') ? left.shift() : undefined
      if (key !== undefined) setTimeout(() => child.stdin.write(key), 100)
    })
    const status = await new Promise<number | null>((resolve) => {
      child.once('close', resolve)
    })
    return { status, text: Buffer.concat(chunks).toString('utf8').replaceAll('\r', '') }
  }

  test('explain draws the pathway as a tree', async () => {
    const { status, text } = await onTerminal(['explain', 'user:alice', 'a:b:c', '--facts', COOL_GROUP], {
      env: { NO_COLOR: '1' },
    })
    assert.equal(status, 0)
    assert.equal(
      text,
      `✓ user:alice holds a:b:c
└─ user:fred granted a:b to group:cool_group: user:alice is in cool_group
   └─ user:ed granted a:b to user:fred
      └─ user:ed holds a:b by right (is-owner)
`,
    )
  })

  test('explain is the same in a pipe, without the lines', async () => {
    const { stdout } = await castellan(['explain', 'user:alice', 'a:b:c', '--facts', COOL_GROUP])
    assert.equal(
      stdout,
      `user:alice holds a:b:c
  user:fred granted a:b to group:cool_group: user:alice is in cool_group
    user:ed granted a:b to user:fred
      user:ed holds a:b by right (is-owner)
`,
    )
  })

  test('a denial comes with what would mend it, and a command that does', async () => {
    const { status, text } = await onTerminal(['explain', 'user:bob', 'a:b', '--facts', COOL_GROUP], {
      env: { NO_COLOR: '1' },
    })
    assert.equal(status, 1)
    assert.match(text, /✗ user:bob does not hold a:b/)
    assert.match(
      text,
      /1\. user:ed grants a:b to user:bob\n {5}who could: user:ed\n {5}castellan grant a:b --to user:bob --as user:ed/,
    )
  })

  test('there are colours, and with NO_COLOR there are none', async () => {
    const painted = await onTerminal(['check', 'user:alice', 'a:b', '--facts', COOL_GROUP])
    const plain = await onTerminal(['check', 'user:alice', 'a:b', '--facts', COOL_GROUP], {
      env: { NO_COLOR: '1' },
    })
    assert.ok(painted.text.includes('\u001b['))
    assert.equal(plain.text, 'allowed\n')
  })

  test('machine output has no colours', async () => {
    const { text } = await onTerminal(['check', 'user:alice', 'a:b', '--facts', COOL_GROUP, '--json'])
    assert.deepEqual(JSON.parse(text), { allowed: true, revision: 0 })
    assert.ok(!text.includes('\u001b['))
  })

  test('people are asked before what cannot be taken back', async () => {
    jsonOf(
      await castellan(['user', 'create', 'ed', '--store', 'sqlite:world.db', '--json'], { cwd: folder.dir }),
    )
    jsonOf(
      await castellan(['backup', join(folder.dir, 'copy.db'), '--store', 'sqlite:world.db', '--json'], {
        cwd: folder.dir,
      }),
    )
    const restore = ['restore', 'copy.db', '--store', 'sqlite:world.db']
    const refused = await onTerminal(restore, { keys: ['n'] })
    assert.equal(refused.status, 1, refused.text)
    const given = await onTerminal(restore, { keys: ['\u0003'] })
    assert.equal(given.status, 1, given.text)
    const agreed = await onTerminal(restore, { keys: ['y'] })
    assert.equal(agreed.status, 0, agreed.text)
    assert.match(agreed.text, /revision 1, head [0-9a-f]{64}/)
  })

  test('an import shows how far it is', async () => {
    const file = join(folder.dir, 'many.jsonl')
    execFileSync('sh', [
      '-c',
      `i=0; while [ $i -lt 12000 ]; do echo '{"kind":"user","id":"u'$i'"}'; i=$((i+1)); done > ${shellWord(file)}`,
    ])
    const { status, text } = await onTerminal(['import', file, '--store', 'sqlite:many.db'])
    assert.equal(status, 0)
    assert.match(text, /█+░* *\d+ % {2}10,000 facts/)
    assert.match(text, /12,000 facts read, 12,000 new/)
  })
})

function hasScript(): boolean {
  try {
    return execFileSync(RECORDER, ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
}
