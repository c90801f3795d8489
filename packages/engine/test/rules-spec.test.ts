import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  RuleError,
  type Engine,
  type Exploder,
  type Fact,
  type Implicator,
  type Rewriter,
  type Rule,
  type Scanner,
} from '../src/index.ts'
import { withoutTimes } from './readings.ts'
import { acting, add, app, errorOf, NOON, remove, system, token, user, world, type Said } from './say.ts'

const [alice, bob, ed] = ['alice', 'bob', 'ed'].map((id) => user(id)) as [Said, Said, Said]
const editor = app('editor', bob)
const facts = [alice.exists, bob.exists, ed.exists, editor.exists, ed.owns('a')]

function withRules(rules: readonly Rule[], ...more: readonly Fact[]): Engine {
  return world([...facts, ...more], { rules })
}

const rewriter = (rewrite: Rewriter['rewrite'], id = 'old-name'): Rewriter => ({
  kind: 'rewriter',
  id,
  doc: 'x',
  rewrite,
})
const exploder = (explode: Exploder['explode'], more: Partial<Exploder> = {}): Exploder => ({
  kind: 'exploder',
  id: 'wider',
  doc: 'x',
  explode,
  ...more,
})
const implicator = (implies: Implicator['implies'], more: Partial<Implicator> = {}): Implicator => ({
  kind: 'implicator',
  id: 'by-right',
  doc: 'x',
  implies,
  ...more,
})
const scanner = (find: Scanner['find'], more: Partial<Scanner> = {}): Scanner => ({
  kind: 'scanner',
  id: 'by-link',
  doc: 'x',
  find,
  ...more,
})

/** A rule that gives and cannot list. */
function withoutLists(rule: Rule): Rule {
  const entries = Object.entries(rule).filter(([key]) => key !== 'holdersOf' && key !== 'permissionsOf')
  return Object.fromEntries(entries) as unknown as Rule
}

/** Every question about who holds `permission`. */
function questions(engine: Engine, actor: string, permission: string): Record<string, () => unknown> {
  return {
    check: () => engine.check(actor, permission),
    'check of a list': () => engine.check(actor, ['proj:nobody', permission]),
    checkEach: () => engine.checkEach([{ actor, permission }]),
    scan: () => engine.scan(actor, permission),
    claims: () => engine.claims(actor, permission),
    explain: () => engine.explain(actor, permission),
  }
}

describe('rules that come along', () => {
  test('are listed with kind, id and a line each, registered ones after the built-in ones', () => {
    const own = exploder(() => [])
    const rules = withRules([own]).rules()
    const ids = (kind: string) => rules.filter((rule) => rule.kind === kind).map((rule) => rule.id)
    assert.deepEqual(ids('rewriter'), ['fs-path', 'app-name', 'site-name'])
    assert.deepEqual(ids('exploder'), ['modes', 'resource-tree', 'wider'])
    assert.deepEqual(ids('implicator'), ['is-system', 'is-owner', 'user-self'])
    assert.deepEqual(ids('scanner'), [
      'implied',
      'user-user',
      'user-group',
      'user-app',
      'app-owner',
      'app',
      'access-token',
    ])
    for (const rule of rules) assert.ok(rule.doc.length > 0 && !rule.doc.includes('\n'))
  })

  test('two of the same id are an error', () => {
    errorOf(() => withRules([exploder(() => []), exploder(() => [])]), 'FACT_INVALID')
    errorOf(() => withRules([exploder(() => [], { id: 'modes' })]), 'FACT_INVALID')
  })
})

