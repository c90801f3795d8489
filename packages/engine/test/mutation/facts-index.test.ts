import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NONE } from '../../src/columns.ts'
import { FactsIndex } from '../../src/facts-index.ts'
import { FACT_KINDS, type Fact, type GrantFact } from '../../src/index.ts'
import { app, at, group, NOON, system, token, user } from '../say.ts'
import { removalOf } from '../worlds.ts'
import { NAMESPACES } from './cast.ts'

const grant = (permission: string): GrantFact => ({
  kind: 'grant',
  issuer: 'user:ed',
  holder: 'user:al',
  permission,
  extra: {},
})

describe('while two worlds are compared', () => {
  test('a string keeps its node, whatever comes and goes', () => {
    const index = new FactsIndex()
    index.put(grant('a:b:c'))
    const before = index.findNode('a:b:c')
    index.keepingNodes((nodeFor) => {
      index.remove(grant('a:b:c'))
      index.put(grant('a:x'))
      assert.equal(nodeFor('a:b:c'), before)
      const added = index.findNode('a:x')
      index.remove(grant('a:x'))
      const own = nodeFor('a:b:c:d')
      assert.equal(new Set([before, added, own]).size, 3)
      index.put(grant('a:b:c'))
      assert.deepEqual(
        ['a:b:c', 'a:x', 'a:b:c:d'].map((each) => index.findNode(each)),
        [before, added, own],
      )
    })
  })

  test('nodes that no fact names go in the end, and those above them, even when it fails', () => {
    const index = new FactsIndex()
    index.put(grant('a:b'))
    assert.throws(
      () =>
        index.keepingNodes((nodeFor) => {
          for (const each of ['a:b:c:d', 'a:b:c', 'new:x:y', 'new', 'manage:a:b']) nodeFor(each)
          index.put(grant('a:z'))
          index.remove(grant('a:b'))
          throw new Error('x')
        }),
      { message: 'x' },
    )
    const left = ['a', 'a:z', 'a:b', 'a:b:c', 'a:b:c:d', 'new', 'new:x', 'manage:a'].filter(
      (each) => index.findNode(each) !== NONE,
    )
    assert.deepEqual(left, ['a', 'a:z'])
    index.remove(grant('a:z'))
    assert.equal(index.findNode('a'), NONE)
  })
})

describe('a namespace whose modes change', () => {
  const namespace = (modes: readonly string[]): Fact => ({
    kind: 'namespace',
    name: 'own',
    description: '',
    modes,
  })
  const owned = (permission: string): Fact => ({ kind: 'resource', permission, owner: 'user:ed' })

  test('stays regular unless a resource is named like a mode', () => {
    const index = new FactsIndex()
    index.put(namespace([]))
    index.put(owned('own:x'))
    index.put(grant('own:x:read'))
    index.put(namespace(['see', 'read']))
    assert.equal(index.roots.get('own')?.isIrregular, false)
    index.put(namespace(['see', 'x']))
    assert.equal(index.roots.get('own')?.isIrregular, true)
  })
})

