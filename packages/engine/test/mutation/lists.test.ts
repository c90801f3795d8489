import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Engine, Fact, Implicator, Rule, Scanner } from '../../src/index.ts'
import { acting, app, at, group, NOON, remove, system, token, user, world } from '../say.ts'

const alice = user('alice')
const bob = user('bob')
const ed = user('ed')
const editor = app('editor', ed)
const other = app('other', bob)
const club = group('club', bob)
const inner = group('inner', bob)
const PARTIES = [alice, bob, ed, editor, other, club, inner].map((each) => each.exists)

function engineOf(facts: readonly Fact[], rules: readonly Rule[] = []): Engine {
  return world([...PARTIES, ed.owns('a'), ...facts], { rules })
}

/** By actor, the steps of the pathway shown. */
function holdersOf(engine: Engine, permission: string): Record<string, string> {
  return Object.fromEntries(
    engine
      .holders(permission)
      .items.map(({ actor, pathway }) => [
        actor,
        pathway.map((step) => `${step.actor} ${step.permission} ${step.via}`).join(' < '),
      ]),
  )
}

function listOf(engine: Engine, actor: string, prefix?: string): string[] {
  return engine.permissionsOf(actor, prefix).items.map(({ permission, source }) => `${permission} ${source}`)
}

function withoutLists(rule: Rule): Rule {
  const entries = Object.entries(rule).filter(([key]) => key !== 'holdersOf' && key !== 'permissionsOf')
  return Object.fromEntries(entries) as unknown as Rule
}

const BY_RIGHT = 'user:ed a:b option'

describe('holders', () => {
  test('each way to come by a permission is named in the pathway', () => {
    const facts = [
      ed.grants('a:b', alice),
      ed.grants('a:b', club),
      bob.joins(club),
      ed.grants('a:b', acting(ed, other)),
      ed.grants('a:b', other),
      token('full', ed, { full: true }).exists,
      token('scoped', ed).exists,
      token('agents', acting(ed, other)).exists,
      acting(ed, other).grants('a:b', 'token:agents'),
      ed.grants('a:b', 'token:scoped'),
    ]
    assert.deepEqual(holdersOf(engineOf(facts), 'a:b'), {
      'app:other': `app:other a:b app < ${BY_RIGHT}`,
      'token:agents': `token:agents a:b access-token < user:ed/app:other a:b user-app < ${BY_RIGHT}`,
      'token:full': `token:full a:b access-token < ${BY_RIGHT}`,
      'token:scoped': `token:scoped a:b access-token < ${BY_RIGHT}`,
      'user:alice': `user:alice a:b user < ${BY_RIGHT}`,
      'user:bob': `user:bob a:b user-group < ${BY_RIGHT}`,
      'user:ed': BY_RIGHT,
      'user:ed/app:other': `user:ed/app:other a:b user-app < ${BY_RIGHT}`,
    })
  })

  test('what an app’s owner grants it, all its users have through it', () => {
    const full = token('full', acting(alice, editor))
    assert.deepEqual(holdersOf(engineOf([ed.grants('a:b', editor), full.exists]), 'a:b'), {
      'app:editor': `app:editor a:b app < ${BY_RIGHT}`,
      'user:alice/app:editor': `user:alice/app:editor a:b app-owner < ${BY_RIGHT}`,
      'user:bob/app:editor': `user:bob/app:editor a:b app-owner < ${BY_RIGHT}`,
      'user:ed': BY_RIGHT,
      'user:ed/app:editor': `user:ed/app:editor a:b app-owner < ${BY_RIGHT}`,
    })
  })

  test('a grant counts until the instant of its expiry, a token too, and nobody suspended is listed', () => {
    const facts = [
      ed.grants('a:b', alice, { expiresAt: at(NOON) }),
      ed.grants('a:b', bob, { expiresAt: at(NOON + 1) }),
      token('now', ed, { full: true, expiresAt: at(NOON) }).exists,
      token('later', ed, { full: true, expiresAt: at(NOON + 1) }).exists,
      token('asleep', ed, { full: true }).exists,
      token('asleep', ed).isSuspended(),
    ]
    assert.deepEqual(Object.keys(holdersOf(engineOf(facts), 'a:b')), ['token:later', 'user:bob', 'user:ed'])
  })

  test('from `system` too, whose groups and apps are nobody', () => {
    assert.deepEqual(holdersOf(engineOf([system.grants('ai:chat', alice), app('sys').exists]), 'ai:chat'), {
      'user:alice': 'user:alice ai:chat user < system ai:chat option',
    })
  })

  test('what covers it counts, what it covers does not', () => {
    const facts = [ed.grants('a', alice), ed.grants('a:b:c', bob)]
    assert.deepEqual(holdersOf(engineOf(facts), 'a:b'), {
      'user:alice': 'user:alice a user < user:ed a option',
      'user:ed': BY_RIGHT,
    })
  })
})

