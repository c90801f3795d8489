import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Asking, Engine, Explanation, Fact } from '../../src/index.ts'
import { acting, app, at, group, NOON, system, token, user, world } from '../say.ts'

const alice = user('alice')
const bob = user('bob')
const ed = user('ed')
const fred = user('fred')
const editor = app('editor', fred)
const club = group('club')
const inner = group('inner')
const agent = acting(alice, editor)
const PARTIES = [alice, bob, ed, fred, editor, club, inner].map((each) => each.exists)

function engineOf(...facts: readonly Fact[]): Engine {
  return world([...PARTIES, ed.owns('a'), ...facts])
}

/** Each set as one text: what is wrong, how it is mended, and by whom. */
function mends(engine: Engine, actor: string, permission: string, asking?: Asking): string[] {
  return textsOf(engine.explain(actor, permission, asking))
}

function textsOf({ allowed, graph, brokenLinks = [] }: Explanation): string[] {
  assert.equal(allowed, false)
  assert.deepEqual(graph, { nodes: [], edges: [] })
  return brokenLinks
    .map((set) =>
      set
        .map(({ problem, mend, by }) => {
          const fact = mend === null ? undefined : 'add' in mend ? mend.add : mend.remove
          const how =
            fact?.kind === 'grant'
              ? `${fact.issuer} grants ${fact.permission} to ${fact.holder}`
              : fact?.kind === 'suspension'
                ? `resume ${fact.of}`
                : 'nothing'
          return `${problem}: ${how} (${by.join(' ')})`
        })
        .join(' & '),
    )
    .toSorted()
}

function grant(
  issuer: string,
  permission: string,
  holder: string,
  problem = 'not-held',
  by = issuer,
): string {
  return `${problem}: ${issuer} grants ${permission} to ${holder} (${by})`
}

function resume(who: string, by: string): string {
  return `suspended: resume ${who} (${by})`
}