describe('rewriters', () => {
  const oldName = rewriter(([first, ...rest]) =>
    first === 'a' && rest[0] === 'old' ? ['a', 'new', ...rest.slice(1)] : undefined,
  )

  test('are applied on check, scan, grant, revoke and lists alike, and shown in readings', () => {
    const engine = withRules([oldName])
    engine.apply(add(ed.grants('a:old:x', alice)))
    assert.deepEqual([...engine.facts('grant')], [ed.grants('a:new:x', alice)])
    assert.equal(engine.check('user:alice', 'a:old:x'), true)
    assert.equal(engine.check('user:alice', 'a:new:x'), true)
    assert.deepEqual(engine.scan('user:alice', 'a:old:x')[0], {
      $: 'rewrite',
      from: 'a:old:x',
      to: 'a:new:x',
    })
    assert.deepEqual(engine.holders('a:old:x').items, engine.holders('a:new:x').items)
    assert.deepEqual(
      engine.permissionsOf('user:alice', 'a:old').items,
      engine.permissionsOf('user:alice', 'a:new').items,
    )
    assert.equal(engine.preview(remove(ed.grants('a:old:x', alice))).counts.lost, 1)
    assert.equal(engine.apply(remove(ed.grants('a:old:x', alice))).results[0]?.outcome, 'removed')
  })

  test('may speak about files by other names than paths', () => {
    const byNumber = rewriter(([first, ...rest]) =>
      first === 'fs' && rest[0] === 'no-7' ? ['fs', 'seventh', ...rest.slice(1)] : undefined,
    )
    for (const namespaces of [undefined, ['fs']]) {
      const engine = withRules([namespaces === undefined ? byNumber : { ...byNumber, namespaces }])
      engine.apply(add(ed.owns('fs:seventh', { name: 'seven' })))
      for (const file of ['fs:no-7:read', 'fs:seventh:read', 'fs:/seven:read']) {
        assert.equal(engine.check('user:ed', file), true, file)
        assert.equal(engine.canonical(file), 'fs:seventh:read')
      }
    }
  })

  test('are applied beneath `manage:` as if the rest stood alone', () => {
    const engine = withRules([oldName])
    assert.equal(engine.check('user:ed', 'manage:a:old:x'), true)
    assert.deepEqual(engine.scan('user:ed', 'manage:a:old')[0], {
      $: 'rewrite',
      from: 'manage:a:old',
      to: 'manage:a:new',
    })
  })

  test('are applied in order, each once', () => {
    const longer = (id: string) =>
      rewriter((components) => (components[0] === 'a' ? [...components, id] : undefined), id)
    const engine = withRules([longer('one'), longer('two')])
    assert.deepEqual(engine.scan('user:bob', 'a:x')[0], { $: 'rewrite', from: 'a:x', to: 'a:x:one:two' })
  })

  test('get decoded components and give decoded ones', () => {
    const seen: (readonly string[])[] = []
    const engine = withRules([
      rewriter((components) => {
        seen.push(components)
        return ['a', 'x:y\\z']
      }),
    ])
    assert.deepEqual(engine.scan('user:bob', 'a:p\\Cq\\\\')[0], {
      $: 'rewrite',
      from: 'a:p\\Cq\\\\',
      to: 'a:x\\Cy\\\\z',
    })
    assert.deepEqual(seen.at(-1), ['a', 'p:q\\'])
  })

  test('the whole is measured after rewriting', () => {
    const engine = withRules([rewriter(([first]) => (first === 'proj' ? ['a', 'x'.repeat(257)] : undefined))])
    errorOf(() => engine.check('user:ed', 'proj:x'), 'PERMISSION_INVALID')
    const empty = withRules([rewriter(([first]) => (first === 'proj' ? ['a', ''] : undefined))])
    errorOf(() => empty.check('user:ed', 'proj:x'), 'PERMISSION_INVALID')
  })
})

describe('exploders', () => {
  const team = exploder((permission) =>
    permission.startsWith('a:team:') ? [`proj:${permission.slice(7)}`] : [],
  )

  test('name what is enough, which is exploded in turn', () => {
    const engine = withRules([team], ed.owns('proj'), ed.grants('proj', alice))
    assert.equal(engine.check('user:alice', 'a:team:red:x'), true)
    assert.equal(engine.check('user:alice', 'a:red'), false)
    assert.deepEqual(engine.scan('user:bob', 'a:team:red')[0], {
      $: 'explode',
      from: 'a:team:red',
      to: ['a:team:red', 'proj:red', 'a:team', 'a', 'proj'],
    })
    assert.deepEqual(
      engine.holders('a:team:red').items.map((each) => each.actor),
      ['user:alice', 'user:ed'],
    )
    assert.equal(engine.check('user:alice', 'manage:a:team:red'), false)
    assert.equal(engine.check('user:ed', 'manage:a:team:red'), true)
  })

  test('may go in circles', () => {
    const around = exploder((permission) =>
      permission === 'proj:1' ? ['proj:2'] : permission === 'proj:2' ? ['proj:1'] : [],
    )
    const engine = withRules([around], system.grants('proj:2', alice))
    assert.equal(engine.check('user:alice', 'proj:1'), true)
    assert.equal(engine.check('user:bob', 'proj:1'), false)
  })

  test('add at most 64 strings to one', () => {
    const many = (count: number) =>
      exploder((permission) =>
        permission === 'proj:x' ? Array.from({ length: count }, (_, n) => `proj:y${n}`) : [],
      )
    assert.equal(withRules([many(64)], system.grants('proj:y63', alice)).check('user:alice', 'proj:x'), true)
    assert.match(
      errorOf(() => withRules([many(65)]).check('user:alice', 'proj:x'), 'LIMIT_EXCEEDED').message,
      /explosionMax/,
    )
  })

  for (const bad of ['', 'a::b', 'a:\\x', 'nowhere:x']) {
    test(`that name ${JSON.stringify(bad)} fail`, () => {
      const error = errorOf(
        () => withRules([exploder(() => [bad])]).check('user:alice', 'a:x'),
        'RULE_FAILED',
      )
      assert.match(error.message, /`wider`/)
    })
  }
})

