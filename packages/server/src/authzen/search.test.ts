import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { openEngine, type Fact, type Implicator, type Rule } from '@castellan/engine'
// oxlint-disable-next-line no-restricted-imports -- random worlds are made in one place, which is no part of the engine
import { INSTANTS, randomWorld } from '../../../engine/test/worlds.ts'
import type { Context } from '../context.ts'
import { serve, type Loose, type Served } from '../testing/serve.ts'
import { evaluateEach } from './evaluation.ts'
import { searchActions, searchResources, searchSubjects, type Found } from './search.ts'
import { createLogger } from '../edge/log.ts'
import { Exchange } from '../observe/exchange.ts'
import { Observer } from '../observe/observer.ts'

const SUBJECTS = '/access/v1/search/subject'
const RESOURCES = '/access/v1/search/resource'
const ACTIONS = '/access/v1/search/action'

const doc = (id: string) => ({ type: 'doc', id })
const user = (id: string) => ({ type: 'user', id })
const read = { name: 'read' }

/** ed owns a folder of forty documents, shared with all of staff; twenty people are staff. */
const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'doc', description: 'documents', modes: ['read', 'write'] },
  ...['ed', 'service', 'manager', 'stranger'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'group', id: 'staff', owner: 'system' },
  { kind: 'resource', permission: 'doc:folder', owner: 'user:ed' },
  ...numbered(40).map(
    (n) => ({ kind: 'resource', permission: `doc:d${n}`, owner: 'user:ed', parent: 'doc:folder' }) as const,
  ),
  { kind: 'resource', permission: 'doc:elsewhere', owner: 'system' },
  ...numbered(20).flatMap((n) => [
    { kind: 'user', id: `u${n}` } as const,
    { kind: 'member', group: 'staff', member: `user:u${n}` } as const,
  ]),
  grant('user:ed', 'group:staff', 'doc:folder:read'),
  grant('system', 'user:service', 'castellan:check'),
  grant('system', 'user:manager', 'manage:doc'),
]

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i).padStart(2, '0'))
}

function grant(issuer: string, holder: string, permission: string): Fact & { kind: 'grant' } {
  return { kind: 'grant', issuer, holder, permission, extra: {} }
}

const serveDocs = (t: TestContext, rules: readonly Rule[] = []): Promise<Served> =>
  serve(t, { facts: FACTS, engine: { rules } })

describe('who may search', () => {
  const subjects = { subject: { type: 'user' }, action: read, resource: doc('d01') }
  const resources = { subject: user('u01'), action: read, resource: { type: 'doc' } }
  const actions = { subject: user('u01'), resource: doc('d01') }
  const cases = [
    { who: 'manager', path: SUBJECTS, body: subjects, lacks: undefined },
    { who: 'ed', path: SUBJECTS, body: subjects, lacks: undefined },
    { who: 'service', path: SUBJECTS, body: subjects, lacks: 'manage:doc:d01:read' },
    { who: 'u01', path: SUBJECTS, body: subjects, lacks: 'manage:doc:d01:read' },
    { who: 'service', path: RESOURCES, body: resources, lacks: undefined },
    { who: 'u01', path: RESOURCES, body: resources, lacks: undefined },
    { who: 'u02', path: RESOURCES, body: resources, lacks: 'castellan:check' },
    { who: 'manager', path: RESOURCES, body: resources, lacks: 'castellan:check' },
    { who: 'service', path: ACTIONS, body: actions, lacks: undefined },
    { who: 'u01', path: ACTIONS, body: actions, lacks: undefined },
    { who: 'u02', path: ACTIONS, body: actions, lacks: 'castellan:check' },
  ]
  for (const { who, path, body, lacks } of cases) {
    test(`${who} ${lacks === undefined ? 'may' : 'may not'}: ${path}`, async (t) => {
      const { ask } = await serveDocs(t)
      const reply = await ask(who, path, body)
      assert.equal(reply.status, lacks === undefined ? 200 : 403, reply.text)
      assert.equal(reply.body.permission, lacks)
      if (lacks === undefined) assert.notEqual(reply.body.results.length, 0)
    })
  }

  test('whoever may not is told the same of what is there and what is not', async (t) => {
    const { ask } = await serveDocs(t)
    const told = async (path: string, body: Loose) => {
      const { requestId: _, ...rest } = (await ask('stranger', path, body)).body
      return JSON.stringify(rest).replaceAll(/d01|nothing/g, '')
    }
    assert.equal(
      await told(SUBJECTS, subjects),
      await told(SUBJECTS, { ...subjects, resource: doc('nothing') }),
    )
    for (const [path, body] of [
      [RESOURCES, resources],
      [ACTIONS, actions],
    ] as const)
      assert.equal(await told(path, body), await told(path, { ...body, subject: user('nobody') }))
  })
})

