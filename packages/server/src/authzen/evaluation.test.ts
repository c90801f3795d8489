import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Fact, Implicator, JsonObject, Rule } from '@castellan/engine'
import { serve, START, type Loose, type Served } from '../testing/serve.ts'

const EVALUATION = '/access/v1/evaluation'
const EVALUATIONS = '/access/v1/evaluations'

/** ed owns all of it; alice, bob and mallory are people; the service may ask about anyone. */
const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'doc', description: 'documents', modes: ['read', 'write'] },
  ...['ed', 'alice', 'bob', 'mallory', 'service'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'app', id: 'editor', owner: 'user:ed' },
  { kind: 'group', id: 'staff', owner: 'system' },
  { kind: 'resource', permission: 'doc:1', owner: 'user:ed' },
  { kind: 'resource', permission: 'doc:a\\Cb\\\\c', owner: 'user:ed' },
  { kind: 'resource', permission: 'fs:f1', owner: 'user:ed', name: 'notes' },
  grant('user:ed', 'user:alice', 'doc:1:read'),
  grant('user:ed', 'app:editor', 'doc:1:write'),
  { ...grant('user:ed', 'user:bob', 'doc:1:write'), expiresAt: '2026-01-01T00:00:00Z' },
  grant('system', 'user:service', 'castellan:check'),
]

function grant(issuer: string, holder: string, permission: string): Fact & { kind: 'grant' } {
  return { kind: 'grant', issuer, holder, permission, extra: {} }
}

const serveDocs = (t: TestContext, rules: readonly Rule[] = []): Promise<Served> =>
  serve(t, { facts: FACTS, engine: { rules } })

const about = (id: string, name = 'read', resource: Loose = { type: 'doc', id: '1' }): Loose => ({
  subject: { type: 'user', id },
  action: { name },
  resource,
})

