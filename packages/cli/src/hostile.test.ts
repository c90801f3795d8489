import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { newFolder, WORLDS } from './testing/castellan.ts'
import { inside } from './testing/inside.ts'

const RUNS = { numRuns: 150 }
/** Names that every object seems to have. */
const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']

describe('hostile input', () => {
  const folder = newFolder()
  const world = readFileSync(join(WORLDS, 'app-platform.yaml'))
  let lines = new Uint8Array()
  after(() => folder.remove())

  /** Whole files with bytes changed, cut and put in, and bytes that were never a file. */
  function arbFile(whole: Uint8Array): fc.Arbitrary<Uint8Array> {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 8 })
    const damaged = fc
      .tuple(fc.nat(whole.length), fc.nat(12), noise)
      .map(([at, cut, bytes]) => Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + cut)]))
    const cut = fc.nat(whole.length).map((at) => whole.subarray(0, at))
    return fc.oneof(
      damaged,
      cut,
      fc.uint8Array({ maxLength: 200 }),
      fc.string().map((text) => Buffer.from(text)),
    )
  }

  /** Refused with a place, or answered: never a fault of ours, never silence. */
  async function assertJudged(args: readonly string[], stdin?: Uint8Array): Promise<void> {
    const ran = await inside(['--json', ...args], {
      cwd: folder.dir,
      ...(stdin === undefined ? {} : { stdin }),
    })
    assert.ok(ran.status === 0 || ran.status === 1 || ran.status === 2, `${ran.status}: ${ran.stderr}`)
    if (ran.status !== 2) return
    const problem = JSON.parse(ran.stderr) as { code: string; detail: string; hint: string }
    assert.notEqual(problem.code, 'INTERNAL', ran.stderr)
    assert.ok(problem.detail !== '' && problem.hint !== '')
    assert.doesNotMatch(problem.detail, /undefined|\[object|NaN/)
  }

  test('as a world is refused with its place, or read', async () => {
    await fc.assert(
      fc.asyncProperty(arbFile(world), async (bytes) => {
        writeFileSync(join(folder.dir, 'world.yaml'), bytes)
        await assertJudged(['test', 'world.yaml'])
      }),
      RUNS,
    )
  })

  test('as facts is refused with its line, or read', async () => {
    lines = Buffer.from((await inside(['export', '--facts', join(WORLDS, 'app-platform.yaml')])).stdout)
    await fc.assert(
      fc.asyncProperty(arbFile(lines), async (bytes) => {
        writeFileSync(join(folder.dir, 'facts.jsonl'), bytes)
        await assertJudged(['holders', 'ai:chat', '--facts', 'facts.jsonl'])
      }),
      RUNS,
    )
  })

  test('as an import is refused with its line and keeps nothing, or is kept', async () => {
    let number = 0
    await fc.assert(
      fc.asyncProperty(arbFile(lines), async (bytes) => {
        const store = `sqlite:fuzz${number++}.db`
        const ran = await inside(['import', '-', '--store', store, '--json'], {
          cwd: folder.dir,
          stdin: bytes,
        })
        assert.ok(ran.status === 0 || ran.status === 2, ran.stderr)
        if (ran.status === 2) {
          assert.match(ran.stderr, /"code":"LINE_INVALID".*"line":\d+/)
          assert.equal((await inside(['export', '--store', store], { cwd: folder.dir })).stdout, '')
        }
      }),
      { numRuns: 25 },
    )
  })

  test('as questions is refused with its line, or answered', async () => {
    const questions = Buffer.from(
      '{"actor":"user:alice","permission":"ai:chat"}\n{"actor":"user:bob","permission":"kv:bob:editor"}\n',
    )
    await fc.assert(
      fc.asyncProperty(arbFile(questions), async (bytes) => {
        const ran = await inside(
          ['check', '--batch', '-', '--facts', join(WORLDS, 'app-platform.yaml'), '--json'],
          { stdin: bytes },
        )
        assert.ok(ran.status === 0 || ran.status === 2, ran.stderr)
        if (ran.status === 2) assert.match(ran.stderr, /"line":\d+/)
      }),
      RUNS,
    )
  })

  test('as a file of changes is refused, or previewed', async () => {
    const changes = Buffer.from(
      '{"changes":[{"add":{"kind":"user","id":"zoe"}},{"remove":{"kind":"member","group":"g","member":"user:alice"}}],"reason":"x"}',
    )
    await fc.assert(
      fc.asyncProperty(arbFile(changes), (bytes) =>
        assertJudged(['preview', 'change', '-', '--facts', join(WORLDS, 'app-platform.yaml')], bytes),
      ),
      RUNS,
    )
  })

  test('as words of the command line is refused, or answered', async () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'user:alice',
        'ai:chat',
        'fs:/alice/AppData',
        'manage:ai',
        '-',
        '--',
        '',
        'user:',
        'a\\',
        ...PROTOTYPE_NAMES,
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('check', 'scan', 'explain', 'holders', 'permissions', 'claims'),
        fc.array(word, { maxLength: 4 }),
        (command, words) =>
          assertJudged([command, '--facts', join(WORLDS, 'app-platform.yaml'), '--', ...words]),
      ),
      RUNS,
    )
  })

  for (const name of PROTOTYPE_NAMES) {
    test(`takes \`${name}\` for an ordinary id`, async () => {
      const facts = [
        { kind: 'namespace', name: 'a', description: '' },
        { kind: 'user', id: 'ed' },
        { kind: 'user', id: name },
        { kind: 'group', id: name, owner: `user:${name}` },
        { kind: 'resource', permission: 'a', owner: 'user:ed' },
        { kind: 'member', group: name, member: `user:${name}` },
        {
          kind: 'grant',
          issuer: 'user:ed',
          holder: `group:${name}`,
          permission: `a:${name}`,
          extra: JSON.parse(`{"${name}":1}`) as object,
        },
      ]
      writeFileSync(
        join(folder.dir, 'proto.jsonl'),
        facts.map((fact) => `${JSON.stringify(fact)}\n`).join(''),
      )
      const ask = (...args: string[]): ReturnType<typeof inside> =>
        inside([...args, '--facts', 'proto.jsonl', '--json'], { cwd: folder.dir })
      assert.equal((await ask('check', `user:${name}`, `a:${name}`)).status, 0)
      assert.equal((await ask('check', `user:${name}`, 'a:other')).status, 1)
      assert.equal((await ask('check', 'user:valueof', `a:${name}`)).status, 1)
      const { stdout } = await ask('claims', `user:${name}`, `a:${name}`)
      assert.ok(stdout.includes(`[[{"${name}":1}]]`), stdout)
    })
  }
})