describe('a denial where nothing is granted', () => {
  test('the owner could grant it, nobody else but `system`', () => {
    const engine = engineOf()
    assert.deepEqual(mends(engine, 'user:alice', 'a:b'), [grant('user:ed', 'a:b', 'user:alice')])
    assert.deepEqual(engine.explain('user:alice', 'a:b').owners, ['user:ed'])
    assert.deepEqual(mends(engine, 'user:alice', 'manage:a'), [grant('user:ed', 'manage:a', 'user:alice')])
    assert.deepEqual(engine.explain('user:alice', 'manage:a').owners, ['user:ed'])
    for (const permission of ['ai:chat', 'manage:manage:a']) {
      assert.deepEqual(mends(engine, 'user:alice', permission), [grant('system', permission, 'user:alice')])
      assert.equal(engine.explain('user:alice', permission).owners, undefined)
    }
  })

  test('all owners along the folders are named, those who hold it can grant it', () => {
    const engine = engineOf(
      bob.owns('fs:top'),
      ed.owns('fs:mid', { parent: 'fs:top' }),
      fred.owns('fs:x', { parent: 'fs:mid' }),
      fred.isSuspended(),
    )
    const asked = engine.explain('user:alice', 'fs:x:read')
    assert.deepEqual(asked.owners, ['user:fred', 'user:ed', 'user:bob'])
    assert.deepEqual(textsOf(asked), [
      grant('user:ed', 'fs:x:read', 'user:alice', 'not-held', 'user:ed user:bob'),
    ])
  })

  test('a resource that was never declared is named', () => {
    const engine = engineOf(bob.owns('fs:known'), bob.owns('kv:bob:editor'), bob.owns('site:known'))
    const problems = (permission: string): string[] =>
      (engine.explain('user:alice', permission).brokenLinks ?? []).flatMap((set) =>
        set.map(({ problem, detail }) => `${problem}: ${detail}`),
      )
    for (const [permission, missing] of [
      ['fs:no', 'fs:no'],
      ['fs:no:read', 'fs:no'],
      ['kv:bob:other', 'kv:bob:other'],
      ['kv:bob:other:get', 'kv:bob:other'],
      ['site:no', 'site:no'],
      ['site:no:part:of', 'site:no'],
      ['manage:fs:no', 'fs:no'],
    ] as const)
      assert.deepEqual(problems(permission), [
        `unknown: user:alice does not hold ${permission}, and ${missing} does not exist`,
      ])
    for (const permission of [
      'fs',
      'fs:known',
      'fs:known:read',
      'kv',
      'kv:bob',
      'kv:bob:editor:get',
      'site',
      'site:known:part',
      'ai:chat',
      'a:b',
      'manage:fs:known',
    ])
      assert.deepEqual(problems(permission), [`not-held: user:alice does not hold ${permission}`])
  })

  test('an app or a token is given it by those who may, who need it themselves', () => {
    const forEditor = [grant('user:fred', 'a:b', 'app:editor'), grant('user:ed', 'a:b', 'user:fred')].join(
      ' & ',
    )
    const forAgent = [grant('user:alice', 'a:b', agent.as), grant('user:ed', 'a:b', 'user:alice')].join(' & ')
    const engine = engineOf(token('t', alice).exists)
    assert.deepEqual(mends(engine, agent.as, 'a:b'), [forEditor, forAgent].toSorted())
    assert.deepEqual(mends(engine, 'token:t', 'a:b'), [
      [grant('user:alice', 'a:b', 'token:t'), grant('user:ed', 'a:b', 'user:alice')].join(' & '),
    ])
    const holding = engineOf(ed.grants('a', alice))
    assert.deepEqual(mends(holding, agent.as, 'a:b'), [grant('user:alice', 'a:b', agent.as)])
  })

  test('an unknown actor is named, part by part', () => {
    const named = (actor: string): (string | undefined)[] =>
      (engineOf().explain(actor, 'a').brokenLinks ?? []).flat().map(({ problem, mend, by, detail }) => {
        assert.deepEqual([problem, mend, by], ['unknown', null, []])
        return detail
      })
    assert.deepEqual(named('user:nobody/app:none'), ['user:nobody does not exist', 'app:none does not exist'])
    assert.deepEqual(named('user:alice/app:none'), ['app:none does not exist'])
    assert.deepEqual(named('user:nobody/app:editor'), ['user:nobody does not exist'])
    assert.deepEqual(named('token:none'), ['token:none does not exist'])
  })
})

