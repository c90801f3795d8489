import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import {
  castellan,
  finished,
  jsonOf,
  newFolder,
  problemOf,
  spawnCastellan,
  WORLDS,
  type Ran,
} from './testing/castellan.ts'

interface Tally {
  readonly lines: number
  readonly added: number
  readonly updated: number
  readonly unchanged: number
  readonly commits: number
  readonly revision: number
}

describe('import', () => {
  const folder = newFolder()
  let store = ''
  let number = 0
  const run = (args: readonly string[], stdin?: string | Uint8Array): Promise<Ran> =>
    castellan([...args, '--store', store, '--json'], {
      cwd: folder.dir,
      ...(stdin === undefined ? {} : { stdin }),
    })
  const exported = async (): Promise<string> =>
    (await castellan(['export', '--store', store], { cwd: folder.dir })).stdout

  beforeEach(() => {
    store = `sqlite:import${++number}.db`
  })
  after(() => folder.remove())

  function users(from: number, to: number): string {
    let lines = ''
    for (let i = from; i < to; i++) lines += `{"kind":"user","id":"u${i}"}\n`
    return lines
  }

  test('reads standard input, one commit for 10,000 lines', async () => {
    const tally = jsonOf<Tally>(await run(['import', '-'], users(0, 25_000)))
    assert.deepEqual(tally, {
      lines: 25_000,
      added: 25_000,
      updated: 0,
      unchanged: 0,
      commits: 3,
      revision: 3,
    })
    const { items } = jsonOf<{ items: { effects: unknown[] }[] }>(await run(['journal']))
    assert.deepEqual(
      items.map(({ effects }) => effects.length),
      [10_000, 10_000, 5_000],
    )
  })

  test('changes nothing the second time', async () => {
    jsonOf(await run(['import', '-'], users(0, 100)))
    const tally = jsonOf<Tally>(await run(['import', '-'], users(0, 100)))
    assert.deepEqual(tally, { lines: 100, added: 0, updated: 0, unchanged: 100, commits: 0, revision: 1 })
  })

  test('goes on where an import was killed', async () => {
    const child = spawnCastellan(['import', '-', '--store', store], { cwd: folder.dir })
    const done = finished(child)
    child.stdin.on('error', () => undefined)
    child.stdin.write(users(0, 20_000))
    for (let waited = 0; waited < 100; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const seen = await run(['journal', '--limit', '1'])
      if (seen.status === 0 && jsonOf<{ revision: number }>(seen).revision >= 1) break
    }
    child.kill('SIGKILL')
    await done
    const tally = jsonOf<Tally>(await run(['import', '-'], users(0, 30_000)))
    assert.equal(tally.lines, 30_000)
    assert.ok(tally.unchanged >= 10_000)
    assert.equal(tally.added + tally.unchanged, 30_000)
    jsonOf(await run(['journal', 'verify']))
    assert.equal((await exported()).split('\n').length - 1, 30_000)
  })

  const badLines = [
    { name: 'what is no JSON', line: '{"kind":"user","id":}', column: 21, code: 'LINE_INVALID' },
    { name: 'a fact of no kind', line: '{"kind":"usr","id":"x"}', column: 9, code: 'LINE_INVALID' },
    { name: 'an id that is none', line: '{"kind":"user","id":"a b"}', column: 21, code: 'LINE_INVALID' },
    {
      name: 'a key given twice',
      line: '{"kind":"user","id":"x","id":"y"}',
      column: 25,
      code: 'LINE_INVALID',
    },
    {
      name: 'a fact that names what is not there',
      line: '{"kind":"member","group":"nope","member":"user:u1"}',
      column: 1,
      code: 'LINE_INVALID',
    },
    {
      name: 'a permission of no namespace',
      line: '{"kind":"grant","issuer":"system","holder":"user:u1","permission":"zz:q"}',
      column: 1,
      code: 'LINE_INVALID',
    },
  ]
  for (const { name, line, column, code } of badLines) {
    test(`names line and column of ${name}, and keeps nothing of its batch`, async () => {
      const ran = await run(['import', '-'], `${users(0, 10_500)}${line}\n${users(10_500, 10_600)}`)
      const problem = problemOf(ran, 2) as ReturnType<typeof problemOf> & { line: number; column: number }
      assert.equal(problem.code, code)
      assert.deepEqual([problem.line, problem.column], [10_501, column])
      assert.match(problem.detail, /line 10501/)
      // The batch before it stands, and of its own nothing.
      assert.equal((await exported()).split('\n').length - 1, 10_000)
    })
  }

  test('says for people what was kept before the bad line', async () => {
    const ran = await castellan(['import', '-', '--store', store], {
      cwd: folder.dir,
      stdin: `${users(0, 10_000)}nonsense\n`,
    })
    assert.equal(ran.status, 2)
    assert.match(ran.stderr, /kept: 10,000 facts read, 10,000 new/)
    assert.match(ran.stderr, /line 10001, column 1/)
  })

  test('takes a file that is not there for a usage error, and makes no database', async () => {
    assert.equal(problemOf(await run(['import', 'none.jsonl']), 2).code, 'USAGE')
    assert.equal((await run(['export'])).status, 3)
  })
})