describe('an evaluation', () => {
  const asked: readonly { readonly name: string; readonly body: Loose; readonly decision: boolean }[] = [
    { name: 'what a grant gives', body: about('alice'), decision: true },
    {
      name: 'a weaker mode',
      body: { ...about('editor'), subject: { type: 'app', id: 'editor' } },
      decision: true,
    },
    { name: 'what nobody gave', body: about('alice', 'write'), decision: false },
    {
      name: 'a `:` and a `\\` in an id, as data',
      body: about('ed', 'read', { type: 'doc', id: 'a:b\\c' }),
      decision: true,
    },
    { name: 'an owner, any action', body: about('ed', 'fly: to\u{1f600}'), decision: true },
    {
      name: 'names of objects’ insides',
      body: about('ed', '__proto__', { type: 'doc', id: '1' }),
      decision: true,
    },
  ]
  for (const { name, body, decision } of asked) {
    test(`answers ${name}`, async (t) => {
      const { ask } = await serveDocs(t)
      assert.equal((await ask('service', EVALUATION, body)).body.decision, decision)
    })
  }

  const unknown: readonly { readonly name: string; readonly body: Loose; readonly code: string }[] = [
    {
      name: 'a type of subject',
      body: { ...about('x'), subject: { type: 'spaceship', id: 'x' } },
      code: 'ACTOR_INVALID',
    },
    {
      name: 'a group as a subject',
      body: { ...about('x'), subject: { type: 'group', id: 'staff' } },
      code: 'ACTOR_INVALID',
    },
    {
      name: 'system as a subject',
      body: { ...about('x'), subject: { type: 'system', id: '' } },
      code: 'ACTOR_INVALID',
    },
    { name: 'an id that can be none', body: about('a b'), code: 'ACTOR_INVALID' },
    { name: 'an id that would be two parties', body: about('alice/app:editor'), code: 'ACTOR_INVALID' },
    {
      name: 'a type that would be a party',
      body: { ...about('x'), subject: { type: 'user:alice/app', id: 'editor' } },
      code: 'ACTOR_INVALID',
    },
    { name: 'an id that is too long', body: about('x'.repeat(257)), code: 'ACTOR_INVALID' },
    { name: 'an empty id', body: about(''), code: 'ACTOR_INVALID' },
    { name: 'a user', body: about('nobody'), code: 'UNKNOWN' },
    {
      name: 'a namespace',
      body: about('alice', 'read', { type: 'dock', id: '1' }),
      code: 'PERMISSION_UNKNOWN',
    },
    {
      name: 'a type that would be two components',
      body: about('ed', 'read', { type: 'doc:1', id: '1' }),
      code: 'PERMISSION_UNKNOWN',
    },
    { name: 'an empty type', body: about('ed', 'read', { type: '', id: '1' }), code: 'PERMISSION_INVALID' },
    {
      name: 'an empty id of a resource',
      body: about('ed', 'read', { type: 'doc', id: '' }),
      code: 'PERMISSION_INVALID',
    },
    { name: 'an empty action', body: about('ed', ''), code: 'PERMISSION_INVALID' },
    { name: 'a control character', body: about('ed', 'read\n'), code: 'PERMISSION_INVALID' },
    { name: 'half of a character', body: about('ed', '\ud83d'), code: 'PERMISSION_INVALID' },
    { name: 'a name that is too long', body: about('ed', 'x'.repeat(300)), code: 'PERMISSION_INVALID' },
    {
      name: 'an action that files have not',
      body: about('ed', 'fly', { type: 'fs', id: 'f1' }),
      code: 'PERMISSION_INVALID',
    },
    { name: 'a resource', body: about('alice', 'read', { type: 'doc', id: '2' }), code: 'NOT_HELD' },
    { name: 'a file', body: about('alice', 'read', { type: 'fs', id: 'f2' }), code: 'UNKNOWN' },
    { name: 'an action', body: about('alice', 'fly'), code: 'NOT_HELD' },
  ]
  for (const { name, body, code } of unknown) {
    test(`is a denial with a reason where nobody knows ${name}`, async (t) => {
      const { ask, live } = await serveDocs(t)
      for (const path of [EVALUATION, EVALUATIONS]) {
        const reply = await ask('service', path, body)
        assert.equal(reply.status, 200, reply.text)
        assert.equal(reply.body.decision, false)
        assert.equal(reply.body.context.code, code)
        assert.ok(reply.body.context.reason.length > 10)
        assert.equal(reply.body.context.revision, live.engine.revision)
      }
    })
  }

  test('takes a path from whoever may see it', async (t) => {
    const { ask } = await serveDocs(t)
    const path = { type: 'fs', id: '/notes' }
    assert.equal((await ask('ed', EVALUATION, about('ed', 'read', path))).body.decision, true)
    assert.equal((await ask('service', EVALUATION, about('ed', 'read', path))).body.decision, false)
  })

  test('carries the reading of a yes, the one that scan gives', async (t) => {
    const { ask } = await serveDocs(t)
    const { body } = await ask('service', EVALUATION, about('alice'))
    const { body: scanned } = await ask('service', '/v1/scan', {
      actor: 'user:alice',
      permission: 'doc:1:read',
    })
    assert.deepEqual(untimed(body.context), untimed(scanned))
    assert.match(JSON.stringify(body.context.reading), /is-owner/)
  })

  test('says what a no lacks, as explain finds it', async (t) => {
    const { ask, change } = await serveDocs(t)
    const reasonOf = async (body: Loose) => {
      const { code, reason } = (await ask('service', EVALUATION, body)).body.context
      return `${code}: ${reason}`
    }
    assert.match(await reasonOf(about('alice', 'write')), /^NOT_HELD: user:alice does not hold doc:1:write$/)
    assert.match(
      await reasonOf(about('bob', 'write')),
      /^EXPIRED: the grant of doc:1:write by user:ed to user:bob expired/,
    )
    await change({ add: { kind: 'suspension', of: 'user:alice' } })
    assert.match(await reasonOf(about('alice')), /^SUSPENDED: user:alice is suspended$/)
  })

  test('leaves both out where they are not wanted', async (t) => {
    const { ask } = await serveDocs(t)
    const lean = { options: { reading: false } }
    assert.deepEqual((await ask('service', EVALUATION, { ...about('alice'), ...lean })).body, {
      decision: true,
      context: { revision: 2 },
    })
    assert.deepEqual(
      (await ask('service', EVALUATIONS, { ...about('alice', 'write'), evaluations: [{}], ...lean })).body,
      {
        evaluations: [{ decision: false, context: { revision: 2 } }],
      },
    )
    const unknown = await ask('service', EVALUATION, { ...about('alice', ''), ...lean })
    assert.equal(unknown.body.context.code, 'PERMISSION_INVALID', 'what is unknown always has its reason')
  })

  test('hands the properties and the context to rules as they came', async (t) => {
    const seen: JsonObject[] = []
    const looking: Implicator = {
      kind: 'implicator',
      id: 'looking',
      doc: 'x',
      namespaces: ['doc'],
      implies(_actor, _permission, { context }) {
        if ('subject' in context) seen.push(context)
        return (context['context'] as Loose)?.go === true ? {} : undefined
      },
    }
    const { ask } = await serveDocs(t, [looking])
    const sent = {
      subject: {
        type: 'user',
        id: 'mallory',
        properties: { department: 'Sales', deep: [{ a: null }] },
        x: 1,
      },
      action: { name: 'read', properties: { soft: true } },
      resource: { type: 'doc', id: '1' },
      context: { go: true, ip: '10.0.0.1' },
    }
    assert.equal((await ask('service', EVALUATION, { ...sent, more: {} })).body.decision, true)
    assert.deepEqual(seen[0], {
      subject: { type: 'user', id: 'mallory', properties: { department: 'Sales', deep: [{ a: null }] } },
      action: { name: 'read', properties: { soft: true } },
      resource: { type: 'doc', id: '1', properties: {} },
      context: { go: true, ip: '10.0.0.1' },
    })
    const own = '{"go":true,"__proto__":{"go":false},"constructor":1}'
    const text = JSON.stringify(sent).replace(/\{"go".*?\}/, own)
    assert.equal((await ask('service', EVALUATION, text)).body.decision, true)
    assert.deepEqual(Object.keys(seen.at(-1)!['context'] as object), ['go', '__proto__', 'constructor'])
    assert.equal((await ask('service', EVALUATION, { ...sent, context: {} })).body.decision, false)
  })
})

