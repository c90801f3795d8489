import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Engine,
  type Fact,
  hasOption,
  type Reading,
  type ReadingNode,
  type Rule,
} from '../../src/index.ts'
import { readingOf, withoutTimes } from '../readings.ts'
import { acting, app, group, NOON, system, token, user, world } from '../say.ts'

const alice = user('alice', 'Alice')
const bob = user('bob')
const ed = user('ed', 'Edward')
const fred = user('fred')
const editor = app('editor', fred, 'The editor')
const club = group('club')
const PARTIES = [alice, bob, ed, fred, editor, club].map((each) => each.exists)
const TIME: ReadingNode = { $: 'time', value: 0 }

function engineOf(facts: readonly Fact[], rules: readonly Rule[] = []): Engine {
  return world([...PARTIES, ...facts], { rules })
}

function count(reading: Reading): number {
  return reading.reduce((sum, node) => sum + 1 + (node.$ === 'path' ? count(node.reading) : 0), 0)
}

/** What was left out, for each place where something was; each must be followed by nothing but the time. */
function omissions(reading: Reading): number[] {
  const own = reading.flatMap((node) => (node.$ === 'truncated' ? [node.omitted] : []))
  if (own.length > 0)
    assert.deepEqual(
      reading.slice(-2).map(({ $ }) => $),
      ['truncated', 'time'],
    )
  return [...reading.flatMap((node) => (node.$ === 'path' ? omissions(node.reading) : [])), ...own]
}