describe('pages of a search', () => {
  const body = { subject: user('u01'), action: read, resource: { type: 'doc' } }

  test('list each result once, in order, as many as wanted', async (t) => {
    const { ask } = await serveDocs(t)
    const whole = (await ask('u01', RESOURCES, body)).body
    assert.deepEqual(
      whole.results.map(({ id }: Loose) => id),
      [...numbered(40).map((n) => `d${n}`), 'folder'],
    )
    assert.deepEqual(whole.page, { next_token: '', count: 41 })
    const { ids, pages } = await allPages(ask, 'u01', RESOURCES, body, { limit: 7 })
    assert.deepEqual(
      ids,
      whole.results.map(({ id }: Loose) => id),
    )
    assert.equal(pages, 6)
  })

  test('keep to what was held throughout, while facts change', async (t) => {
    const { ask, change } = await serveDocs(t)
    const first = (await ask('u01', RESOURCES, { ...body, page: { limit: 10 } })).body
    await change(
      { remove: { kind: 'resource', permission: 'doc:d05' } },
      { remove: { kind: 'resource', permission: 'doc:d15' } },
      { add: { kind: 'resource', permission: 'doc:d00x', owner: 'user:ed', parent: 'doc:folder' } },
    )
    const second = (await ask('u01', RESOURCES, { ...body, page: { token: first.page.next_token } })).body
    assert.deepEqual(
      second.results.map(({ id }: Loose) => id),
      ['10', '11', '12', '13', '14', '16', '17', '18', '19', '20'].map((n) => `d${n}`),
    )
    assert.equal(second.context.revision, first.context.revision + 1)
  })

  test('take any limit that is a whole number', async (t) => {
    const { ask } = await serveDocs(t)
    const many = await ask('u01', RESOURCES, { ...body, page: { limit: 1_000_000 } })
    assert.equal(many.body.page.count, 41)
    const none = (await ask('u01', RESOURCES, { ...body, page: { limit: 0 } })).body
    assert.deepEqual(none.results, [])
    assert.notEqual(none.page.next_token, '')
    const nothing = (await ask('u01', RESOURCES, { ...body, action: { name: 'write' }, page: { limit: 0 } }))
      .body
    assert.deepEqual(nothing.page, { next_token: '', count: 0 })
    for (const limit of [-1, 1.5, '10', null, 1e300])
      assert.equal((await ask('u01', RESOURCES, { ...body, page: { limit } })).status, 400, String(limit))
  })

  test('belong to one search: its token leads on in no other', async (t) => {
    const { ask } = await serveDocs(t)
    const { next_token: token } = (await ask('service', RESOURCES, { ...body, page: { limit: 5 } })).body.page
    const code = async (path: string, changed: Loose, page: Loose = {}) => {
      const reply = await ask('service', path, { ...body, ...changed, page: { token, ...page } })
      return reply.status === 200 ? 200 : `${reply.status} ${reply.body.code}`
    }
    const mismatch = '400 CURSOR_MISMATCH'
    assert.equal(await code(RESOURCES, {}), 200)
    assert.equal(await code(RESOURCES, {}, { limit: 5 }), 200)
    assert.equal(await code(RESOURCES, { context: {}, foo: 1 }), 200)
    assert.equal(await code(RESOURCES, { resource: { id: 'ignored', type: 'doc' } }), 200)
    assert.equal(await code(RESOURCES, {}, { limit: 6 }), mismatch)
    assert.equal(await code(RESOURCES, { subject: user('u02') }), mismatch)
    assert.equal(await code(RESOURCES, { subject: { ...user('u01'), properties: { a: 1 } } }), mismatch)
    assert.equal(await code(RESOURCES, { action: { name: 'write' } }), mismatch)
    assert.equal(await code(RESOURCES, { resource: { type: 'fs' } }), mismatch)
    assert.equal(await code(RESOURCES, { context: { time: 1 } }), mismatch)
    assert.equal(await code(ACTIONS, { resource: doc('d01') }), mismatch)
    const ordered = { subject: { ...user('u01'), properties: { a: 1, b: 2 } } }
    const other = { subject: { properties: { b: 2, a: 1 }, id: 'u01', type: 'user' } }
    const first = (await ask('service', RESOURCES, { ...body, ...ordered, page: { limit: 5 } })).body.page
    assert.equal(
      await code(RESOURCES, other, { token: first.next_token }),
      200,
      'the order of names says nothing',
    )
    for (const junk of ['', 'x', 'W10', '%00', Buffer.from('["a",1]').toString('base64url'), token.slice(1)])
      assert.match(String(await code(RESOURCES, {}, { token: junk })), /^400 CURSOR_/, junk)
    const [mark] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as [string]
    for (const forged of [
      [mark, -1, ''],
      [mark, 0.5, ''],
      [mark, '5', ''],
      [mark, 5, 7],
      [mark, 5],
      { mark },
      7,
    ]) {
      const written = Buffer.from(JSON.stringify(forged)).toString('base64url')
      assert.equal(
        await code(RESOURCES, {}, { token: written }),
        '400 CURSOR_INVALID',
        JSON.stringify(forged),
      )
    }
    for (const wrong of [null, 7, []])
      assert.equal(await code(RESOURCES, {}, { token: wrong }), '400 BODY_INVALID')
  })

  test('end early where many are looked at and few found, and lead on', async (t) => {
    const chosen: Implicator = {
      kind: 'implicator',
      id: 'chosen',
      doc: 'x',
      namespaces: ['doc'],
      implies: (actor) => (actor === 'user:p4321' ? {} : undefined),
    }
    const { ask, change } = await serveDocs(t, [chosen])
    for (let from = 0; from < 5_000; from += 1_000)
      await change(
        ...Array.from({ length: 1_000 }, (_, i) => ({ add: { kind: 'user', id: `p${from + i}` } }) as const),
      )
    const search = { subject: { type: 'user' }, action: { name: 'write' }, resource: doc('elsewhere') }
    const { ids, pages } = await allPages(ask, 'manager', SUBJECTS, search, {})
    assert.deepEqual(ids, ['p4321'])
    assert.equal(pages, 3)
  })
})

