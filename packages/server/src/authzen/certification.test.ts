import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Exploder, Fact, Implicator, JsonObject } from '@castellan/engine'
import { serve, type Loose, type Served } from '../testing/serve.ts'

/**
 * The scenario of the Authorization API 1.0's certification, at every level: what is asked, and what must come back.
 * Numbers are its sections. What it leaves to the implementer is told here as this fixture has it.
 */

const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'record', description: 'records', modes: ['read', 'write', 'delete'] },
  ...['alice', 'bob', 'enforcer'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'group', id: 'archivists', owner: 'system' },
  { kind: 'member', group: 'archivists', member: 'user:bob' },
  ...['record-1', 'record-2'].map(
    (id) => ({ kind: 'resource', permission: `record:${id}`, owner: 'system' }) as const,
  ),
  grant('user:alice', 'record:record-1:read'),
  grant('user:alice', 'record:record-1:edit'),
  grant('user:bob', 'record:record-1:read'),
  grant('user:enforcer', 'castellan:check'),
  grant('user:enforcer', 'manage:record'),
]

function grant(holder: string, permission: string): Fact {
  return { kind: 'grant', issuer: 'system', holder, permission, extra: {} }
}

const about = (context: JsonObject, entity: 'subject' | 'action' | 'resource'): Loose => context[entity] ?? {}
const isArchived = (context: JsonObject) => about(context, 'resource').properties?.status === 'archived'

const editing: Exploder = {
  kind: 'exploder',
  id: 'editing',
  doc: 'who edits a record may write it while it is not archived, and delete it softly',
  namespaces: ['record'],
  explode(permission, { context }) {
    const isSoft = about(context, 'action').properties?.soft === true
    const isGiven =
      (permission.endsWith(':write') && !isArchived(context)) || (permission.endsWith(':delete') && isSoft)
    return isGiven ? [permission.replace(/:\w+$/, ':edit')] : []
  },
}

const admins: Implicator = {
  kind: 'implicator',
  id: 'admins',
  doc: 'who comes as an administrator writes every record',
  namespaces: ['record'],
  implies(actor, permission, { context }) {
    const { type, id, properties } = about(context, 'subject')
    return actor === `${type}:${id}` && properties?.role === 'admin' && permission.endsWith(':write')
      ? {}
      : undefined
  },
}

const archivists: Implicator = {
  kind: 'implicator',
  id: 'archivists',
  doc: 'archivists write archived records',
  namespaces: ['record'],
  implies: (actor, permission, { facts, context }) =>
    isArchived(context) && permission.endsWith(':write') && facts.isMember(actor.slice(5), 'archivists')
      ? {}
      : undefined,
}

const serveFixture = (t: TestContext): Promise<Served> =>
  serve(t, { facts: FACTS, engine: { rules: [editing, admins, archivists] } })