test('which pathway to a holder is shown does not depend on which grant came first', () => {
  const facts = [
    ed.grants('a', bob),
    ed.grants('a', alice),
    ...[ed, bob, alice].flatMap((from) =>
      [alice, bob, club, ed].filter((to) => to !== from).map((to) => from.grants('a:b', to)),
    ),
    alice.joins(club),
    ed.joins(club),
  ]
  const told = [facts, facts.toReversed(), [...facts.slice(7), ...facts.slice(0, 7)]].map((each) => {
    const engine = engineOf([])
    // One after the other, as they would be stated.
    for (const fact of each) engine.apply([{ add: fact }], { as: 'system' })
    return holdersOf(engine, 'a:b')
  })
  assert.deepEqual(told[1], told[0])
  assert.deepEqual(told[2], told[0])
})

describe('lists by registered rules', () => {
  const implicator = (more: Partial<Implicator>): Implicator => ({
    kind: 'implicator',
    id: 'own',
    doc: 'x',
    namespaces: ['proj'],
    implies: (_, permission) => (permission === 'proj:x' ? {} : undefined),
    holdersOf: () => ['user:alice', 'app:editor'],
    permissionsOf: () => ['proj:x', 'proj:y'],
    ...more,
  })
  const scanner = (more: Partial<Scanner>): Scanner => ({
    kind: 'scanner',
    id: 'link',
    doc: 'x',
    namespaces: ['proj'],
    find: () => [],
    holdersOf: () => [],
    permissionsOf: () => [],
    ...more,
  })

  test('only what the rule itself says, of those it speaks about', () => {
    const engine = engineOf([], [implicator({})])
    assert.deepEqual(holdersOf(engine, 'proj:x'), { 'user:alice': 'user:alice proj:x option' })
    assert.deepEqual(holdersOf(engine, 'proj:y'), {})
    assert.deepEqual(listOf(engine, 'user:alice'), ['proj:x own', 'user:alice user-self'])
    assert.deepEqual(listOf(engine, 'app:editor'), [])
    const ofApps = engineOf([], [implicator({ actors: ['app'] })])
    assert.deepEqual(holdersOf(ofApps, 'proj:x'), { 'app:editor': 'app:editor proj:x option' })
    assert.deepEqual(listOf(ofApps, 'app:editor'), ['proj:x own'])
    assert.deepEqual(listOf(ofApps, 'user:alice'), ['user:alice user-self'])
  })

  test('a rule that cannot list makes lists of its namespaces and actors incomplete, and no others', () => {
    const mute = withoutLists(implicator({}))
    const engine = engineOf([], [mute])
    assert.equal(engine.holders('proj:x').incomplete, true)
    assert.equal(engine.holders('a').incomplete, false)
    assert.equal(engine.permissionsOf('user:alice').incomplete, true)
    assert.equal(engine.permissionsOf('app:editor').incomplete, false)
  })

  test('one string of several in its namespace is enough for that', () => {
    const mute = withoutLists(implicator({}))
    const wider: Rule = {
      kind: 'exploder',
      id: 'wider',
      doc: 'x',
      namespaces: ['a'],
      explode: (permission) => (permission === 'a' ? ['proj:x'] : []),
    }
    assert.equal(engineOf([], [mute, wider]).holders('a').incomplete, true)
    const silent = withoutLists(scanner({}))
    assert.equal(engineOf([], [silent, wider]).holders('a').incomplete, true)
    assert.equal(engineOf([], [silent]).holders('a').incomplete, false)
  })

  test('links count where who they rest on holds it', () => {
    const link = scanner({
      find: (actor) => (actor === 'user:alice' ? [{ issuer: 'user:ed', permission: 'a:b' }] : []),
      namespaces: ['a'],
      holdersOf: (permission) =>
        permission === 'a:b' ? [{ holder: 'user:alice', issuer: 'user:ed', permission }] : [],
      permissionsOf: (actor) =>
        actor === 'user:alice'
          ? [
              { issuer: 'user:ed', permission: 'a:b' },
              { issuer: 'user:bob', permission: 'a:c' },
              { issuer: 'user:ed', permission: 'nowhere:x' },
            ]
          : [],
    })
    const engine = engineOf([], [link])
    assert.deepEqual(holdersOf(engine, 'a:b'), {
      'user:alice': `user:alice a:b link < ${BY_RIGHT}`,
      'user:ed': BY_RIGHT,
    })
    assert.deepEqual(listOf(engine, 'user:alice'), ['a:b link', 'user:alice user-self'])
  })
})