describe('implicators', () => {
  const support = implicator(
    (actor, permission) =>
      actor === 'user:bob' && /^a:ticket(:|$)/.test(permission) ? { desk: 'first' } : undefined,
    {
      namespaces: ['a'],
      holdersOf: (permission) => (/^a:ticket(:|$)/.test(permission) ? ['user:bob'] : []),
      permissionsOf: (actor) => (actor === 'user:bob' ? ['a:ticket'] : []),
    },
  )

  test('give by right, which can be handed on and shows in readings and lists', () => {
    const engine = withRules([support], bob.grants('a:ticket:7', alice))
    assert.equal(engine.check('user:bob', 'a:ticket'), true)
    assert.equal(engine.check('user:alice', 'a:ticket:7:x'), true)
    assert.equal(engine.check('user:alice', 'a:ticket'), false)
    assert.deepEqual(withoutTimes(engine.scan('user:bob', 'a:ticket'))[1], {
      $: 'option',
      permission: 'a:ticket',
      source: 'implied',
      by: 'by-right',
      data: { desk: 'first' },
    })
    const page = engine.holders('a:ticket:7')
    assert.deepEqual(
      [page.incomplete, page.items.map((each) => each.actor)],
      [false, ['user:alice', 'user:bob', 'user:ed']],
    )
    const list = engine.permissionsOf('user:bob', 'a')
    assert.deepEqual([list.incomplete, list.items], [false, [{ permission: 'a:ticket', source: 'by-right' }]])
    assert.equal(engine.explain('user:bob', 'a:ticket').graph.nodes[0]?.options[0]?.by, 'by-right')
  })

  test('that cannot list make lists `incomplete`, in their namespaces', () => {
    const silent = withoutLists(support)
    const engine = withRules([silent])
    assert.equal(engine.check('user:bob', 'a:ticket'), true)
    assert.equal(engine.holders('a:ticket').incomplete, true)
    assert.equal(engine.permissionsOf('user:bob').incomplete, true)
    assert.equal(engine.holders('proj:x').incomplete, false)
  })

  test('speak about users only, unless they say otherwise', () => {
    const everyone = () => ({})
    const others = ['app:editor', 'user:alice/app:editor', 'token:t']
    const makers = [
      withRules([implicator(everyone)], token('t', alice).exists),
      withRules([implicator(everyone, { actors: ['app', 'user-app', 'token'] })], token('t', alice).exists),
    ]
    assert.deepEqual(
      makers.map((engine) => others.map((each) => engine.check(each, 'proj:x'))),
      [
        [false, false, false],
        [true, true, true],
      ],
    )
    assert.deepEqual(
      makers.map((engine) => engine.check('user:alice', 'proj:x')),
      [true, false],
    )
  })

  test('give nothing to who is suspended or unknown', () => {
    const engine = withRules([implicator(() => ({}))], alice.isSuspended())
    assert.deepEqual(
      ['user:alice', 'user:nobody', 'user:bob'].map((each) => engine.check(each, 'proj:x')),
      [false, false, true],
    )
  })

  test('know the facts, the time and the context of the question, and nothing of others', () => {
    const office = implicator((_, __, { now, context, facts }) =>
      now >= NOON && context['place'] === 'office' && facts.user('ed') !== undefined ? {} : undefined,
    )
    const engine = withRules([office])
    const asks = (asking: object) => engine.check('user:alice', 'proj:x', asking)
    const all = [
      {},
      { context: { place: 'office' } },
      { context: { place: 'home' } },
      { context: { place: 'office' }, now: NOON - 1 },
      { context: { place: 'office' } },
    ]
    assert.deepEqual(all.map(asks), [false, true, false, false, true])
    assert.equal(
      engine.checkEach([{ actor: 'user:alice', permission: 'proj:x' }], { context: { place: 'office' } })[0],
      true,
    )
    assert.equal(engine.explain('user:alice', 'proj:x', { context: { place: 'office' } }).allowed, true)
  })

  test('that answer neither undefined nor data fail', () => {
    for (const answer of [true, 'yes', 1, null, [1]]) {
      const engine = withRules([implicator(() => answer as never)])
      for (const ask of Object.values(questions(engine, 'user:alice', 'proj:x'))) errorOf(ask, 'RULE_FAILED')
    }
  })
})