describe('a denial where a pathway is broken', () => {
  test('an expired grant is made again by its issuer, as it was', () => {
    const engine = engineOf(ed.grants('a:b', alice, { expiresAt: at(NOON), extra: { n: 1 } }))
    const { brokenLinks, owners } = engine.explain('user:alice', 'a:b:c')
    assert.deepEqual(brokenLinks, [
      [
        {
          problem: 'expired',
          detail: `the grant of a:b by user:ed to user:alice expired at ${at(NOON)}`,
          mend: { add: ed.grants('a:b', alice, { extra: { n: 1 } }) },
          by: ['user:ed'],
        },
      ],
    ])
    assert.equal(owners, undefined)
  })

  test('all ties are told, and nothing longer', () => {
    const engine = engineOf(
      ed.grants('a:b', alice, { expiresAt: at(NOON) }),
      ed.grants('a', alice, { expiresAt: at(NOON - 1) }),
      bob.grants('a:b', alice),
      fred.grants('a:b', alice, { expiresAt: at(NOON) }),
    )
    assert.deepEqual(
      mends(engine, 'user:alice', 'a:b'),
      [
        grant('user:ed', 'a:b', 'user:alice', 'expired'),
        grant('user:ed', 'a', 'user:alice', 'expired'),
        grant('user:ed', 'a:b', 'user:bob'),
      ].toSorted(),
    )
  })

  test('a way around two breaks is told instead of them', () => {
    const expired = { expiresAt: at(NOON) }
    const engine = engineOf(
      ed.grants('a:b', fred, expired),
      fred.grants('a:b', bob, expired),
      bob.grants('a:b', alice),
    )
    assert.deepEqual(mends(engine, 'user:alice', 'a:b'), [grant('user:ed', 'a:b', 'user:bob')])
  })

  test('of an expired grant whose issuer lost it, a straight grant is shorter', () => {
    const engine = engineOf(bob.grants('a:b', alice, { expiresAt: at(NOON) }))
    assert.deepEqual(mends(engine, 'user:alice', 'a:b'), [grant('user:ed', 'a:b', 'user:alice')])
  })

  test('two breaks are told where an app leaves no other way', () => {
    const expired = { expiresAt: at(NOON) }
    const engine = engineOf(alice.grants('a:b', agent, expired), ed.grants('a:b', alice, expired))
    assert.deepEqual(
      mends(engine, agent.as, 'a:b'),
      ['expired', 'not-held'].map((problem) =>
        [
          grant('user:alice', 'a:b', agent.as, 'expired'),
          grant('user:ed', 'a:b', 'user:alice', problem),
        ].join(' & '),
      ),
    )
  })

  test('circles of grants are left again', () => {
    const engine = engineOf(
      bob.grants('a:b', alice),
      alice.grants('a:b', bob),
      alice.grants('a:b', fred),
      fred.grants('a:b', alice),
    )
    assert.deepEqual(
      mends(engine, 'user:alice', 'a:b'),
      ['user:alice', 'user:bob', 'user:fred'].map((who) => grant('user:ed', 'a:b', who)).slice(1),
    )
  })

  test('at most 100 sets', () => {
    const many = Array.from({ length: 105 }, (_, i) => user(`u${i}`))
    const engine = engineOf(
      ...many.map((each) => each.exists),
      ...many.flatMap((each) => [ed.grants('a:b', each), each.grants('a:b', alice, { expiresAt: at(NOON) })]),
    )
    assert.equal(mends(engine, 'user:alice', 'a:b').length, 100)
  })

  test('a token that has expired is not mended, its issuer makes another', () => {
    const engine = engineOf(token('t', ed, { full: true, expiresAt: at(NOON) }).exists)
    assert.deepEqual(mends(engine, 'token:t', 'a:b'), ['expired: nothing (user:ed)'])
    const unheld = engineOf(token('t', alice, { full: true, expiresAt: at(NOON) }).exists)
    assert.deepEqual(mends(unheld, 'token:t', 'a:b'), [
      `expired: nothing (user:alice) & ${grant('user:ed', 'a:b', 'user:alice')}`,
    ])
  })
})