describe('a reading', () => {
  /** As the oracle would have it, every pathway once. */
  function sameAsOracle(facts: readonly Fact[], actor: string, permission: string): Reading {
    const reading = withoutTimes(engineOf(facts).scan(actor, permission))
    const catalog = ['a', 'proj'].map((name) => ({ kind: 'namespace', name, description: '' }) as const)
    assert.deepEqual(reading, readingOf([...catalog, ...PARTIES, ...facts], NOON, actor, permission))
    return reading
  }

  test('leads around whoever was passed where there is another way, and not where there is none', () => {
    const [x, y] = [user('x'), user('y')]
    const common = [
      x.exists,
      y.exists,
      ed.owns('a'),
      ed.grants('a:b', fred),
      fred.grants('a:b', alice),
      fred.grants('a:b', bob),
      bob.grants('a:b', fred),
    ]
    const around = [ed.grants('a:b', y), y.grants('a:b', x), x.grants('a:b', bob)]
    const straight = count(sameAsOracle(common, 'user:alice', 'a:b'))
    assert.ok(count(sameAsOracle([...common, ...around], 'user:alice', 'a:b')) > 2 * straight)
    const dead = [ed.grants('a:c', y), y.grants('a:b', x), x.grants('a:b', bob)]
    assert.equal(count(sameAsOracle([...common, ...dead], 'user:alice', 'a:b')), straight)
  })

  test('of two owners who grant each other ends', () => {
    const facts = [ed.owns('a'), bob.owns('a:b')]
    const grants = [
      ed.grants('a:b', bob),
      bob.grants('a:b', ed),
      ed.grants('a:b', alice),
      bob.grants('a:b', alice),
    ]
    sameAsOracle([...facts, ...grants], 'user:alice', 'a:b:c')
    sameAsOracle([...facts, ...grants], 'user:ed', 'a:b:c')
  })

  test('of people who grant each other in circles visits nobody twice', () => {
    const circle = [alice, bob, fred, ed]
    const grants = circle.flatMap((from) =>
      circle.filter((to) => to !== from).map((to) => from.grants('a:b', to)),
    )
    sameAsOracle([ed.owns('a'), ...grants], 'user:alice', 'a:b')
  })

  test('of several shows no string twice, options included', () => {
    const engine = engineOf([alice.owns('a'), ed.owns('proj:x'), ed.grants('proj:x', alice)])
    const option = (permission: string): ReadingNode => ({
      $: 'option',
      permission,
      source: 'implied',
      by: 'is-owner',
      data: {},
    })
    assert.deepEqual(withoutTimes(engine.scan('user:alice', ['a:b', 'a', 'a:c'])), [
      { $: 'explode', from: 'a:b', to: ['a:b', 'a'] },
      option('a:b'),
      option('a'),
      { $: 'explode', from: 'a:c', to: ['a:c', 'a'] },
      option('a:c'),
      TIME,
    ])
    const twice = engine.scan('user:alice', ['proj:x:1', 'proj:x', 'a'])
    assert.deepEqual(
      twice.map(({ $ }) => $),
      ['explode', 'path', 'explode', 'option', 'time'],
    )
  })

  test('of `system` is one option, of nothing none', () => {
    const engine = engineOf([])
    assert.deepEqual(
      engine.scan('system', ['a:b', 'a']).map((node) => (node.$ === 'option' ? node.permission : node.$)),
      ['a:b', 'time'],
    )
    assert.deepEqual(withoutTimes(engine.scan('system', [])), [TIME])
    assert.deepEqual(withoutTimes(engine.scan('user:alice', [])), [TIME])
  })

  test('says how long it took', () => {
    const engine = engineOf([ed.owns('a'), ed.grants('a:b', alice)])
    const start = performance.now()
    const time = engine.scan('user:alice', 'a:b').at(-1)
    const elapsed = performance.now() - start
    assert.ok(time?.$ === 'time' && time.value > 0 && time.value <= elapsed)
  })

  test('says yes exactly when it has an option or a path', () => {
    const engine = engineOf([ed.owns('a'), ed.grants('a:b', alice)])
    assert.equal(hasOption(engine.scan('user:ed', 'a')), true)
    assert.equal(hasOption(engine.scan('user:alice', 'a:b')), true)
    assert.equal(hasOption(engine.scan('user:alice', 'a')), false)
    assert.equal(hasOption([]), false)
  })

  test('names people and apps by name, others by what they are', () => {
    const link: Rule = {
      kind: 'scanner',
      id: 'link',
      doc: 'x',
      namespaces: ['proj'],
      find: (actor) =>
        actor === 'user:bob'
          ? [{ issuer: 'user:alice/app:editor', permission: 'proj:x', extra: { n: 1 } }]
          : [],
    }
    const engine = engineOf([fred.owns('proj'), fred.grants('proj', editor)], [link])
    const path = engine.scan('user:bob', 'proj:x').find((node) => node.$ === 'path')
    assert.ok(path !== undefined)
    const { reading, ...rest } = path
    assert.deepEqual(rest, {
      $: 'path',
      via: 'link',
      has_terminal: true,
      permission: 'proj:x',
      data: { n: 1 },
      holder_username: 'bob',
      issuer_username: 'user:alice/app:editor',
    })
    const inner = reading.find((node) => node.$ === 'path')
    assert.ok(inner !== undefined)
    assert.deepEqual(
      [inner.via, inner.holder_username, inner.issuer_username],
      ['app-owner', 'The editor', 'fred'],
    )
  })
})

