import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Exploder, Fact, Implicator, Rewriter, Rule, Scanner } from '../../src/index.ts'
import { errorOf, group, system, user, world } from '../say.ts'

/** What registered rules are asked, and what becomes of what they answer. */

const [alice, bob] = [user('alice'), user('bob')]
const PEOPLE: readonly Fact[] = [alice.exists, bob.exists, group('club').exists]

const rewriter = (namespaces: readonly string[], rewrite: Rewriter['rewrite']): Rewriter => {
  return { kind: 'rewriter', id: 'own', doc: 'x', namespaces, rewrite }
}
const exploder = (namespaces: readonly string[], explode: Exploder['explode']): Exploder => {
  return { kind: 'exploder', id: 'own', doc: 'x', namespaces, explode }
}
const implicator = (namespaces: readonly string[], implies: Implicator['implies']): Implicator => {
  return { kind: 'implicator', id: 'own', doc: 'x', namespaces, implies }
}
const scanner = (namespaces: readonly string[], find: Scanner['find']): Scanner => {
  return { kind: 'scanner', id: 'own', doc: 'x', namespaces, find }
}

describe('a rule is asked', () => {
  const facts = [...PEOPLE, system.grants('a:free', alice), system.grants('a:free', bob)]

  test('to explode only what is in its namespaces, though others are named with it', () => {
    const engine = world(facts, {
      rules: [exploder(['a'], () => ['a:free']), { ...exploder(['doc'], () => ['proj:x:y']), id: 'wider' }],
    })
    assert.equal(engine.check('user:alice', 'a:x:y'), true)
    assert.equal(engine.check('user:alice', 'proj:x:y'), false)
    assert.equal(engine.check('user:alice', 'doc:x:y'), false)
  })

  test('for links over what is in its namespaces, one string of several being enough', () => {
    const found: string[][] = []
    const link = scanner(['a'], (actor, permissions) => {
      found.push([...permissions])
      return actor === 'user:alice' ? [{ issuer: 'user:bob', permission: permissions.at(-1)! }] : []
    })
    const wider = { ...exploder(['doc'], () => ['a:free']), id: 'wider' }
    const engine = world([...PEOPLE, system.grants('a', bob), system.grants('proj', bob)], {
      rules: [link, wider],
    })
    // As a reading, since a check need not come as far as the rules.
    assert.equal(engine.scan('user:alice', 'proj:x').length, 2)
    assert.equal(found.length, 0)
    assert.equal(engine.check('user:alice', 'a:x'), true)
    assert.equal(engine.check('user:alice', 'doc:x'), true)
    assert.ok(found.some((each) => each[0] === 'doc:x' && each.includes('a:free')))
  })

  test('for no links to `system`', () => {
    const asked: string[] = []
    const link = scanner(['a'], (actor) => {
      asked.push(actor)
      return []
    })
    const engine = world([...PEOPLE, system.grants('a:x', alice)], { rules: [link] })
    engine.scan('system', 'a:x')
    assert.equal(engine.check('system', 'a:x'), true)
    assert.equal(asked.length, 0)
    assert.equal(engine.explain('user:alice', 'a:x').allowed, true)
    assert.deepEqual([...new Set(asked)], ['user:alice'])
  })
})

describe('what a rule answers', () => {
  test('to a rewriter, only text that may be a permission comes', () => {
    const seen: (readonly string[])[] = []
    const engine = world([...PEOPLE, system.grants('proj:fine', alice)], {
      rules: [
        rewriter(['proj'], (components) => {
          seen.push(components)
          return ['proj', 'fine']
        }),
      ],
    })
    assert.equal(engine.check('user:alice', 'proj:any'), true)
    for (const bad of [
      'proj:\u0007',
      'proj:',
      'proj::x',
      'proj:a\\x',
      'proj:\ud800',
      `proj:${'x'.repeat(100_000)}`,
    ])
      errorOf(() => engine.check('user:alice', bad), 'PERMISSION_INVALID')
    // The grant's own permission came first.
    assert.deepEqual(seen.flat(), ['proj', 'fine', 'proj', 'any'])
  })

  test('is components all of them texts, or an error', () => {
    for (const bad of [['proj', 5], [5, 'proj'], [], 'proj', null])
      errorOf(
        () =>
          world(PEOPLE, { rules: [rewriter(['proj'], () => bad as unknown as string[])] }).check(
            'user:alice',
            'proj:x',
          ),
        'RULE_FAILED',
      )
  })

  test('is data in an object of its own or without a prototype, or an error', () => {
    const asked = (data: unknown): boolean =>
      world(PEOPLE, { rules: [implicator(['a'], () => data as ReturnType<Implicator['implies']>)] }).check(
        'user:alice',
        'a:x',
      )
    assert.equal(asked({}), true)
    assert.equal(asked(Object.create(null)), true)
    assert.equal(asked(undefined), false)
    for (const bad of [null, true, 'yes', [], new Map(), () => ({})]) errorOf(() => asked(bad), 'RULE_FAILED')
  })

  test('is no promise, and is told as one', () => {
    const later = (rule: Rule): string =>
      errorOf(() => world(PEOPLE, { rules: [rule] }).check('user:alice', 'a:x'), 'RULE_FAILED').message
    const promise = Promise.resolve({})
    assert.match(later(implicator(['a'], () => promise as never)), /promise/)
    assert.match(later(rewriter(['a'], () => promise as never)), /promise/)
  })

  test('fails in the name of the rule that failed, though another asked', () => {
    const inner = {
      ...implicator(['a'], () => {
        throw new Error('broken inside')
      }),
      id: 'inner',
    }
    const outer = {
      ...implicator(['proj'], (_actor, _permission, setting) =>
        setting.mayViewerSee('a:x') ? {} : undefined,
      ),
      id: 'outer',
    }
    const engine = world(PEOPLE, { rules: [outer, inner] })
    const { message } = errorOf(
      () => engine.check('user:alice', 'proj:x', { viewer: 'user:bob' }),
      'RULE_FAILED',
    )
    assert.match(message, /`inner`/)
    assert.doesNotMatch(message, /`outer`/)
  })
})