describe('who may evaluate', () => {
  test('everyone for themselves, others by `castellan:check`', async (t) => {
    const { ask, tokenOf, call } = await serveDocs(t)
    assert.equal((await ask('alice', EVALUATION, about('alice'))).body.decision, true)
    const refused = await ask('alice', EVALUATION, about('ed'))
    assert.equal(refused.status, 403)
    assert.equal(refused.body.permission, 'castellan:check')
    const nobody = await ask('alice', EVALUATION, about('nobody'))
    assert.deepEqual({ ...nobody.body, requestId: '' }, { ...refused.body, requestId: '' })
    const scoped = await tokenOf('service', { permissions: ['castellan:check'] })
    assert.equal((await call('POST', EVALUATION, { token: scoped, body: about('ed') })).body.decision, true)
    const narrow = await tokenOf('alice', { permissions: ['doc:1:read'] })
    assert.equal((await call('POST', EVALUATION, { token: narrow, body: about('alice') })).status, 403)
  })

  test('a path that may not be seen looks like none', async (t) => {
    const { ask } = await serveDocs(t)
    const reply = async (id: string) =>
      (await ask('mallory', EVALUATION, about('mallory', 'read', { type: 'fs', id }))).text
    assert.equal(await reply('/notes'), (await reply('/nothing')).replace('/nothing', '/notes'))
  })

  test('what is hidden is told as not held', async (t) => {
    const { ask, change } = await serve(t, {
      facts: [
        ...FACTS,
        grant('user:ed', 'user:mallory', 'doc:1:read'),
        grant('user:mallory', 'group:staff', 'doc:1:read'),
        { kind: 'user', id: 'carol' },
        { kind: 'member', group: 'staff', member: 'user:carol' },
      ],
    })
    assert.equal((await ask('carol', EVALUATION, about('carol'))).body.decision, true)
    await change({
      remove: { kind: 'grant', issuer: 'user:ed', holder: 'user:mallory', permission: 'doc:1:read' },
    })
    const own = await ask('carol', EVALUATION, about('carol'))
    assert.deepEqual(own.body.context, {
      code: 'NOT_HELD',
      reason: 'user:carol does not hold doc:1:read',
      revision: 3,
    })
    const service = await ask('service', EVALUATION, about('carol'))
    assert.match(service.body.context.reason, /mallory/)
  })
})