describe('a reading that is too large', () => {
  const many = (length: number): ReturnType<typeof user>[] =>
    Array.from({ length }, (_, i) => user(`u${String(i).padStart(4, '0')}`))

  test('has 10,000 nodes at most, as many as fit, and counts the live links left out', () => {
    const people = many(2060)
    const unfit = many(2070).slice(2060)
    const engine = engineOf([
      ...[...people, ...unfit].map((each) => each.exists),
      ed.owns('a'),
      alice.owns('proj'),
      ...people.flatMap((each) => [ed.grants('a', each), each.grants('a', alice)]),
      ...unfit.map((each) => each.grants('a', alice)),
    ])
    const reading = engine.scan('user:alice', ['a', 'proj'])
    // Each path takes itself, the owner's path, an option and two times; within the last nothing more fits.
    assert.equal(reading.filter(({ $ }) => $ === 'path').length, 2000)
    assert.equal(count(reading), 10_000)
    assert.deepEqual(omissions(reading), [1, 60])
    assert.equal(engine.claims('user:alice', 'a').truncated, true)
    // Wherever the end falls.
    for (let before = 1; before < 7; before++) {
      const list = Array.from({ length: before }, (_, i) => `proj${':x'.repeat(i)}`)
      const shifted = engine.scan('user:alice', [...list.slice(-1), before % 2 === 0 ? 'a:b' : 'a'])
      assert.ok(count(shifted) <= 10_000 && count(shifted) > 9990, String(count(shifted)))
      omissions(shifted)
    }
  })

  test('is cut in every part that does not fit', () => {
    const layers = [many(60).slice(0, 20), many(60).slice(20, 40), many(60).slice(40)] as const
    const facts = [
      ...many(60).map((each) => each.exists),
      ed.owns('a'),
      ...layers[0].map((each) => ed.grants('a', each)),
      ...layers[1].flatMap((each) => layers[0].map((from) => from.grants('a', each))),
      ...layers[2].flatMap((each) => layers[1].map((from) => from.grants('a', each))),
      ...layers[2].map((each) => each.grants('a', alice)),
    ]
    for (const permission of ['a', 'a:b']) {
      const reading = engineOf(facts).scan('user:alice', permission)
      assert.ok(count(reading) <= 10_000 && count(reading) > 9_980, String(count(reading)))
      assert.ok(omissions(reading).length >= 3)
      assert.ok(omissions(reading).every((omitted) => omitted > 0 && omitted <= 20))
      // A path is shown only with its reading whole down to an option, or to where it was cut.
      const ends = (each: Reading): boolean =>
        each.some(
          (node) =>
            node.$ === 'option' || node.$ === 'truncated' || (node.$ === 'path' && ends(node.reading)),
        )
      assert.ok(ends(reading))
    }
  })

  test('is cut among its options too', () => {
    const rules = Array.from({ length: 320 }, (_, i): Rule => {
      return { kind: 'implicator', id: `r${i}`, doc: 'x', namespaces: ['proj'], implies: () => ({}) }
    })
    const deep = `proj${':x'.repeat(31)}`
    const reading = engineOf([], rules).scan('user:alice', [deep, 'user:alice'])
    assert.deepEqual(reading[0]?.$, 'explode')
    const options = reading.filter(({ $ }) => $ === 'option').length
    assert.equal(count(reading), 10_000)
    assert.deepEqual(omissions(reading), [32 * 320 - options])
  })
})