describe('scanners', () => {
  const deputy = scanner(
    (actor, permissions) =>
      actor === 'user:alice'
        ? permissions
            .filter((each) => each.startsWith('a'))
            .map((permission) => ({ issuer: 'user:ed', permission, extra: { deputy: true } }))
        : [],
    {
      namespaces: ['a'],
      holdersOf: (permission) =>
        permission.startsWith('a') ? [{ holder: 'user:alice', issuer: 'user:ed', permission }] : [],
      permissionsOf: (actor) => (actor === 'user:alice' ? [{ issuer: 'user:ed', permission: 'a' }] : []),
    },
  )

  test('find links that stand while who they rest on holds it, in readings under their own id', () => {
    const engine = withRules([deputy])
    assert.equal(engine.check('user:alice', 'a:x'), true)
    assert.equal(engine.check('user:bob', 'a:x'), false)
    const paths = engine.scan('user:alice', 'a:x').filter((node) => node.$ === 'path')
    assert.deepEqual(
      paths.map((node) => [node.via, node.permission, node.data]),
      [
        ['by-link', 'a:x', { deputy: true }],
        ['by-link', 'a', { deputy: true }],
      ],
    )
    assert.deepEqual(
      engine.holders('a:x').items.map((each) => each.actor),
      ['user:alice', 'user:ed'],
    )
    assert.equal(engine.holders('a:x').incomplete, false)
    assert.ok(engine.permissionsOf('user:alice').items.some((each) => each.permission === 'a'))
    engine.apply(add(ed.isSuspended()))
    assert.equal(engine.check('user:alice', 'a:x'), false)
  })

  test('what they find can be handed on', () => {
    const engine = withRules([deputy], alice.grants('a:x', bob), bob.grants('a:x', acting(bob, editor)))
    assert.equal(engine.check('user:bob/app:editor', 'a:x'), true)
    assert.deepEqual(
      engine.holders('a:x').items.map((each) => each.actor),
      ['user:alice', 'user:bob', 'user:bob/app:editor', 'user:ed'],
    )
  })

  test('that go in circles support nobody', () => {
    const around = scanner((actor, permissions) => [
      { issuer: actor === 'user:alice' ? 'user:bob' : 'user:alice', permission: permissions[0] ?? '' },
    ])
    const engine = withRules([around])
    assert.equal(engine.check('user:alice', 'proj:x'), false)
    assert.equal(engine.check('user:ed', 'a:x'), true)
  })

  test('that cannot list make lists `incomplete`', () => {
    const silent = withoutLists(deputy)
    const engine = withRules([silent])
    assert.equal(engine.check('user:alice', 'a:x'), true)
    assert.equal(engine.preview(add(ed.isSuspended())).incomplete, true)
    assert.equal(engine.holders('a:x').incomplete, true)
    assert.equal(engine.permissionsOf('user:alice').incomplete, true)
    assert.equal(engine.holders('proj:x').incomplete, false)
  })

  test('that name what was not asked, or nobody, fail', () => {
    const wrong: object[] = [
      { issuer: 'user:ed', permission: 'proj' },
      { issuer: 'group:user', permission: 'a:x' },
      { issuer: 'ed', permission: 'a:x' },
      { issuer: 'user:ed' },
      { issuer: 7, permission: 'a:x' },
    ]
    for (const link of wrong) {
      const engine = withRules([scanner(() => [link as never])])
      errorOf(() => engine.check('user:alice', 'a:x'), 'RULE_FAILED')
    }
  })
})