describe('permissionsOf', () => {
  test('names the source of each, by right before by grant', () => {
    const facts = [
      ed.grants('a:b', alice),
      ed.grants('a:c', club),
      alice.joins(inner),
      inner.joins(club),
      alice.owns('proj:x'),
      alice.grants('proj:x', bob),
      bob.grants('proj:x', alice),
      bob.grants('a:no', alice),
      ed.grants('a:d', alice, { expiresAt: at(NOON) }),
      ed.grants('a:e', alice, { expiresAt: at(NOON + 1) }),
    ]
    const engine = engineOf(facts)
    assert.deepEqual(listOf(engine, 'user:alice'), [
      'a:b user',
      'a:c user-group',
      'a:e user',
      'manage:proj:x is-owner',
      'proj:x is-owner',
      'user:alice user-self',
    ])
    assert.deepEqual(listOf(engine, 'user:bob', 'manage:group'), [
      'manage:group:club is-owner',
      'manage:group:inner is-owner',
    ])
    assert.deepEqual(listOf(engine, 'user:alice', 'a:b:c'), ['a:b user'])
    assert.deepEqual(listOf(engine, 'user:alice', 'a'), ['a:b user', 'a:c user-group', 'a:e user'])
    assert.deepEqual(listOf(engine, 'user:nobody'), [])
  })

  test('of apps and of apps acting for users', () => {
    const facts = [
      ed.grants('a:own', editor),
      bob.owns('proj:x'),
      bob.grants('proj:x', editor),
      alice.owns('proj:y'),
      alice.grants('proj:y', acting(alice, editor)),
    ]
    const engine = engineOf(facts)
    assert.deepEqual(listOf(engine, 'app:editor'), ['a:own app', 'proj:x app'])
    assert.deepEqual(listOf(engine, 'user:alice/app:editor'), ['a:own app-owner', 'proj:y user-app'])
    assert.deepEqual(listOf(engine, 'user:bob/app:editor'), ['a:own app-owner'])
    assert.deepEqual(listOf(engine, 'user:nobody/app:editor'), [])
    assert.deepEqual(listOf(engine, 'app:other'), [])
  })

  test('of tokens: their own, and their issuer’s when made for full access', () => {
    const facts = [
      token('full', alice, { full: true }).exists,
      token('scoped', alice).exists,
      alice.owns('proj:y'),
      alice.grants('proj:y:z', 'token:scoped'),
      alice.grants('proj:y:z', 'token:full'),
    ]
    const engine = engineOf(facts)
    assert.deepEqual(listOf(engine, 'token:scoped'), ['proj:y:z access-token'])
    assert.deepEqual(listOf(engine, 'token:full'), [
      'manage:proj:y is-owner',
      'proj:y is-owner',
      'proj:y:z access-token',
      'user:alice user-self',
    ])
    engine.apply(remove(alice.grants('proj:y:z', 'token:full')))
    assert.equal(listOf(engine, 'token:full').length, 3)
  })

  test('of `system`: every namespace', () => {
    assert.ok(listOf(engineOf([]), 'system').includes('a is-system'))
  })
})