const alice = { type: 'user', id: 'alice' }
const bob = { type: 'user', id: 'bob' }
const [read, write, remove] = [{ name: 'read' }, { name: 'write' }, { name: 'delete' }]
const one = { type: 'record', id: 'record-1' }
const two = { type: 'record', id: 'record-2' }
const environment = { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' }
const withStatus = (resource: object, status: string) => ({ ...resource, properties: { status } })
const admin = { ...bob, properties: { role: 'admin' } }

const EVALUATION = '/access/v1/evaluation'
const EVALUATIONS = '/access/v1/evaluations'
const SUBJECTS = '/access/v1/search/subject'
const RESOURCES = '/access/v1/search/resource'
const ACTIONS = '/access/v1/search/action'

interface Case {
  readonly name: string
  readonly path: string
  readonly body: Loose
  /** A decision, several, what is found, or a status that is not 200. */
  readonly expect: boolean | readonly boolean[] | readonly string[] | 400
}

const evaluation = (name: string, body: Loose, expect: Case['expect']): Case => ({
  name,
  path: EVALUATION,
  body,
  expect,
})
const batch = (name: string, body: Loose, expect: Case['expect']): Case => ({
  name,
  path: EVALUATIONS,
  body,
  expect,
})
const search = (name: string, path: string, body: Loose, expect: Case['expect']): Case => ({
  name,
  path,
  body,
  expect,
})

const without = (body: Loose, key: string): Loose => {
  const { [key]: _, ...rest } = body
  return rest
}
const whole = { subject: alice, action: read, resource: one }

const LEVELS: Readonly<Record<string, readonly Case[]>> = {
  'Basic Core': [
    evaluation('2.2.1 a permit', whole, true),
    evaluation('2.2.2 a denial', { subject: bob, action: write, resource: one }, false),
    evaluation('rule 2', { subject: alice, action: write, resource: one }, true),
    evaluation('rule 3', { subject: bob, action: read, resource: one }, true),
    evaluation('2.2.3 a context', { ...whole, context: environment }, true),
    evaluation(
      '2.2.8 properties that no rule knows',
      {
        subject: { ...alice, properties: { department: 'Sales', role: 'manager' } },
        action: { ...read, properties: { method: 'GET' } },
        resource: { ...one, properties: { status: 'active', owner: 'bob' } },
      },
      true,
    ),
    evaluation('2.2.9 unknown names', { ...whole, foo: 'bar', futureField: { nested: true } }, true),
    ...['subject', 'action', 'resource'].map((key) =>
      evaluation(`2.4.1 no ${key}`, without(whole, key), 400),
    ),
    ...(
      [
        ['subject', 'type'],
        ['subject', 'id'],
        ['action', 'name'],
        ['resource', 'type'],
        ['resource', 'id'],
      ] as const
    ).map(([key, inside]) =>
      evaluation(`2.4.2 no ${inside} of ${key}`, { ...whole, [key]: without(whole[key], inside) }, 400),
    ),
    evaluation('2.4.6 a string for a subject', { ...whole, subject: 'alice' }, 400),
    evaluation('2.4.6 a number for a name', { ...whole, action: { name: 123 } }, 400),
  ],
  'Basic Properties': [
    evaluation(
      '2.2.4 rule 5, record-2',
      { subject: alice, action: write, resource: withStatus(two, 'archived') },
      false,
    ),
    evaluation(
      'rule 5, record-1',
      { subject: alice, action: write, resource: withStatus(one, 'archived') },
      false,
    ),
    evaluation(
      '2.2.5 rule 6',
      { subject: admin, action: write, resource: withStatus(two, 'archived') },
      true,
    ),
    evaluation(
      '2.2.6 rule 7',
      { subject: alice, action: { ...remove, properties: { soft: true } }, resource: one },
      true,
    ),
    evaluation(
      '2.2.7 rule 8',
      { subject: alice, action: { ...remove, properties: { soft: false } }, resource: one },
      false,
    ),
  ],
  'Batch Core': [
    batch(
      '3.2.1 several resources',
      { subject: alice, action: read, evaluations: [{ resource: one }, { resource: two }] },
      [true, false],
    ),
    batch(
      '3.2.2 several actions',
      { subject: bob, resource: one, evaluations: [{ action: read }, { action: write }] },
      [true, false],
    ),
    batch('3.2.5 no defaults', { evaluations: [whole, { subject: bob, action: write, resource: one }] }, [
      true,
      false,
    ]),
    batch(
      '3.2.6 a context, and another',
      {
        subject: alice,
        action: read,
        context: environment,
        evaluations: [
          { resource: one },
          { resource: two, context: { time: '2025-06-27T19:00-07:00', source: 'batch-override' } },
        ],
      },
      [true, false],
    ),
    batch(
      '3.4.1 one that lacks something',
      {
        subject: alice,
        action: read,
        options: { evaluations_semantic: 'execute_all' },
        evaluations: [{ resource: one }, {}],
      },
      [true, false],
    ),
    batch('3.4.2 no evaluations', whole, true),
    batch('3.4.3 an empty list', { ...whole, evaluations: [] }, true),
    batch('3.4 a subject that is none', { ...whole, subject: 'alice', evaluations: [{}] }, 400),
  ],
  'Batch Properties': [
    batch(
      '3.2.3 of resources',
      {
        subject: alice,
        action: write,
        evaluations: [{ resource: withStatus(one, 'active') }, { resource: withStatus(two, 'archived') }],
      },
      [true, false],
    ),
    batch(
      '3.2.4 of subjects',
      {
        action: write,
        resource: withStatus(two, 'archived'),
        evaluations: [{ subject: alice }, { subject: admin }],
      },
      [false, true],
    ),
    batch(
      '3.2.7 entities are inherited whole',
      {
        subject: alice,
        action: write,
        resource: withStatus(one, 'active'),
        evaluations: [{}, { resource: withStatus(two, 'archived') }],
      },
      [true, false],
    ),
  ],
  'Search Core': [
    ...[
      { name: '4.2.1', body: {} },
      { name: '4.2.2 a context', body: { context: environment } },
      { name: '4.2.3 an id', body: { subject: alice } },
    ].map(({ name, body }) =>
      search(
        `${name} of subjects`,
        SUBJECTS,
        { subject: { type: 'user' }, action: read, resource: one, ...body },
        ['alice', 'bob'],
      ),
    ),
    ...[
      { name: '4.3.1', body: {} },
      { name: '4.3.2 a context', body: { context: environment } },
      { name: '4.3.3 an id', body: { resource: two } },
    ].map(({ name, body }) =>
      search(
        `${name} of resources`,
        RESOURCES,
        { subject: alice, action: read, resource: { type: 'record' }, ...body },
        ['record-1'],
      ),
    ),
    ...[
      { name: '4.4.1', body: {} },
      { name: '4.4.2 a context', body: { context: environment } },
    ].map(({ name, body }) =>
      search(`${name} of actions`, ACTIONS, { subject: alice, resource: one, ...body }, [
        'edit',
        'read',
        'write',
      ]),
    ),
    ...[
      { type: 'user', id: 'nonexistent-user' },
      { type: 'spaceship', id: 'enterprise' },
    ].flatMap((subject) => [
      search(`4.6 actions of ${subject.type} ${subject.id}`, ACTIONS, { subject, resource: one }, []),
      search(
        `4.6 resources of ${subject.type} ${subject.id}`,
        RESOURCES,
        { subject, action: read, resource: { type: 'record' } },
        [],
      ),
    ]),
    search(
      '4.6.2 subjects of an unknown type',
      SUBJECTS,
      { subject: { type: 'spaceship' }, action: read, resource: one },
      [],
    ),
    search(
      '4.6 subjects for an unknown type of resource',
      SUBJECTS,
      { subject: { type: 'user' }, action: read, resource: { type: 'spaceship', id: 'enterprise' } },
      [],
    ),
    search(
      '4.6 resources of an unknown type',
      RESOURCES,
      { subject: alice, action: read, resource: { type: 'spaceship' } },
      [],
    ),
    search(
      '4.6 actions on an unknown resource',
      ACTIONS,
      { subject: alice, resource: { type: 'record', id: 'record-3' } },
      [],
    ),
    search('4.7.1 subjects, no action', SUBJECTS, { subject: { type: 'user' }, resource: one }, 400),
    search('4.7.1 resources, no subject', RESOURCES, { action: read, resource: { type: 'record' } }, 400),
    search('4.7.1 actions, no resource', ACTIONS, { subject: alice }, 400),
    ...[SUBJECTS, RESOURCES].map((path) =>
      search(
        `4.7.2 no id where one is needed, ${path}`,
        path,
        { subject: { type: 'user' }, action: read, resource: { type: 'record' } },
        400,
      ),
    ),
    search('4.7.2 actions, no id', ACTIONS, { subject: { type: 'user' }, resource: one }, 400),
  ],
  'Search Properties': [
    search(
      '4.2.4 S4, subjects',
      SUBJECTS,
      { subject: { type: 'user' }, action: write, resource: withStatus(two, 'archived') },
      ['bob'],
    ),
    search(
      '4.3.4 S5, resources',
      RESOURCES,
      { subject: admin, action: write, resource: { type: 'record' } },
      ['record-1', 'record-2'],
    ),
    search('4.4.3 S6, actions', ACTIONS, { subject: admin, resource: withStatus(two, 'archived') }, [
      'read',
      'write',
    ]),
  ],
}

for (const [level, cases] of Object.entries(LEVELS)) {
  describe(level, () => {
    for (const { name, path, body, expect } of cases) {
      test(name, async (t) => {
        const { ask } = await serveFixture(t)
        const reply = await ask('enforcer', path, body)
        if (expect === 400) {
          assert.equal(reply.status, 400)
          return
        }
        assert.equal(reply.status, 200, reply.text)
        assert.equal(reply.headers.get('content-type'), 'application/json')
        assert.deepEqual(outcomeOf(reply.body), expect)
        // Asked again it says the same.
        const again = await ask('enforcer', path, body)
        assert.deepEqual(outcomeOf(again.body), outcomeOf(reply.body))
      })
    }
  })
}

/** Decisions, or what is found, without what stands beside them. */
function outcomeOf({ decision, evaluations, results }: Loose): Case['expect'] {
  if (results !== undefined) return results.map(({ id, name }: Loose) => id ?? name)
  return evaluations === undefined ? decision : evaluations.map((each: Loose) => each.decision)
}

describe('every level', () => {
  const bodies = [
    { path: EVALUATION, body: whole },
    { path: EVALUATIONS, body: { ...whole, evaluations: [{}] } },
    { path: SUBJECTS, body: { ...whole, subject: { type: 'user' } } },
    { path: RESOURCES, body: { ...whole, resource: { type: 'record' } } },
    { path: ACTIONS, body: { subject: alice, resource: one } },
  ]
  for (const { path, body } of bodies) {
    test(`2.4 refuses what is no JSON: ${path}`, async (t) => {
      const { call, tokenOf } = await serveFixture(t)
      const token = await tokenOf('enforcer')
      const text = JSON.stringify(body)
      for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', '']) {
        const reply = await call('POST', path, { token, body: text, headers: { 'content-type': type } })
        assert.equal(reply.status, 400, type)
        assert.equal(reply.body.code, 'BODY_INVALID')
      }
      for (const wrong of ['', '{', `${text}x`, '[]', 'null', '"alice"', `{"subject":{},${text.slice(1)}`]) {
        const reply = await call('POST', path, { token, body: wrong })
        assert.equal(reply.status, 400, wrong)
        assert.equal(reply.headers.get('content-type'), 'application/problem+json')
      }
      const charset = { 'content-type': 'application/json; charset=utf-8' }
      assert.equal((await call('POST', path, { token, body: text, headers: charset })).status, 200)
    })

    test(`2.5 gives back the id of a request: ${path}`, async (t) => {
      const { call, tokenOf } = await serveFixture(t)
      const token = await tokenOf('enforcer')
      for (const wanted of [200, 400]) {
        for (const id of [
          'bfe9eb29-ab87-4ca3-be83-a1d5d8305716',
          'any text {at} <all>, even "quoted"',
          'x'.repeat(4_000),
        ]) {
          const reply = await call('POST', path, {
            token,
            body: wanted === 200 ? body : {},
            headers: { 'x-request-id': id },
          })
          assert.equal(reply.status, wanted)
          assert.equal(reply.headers.get('x-request-id'), id)
        }
        const without = await call('POST', path, { token, body: wanted === 200 ? body : {} })
        assert.match(without.headers.get('x-request-id')!, /^[\w-]{10,}$/)
      }
    })

    test(`wants a token: ${path}`, async (t) => {
      const { call } = await serveFixture(t)
      const reply = await call('POST', path, { body })
      assert.equal(reply.status, 401)
      assert.match(reply.headers.get('www-authenticate')!, /^Bearer/)
    })
  }
})