describe('export', () => {
  const folder = newFolder()
  after(() => folder.remove())

  for (const world of ['cool-group', 'shared-file', 'shared-drive', 'app-platform']) {
    test(`gives back exactly what was imported: ${world}`, async () => {
      const lines = (await castellan(['export', '--facts', join(WORLDS, `${world}.yaml`)])).stdout
      const store = `sqlite:${world}.db`
      jsonOf(await castellan(['import', '-', '--store', store, '--json'], { cwd: folder.dir, stdin: lines }))
      assert.equal((await castellan(['export', '--store', store], { cwd: folder.dir })).stdout, lines)
      assert.equal(
        (await castellan(['export', '--store', store, '--output', 'out.jsonl'], { cwd: folder.dir })).status,
        0,
      )
      assert.equal(readFileSync(join(folder.dir, 'out.jsonl'), 'utf8'), lines)
    })
  }

  test('gives parents before what lies in them, whatever their names', async () => {
    const [a, b] = ['fs:f0000000-0000-4000-8000-000000000009', 'fs:f0000000-0000-4000-8000-000000000001']
    const lines = [
      { kind: 'user', id: 'ed' },
      { kind: 'resource', permission: a, owner: 'user:ed' },
      { kind: 'resource', permission: b, owner: 'user:ed', parent: a },
      { kind: 'suspension', of: 'user:ed' },
    ].map((fact) => `${JSON.stringify(fact)}\n`)
    const options = { cwd: folder.dir, stdin: lines.join('') }
    jsonOf(await castellan(['import', '-', '--store', 'sqlite:tree.db', '--json'], options))
    assert.equal((await castellan(['export', '--store', 'sqlite:tree.db'], options)).stdout, lines.join(''))
  })

  test('ends quietly when its reader has seen enough', async () => {
    writeFileSync(
      join(folder.dir, 'many.jsonl'),
      Array.from({ length: 50_000 }, (_, i) => `{"kind":"user","id":"u${i}"}\n`).join(''),
    )
    const child = spawnCastellan(['export', '--facts', join(folder.dir, 'many.jsonl')])
    child.stdin.end()
    child.stdout.once('data', () => child.stdout.destroy())
    const errors: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    const status = await new Promise((resolve) => {
      child.once('exit', resolve)
    })
    assert.equal(status, 0)
    assert.equal(Buffer.concat(errors).toString(), '')
  })
})

describe('check --batch', () => {
  const questions = [
    { actor: 'user:alice', permission: 'a:b' },
    { actor: 'user:bob', permission: 'a:b' },
    { actor: 'user:__proto__', permission: 'a:b' },
  ]
  const lines = questions.map((question) => `${JSON.stringify(question)}\n`).join('')
  const world = join(WORLDS, 'cool-group.yaml')

  test('answers each line in order', async () => {
    const ran = await castellan(['check', '--batch', '-', '--facts', world], { stdin: lines })
    assert.equal(ran.status, 0)
    assert.deepEqual(
      ran.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      questions.map((question, index) => ({ ...question, allowed: index === 0 })),
    )
  })

  test('names the line of a question that is none', async () => {
    for (const bad of [
      '{"actor":"user:alice"}',
      '{"actor":"nobody","permission":"a:b"}',
      '{"actor":"user:alice","permission":"a::b"}',
      '\u0000\u0001',
    ]) {
      const ran = await castellan(['check', '--batch', '-', '--facts', world, '--json'], {
        stdin: `${lines}${bad}\n`,
      })
      assert.equal(ran.status, 2, ran.stderr)
      assert.match(ran.stderr, /line 4/)
    }
  })
})