async function allPages(
  ask: Served['ask'],
  who: string,
  path: string,
  body: Loose,
  page: Loose,
): Promise<{ readonly ids: readonly string[]; readonly pages: number }> {
  const ids: string[] = []
  let next = page
  for (let pages = 1; pages < 100; pages++) {
    const reply = await ask(who, path, { ...body, page: next })
    assert.equal(reply.status, 200, reply.text)
    ids.push(...reply.body.results.map(({ id, name }: Loose) => id ?? name))
    const token = reply.body.page.next_token
    if (token === '') return { ids, pages }
    next = { token }
  }
  assert.fail('the pages do not end')
}

describe('the searches and an evaluation', () => {
  /** Can list nothing, and looks at what a search does not know until it asks. */
  const byProperties: Implicator = {
    kind: 'implicator',
    id: 'by-properties',
    doc: 'x',
    namespaces: ['doc', 'proj'],
    actors: ['user', 'app'],
    implies(actor, permission, { context }) {
      const { subject, resource, action } = context as Loose
      if (subject === undefined) return undefined
      // Never asked with a part missing.
      for (const text of [subject.id, resource.id, action.name]) assert.equal(typeof text, 'string')
      if (actor !== `${subject.type}:${subject.id}`) return undefined
      const isOwnDepartment = subject.properties.department === resource.properties.department
      const isMeant = permission === `${resource.type}:${resource.id}:${action.name}`
      return isMeant && isOwnDepartment && resource.id !== '7' ? {} : undefined
    },
  }

  for (const { name, rules, worlds } of [
    { name: 'in worlds with the built-in rules', rules: [], worlds: 25 },
    { name: 'in worlds with a rule over properties', rules: [byProperties], worlds: 15 },
  ]) {
    test(`agree ${name}`, (t) => {
      const seen = { asked: 0, found: 0 }
      for (let seed = 0; seed < worlds; seed++) agree(seed, rules, seen)
      t.diagnostic(JSON.stringify(seen))
      assert.ok(seen.found > 300 && seen.asked > 5 * seen.found)
    })
  }
})