describe('Search Core, 4.5 pages', () => {
  const bodies = [
    { path: SUBJECTS, body: { ...whole, subject: { type: 'user' } }, ids: ['alice', 'bob'] },
    { path: RESOURCES, body: { ...whole, resource: { type: 'record' } }, ids: ['record-1'] },
    { path: ACTIONS, body: { subject: alice, resource: one }, ids: ['edit', 'read', 'write'] },
  ]
  for (const { path, body, ids } of bodies) {
    test(path, async (t) => {
      const { ask } = await serveFixture(t)
      const found: string[] = []
      let page: Loose = { limit: 1 }
      for (let pages = 1; ; pages++) {
        const reply = await ask('enforcer', path, { ...body, page })
        assert.equal(reply.status, 200)
        assert.equal(Object.keys(reply.body)[0], 'page', 'so that progress can be shown')
        assert.equal(typeof reply.body.page.next_token, 'string')
        assert.equal(reply.body.page.count, reply.body.results.length)
        assert.ok(reply.body.results.length <= 1)
        found.push(...(outcomeOf(reply.body) as readonly string[]))
        if (reply.body.page.next_token === '') {
          assert.equal(pages, ids.length)
          break
        }
        page = { token: reply.body.page.next_token }
      }
      assert.deepEqual(found, ids)
    })
  }
})

describe('Discovery', () => {
  const endpoints = {
    access_evaluation_endpoint: EVALUATION,
    access_evaluations_endpoint: EVALUATIONS,
    search_subject_endpoint: SUBJECTS,
    search_resource_endpoint: RESOURCES,
    search_action_endpoint: ACTIONS,
  }
  for (const { publicUrl, base, path } of [
    { publicUrl: 'https://pdp.example.com', base: 'https://pdp.example.com', path: '' },
    {
      publicUrl: 'https://pdp.example.com/tenant1/',
      base: 'https://pdp.example.com/tenant1',
      path: '/tenant1',
    },
  ]) {
    test(`6 of ${publicUrl}`, async (t) => {
      const { call } = await serve(t, { publicUrl })
      const reply = await call('GET', `/.well-known/authzen-configuration${path}`)
      assert.equal(reply.status, 200)
      assert.equal(reply.headers.get('content-type'), 'application/json')
      assert.deepEqual(reply.body, {
        policy_decision_point: base,
        ...Object.fromEntries(Object.entries(endpoints).map(([name, at]) => [name, base + at])),
      })
    })
  }
})