/** One of everything, and enough of it to be loaded in several batches, looked up by name and by holder. */
const people = Array.from({ length: 300 }, (_, i) => user(`u${i}`, i % 3 === 0 ? `n${i % 30}` : undefined))
const [ann, bob, cyd] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]]
const groups = Array.from({ length: 20 }, (_, i) => group(`g${i}`, people[i]))
const agent = `${ann.as}/app:a1`
const LARGE: readonly Fact[] = [
  ...NAMESPACES,
  ...people.map((each) => each.exists),
  ...groups.map((each) => each.exists),
  app('a1', ann, 'twin').exists,
  app('a2', bob, 'twin').exists,
  app('a3', bob, 'single').exists,
  app('a4').exists,
  token('t1', ann, { full: true, expiresAt: at(NOON) }).exists,
  token('t2', agent).exists,
  token('t3', bob, { full: true }).exists,
  ...['top', 'mid', 'low', 'leaf'].map((each, i, all) =>
    ann.owns(`doc:${each}`, i === 0 ? {} : { parent: `doc:${all[i - 1]!}` }),
  ),
  ...Array.from({ length: 300 }, (_, i) =>
    people[i % 7]!.owns(`fs:f${i}`, {
      ...(i > 3 && { parent: `fs:f${Math.floor(i / 4)}` }),
      ...(i % 2 === 0 && { name: `named${i}` }),
    }),
  ),
  cyd.owns('site:s1', { name: 'blog' }),
  cyd.owns('site:s2', { name: 'blog' }),
  cyd.owns('site:s3', { name: 'shop' }),
  ...people.map((each, i) => each.joins(groups[i % 20]!)),
  groups[0]!.joins(groups[1]!),
  groups[1]!.joins(groups[2]!),
  group('user').joins(groups[3]!),
  ...people.slice(1, 40).map((each) => ann.grants('doc:mid:read', each)),
  ...people.slice(1, 100).map((each, i) => ann.grants(`proj:p${i}:${i % 5 === 0 ? 'x' : 'y'}`, each)),
  ...people.slice(1, 200).map((each, i) => each.grants(`fs:f${i}:read`, ann, { expiresAt: at(NOON + i) })),
  ann.grants('doc:leaf', bob, { extra: { n: 1 }, expiresAt: at(NOON + 1), reason: 'because' }),
  bob.grants('doc:leaf', groups[0]!, { extra: { n: 2 } }),
  bob.grants('doc:leaf', cyd, { reason: 'why' }),
  ann.grants('a:1', agent),
  ann.grants('a:1', 'app:a1'),
  ann.grants('manage:doc:mid', 'token:t1'),
  system.grants('ai', group('user')),
  bob.isSuspended(),
  { kind: 'suspension', of: 'app:a4' },
]