describe('evaluations', () => {
  const yes = { action: { name: 'read' } }
  const no = { action: { name: 'write' } }
  const lacking = { resource: null }
  const foreign = { subject: { type: 'user', id: 'ed' } }
  const unknown = { resource: { type: 'dock', id: '1' } }
  const number = 7
  const semantics: readonly {
    readonly semantic: string | undefined
    readonly items: readonly unknown[]
    readonly outcomes: string
  }[] = [
    {
      semantic: undefined,
      items: [yes, no, lacking, foreign, unknown, number, yes],
      outcomes: 'y n 400 403 n 400 y',
    },
    { semantic: 'execute_all', items: [no, no, yes], outcomes: 'n n y' },
    { semantic: 'deny_on_first_deny', items: [yes, yes, no, yes], outcomes: 'y y n' },
    { semantic: 'deny_on_first_deny', items: [yes, yes], outcomes: 'y y' },
    { semantic: 'deny_on_first_deny', items: [yes, lacking, yes], outcomes: 'y 400' },
    { semantic: 'deny_on_first_deny', items: [foreign, yes], outcomes: '403' },
    { semantic: 'deny_on_first_deny', items: [unknown, yes], outcomes: 'n' },
    { semantic: 'permit_on_first_permit', items: [no, yes, yes], outcomes: 'n y' },
    {
      semantic: 'permit_on_first_permit',
      items: [no, lacking, foreign, unknown, yes, no],
      outcomes: 'n 400 403 n y',
    },
    { semantic: 'permit_on_first_permit', items: [no, no], outcomes: 'n n' },
  ]
  for (const { semantic, items, outcomes } of semantics) {
    test(`${semantic ?? 'without options'}: ${outcomes}`, async (t) => {
      const { ask } = await serveDocs(t)
      const reply = await ask('alice', EVALUATIONS, {
        ...about('alice'),
        evaluations: items,
        ...(semantic !== undefined && { options: { evaluations_semantic: semantic, other: [1] } }),
      })
      assert.equal(reply.status, 200, reply.text)
      assert.equal('decision' in reply.body, false)
      const told = reply.body.evaluations.map(({ decision, context }: Loose) => {
        if (context.error !== undefined) assert.equal(decision, false)
        return context.error?.status ?? (decision ? 'y' : 'n')
      })
      assert.equal(told.join(' '), outcomes)
    })
  }

  test('say where one of them is wrong, and nothing of what the server met', async (t) => {
    const failing: Implicator = {
      kind: 'implicator',
      id: 'failing',
      doc: 'x',
      namespaces: ['doc'],
      implies(_actor, _permission, { context }) {
        if ((context['context'] as Loose)?.fail === true) throw new Error('the secret of the rule')
        return undefined
      },
    }
    const { ask, logged } = await serveDocs(t, [failing])
    const { body } = await ask('service', EVALUATIONS, {
      ...about('alice'),
      evaluations: [{ context: { fail: true } }, {}, { resource: { type: 'doc' } }, { subject: 'alice' }],
    })
    const [failed, fine, lacking, text] = body.evaluations
    assert.deepEqual(failed, {
      decision: false,
      context: {
        error: { status: 500, code: 'RULE_FAILED', message: 'a rule failed, nothing was decided' },
        revision: 2,
      },
    })
    assert.equal(fine.decision, true)
    assert.match(lacking.context.error.message, /`resource\.id`/)
    assert.match(text.context.error.message, /`subject`/)
    assert.ok(logged.some((line) => line.includes('the secret of the rule')))
    const single = await ask('service', EVALUATION, { ...about('alice'), context: { fail: true } })
    assert.equal(single.status, 500)
    assert.equal(single.body.code, 'RULE_FAILED')
  })

  test('are up to a thousand, of which the first hundred say why', async (t) => {
    const { ask } = await serveDocs(t)
    const evaluations = Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? yes : no))
    const reply = await ask('service', EVALUATIONS, { ...about('alice'), evaluations })
    assert.equal(reply.status, 200)
    assert.deepEqual(
      reply.body.evaluations.map(({ decision }: Loose) => decision),
      evaluations.map((each) => each === yes),
    )
    for (const [i, { context }] of reply.body.evaluations.entries()) {
      assert.equal(context.truncated, i < 100 ? undefined : true, String(i))
      assert.equal('reading' in context || 'reason' in context, i < 100)
    }
    const more = await ask('service', EVALUATIONS, { ...about('alice'), evaluations: [...evaluations, yes] })
    assert.equal(more.status, 422)
    assert.equal(more.body.code, 'LIMIT_EXCEEDED')
    assert.equal(more.body.limit, 'permissionsMax')
  })

  test('carry readings until they have as many nodes as one may have', async (t) => {
    // Every reader granted it to every other: readings of as many nodes as there may be.
    const readers = Array.from({ length: 12 }, (_, i) => `r${i}`)
    const { ask } = await serve(t, {
      facts: [
        ...FACTS,
        ...readers.map((id) => ({ kind: 'user', id }) as const),
        ...readers.flatMap((from) =>
          readers.filter((to) => to !== from).map((to) => grant(`user:${from}`, `user:${to}`, 'doc:1:read')),
        ),
        ...readers.map((to) => grant('user:ed', `user:${to}`, 'doc:1:read')),
      ],
    })
    const evaluations = readers.slice(0, 5).map((id) => ({ subject: { type: 'user', id } }))
    const { body, text } = await ask('service', EVALUATIONS, { ...about('alice'), evaluations })
    assert.deepEqual(
      body.evaluations.map(({ context }: Loose) =>
        'reading' in context ? 'reading' : 'truncated' in context,
      ),
      ['reading', 'reading', true, true, true],
    )
    assert.ok(text.length < 5_000_000)
  })

  test('see one state of the facts and one instant', async (t) => {
    const { ask, clock } = await serveDocs(t)
    const expiring = { subject: { type: 'user', id: 'bob' }, action: { name: 'write' } }
    const decisions = async () => {
      const { body } = await ask('service', EVALUATIONS, {
        ...about('bob'),
        evaluations: [expiring, expiring],
      })
      return body.evaluations.map(({ decision }: Loose) => decision)
    }
    assert.deepEqual(await decisions(), [false, false])
    clock.now = START - 1
    assert.deepEqual(await decisions(), [true, true])
  })
})