describe('what a viewer is not shown', () => {
  const facts = [
    ed.owns('a'),
    ed.grants('a:b', fred, { extra: { secret: 1 } }),
    fred.grants('a:b', club),
    alice.joins(club),
    token('full', alice, { full: true }).exists,
    token('scoped', alice).exists,
    app('mine', alice).exists,
    alice.grants('a:b', token('scoped', alice)),
    alice.grants('a:b', acting(alice, editor)),
    alice.grants('a:b', app('mine')),
    user('auditor').exists,
    system.grants('castellan:check', 'user:auditor'),
    system.grants('a:b', bob),
    bob.grants('a:b', fred),
  ]
  const engine = engineOf(facts)
  const HIDDEN_PATH = {
    $: 'path',
    via: 'hidden',
    has_terminal: true,
    permission: 'hidden',
    data: {},
    holder_username: 'hidden',
    issuer_username: 'hidden',
  } as const
  const HIDDEN_OPTION = {
    $: 'option',
    permission: 'hidden',
    source: 'implied',
    by: 'hidden',
    data: {},
  } as const

  test('links behind those it is party to, by any of its names', () => {
    const behind = (reading: Reading, via: string): Reading => {
      const path = reading.find((node) => node.$ === 'path')
      assert.ok(path !== undefined && path.via === via)
      return path.reading
    }
    const hidden = [
      {
        ...HIDDEN_PATH,
        reading: [{ ...HIDDEN_PATH, reading: [HIDDEN_OPTION, TIME] }, TIME],
      },
      { ...HIDDEN_PATH, reading: [HIDDEN_OPTION, HIDDEN_OPTION, TIME] },
      TIME,
    ]
    const explode = { $: 'explode', from: 'a:b', to: ['a:b', 'a'] }
    for (const viewer of ['user:alice', 'token:full']) {
      const reading = withoutTimes(engine.scan('user:alice', 'a:b', { viewer }))
      assert.deepEqual(behind(reading, 'user-group'), [explode, ...hidden])
      for (const [actor, via] of [
        ['token:full', 'access-token'],
        ['token:scoped', 'access-token'],
        ['user:alice/app:editor', 'user-app'],
        ['app:mine', 'app'],
      ] as const) {
        const inner = behind(withoutTimes(engine.scan(actor, 'a:b', { viewer })), via)
        assert.deepEqual(behind(inner, 'user-group'), [explode, ...hidden])
      }
    }
  })

  test('a scoped token, and an app, are shown less than who made them', () => {
    const seen = (actor: string, viewer: string): string[] =>
      engine.scan(actor, 'a:b', { viewer }).flatMap((node) => (node.$ === 'path' ? [node.via] : []))
    assert.deepEqual(seen('token:scoped', 'token:scoped'), ['access-token'])
    assert.deepEqual(seen('user:alice', 'token:scoped'), ['hidden'])
    assert.deepEqual(seen('user:alice', 'user:bob'), ['hidden'])
    assert.deepEqual(seen('app:mine', 'user:bob'), ['hidden'])
    assert.deepEqual(seen('token:full', 'user:bob'), ['hidden'])
    for (const viewer of ['system', 'user:auditor']) {
      const text = JSON.stringify(engine.scan('user:alice', 'a:b', { viewer }))
      assert.doesNotMatch(text, /hidden/)
      assert.match(text, /secret/)
    }
  })

  test('the graph keeps its shape and hides the same', () => {
    const { graph } = engine.explain('user:alice', 'a:b', { viewer: 'user:alice' })
    const option = { permission: 'hidden', by: 'hidden', data: {} }
    assert.deepEqual(graph, {
      nodes: [
        { id: 0, actor: 'user:alice', permission: 'a:b', options: [] },
        { id: 1, actor: 'user:fred', permission: 'a:b', options: [] },
        { id: 2, actor: 'hidden', permission: 'hidden', options: [] },
        { id: 3, actor: 'hidden', permission: 'hidden', options: [option, option] },
        { id: 4, actor: 'hidden', permission: 'hidden', options: [option] },
      ],
      edges: [
        {
          from: 0,
          to: 1,
          via: 'user-group',
          grant: { issuer: 'user:fred', holder: 'group:club', permission: 'a:b', extra: {} },
          groups: ['club'],
        },
        { from: 1, to: 2, via: 'hidden', grant: null },
        { from: 1, to: 3, via: 'hidden', grant: null },
        { from: 2, to: 4, via: 'hidden', grant: null },
      ],
    })
    const whole = engine.explain('user:alice', 'a:b', { viewer: 'user:auditor' }).graph
    assert.doesNotMatch(JSON.stringify(whole), /hidden/)
    const full = engine.explain('token:full', 'a:b', { viewer: 'user:alice' }).graph
    assert.deepEqual(full.edges[0], { from: 0, to: 1, via: 'access-token', grant: null })
    assert.equal(full.nodes[1]?.actor, 'user:alice')
  })

  test('mends that are others’ own are hidden, one’s own are not', () => {
    const denied = engineOf([
      ed.owns('a'),
      bob.grants('a:b', alice),
      fred.grants('a:b', bob),
      ed.grants('a:b', fred),
      bob.isSuspended(),
      fred.isSuspended(),
      alice.isSuspended(),
    ])
    const links = (viewer: string): string[] =>
      (denied.explain('user:alice', 'a:b', { viewer }).brokenLinks ?? []).flatMap((set) =>
        set.map(({ problem, detail, mend, by }) => `${problem} ${detail} ${mend === null} ${by.join()}`),
      )
    assert.deepEqual(links('system'), [
      'suspended user:alice is suspended false system',
      'not-held user:alice does not hold a:b false user:ed',
    ])
    const hidden = links('user:ed').filter((text) => text.includes('hidden true hidden'))
    assert.equal(hidden.length > 0, true)
    assert.ok(links('user:alice')[0]!.startsWith('suspended user:alice is suspended false'))
  })

  test('links to apps and groups of others, though it uses or owns them', () => {
    const own = group('own', alice)
    const more = engineOf([
      ed.owns('a'),
      ed.grants('a:b', fred),
      fred.grants('a:b', editor),
      own.exists,
      fred.grants('a:b', own),
      bob.joins(own),
      ed.grants('a:c', alice),
      alice.grants('a:c', acting(alice, editor)),
      acting(alice, editor).grants('a:c', bob),
      token('full', alice, { full: true }).exists,
      token('bobs', bob, { full: true }).exists,
      fred.grants('a:b', alice),
    ])
    const vias = (actor: string, permission: string, viewer: string): string[] => {
      const shown = more
        .scan(actor, permission, { viewer })
        .flatMap((node) => (node.$ === 'path' ? [node.via] : []))
      const { edges } = more.explain(actor, permission, { viewer }).graph
      assert.deepEqual(
        edges.filter(({ from }) => from === 0).map(({ via }) => via),
        shown,
      )
      return shown
    }
    assert.deepEqual(vias('user:alice/app:editor', 'a:b', 'user:alice'), ['hidden'])
    assert.deepEqual(vias('user:bob', 'a:b', 'user:alice'), ['hidden'])
    assert.deepEqual(vias('user:bob', 'a:b', 'user:bob'), ['user-group'])
    const given = more.scan('user:bob', 'a:c', { viewer: 'user:alice' }).find((node) => node.$ === 'path')
    assert.equal(given?.via, 'user')
    assert.deepEqual(vias('user:alice', 'a:b', 'token:full'), ['user'])
    assert.deepEqual(vias('token:bobs', 'a:b', 'user:alice'), ['hidden'])
  })

  test('its own apps are shown whoever gives them something', () => {
    const given = engineOf([app('mine', alice).exists, system.grants('a:b', 'app:mine')])
    const first = (viewer: string): unknown[] => {
      const { nodes, edges } = given.explain('app:mine', 'a:b', { viewer }).graph
      return [nodes[0]?.actor, edges[0]?.via]
    }
    assert.deepEqual(first('user:alice'), ['app:mine', 'app'])
    assert.deepEqual(first('app:mine'), ['app:mine', 'app'])
    for (const viewer of ['user:bob', 'user:nobody', 'app:nobody', 'user:alice/app:editor'])
      assert.deepEqual(first(viewer), ['hidden', 'hidden'])
  })

  test('mends are shown where it is the one who gives or is given', () => {
    const denied = engineOf([ed.owns('a'), token('old', bob, { expiresAt: '2026-06-01T00:00:00Z' }).exists])
    const by = (actor: string, viewer: string): string[] =>
      (denied.explain(actor, 'a:b', { viewer }).brokenLinks ?? []).flat().flatMap((link) => link.by)
    assert.deepEqual(by('user:alice', 'user:alice'), ['system'])
    assert.deepEqual(by('user:alice', 'user:ed'), ['user:ed'])
    assert.deepEqual(by('user:alice', 'user:bob'), ['hidden'])
    assert.deepEqual(by('user:nobody', 'user:bob'), ['hidden'])
    assert.deepEqual(by('token:old', 'user:fred'), ['hidden'])
  })
})

test('an app acting for somebody goes by that person’s name, though no fact tells of the two together', () => {
  const link: Rule = {
    kind: 'scanner',
    id: 'link',
    doc: 'x',
    namespaces: ['proj'],
    find: (actor) =>
      actor === acting(alice, editor).as ? [{ issuer: 'user:ed', permission: 'proj:x' }] : [],
  }
  const engine = engineOf([ed.owns('proj:x')], [link])
  const [path] = engine.scan(acting(alice, editor).as, 'proj:x').filter((node) => node.$ === 'path')
  assert.equal(path!.holder_username, 'Alice')
  assert.equal(path!.issuer_username, 'Edward')
})