function textOf(fact: Fact): string {
  return JSON.stringify(Object.entries(fact).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function same(index: FactsIndex, facts: readonly Fact[]): void {
  assert.deepEqual([...index.facts()].map(textOf).toSorted(), facts.map(textOf).toSorted())
  for (const fact of facts) assert.deepEqual(index.fact(removalOf(fact)), fact)
  const grants = facts.filter((fact) => fact.kind === 'grant')
  const rows = grants.map((each) => index.findGrant(each))
  assert.equal(new Set(rows).size, grants.length)
  for (const [i, each] of grants.entries()) {
    const row = rows[i]!
    const [holder, issuer] = [index.parties.get(each.holder)!, index.parties.get(each.issuer)!]
    const node = index.findNode(each.permission)
    for (const list of [index.grantsOn.of(node), index.grantsHeld.of(holder), index.grantsIssued.of(issuer)])
      assert.equal([...list].filter((other) => other === row).length, 1)
    assert.ok([...index.grantsOf(node, holder)].includes(row))
  }
  const nodes = new Set(grants.map((each) => index.findNode(each.permission)))
  for (const node of nodes) {
    const on = [...index.grantsOn.of(node)]
    assert.equal(index.grantCount.get(node), on.length)
    const crowd = index.crowdOn(node)
    if (on.length > 24) assert.ok(crowd !== undefined)
    if (on.length < 12) assert.equal(crowd, undefined)
    if (crowd !== undefined) assert.deepEqual(new Set([...crowd.values()].flat()), new Set(on))
  }
}

function loaded(facts: readonly Fact[]): FactsIndex {
  const index = new FactsIndex()
  index.load(facts)
  index.pack()
  return index
}

function stated(facts: readonly Fact[]): FactsIndex {
  const index = new FactsIndex()
  for (const fact of facts) index.put(fact)
  return index
}

describe('the facts in memory', () => {
  test('are those that were loaded, or stated one by one, and go again', () => {
    for (const index of [loaded(LARGE), stated(LARGE)]) {
      same(index, LARGE)
      let left = [...LARGE]
      for (const every of [3, 1]) {
        const gone = left.filter((fact, i) => fact.kind === 'grant' && i % every === 0)
        for (const fact of gone) index.remove(removalOf(fact))
        left = left.filter((fact) => !gone.includes(fact))
        same(index, left)
      }
      for (const kind of FACT_KINDS.toReversed())
        for (const fact of left.filter((each) => each.kind === kind).toReversed())
          index.remove(removalOf(fact))
      assert.deepEqual([...index.facts()], [])
      for (const node of ['a', 'doc', 'proj', 'fs:f1', 'fs:f1:read', 'manage:doc', 'site:s1'])
        assert.equal(index.findNode(node), NONE, node)
    }
  })

  test('lie as they are read, without gaps, once they are packed', () => {
    const index = stated(LARGE)
    const isGone = (fact: Fact, i: number): boolean =>
      fact.kind === 'grant' || fact.kind === 'member' ? i % 4 === 0 : false
    for (const fact of LARGE.filter(isGone)) index.remove(removalOf(fact))
    const left = LARGE.filter((fact, i) => !isGone(fact, i))
    index.pack()
    same(index, left)
    assert.equal(index.memberTable.size, left.filter(({ kind }) => kind === 'member').length)
    assert.equal(index.grantTable.size, left.filter(({ kind }) => kind === 'grant').length)
    const nodes = [...index.roots.values()].flatMap((root) => [...index.nodesBeneath(root.node)])
    assert.equal(index.nodeTable.size, nodes.length)
    assert.equal(index.component.length, nodes.length)
    const memberships = Array.from({ length: index.partyTable.size }, (_, party) => [
      ...index.groupsOf.of(party),
    ])
    assert.deepEqual(memberships.flat(), [...memberships.flat().keys()])
    const grants = nodes.toSorted((a, b) => a - b).flatMap((node) => [...index.grantsOn.of(node)])
    assert.deepEqual(grants, [...grants.keys()])
    for (const node of nodes) {
      const [up, folder] = [index.parent.get(node), index.folder.get(node)]
      assert.ok(up < node && folder < node)
      if (up !== NONE && index.owner.get(up) !== NONE) assert.ok(node - up <= index.childCount.get(up))
    }
  })

  test('are found by what people call them', () => {
    const packed = loaded(LARGE)
    const mended = stated(LARGE)
    mended.put(cyd.owns('site:s1', { name: 'other' }))
    mended.put(cyd.owns('site:s1', { name: 'blog' }))
    mended.put(app('a3', bob, 'other').exists)
    mended.put(app('a3', bob, 'single').exists)
    for (const index of [packed, mended]) {
      for (let i = 0; i < 300; i++) {
        const node = index.findNode(`fs:f${i}`)
        const place = i > 3 ? index.findNode(`fs:f${Math.floor(i / 4)}`) : index.rootNode('fs')
        assert.equal(index.placeOf(node), place)
        const name = i % 2 === 0 ? `named${i}` : undefined
        assert.equal(index.resourceName(node), name)
        assert.equal(index.findNamed(place, name ?? `f${i}`), node)
        assert.equal(index.findNamed(place, name === undefined ? `named${i}` : `f${i}`), NONE)
        assert.equal(index.findNamed(node, name ?? `f${i}`), NONE)
      }
      const site = (name: string): string | undefined =>
        index.resourceNamed('site', undefined, name)?.permission
      assert.deepEqual(['blog', 'shop', 's1', 'none'].map(site), [undefined, 'site:s3', undefined, undefined])
      assert.deepEqual(
        ['single', 'twin', 'a4', 'none'].map((each) => index.appNamed(each)?.id),
        ['a3', undefined, undefined, undefined],
      )
      assert.equal(index.resourceNamed('site', 'fs:f1', 'named4'), undefined)
      assert.equal(index.resourceNamed('fs', 'fs:f1', 'named4')?.permission, 'fs:f4')
      const names = ['user:u0', 'user:u1', 'group:g1', 'app:a1', 'app:a4', agent, 'system'].map((each) =>
        index.partyName(index.parties.get(each)!),
      )
      assert.deepEqual(names, ['n0', 'u1', 'g1', 'twin', 'a4', agent, 'system'])
    }
  })
})

describe('facts that are loaded', () => {
  const declared = (name: string, modes: readonly string[]): Fact => {
    return { kind: 'namespace', name, description: 'for files of a kind', modes }
  }
  const rankOf = (index: FactsIndex, permission: string): number => {
    const node = index.findNode(permission)
    assert.notEqual(node, NONE, permission)
    return index.rank.get(node)
  }

  test('may come before what they name: a suspension its party, strings their namespace', () => {
    const index = new FactsIndex()
    index.load([
      bob.isSuspended(),
      bob.grants('files:x:read', cyd),
      bob.owns('files:x'),
      declared('files', ['see', 'read']),
      bob.exists,
      cyd.exists,
    ])
    assert.equal(index.isSuspended(bob.as), true)
    assert.equal(index.isSuspended(cyd.as), false)
    assert.equal(rankOf(index, 'files:x:read'), 1)
    assert.equal(rankOf(index, 'files:x'), NONE)
  })

  test('may be loaded upon others, in which their namespace was declared otherwise or not at all', () => {
    const index = new FactsIndex()
    index.load([bob.exists, cyd.exists, bob.grants('files:x:read', cyd), bob.grants('other:x:see', cyd)])
    assert.equal(rankOf(index, 'files:x:read'), NONE)
    index.load([declared('files', ['see', 'read']), declared('other', ['see'])])
    assert.equal(rankOf(index, 'files:x:read'), 1)
    assert.equal(rankOf(index, 'other:x:see'), 0)
    index.load([declared('files', ['read', 'see']), bob.grants('files:y:see', cyd)])
    assert.equal(rankOf(index, 'files:x:read'), 0)
    assert.equal(rankOf(index, 'files:y:see'), 1)
    index.load([declared('empty', ['old']), declared('empty', ['new']), bob.grants('empty:x:new', cyd)])
    assert.equal(rankOf(index, 'empty:x:new'), 0)
  })

  test('are told apart by each mode on a string, and by what is named like the beginning of one', () => {
    const index = new FactsIndex()
    const names = [
      'see',
      'read',
      'write',
      'reader',
      'rea',
      'se',
      'sees',
      'write:read',
      'write:see',
      'x:write',
    ]
    const grants = names.flatMap((name) => [bob, cyd].map((each) => each.grants(`files:x:${name}`, ann)))
    index.load([declared('files', ['see', 'read', 'write']), ...[ann, bob, cyd].map((each) => each.exists)])
    index.load([...grants, ...names.map((name) => ann.grants(`files:y:${name}`, bob))])
    for (const name of names) {
      const node = index.findNode(`files:x:${name}`)
      assert.equal(index.permissionOf(node), `files:x:${name}`)
      assert.equal([...index.grantsOn.of(node)].length, 2)
      assert.equal(index.grantCount.get(node), 2)
    }
    assert.equal(rankOf(index, 'files:x:reader'), NONE)
    assert.equal(rankOf(index, 'files:x:write:read'), 1)
  })
})

describe('facts that go or change', () => {
  const base = [ann, bob, cyd].map((each) => each.exists)
  const start = (): FactsIndex => stated([...NAMESPACES, ...base])
  const named = (index: FactsIndex, name: string): string | undefined =>
    index.resourceNamed('proj', undefined, name)?.permission

  test('free the names of resources, which name one again when only one is left', () => {
    const index = start()
    const three = ['one', 'two', 'six'].map((id) => ann.owns(`proj:${id}`, { name: 'same' }))
    for (const [i, fact] of three.entries()) {
      index.put(fact)
      assert.equal(named(index, 'same'), i === 0 ? 'proj:one' : undefined)
    }
    index.remove(removalOf(three[0]!))
    assert.equal(named(index, 'same'), undefined)
    index.put(ann.owns('proj:two', { name: 'other' }))
    assert.equal(named(index, 'same'), 'proj:six')
    assert.equal(named(index, 'other'), 'proj:two')
    index.put(ann.owns('proj:two'))
    assert.equal(named(index, 'other'), undefined)
    assert.equal(named(index, 'two'), 'proj:two')
    index.remove(removalOf(three[2]!))
    assert.equal(named(index, 'same'), undefined)
    assert.equal(named(index, 'six'), undefined)
    index.put(ann.owns('proj:new', { name: 'same' }))
    assert.equal(named(index, 'same'), 'proj:new')
    index.put(ann.owns('proj:newer', { name: 'same' }))
    index.remove(removalOf(ann.owns('proj:newer')))
    assert.equal(named(index, 'same'), 'proj:new')
    // What is no resource is not named by its id.
    index.put(ann.grants('proj:strange', bob))
    assert.equal(named(index, 'strange'), undefined)
  })

  test('free the names of apps', () => {
    const index = start()
    index.put(app('x', ann, 'tool').exists)
    index.put(app('y', ann, 'tool').exists)
    assert.equal(index.appNamed('tool'), undefined)
    index.put(app('y', ann, 'other').exists)
    assert.equal(index.appNamed('tool')?.id, 'x')
    index.put(app('y', ann).exists)
    assert.equal(index.appNamed('other'), undefined)
    assert.deepEqual(index.app('y'), app('y', ann).exists)
    index.remove({ kind: 'app', id: 'x' })
    assert.equal(index.appNamed('tool'), undefined)
    assert.equal(index.app('x'), undefined)
    // A person of that name is no app.
    index.put(user('p', 'tool').exists)
    assert.equal(index.appNamed('tool'), undefined)
  })

  test('take away folders that nobody declared, and what tokens expired by', () => {
    const index = start()
    index.put(ann.owns('proj:in', { parent: 'proj:folder' }))
    assert.notEqual(index.findNode('proj:folder'), NONE)
    index.remove(removalOf(ann.owns('proj:in')))
    assert.equal(index.findNode('proj:folder'), NONE)
    index.put(token('t', ann, { expiresAt: at(NOON) }).exists)
    index.put(token('t', ann).exists)
    assert.deepEqual(index.token('t'), token('t', ann).exists)
    assert.equal(index.tokenExpiresAt(index.parties.get('token:t')!), Infinity)
  })

  test('end an app acting for somebody with either of the two', () => {
    const index = start()
    index.put(app('x', ann).exists)
    index.put(bob.grants('a:1', `${bob.as}/app:x`))
    const agent = index.parties.get(`${bob.as}/app:x`)!
    assert.equal(index.exists(agent), true)
    index.remove({ kind: 'app', id: 'x' })
    assert.equal(index.exists(agent), false)
    index.put(app('x', ann).exists)
    index.remove(removalOf(bob.exists))
    assert.equal(index.exists(agent), false)
  })

  test('are memberships once however often they are stated, and lead from a person to a group alone', () => {
    const index = start()
    const [inner, outer] = [group('inner'), group('outer')]
    for (const fact of [inner.exists, outer.exists, bob.joins(inner), bob.joins(inner), inner.joins(outer)])
      index.put(fact)
    assert.deepEqual([...index.facts('member')].length, 2)
    const idOf = (who: { readonly as: string }): string => who.as.slice(who.as.indexOf(':') + 1)
    assert.equal(index.isMember(idOf(bob), 'outer'), true)
    assert.equal(index.isMember(idOf(cyd), 'outer'), false)
    assert.equal(index.isMember('nobody', 'outer'), false)
    assert.equal(index.isMember(idOf(bob), 'nowhere'), false)
    assert.deepEqual([...index.usersIn(index.parties.get('group:outer')!)], [index.parties.get(bob.as)])
    assert.ok(!index.groupClosure(index.parties.get('group:inner')!).has(index.userGroup))
    index.remove(removalOf(bob.joins(inner)))
    assert.equal(index.isMember(idOf(bob), 'outer'), false)
    assert.equal(index.fact({ kind: 'member', group: 'nowhere', member: bob.as }), undefined)
    assert.equal(index.fact({ kind: 'member', group: 'outer', member: 'user:nobody' }), undefined)
  })

  test('tell the same way into a group, whatever was joined first', () => {
    const [a, b, c] = [group('a'), group('b'), group('c')]
    const joins = [bob.joins(a), bob.joins(b), a.joins(c), b.joins(c)]
    const cameBy = [joins, joins.toReversed(), [joins[1]!, joins[0]!, joins[2]!, joins[3]!]].map((each) => {
      const index = stated([...NAMESPACES, ...base, a.exists, b.exists, c.exists, ...each])
      const closure = index.groupClosure(index.parties.get(bob.as)!)
      return index.partyText[closure.get(index.parties.get('group:c')!)!]
    })
    assert.deepEqual(cameBy, ['group:a', 'group:a', 'group:a'])
  })

  test('make a namespace irregular or tangled when they come one by one, or are loaded', () => {
    const inner = [ann.owns('proj:p'), ann.owns('proj:p:in')]
    const long = [ann.owns('proj:a:b'), ann.owns('proj:c', { parent: 'proj:a:b' })]
    for (const make of [stated, loaded]) {
      const of = (facts: readonly Fact[]) => make([...NAMESPACES, ...base, ...facts]).roots.get('proj')!
      assert.equal(of(inner.slice(0, 1)).isIrregular, false)
      assert.equal(of(inner).isIrregular, true)
      assert.equal(of(inner.toReversed()).isIrregular, true)
      assert.equal(of(long.slice(0, 1)).hasLongFolders, false)
      assert.equal(of(long).hasLongFolders, true)
    }
  })
})

describe('grants and strings that go', () => {
  const many = Array.from({ length: 40 }, (_, i) => user(`many${i}`))
  const start = (): FactsIndex =>
    stated([...NAMESPACES, ...[ann, bob, cyd, ...many].map((each) => each.exists)])
  const told = ann.grants('a:1', bob, { reason: 'for now', extra: { n: 1 }, expiresAt: at(NOON) })

  test('leave nothing of what was said with a grant to the next one', () => {
    const index = start()
    index.put(told)
    index.put(ann.grants('a:1', bob))
    assert.deepEqual([...index.facts('grant')], [ann.grants('a:1', bob)])
    index.put(told)
    index.remove(removalOf(told))
    const { size } = index.grantTable
    index.put(cyd.grants('a:2', bob))
    assert.equal(index.grantTable.size, size, 'its place is used again')
    assert.deepEqual([...index.facts('grant')], [cyd.grants('a:2', bob)])
  })

  test('leave those of the same holder, where many are looked up by holder', () => {
    const index = start()
    const grants = [ann, cyd, ...many].map((each) => each.grants('a:1', bob))
    for (const fact of grants) index.put(fact)
    const node = index.findNode('a:1')
    const row = index.parties.get(bob.as)!
    assert.notEqual(index.crowdOn(node), undefined)
    const left = [...grants]
    while (left.length > 0) {
      index.remove(removalOf(left.pop()!))
      assert.equal(index.crowdOn(node)?.get(row)?.length ?? left.length, left.length)
      assert.equal([...index.grantsOf(node, row)].length, left.length)
      assert.equal(index.findGrant(grants[0]!) === NONE, left.length === 0)
    }
  })

  test('keep a folder that nobody declared as long as something is in it', () => {
    const index = start()
    index.put(ann.owns('proj:in', { parent: 'proj:folder' }))
    index.put(ann.grants('proj:folder', bob))
    index.remove(removalOf(ann.grants('proj:folder', bob)))
    assert.deepEqual(index.resource('proj:in'), ann.owns('proj:in', { parent: 'proj:folder' }))
  })

  test('find modes among many others, whether stated, packed or loaded, and after all others have gone', () => {
    const strings = ['see', 'read', 'write', ...many.slice(0, 12).map((_, i) => `c${i}`)]
    const facts = [
      ...NAMESPACES,
      ...[ann, bob].map((each) => each.exists),
      ...strings.map((each) => ann.grants(`doc:x:${each}`, bob)),
    ]
    for (const make of [stated, loaded]) {
      const index = make(facts)
      const found = (): string[] => strings.filter((each) => index.findNode(`doc:x:${each}`) !== NONE)
      assert.deepEqual(found(), strings)
      index.pack()
      assert.deepEqual(found(), strings)
      for (const each of strings.slice(3)) index.remove(removalOf(ann.grants(`doc:x:${each}`, bob)))
      assert.deepEqual(found(), strings.slice(0, 3))
      for (const each of strings.slice(3)) index.put(ann.grants(`doc:x:${each}`, bob))
      assert.deepEqual(found(), strings)
      index.pack()
      index.load([cyd.exists, cyd.grants('doc:x:read', bob), ann.grants('doc:y:read', bob)])
      assert.deepEqual(found(), strings)
      assert.equal(index.grantCount.get(index.findNode('doc:x:read')), 2)
    }
  })
})
