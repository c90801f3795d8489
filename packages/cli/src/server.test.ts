import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import {
  castellan,
  COOL_GROUP,
  finished,
  jsonOf,
  newFolder,
  problemOf,
  serve,
  spawnCastellan,
  type Served,
} from './testing/castellan.ts'

describe('the command on a server far away', () => {
  const folder = newFolder()
  const platform = join(folder.dir, 'platform')
  let served: Served
  let env: { CASTELLAN_SERVER: string; CASTELLAN_TOKEN: string }

  before(async () => {
    const { token } = jsonOf<{ token: string }>(await castellan(['init', platform, '--json']))
    const facts = (await castellan(['export', '--facts', COOL_GROUP])).stdout
    writeFileSync(join(folder.dir, 'facts.jsonl'), facts)
    jsonOf(await castellan(['import', 'facts.jsonl', '--dir', platform, '--json'], { cwd: folder.dir }))
    served = await serve(['serve', '--dir', platform, '--port', '0'], {})
    env = { CASTELLAN_SERVER: served.address, CASTELLAN_TOKEN: token }
  })

  after(async () => {
    await served.stop()
    folder.remove()
  })

  /** With the token of an administrator, or another. */
  const far = (args: readonly string[], token = env.CASTELLAN_TOKEN) =>
    castellan(args, { env: { ...env, CASTELLAN_TOKEN: token } })
  const tokenOf = async (...args: string[]) =>
    jsonOf<{ token: string }>(await far(['token', 'create', '--json', ...args])).token

  test('exports what it would beside the database', async () => {
    const near = await castellan(['export', '--dir', platform])
    const exported = await far(['export'])
    assert.deepEqual([exported.status, exported.stderr], [0, ''])
    assert.deepEqual(
      exported.stdout.split('\n').map((line) => line && (JSON.parse(line) as unknown)),
      near.stdout.split('\n').map((line) => line && (JSON.parse(line) as unknown)),
    )
    const again = join(folder.dir, 'again.db')
    const imported = await castellan(['import', '-', '--store', `sqlite:${again}`, '--json'], {
      stdin: exported.stdout,
    })
    assert.equal(imported.status, 0, imported.stderr)
  })

  test('verifies the journal by following its chain, and a head that was kept', async () => {
    const { head } = jsonOf<{ head: string }>(await far(['journal', 'verify', '--json']))
    jsonOf(await far(['journal', 'verify', '--head', head.toUpperCase(), '--json']))
    const wrong = jsonOf<{ problem: string }>(
      await far(['journal', 'verify', '--head', 'f'.repeat(64), '--json']),
      1,
    )
    assert.equal(wrong.problem, 'cut')
  })

  test('lists to someone what is theirs to see', async () => {
    const alice = await tokenOf('--for', 'user:alice', '--full')
    const ids = (list: { items: readonly { id: string }[] }) => list.items.map(({ id }) => id)
    assert.deepEqual(ids(jsonOf(await far(['user', 'list', '--json'], alice))), ['alice'])
    assert.deepEqual(ids(jsonOf(await far(['group', 'list', '--json'], alice))), ['cool_group'])
    assert.equal(jsonOf<{ items: [] }>(await far(['token', 'list', '--json'], alice)).items.length, 1)
    const group = jsonOf(await far(['group', 'show', 'cool_group', '--json'], alice))
    assert.deepEqual([group['members'], group['grants']], [['user:alice'], undefined])
    assert.equal(problemOf(await far(['group', 'show', 'admin', '--json'], alice), 2).code, 'USAGE')
    // An answer that is no has status 1, and so these questions never end with it.
    for (const args of [['journal'], ['journal', 'verify'], ['watch', '--from', '0']])
      assert.equal(problemOf(await far([...args, '--json'], alice), 3).code, 'FORBIDDEN', args.join(' '))
    assert.equal(problemOf(await far(['export', '--json'], alice), 1).code, 'FORBIDDEN')
  })

  test('acts in the name of whoever made the token, a scoped one too', async () => {
    const scoped = await tokenOf('--for', 'user:ed', '--permission', 'a:b', '--permission', 'manage:a:b')
    const granted = await far(['grant', 'a:b:x', '--to', 'user:bob', '--json'], scoped)
    assert.equal(jsonOf<{ results: [{ outcome: string }] }>(granted).results[0].outcome, 'added')
    const { items } = jsonOf<{ items: readonly { issuer: string; token?: string }[] }>(
      await far(['token', 'list', '--json'], scoped),
    )
    assert.deepEqual(
      items.map(({ issuer }) => issuer),
      ['user:ed'],
    )
  })

  test('changes, gives away and deletes resources that it finds by asking', async () => {
    const run = async (...args: string[]) => jsonOf(await far([...args, '--json']))
    await run('resource', 'create', 'a:far', '--owner', 'user:ed')
    await run('resource', 'move', 'a:far', '--into', 'a', '--name', 'Far')
    await run('resource', 'give', 'a:far', '--to', 'user:fred')
    const { items } = jsonOf<{ items: readonly object[] }>(await far(['resource', 'list', 'a:far', '--json']))
    assert.deepEqual(items, [{ permission: 'a:far', owner: 'user:fred', parent: 'a', name: 'Far' }])
    await run('resource', 'delete', 'a:far')
    assert.equal(
      problemOf(await far(['resource', 'give', 'a:far', '--to', 'user:ed', '--json']), 2).code,
      'USAGE',
    )
  })

  test('says what only the database’s own machine can do', async () => {
    const problem = problemOf(await far(['backup', join(folder.dir, 'x.backup'), '--json']), 2)
    assert.deepEqual([problem.code, /castellan export/.test(problem.hint)], ['USAGE', true])
    assert.equal(problemOf(await far(['watch', '--as', 'user:alice', '--json']), 2).code, 'USAGE')
  })

  test('watches on when the server was away, and misses nothing', async () => {
    const child = spawnCastellan(['watch', '--json'], { env })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async () => {
      const { value } = await lines.next()
      return JSON.parse(String(value)) as { revision: number }
    }
    child.stderr.resume()
    // It is listening when it hears of this.
    const first = jsonOf<{ revision: number }>(await far(['user', 'create', 'w0', '--json'])).revision
    const heard: number[] = []
    const listening = setInterval(() => {
      castellan(['user', 'create', `early${heard.length}`, '--json'], { env }).catch(() => undefined)
    }, 2_000)
    heard.push((await next()).revision)
    clearInterval(listening)
    assert.ok(heard[0]! >= first - 1)
    const { port } = new URL(served.address)
    await served.stop()
    for (const id of ['w1', 'w2'])
      jsonOf(await castellan(['user', 'create', id, '--dir', platform, '--json']))
    served = await serve(['serve', '--dir', platform, '--port', port], {})
    const last = jsonOf<{ revision: number }>(await far(['user', 'create', 'w3', '--json'])).revision
    while (heard.at(-1)! < last) heard.push((await next()).revision)
    for (const [i, revision] of heard.entries()) assert.equal(revision, heard[0]! + i)
    child.kill('SIGINT')
    assert.equal((await finished(child)).status, 0)
  })
})