describe('a rule that fails', () => {
  const fail = (): never => {
    throw new Error('the rule is broken')
  }
  const failing: readonly Rule[] = [
    { ...rewriter(fail), namespaces: ['proj'] },
    exploder(fail),
    implicator(fail),
    scanner(fail),
    { ...rewriter(() => Promise.resolve(['a']) as never), namespaces: ['proj'] },
    exploder(() => Promise.resolve(['a']) as never),
    implicator(() => Promise.resolve({}) as never),
    scanner(() => Promise.resolve([]) as never),
    exploder(() => 7 as never),
    scanner(() => undefined as never),
    { ...rewriter(() => [] as never), namespaces: ['proj'] },
    scanner(function* () {
      yield* []
      fail()
    }),
  ]
  for (const [place, rule] of failing.entries()) {
    test(`is an error on every question, never a yes or a no: ${rule.kind} ${place}`, () => {
      const engine = withRules([rule], token('t', alice, { full: true }).exists)
      for (const actor of ['user:alice', 'token:t']) {
        for (const [name, ask] of Object.entries(questions(engine, actor, 'proj:x'))) {
          const error = errorOf(ask, 'RULE_FAILED')
          assert.ok(error instanceof RuleError, name)
          assert.match(error.message, new RegExp(`\`${rule.id}\``))
        }
      }
    })
  }

  test('is not remembered as an answer', () => {
    let isBroken = true
    const engine = withRules([
      implicator((actor) => (isBroken ? fail() : actor === 'user:alice' ? {} : undefined)),
    ])
    errorOf(() => engine.check('user:alice', 'proj:x'), 'RULE_FAILED')
    isBroken = false
    assert.deepEqual(
      ['user:alice', 'user:bob'].map((each) => engine.check(each, 'proj:x')),
      [true, false],
    )
    isBroken = true
    errorOf(() => engine.check('user:alice', 'proj:x'), 'RULE_FAILED')
  })

  test('passes by what is not in its namespaces', () => {
    const rules: readonly Rule[] = [
      { ...rewriter(fail), namespaces: ['proj'] },
      exploder(fail, { namespaces: ['proj'] }),
      implicator(fail, { namespaces: ['proj'] }),
      scanner(fail, { namespaces: ['proj'] }),
    ]
    for (const rule of rules) {
      const engine = withRules([rule])
      assert.equal(engine.check('user:ed', 'a:x'), true)
      errorOf(() => engine.check('user:alice', 'proj:x'), 'RULE_FAILED')
    }
  })

  test('speaks about what is beneath `manage:` when it rewrites or explodes, and about `manage` when it gives', () => {
    for (const rule of [
      { ...rewriter(fail), namespaces: ['proj'] },
      exploder(fail, { namespaces: ['proj'] }),
    ]) {
      errorOf(() => withRules([rule]).check('user:alice', 'manage:proj:x'), 'RULE_FAILED')
    }
    for (const namespaces of [['proj'], ['manage']]) {
      const run = () => withRules([implicator(fail, { namespaces })]).check('user:alice', 'manage:proj:x')
      if (namespaces[0] === 'manage') errorOf(run, 'RULE_FAILED')
      else assert.equal(run(), false)
    }
  })

  test('fails lists too, when it is the listing that fails', () => {
    const engine = withRules([implicator(() => undefined, { holdersOf: fail, permissionsOf: fail })])
    errorOf(() => engine.holders('proj:x'), 'RULE_FAILED')
    errorOf(() => engine.permissionsOf('user:alice'), 'RULE_FAILED')
    assert.equal(engine.check('user:alice', 'proj:x'), false)
  })

  test('lets no change half-way in', () => {
    const engine = withRules([rewriter(([first]) => (first === 'proj' ? fail() : undefined))])
    errorOf(() => engine.apply(add(ed.grants('a', bob), ed.grants('proj:x', bob))), 'RULE_FAILED')
    assert.equal(engine.check('user:bob', 'a'), false)
  })
})

test('the context of a question gives its viewer no sight', () => {
  const trusting = implicator((_actor, _permission, { context }) =>
    context['isAdmin'] === true ? {} : undefined,
  )
  const engine = withRules(
    [trusting],
    ed.grants('a:b', bob),
    bob.grants('a:b', alice),
    ed.owns('fs:1', { name: 'secret' }),
  )
  const asking = { viewer: 'user:alice', context: { isAdmin: true } }
  const said = JSON.stringify([
    engine.scan('user:alice', 'a:b', asking),
    engine.explain('user:alice', 'a:b', asking),
  ])
  assert.match(said, /hidden/)
  assert.doesNotMatch(said, /user:ed|"ed"/)
  assert.equal(engine.canonical('fs:/secret:read', asking), 'fs:/secret:read')
  assert.equal(engine.canonical('fs:/secret:read', { viewer: 'user:ed' }), 'fs:1:read')
})
