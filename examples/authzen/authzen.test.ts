import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** Longest that the example may take to start, in milliseconds. */
const START_MS_MAX = 30_000

const [mei, sam, olga] = ['mei', 'sam', 'olga'].map((id) => ({ type: 'user', id })) as [
  Subject,
  Subject,
  Subject,
]
const report = (id: string, department?: string) => ({
  type: 'report',
  id,
  ...(department !== undefined && { properties: { department } }),
})
const of = (subject: Subject, department: string) => ({ ...subject, properties: { department } })
const [read, write] = [{ name: 'read' }, { name: 'write' }]
const inside = { ip: '10.20.3.4' }
const outside = { ip: '203.0.113.9' }

interface Subject {
  readonly type: string
  readonly id: string
}

describe('the example of an AuthZEN decision point', () => {
  const child = spawn(process.execPath, [...process.execArgv, MAIN], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let address = ''
  let token = ''

  before(async () => {
    const signal = AbortSignal.timeout(START_MS_MAX)
    const [line] = (await once(createInterface({ input: child.stdout }), 'line', { signal })) as [string]
    const said = /^decisions at (?<at>\S+) for the token (?<secret>\S+)$/.exec(line)?.groups
    assert.ok(said !== undefined, line)
    address = said['at']!
    token = said['secret']!
  })

  after(async () => {
    child.kill('SIGTERM')
    const [code] = (await once(child, 'close')) as [number | null]
    assert.equal(code, 0, 'it ends by itself once it is told to')
  })

  const ask = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${address}/access/v1/${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.equal(response.status, 200)
    return response.json()
  }

  const decisions = [
    { name: 'the owner', body: { subject: mei, action: write, resource: report('q1') }, decision: true },
    {
      name: 'somebody of the department',
      body: { subject: of(sam, 'sales'), action: read, resource: report('q1', 'sales') },
      decision: true,
    },
    {
      name: 'somebody of another department',
      body: { subject: of(sam, 'sales'), action: read, resource: report('q1', 'legal') },
      decision: false,
    },
    {
      name: 'writing',
      body: { subject: of(sam, 'sales'), action: write, resource: report('q1', 'sales') },
      decision: false,
    },
    {
      name: 'nobody’s department',
      body: { subject: sam, action: read, resource: report('q1') },
      decision: false,
    },
    {
      name: 'who is no employee',
      body: { subject: of(olga, 'sales'), action: read, resource: report('q1', 'sales') },
      decision: false,
    },
    {
      name: 'an auditor in the office',
      body: { subject: olga, action: read, resource: report('q2'), context: inside },
      decision: true,
    },
    {
      name: 'an auditor elsewhere',
      body: { subject: olga, action: read, resource: report('q2'), context: outside },
      decision: false,
    },
  ]
  for (const { name, body, decision } of decisions) {
    test(`decides on ${name}`, async () => {
      assert.equal(((await ask('evaluation', body)) as { decision: boolean }).decision, decision)
    })
  }

  test('says by which rule', async () => {
    const body = { subject: of(sam, 'sales'), action: read, resource: report('q1', 'sales') }
    const { context } = (await ask('evaluation', body)) as { context: { reading: object[] } }
    assert.ok(
      context.reading.some(
        (node) => 'by' in node && node.by === 'own-department' && 'data' in node && node.data !== undefined,
      ),
    )
  })

  const searches = [
    {
      name: 'who reads a report of a department',
      path: 'search/subject',
      body: {
        subject: { type: 'user', properties: { department: 'sales' } },
        action: read,
        resource: report('q1', 'sales'),
      },
      found: ['mei', 'sam'],
    },
    {
      name: 'what an auditor reads in the office',
      path: 'search/resource',
      body: { subject: olga, action: read, resource: { type: 'report' }, context: inside },
      found: ['q1', 'q2'],
    },
    {
      name: 'what an auditor reads elsewhere',
      path: 'search/resource',
      body: { subject: olga, action: read, resource: { type: 'report' }, context: outside },
      found: [],
    },
    {
      name: 'what somebody of the department may do',
      path: 'search/action',
      body: { subject: of(sam, 'sales'), resource: report('q1', 'sales') },
      found: ['read'],
    },
  ]
  for (const { name, path, body, found } of searches) {
    test(`finds ${name}`, async () => {
      const { results } = (await ask(path, body)) as { results: { id?: string; name?: string }[] }
      assert.deepEqual(
        results.map((each) => each.id ?? each.name),
        found,
      )
    })
  }
})