describe('an export while others make changes', () => {
  let server: Server
  const user = (id: string, name?: string) => ({ kind: 'user', id, ...(name !== undefined && { name }) })
  /** Between two pages, at revisions 5 and 8, one fact read already was renamed, one removed and one made. */
  const ANSWERS: Readonly<Record<string, object>> = {
    '/v1/facts?limit=1000': { items: [user('a'), user('b')], nextCursor: 'next', revision: 5 },
    '/v1/facts?limit=1000&cursor=next': { items: [user('c', 'new')], nextCursor: null, revision: 8 },
    '/v1/journal?from=5&to=8&limit=1000': {
      items: [
        { revision: 6, effects: [{ before: user('a'), after: user('a', 'A') }] },
        { revision: 7, effects: [{ before: user('b'), after: null }] },
        {
          revision: 8,
          effects: [
            { before: user('c'), after: user('c', 'new') },
            { before: null, after: user('aa') },
          ],
        },
      ],
      nextCursor: null,
      revision: 9,
      head: '',
    },
  }

  before(async () => {
    server = createServer((request, response) => {
      const answer = ANSWERS[request.url ?? '']
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer ?? {}))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })

  after(() => server.close())

  test('is of one moment, as the journal says', async () => {
    const { port } = server.address() as AddressInfo
    const ran = await castellan(['export', '--server', `http://127.0.0.1:${port}`])
    assert.equal(ran.status, 0, ran.stderr)
    assert.deepEqual(
      ran.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      [user('a', 'A'), user('aa'), user('c', 'new')],
    )
  })
})