/** Asks every search of one random world, and evaluates each candidate there can be. */
function agree(seed: number, rules: readonly Rule[], seen: { asked: number; found: number }): void {
  const { facts, now } = randomWorld(seed)
  const engine = openEngine({ facts, rules, now: () => now })
  const observer = new Observer({ engine, log: createLogger({ level: 'silent' }), accessLogLevel: 'off' })
  const random = { engine, observer, now: () => INSTANTS[seed % INSTANTS.length]! } as unknown as Context
  const caller = { actor: 'system', self: 'system', issuer: 'system' }
  const properties = { department: 'Sales' }
  const names = namesOf(facts)
  const actions = [...new Set(['read', 'x', ...[...names.values()].flatMap(({ rights }) => [...rights])])]
  const subjects = ['user', 'app', 'token'].flatMap((type) =>
    facts.flatMap((fact) => (fact.kind === type && 'id' in fact ? [{ type, id: fact.id, properties }] : [])),
  )
  const resources = [...names.values()].map(({ type, id }) => ({ type, id, properties }))

  const truth = (evaluations: readonly object[]): boolean[] => {
    const decisions: boolean[] = []
    for (let from = 0; from < evaluations.length; from += 1_000) {
      const body = { evaluations: evaluations.slice(from, from + 1_000), options: { reading: false } }
      const { evaluations: answers } = JSON.parse(
        evaluateEach(random, caller, JSON.stringify(body), new Exchange('', 'POST', '')),
      )
      decisions.push(...answers.map(({ decision }: Loose) => decision))
    }
    return decisions
  }
  const hold = (what: string, found: readonly string[], wanted: readonly string[]): void => {
    seen.found += wanted.length
    assert.deepEqual([...found].sort(), [...wanted].sort(), `seed ${seed}: ${what}`)
  }
  const allowedOf = <Each>(all: readonly Each[], evaluation: (each: Each) => object): Each[] => {
    seen.asked += all.length
    const decisions = truth(all.map(evaluation))
    return all.filter((_, i) => decisions[i])
  }

  for (const subject of subjects) {
    for (const action of actions.map((each) => ({ name: each }))) {
      for (const type of new Set(resources.map((each) => each.type))) {
        const found = everyPage((page) =>
          searchResources(random, caller, { subject, action, resource: { type, properties }, page }),
        ).map(({ id }) => id)
        // What is held by right, without a fact that names it, is found as well.
        const named = resources.filter((each) => each.type === type).map(({ id }) => id)
        const allowed = allowedOf([...new Set([...named, ...found])], (id) => ({
          subject,
          action,
          resource: { type, id, properties },
        }))
        hold(`resources ${type} of ${subject.type}:${subject.id} for ${action.name}`, found, allowed)
      }
    }
    for (const { type, id, rights } of names.values()) {
      const resource = { type, id, properties }
      const modes = engine.catalog().find((each) => each.name === type)?.modes ?? []
      const known = new Set([...modes, ...rights])
      const found = everyPage((page) => searchActions(random, caller, { subject, resource, page })).map(
        (each) => each.name,
      )
      const allowed = allowedOf([...new Set([...known, ...found])], (each) => ({
        subject,
        resource,
        action: { name: each },
      }))
      hold(`actions of ${subject.type}:${subject.id} on ${type}:${id}`, found, allowed)
    }
  }
  for (const resource of resources) {
    for (const action of actions.slice(0, 6).map((each) => ({ name: each }))) {
      for (const type of ['user', 'app', 'token']) {
        const wanted = allowedOf(
          subjects.filter((each) => each.type === type),
          (subject) => ({ subject, action, resource }),
        )
        const found = everyPage((page) =>
          searchSubjects(random, caller, { subject: { type, properties }, action, resource, page }),
        )
        hold(
          `${type}s for ${action.name} on ${resource.type}:${resource.id}`,
          found.map(({ id }) => id),
          wanted.map(({ id }) => id),
        )
      }
    }
  }
}

/** Two at a time, so that paging is always part of it. */
function everyPage<Entity>(search: (page: { limit: number; token?: string }) => Found<Entity>): Entity[] {
  const entities: Entity[] = []
  for (let token: string | undefined; token !== '';) {
    const found: Found<Entity> = search({ limit: 2, ...(token !== undefined && { token }) })
    entities.push(...found.results)
    token = found.page.next_token
  }
  return entities
}

interface Named {
  readonly type: string
  readonly id: string
  /** What facts name right behind it. */
  readonly rights: Set<string>
}

/** What facts name, decoded. */
function namesOf(facts: readonly Fact[]): Map<string, Named> {
  const names = new Map<string, Named>()
  for (const fact of facts) {
    if (!('permission' in fact)) continue
    const [type, id, right] = fact.permission.split(':').map((part) => part.replaceAll('\\C', ':'))
    if (type === undefined || id === undefined) continue
    const named = names.get(`${type}\n${id}`) ?? { type, id, rights: new Set<string>() }
    names.set(`${type}\n${id}`, named)
    if (right !== undefined) named.rights.add(right)
  }
  return names
}
