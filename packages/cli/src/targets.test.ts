import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  castellan,
  COOL_GROUP,
  jsonOf,
  newFolder,
  problemOf,
  serve,
  type Ran,
  type Served,
} from './testing/castellan.ts'

/** Each question with the exit status of its answer. */
const QUESTIONS: readonly (readonly [status: number, ...args: string[]])[] = [
  [0, 'check', 'user:alice', 'a:b'],
  [0, 'check', 'user:alice', 'a:c', 'a:b:c'],
  [1, 'check', 'user:bob', 'a:b'],
  [1, 'check', 'user:nobody', 'a:b'],
  [0, 'scan', 'user:alice', 'a:b'],
  [1, 'scan', 'user:bob', 'a:b'],
  [0, 'explain', 'user:alice', 'a:b'],
  [1, 'explain', 'user:bob', 'a:b'],
  [0, 'explain', 'user:bob', 'a:b', 'user:bob'],
  [0, 'holders', 'a:b'],
  [0, 'holders', 'a:b', '--limit', '2'],
  [0, 'permissions', 'user:alice'],
  [0, 'permissions', 'user:alice', 'a'],
  [0, 'claims', 'user:alice', 'a:b'],
  [1, 'claims', 'user:bob', 'a:b'],
  [0, 'preview', 'revoke', 'a:b', '--from', 'user:fred'],
  [0, 'preview', 'group', 'remove', 'cool_group', 'user:alice'],
  [0, 'preview', 'suspend', 'user:ed'],
  [0, 'preview', 'user', 'remove', 'alice'],
  [0, 'group', 'show', 'cool_group'],
  [0, 'user', 'list'],
  [0, 'group', 'list'],
  [0, 'resource', 'list'],
  [0, 'resource', 'list', 'a'],
  [0, 'token', 'list'],
  [0, 'journal'],
  [0, 'journal', '--from', '1', '--limit', '1'],
  [0, 'journal', 'verify'],
  [0, 'rules'],
]

describe('a question', () => {
  const folder = newFolder()
  const platform = join(folder.dir, 'platform')
  const direct = new Map<string, Ran>()
  let served: Served
  let token: string

  before(async () => {
    token = jsonOf<{ token: string }>(await castellan(['init', platform, '--json'])).token
    writeFileSync(
      join(folder.dir, 'facts.jsonl'),
      (await castellan(['export', '--facts', COOL_GROUP])).stdout,
    )
    jsonOf(await castellan(['import', 'facts.jsonl', '--dir', platform, '--json'], { cwd: folder.dir }))
    for (const [, ...args] of QUESTIONS)
      direct.set(args.join(' '), await castellan([...args, '--dir', platform, '--json']))
    served = await serve(['serve', '--dir', platform, '--port', '0'], {})
  })

  after(async () => {
    await served.stop()
    folder.remove()
  })

  for (const [status, ...args] of QUESTIONS) {
    const line = args.join(' ')

    test(`has its status without a server: ${line}`, () => {
      const ran = direct.get(line)
      assert.ok(ran !== undefined)
      jsonOf(ran, status)
    })

    test(`has the same answer from a server: ${line}`, async () => {
      const env = { CASTELLAN_SERVER: served.address, CASTELLAN_TOKEN: token }
      const ran = await castellan([...args, '--json'], { env })
      const [near, far] = [jsonOf(direct.get(line) as Ran, status), jsonOf(ran, status)]
      // Who owns a thing is for those who may see it: `system` near the database, not the admin of the server.
      if (line.startsWith('explain user:bob')) assert.deepEqual(verdicts(far), verdicts(near))
      else assert.deepEqual(withoutTimes(far), withoutTimes(near))
    })
  }

  test('is refused by a server without a token', async () => {
    const env = { CASTELLAN_SERVER: served.address }
    assert.equal(
      problemOf(await castellan(['check', 'user:alice', 'a:b', '--json'], { env }), 3).code,
      'UNAUTHENTICATED',
    )
  })

  test('is refused by a server to who may not ask it, and never with the status of a no', async () => {
    const env = { CASTELLAN_SERVER: served.address, CASTELLAN_TOKEN: token }
    const made = jsonOf<{ token: string }>(
      await castellan(['token', 'create', '--full', '--for', 'user:bob', '--json'], { env }),
    )
    const asBob = { CASTELLAN_SERVER: served.address, CASTELLAN_TOKEN: made.token }
    assert.equal(
      problemOf(await castellan(['check', 'user:alice', 'a:b', '--json'], { env: asBob }), 3).code,
      'FORBIDDEN',
    )
    jsonOf(await castellan(['check', 'user:bob', 'a:b', '--json'], { env: asBob }), 1)
  })

  test('does not reach a server that is not there', async () => {
    const problem = problemOf(
      await castellan(['check', 'user:alice', 'a:b', '--server', 'http://127.0.0.1:1', '--json']),
      3,
    )
    assert.equal(problem.code, 'UNREACHABLE')
    assert.match(problem.detail, /127\.0\.0\.1:1/)
  })
})

function verdicts(answer: Record<string, unknown>): unknown {
  const explanations = Array.isArray(answer['explanations'])
    ? (answer['explanations'] as Record<string, unknown>[])
    : [answer]
  return explanations.map(({ allowed, graph, revision }) => ({ allowed, graph, revision }))
}

/** How long a scan took is never the same twice. */
function withoutTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, item: unknown) => (isTime(item) ? 'time' : item)))
}

function isTime(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Reflect.get(value, '$') === 'time'
}