describe('hostile bodies', () => {
  const whole = about('alice')
  const wrong: readonly { readonly name: string; readonly body: unknown; readonly at?: string }[] = [
    { name: 'a list for a subject', body: { ...whole, subject: ['user', 'alice'] }, at: 'subject' },
    { name: 'null for a subject', body: { ...whole, subject: null }, at: 'subject' },
    { name: 'a number for an id', body: { ...whole, subject: { type: 'user', id: 7 } }, at: 'subject.id' },
    { name: 'null for an action', body: { ...whole, action: { name: null } }, at: 'action.name' },
    {
      name: 'a list of properties',
      body: { ...whole, resource: { ...whole.resource, properties: [] } },
      at: 'resource.properties',
    },
    {
      name: 'null for properties',
      body: { ...whole, subject: { ...whole.subject, properties: null } },
      at: 'subject.properties',
    },
    { name: 'a text for the context', body: { ...whole, context: 'now' }, at: 'context' },
    { name: 'null for the context', body: { ...whole, context: null }, at: 'context' },
    { name: 'a list of options', body: { ...whole, options: [] }, at: 'options' },
    {
      name: 'a text for whether to say why',
      body: { ...whole, options: { reading: 'no' } },
      at: 'options.reading',
    },
    {
      name: 'a name given twice',
      body: `{"subject":{"type":"user","id":"alice","id":"ed"},${JSON.stringify(whole).slice(1)}`,
    },
    {
      name: 'a name given twice in what nobody reads',
      body: JSON.stringify({ ...whole, x: {} }).replace('{}', '{"a":1,"a":2}'),
    },
    {
      name: 'what nests too deeply',
      body: JSON.stringify(whole).replace('}}', `},"context":${'{"a":'.repeat(100)}1${'}'.repeat(101)}`),
    },
    { name: 'entities behind a prototype', body: `{"__proto__":${JSON.stringify(whole)}}`, at: 'subject' },
  ]
  for (const { name, body, at } of wrong) {
    test(`${name} is refused with its place`, async (t) => {
      const { ask } = await serveDocs(t)
      for (const path of [EVALUATION, EVALUATIONS]) {
        const reply = await ask('service', path, body)
        assert.equal(reply.status, 400, reply.text)
        assert.equal(reply.body.code, 'BODY_INVALID')
        if (at !== undefined) assert.equal(reply.body.path, at)
      }
    })
  }

  const wrongBatches: readonly { readonly name: string; readonly body: object; readonly at: string }[] = [
    { name: 'an object for the list', body: { evaluations: {} }, at: 'evaluations' },
    { name: 'null for the list', body: { evaluations: null }, at: 'evaluations' },
    {
      name: 'a semantic nobody knows',
      body: { options: { evaluations_semantic: 'any' } },
      at: 'options.evaluations_semantic',
    },
    { name: 'an empty list without entities', body: { subject: undefined, evaluations: [] }, at: 'subject' },
    {
      name: 'a default that is none',
      body: { resource: { type: 'doc' }, evaluations: [{}] },
      at: 'resource.id',
    },
  ]
  for (const { name, body, at } of wrongBatches) {
    test(`${name} is refused`, async (t) => {
      const { ask } = await serveDocs(t)
      const reply = await ask('service', EVALUATIONS, { ...whole, ...body })
      assert.equal(reply.status, 400, reply.text)
      assert.equal(reply.body.path, at)
    })
  }

  test('a body that is too large, another method and a query are refused as elsewhere', async (t) => {
    const { ask, call, tokenOf } = await serveDocs(t)
    const large = await ask('service', EVALUATION, { ...whole, context: { x: 'x'.repeat(300_000) } })
    assert.equal(large.status, 413)
    const token = await tokenOf('service')
    for (const path of [EVALUATION, EVALUATIONS]) {
      const other = await call('GET', path, { token })
      assert.equal(other.status, 405)
      assert.equal(other.headers.get('allow'), 'POST')
      assert.equal((await call('POST', `${path}?x=1`, { token, body: whole })).status, 400)
    }
  })

  test('answers hold what is not ASCII, whole', async (t) => {
    const { ask } = await serveDocs(t)
    const reply = await ask('service', EVALUATION, about('alice', 'fliegen \u00fcber \u{1f600}'))
    assert.match(reply.body.context.reason, /fliegen \u00fcber \u{1f600}/u)
  })
})

function untimed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, each: unknown) => (key === 'value' ? 0 : each)))
}