describe('a denial where somebody is suspended', () => {
  test('whoever may resume a user, an app or a token is named, the suspended not', () => {
    const may = [
      system.grants('castellan:users', bob),
      system.grants('castellan:users', alice),
      system.grants('castellan:apps', fred),
      token('t', ed, { full: true }).exists,
      ed.grants('a', fred),
      fred.grants('a:b', editor),
    ]
    const suspended = [alice, editor, token('t', ed), ed].map((each) => each.isSuspended())
    const engine = engineOf(...may, ...suspended)
    assert.deepEqual(mends(engine, 'user:alice', 'user:alice'), [resume('user:alice', 'system user:bob')])
    assert.deepEqual(mends(engine, 'token:t', 'a'), [
      `${resume('token:t', 'user:ed')} & ${resume('user:ed', 'system user:bob')}`,
    ])
    const resumed = engineOf(...may, editor.isSuspended())
    assert.deepEqual(mends(resumed, 'app:editor', 'a:b'), [resume('app:editor', 'system user:fred')])
  })

  test('at most 20 are named', () => {
    const many = Array.from({ length: 25 }, (_, i) => user(`u${i}`))
    const engine = engineOf(
      ...many.map((each) => each.exists),
      ...many.map((each) => system.grants('castellan:users', each)),
      alice.isSuspended(),
    )
    const [link] = engine.explain('user:alice', 'user:alice').brokenLinks![0]!
    assert.equal(link!.by.length, 20)
    assert.equal(link!.by[0], 'system')
    const owned = many.map((each, i) => each.owns(`fs:f${i}`, i === 0 ? {} : { parent: `fs:f${i - 1}` }))
    const deep = engineOf(...many.map((each) => each.exists), ...owned).explain('user:alice', 'fs:f24:read')
    assert.equal(deep.owners!.length, 20)
    assert.equal(deep.owners![0], 'user:u24')
  })

  /** A token of an app acting for alice, to whom ed gave it: four who can be in the way. */
  const chain = [
    token('t', agent).exists,
    ed.grants('a:b', alice),
    alice.grants('a:b', agent),
    agent.grants('a:b', token('t', agent)),
  ]
  const byIssuer = resume('token:t', agent.as)
  const byAlice = resume('user:alice', 'system')
  const byEditor = resume('app:editor', 'system')
  const byEd = resume('user:ed', 'system')
  const setOf = (text: string): string => text.split(' & ').toSorted().join(' & ')
  const together = (...links: readonly string[]): string => setOf(links.join(' & '))

  test('two, three and four of them are resumed together', () => {
    const told = (...who: readonly Fact[]): string[] =>
      mends(engineOf(...chain, ...who), 'token:t', 'a:b')
        .map(setOf)
        .toSorted()
    const t = token('t', agent).isSuspended()
    assert.deepEqual(told(t, alice.isSuspended()), [together(byIssuer, byAlice)])
    assert.deepEqual(told(t, alice.isSuspended(), editor.isSuspended()), [
      together(byIssuer, byAlice, byEditor),
    ])
    const all = told(t, alice.isSuspended(), editor.isSuspended(), ed.isSuspended())
    assert.deepEqual(
      all,
      [
        together(byIssuer, byAlice, byEditor, byEd),
        together(byIssuer, byAlice, byEditor, grant('system', 'a:b', 'user:alice')),
      ].toSorted(),
    )
  })

  test('one of two on different ways is enough, and neither where a shorter way is', () => {
    const engine = engineOf(
      ...[bob, fred].flatMap((each) => [
        ed.grants('a:b', each),
        each.grants('a:b', alice),
        each.isSuspended(),
      ]),
    )
    assert.deepEqual(
      mends(engine, 'user:alice', 'a:b'),
      [
        grant('user:ed', 'a:b', 'user:alice'),
        resume('user:bob', 'system'),
        resume('user:fred', 'system'),
      ].toSorted(),
    )
    const shorter = engineOf(
      ed.grants('a:b', bob),
      bob.grants('a:b', alice, { expiresAt: at(NOON) }),
      bob.isSuspended(),
      ed.grants('a', alice, { expiresAt: at(NOON) }),
    )
    assert.deepEqual(mends(shorter, 'user:alice', 'a:b'), [grant('user:ed', 'a', 'user:alice', 'expired')])
  })
})

describe('what a viewer is told', () => {
  test('owners only of what the viewer may see, its weakest right or the resource itself', () => {
    const facts = [bob.owns('fs:x'), bob.owns('proj:x'), user('clerk').exists]
    const asked = (
      permission: string,
      viewer: string,
      ...more: readonly Fact[]
    ): readonly string[] | undefined =>
      engineOf(...facts, ...more).explain('user:alice', permission, { viewer }).owners
    assert.equal(asked('fs:x:read', 'user:alice'), undefined)
    assert.deepEqual(asked('fs:x:read', 'system'), ['user:bob'])
    assert.deepEqual(asked('fs:x:read', 'user:alice', bob.grants('fs:x:see', alice)), ['user:bob'])
    assert.equal(asked('fs:x:read', 'user:clerk'), undefined)
    assert.deepEqual(asked('fs:x:read', 'user:clerk', bob.grants('fs:x:see', 'user:clerk')), ['user:bob'])
    assert.deepEqual(asked('fs:x:read', 'user:clerk', system.grants('castellan:check', 'user:clerk')), [
      'user:bob',
    ])
    assert.deepEqual(asked('fs:x:read', 'user:clerk', bob.grants('manage:fs:x', 'user:clerk')), ['user:bob'])
    assert.deepEqual(asked('manage:fs:x', 'user:alice', bob.grants('fs:x:see', alice)), ['user:bob'])
    assert.deepEqual(asked('manage:proj:x', 'user:alice', bob.grants('proj:x', alice)), ['user:bob'])
    assert.equal(asked('manage:proj:x', 'user:alice', bob.grants('proj:x:y', alice)), undefined)
  })
})

