import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { castellan, jsonOf, newFolder, problemOf, serve } from './testing/castellan.ts'

interface Answer {
  readonly items: readonly {
    permission: string
    holder: string
    issuer: string
    since: string | null
    ageDays: number | null
  }[]
  readonly grants: number
  readonly leftOut: number
  readonly log: {
    readonly from: string
    readonly to: string
    readonly decisions: number
    readonly allowed: number
    readonly samples: readonly number[]
    readonly timesToBeSeen: number
    readonly dropped: number
    readonly cut: number
    readonly unreadable: number
  }
}

const FACTS = [
  { kind: 'namespace', name: 'a', description: 'demo' },
  ...['ed', 'fred', 'alice', 'bob'].map((id) => ({ kind: 'user', id })),
  { kind: 'group', id: 'team', owner: 'user:fred' },
  { kind: 'member', group: 'team', member: 'user:alice' },
  { kind: 'resource', permission: 'a', owner: 'user:ed' },
  { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b' },
  { kind: 'grant', issuer: 'user:fred', holder: 'group:team', permission: 'a:b' },
  { kind: 'grant', issuer: 'user:ed', holder: 'user:bob', permission: 'a:b' },
  { kind: 'grant', issuer: 'user:ed', holder: 'user:alice', permission: 'a:c' },
]

describe('castellan journal unused', () => {
  const folder = newFolder()
  const dir = join(folder.dir, 'platform')
  const settings = join(dir, 'settings', 'castellan.json')
  const log = join(dir, 'data', 'decisions.jsonl')
  after(() => folder.remove())

  let token = ''
  const unused = async (...args: string[]): Promise<Answer> =>
    jsonOf<Answer>(await castellan(['journal', 'unused', '--dir', dir, '--json', ...args]))
  const names = ({ items }: Answer): string[] =>
    items.map(({ issuer, holder, permission }) => `${issuer} ${holder} ${permission}`).sort()

  test('says what is missing where nothing is logged', async () => {
    token = jsonOf<{ token: string }>(await castellan(['init', dir, '--json'])).token
    const facts = join(folder.dir, 'facts.jsonl')
    writeFileSync(facts, FACTS.map((fact) => `${JSON.stringify(fact)}\n`).join(''))
    jsonOf(await castellan(['import', facts, '--dir', dir, '--json']))
    const off = problemOf(await castellan(['journal', 'unused', '--dir', dir, '--json']), 2)
    assert.match(off.hint, /decisionLogFile/)
    writeFileSync(settings, '{"decisionLogFile": "data/decisions.jsonl", "decisionLogSample": 1}')
    const empty = problemOf(await castellan(['journal', 'unused', '--dir', dir, '--json']), 2)
    assert.match(empty.detail, /no decision is logged/)
    assert.match(
      problemOf(await castellan(['journal', 'unused', '--json'], { cwd: folder.dir }), 2).hint,
      /--decisions/,
    )
  })

  test('names the grants that no decision of a served folder rested on', async () => {
    const served = await serve(['serve', '--dir', dir, '--port', '0'], {})
    const ask = async (path: string, body: object): Promise<void> => {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
      const reply = await fetch(served.address + path, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      assert.equal(reply.status, 200, await reply.text())
    }
    await ask('/v1/check', { actor: 'user:alice', permission: 'a:b:x' })
    await ask('/v1/check', { actor: 'user:bob', permission: 'a:c' })
    await ask('/v1/check-each', { checks: [{ actor: 'user:fred', permission: 'a:b' }] })
    assert.equal((await served.stop()).status, 0)
    const answer = await unused()
    assert.deepEqual(names(answer), ['user:ed user:alice a:c', 'user:ed user:bob a:b'])
    assert.deepEqual(
      { ...answer.log, from: '', to: '' },
      {
        from: '',
        to: '',
        decisions: 3,
        allowed: 2,
        samples: [1],
        timesToBeSeen: 1,
        dropped: 0,
        cut: 0,
        unreadable: 0,
      },
    )
    assert.equal(answer.items[0]?.ageDays, 0)
    assert.ok(answer.grants > answer.leftOut + 2)
    const { stdout, stderr } = await castellan(['journal', 'unused', '--dir', dir])
    assert.match(stdout, /^a:c\tuser:alice\tuser:ed\t0$/m)
    assert.match(stderr, /2 grants of \d+ are on no pathway of 3 logged decisions, from 2/)
    assert.match(stderr, /castellan: and manage: left out/)
  })

  test('reads what was put aside as well, or the files it is given, and only as far back as it is told', async () => {
    const line = (time: string, sample: number) =>
      `${JSON.stringify({
        time,
        requestId: 'r',
        caller: 'token:x',
        actor: 'user:bob',
        permission: 'a:b',
        allowed: true,
        revision: 1,
        sample,
        pathway: [{ via: 'user', issuer: 'user:ed', holder: 'user:bob', permission: 'a:b' }],
        rights: [],
      })}\n`
    writeFileSync(`${log}.1`, line('2020-01-01T00:00:00.000Z', 0.01))
    assert.deepEqual(names(await unused()), ['user:ed user:alice a:c'])
    assert.deepEqual(names(await unused('--since', '30d')), [
      'user:ed user:alice a:c',
      'user:ed user:bob a:b',
    ])
    const other = join(folder.dir, 'other.jsonl')
    writeFileSync(other, line('2021-01-01T00:00:00.000Z', 0.01))
    appendFileSync(other, line('2022-01-01T00:00:00.000Z', 0.5))
    appendFileSync(other, '{"time":"2022-01-02T00:00:00.000Z","dropped":7}\n[]\nnull\n{"time":1}\n{"ti')
    const answer = await unused('--decisions', other)
    assert.equal(names(answer).length, 3)
    assert.deepEqual(answer.log, {
      from: '2021-01-01T00:00:00.000Z',
      to: '2022-01-01T00:00:00.000Z',
      decisions: 2,
      allowed: 2,
      samples: [0.01, 0.5],
      timesToBeSeen: 299,
      dropped: 7,
      cut: 0,
      unreadable: 4,
    })
    const { stderr } = await castellan(['journal', 'unused', '--dir', dir, '--decisions', other])
    assert.match(stderr, /1 % or 50 % were picked .* used less than 299 times/)
    assert.match(stderr, /7 decisions picked for the log are not in it/)
    assert.match(stderr, /4 lines could not be read/)
    assert.match(stderr, /of them are younger than the log/)
    assert.equal(
      problemOf(await castellan(['journal', 'unused', '--decisions', join(dir, 'none'), '--json']), 2).code,
      'USAGE',
    )
    assert.equal(
      problemOf(await castellan(['journal', 'unused', '--dir', dir, '--since', 'when', '--json']), 2).code,
      'USAGE',
    )
  })

  test(
    'reads what the server flushed when it was told to stop',
    { skip: process.platform === 'win32' },
    async () => {
      const before = readFileSync(log, 'utf8').split('\n').length
      const served = await serve(['serve', '--dir', dir, '--port', '0'], {})
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
      const body = '{"permission":"a"}'
      await Promise.all(
        Array.from({ length: 200 }, () =>
          fetch(`${served.address}/v1/check`, { method: 'POST', headers, body }),
        ),
      )
      await served.stop()
      assert.equal(existsSync(log), true)
      assert.equal(readFileSync(log, 'utf8').split('\n').length - before, 200)
    },
  )
})