describe('an explanation of yes', () => {
  test('is the graph of the live pathways, with each grant as it is', () => {
    const engine = engineOf(
      alice.joins(inner),
      inner.joins(club),
      ed.grants('a:b', club, { extra: { n: 1 }, expiresAt: at(NOON + 5) }),
      ed.grants('a:b', fred),
      fred.grants('a:b', alice),
      bob.grants('a:b', alice),
    )
    const grantOf = (issuer: string, holder: string) => ({ issuer, holder, permission: 'a:b', extra: {} })
    const option = { permission: 'a:b', by: 'is-owner', data: {} }
    const { allowed, graph, brokenLinks, owners } = engine.explain('user:alice', 'a:b:c')
    assert.deepEqual([allowed, brokenLinks, owners], [true, undefined, undefined])
    assert.deepEqual(graph, {
      nodes: [
        { id: 0, actor: 'user:alice', permission: 'a:b:c', options: [] },
        { id: 1, actor: 'user:fred', permission: 'a:b', options: [] },
        {
          id: 2,
          actor: 'user:ed',
          permission: 'a:b',
          options: [option, { ...option, permission: 'a' }],
        },
      ],
      edges: [
        { from: 0, to: 1, via: 'user', grant: grantOf('user:fred', 'user:alice') },
        {
          from: 0,
          to: 2,
          via: 'user-group',
          grant: { ...grantOf('user:ed', 'group:club'), extra: { n: 1 }, expiresAt: at(NOON + 5) },
          groups: ['inner', 'club'],
        },
        { from: 1, to: 2, via: 'user', grant: grantOf('user:ed', 'user:fred') },
      ],
    })
  })

  test('a full-access token rests on its issuer without a grant', () => {
    const engine = engineOf(token('t', ed, { full: true }).exists)
    assert.deepEqual(engine.explain('token:t', 'a').graph, {
      nodes: [
        { id: 0, actor: 'token:t', permission: 'a', options: [] },
        {
          id: 1,
          actor: 'user:ed',
          permission: 'a',
          options: [{ permission: 'a', by: 'is-owner', data: {} }],
        },
      ],
      edges: [{ from: 0, to: 1, via: 'access-token', grant: null }],
    })
  })
})

describe('a denial over a path', () => {
  test('that leads nowhere names nobody, and nothing that could be granted', () => {
    const files = [
      ed.owns('fs:top', { name: 'home' }),
      ed.owns('fs:low', { name: 'notes', parent: 'fs:top' }),
    ]
    for (const path of ['fs:/home/nowhere', 'fs:/home/nowhere:read', 'manage:fs:/nowhere']) {
      const { brokenLinks, owners } = engineOf(...files).explain('user:alice', path)
      assert.equal(owners, undefined, path)
      assert.deepEqual(
        brokenLinks!.map((set) => set.map(({ problem, mend, by }) => ({ problem, mend, by }))),
        [[{ problem: 'unknown', mend: null, by: [] }]],
        path,
      )
    }
    assert.deepEqual(mends(engineOf(...files), 'user:alice', 'fs:/home/notes:read'), [
      'not-held: user:ed grants fs:low:read to user:alice (user:ed)',
    ])
  })
})
