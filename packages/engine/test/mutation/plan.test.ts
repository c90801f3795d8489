import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AnyCastellanError,
  CastellanError,
  type Change,
  type Engine,
  type Fact,
  FactInvalidError,
  InUseError,
  ReferenceUnknownError,
} from '../../src/index.ts'
import { explosion } from '../oracle.ts'
import { acting, add, app, errorOf, group, remove, system, token, user, world } from '../say.ts'
import { makeRandom } from '../worlds.ts'

const alice = user('alice')
const bob = user('bob')
const editor = app('editor')

function engineOf(...facts: readonly Fact[]): Engine {
  return world([alice.exists, bob.exists, editor.exists, ...facts])
}

function refused(
  engine: Engine,
  changes: readonly Change[],
  code: AnyCastellanError['code'],
): AnyCastellanError {
  const before = [...engine.facts()]
  const error = errorOf(() => engine.apply(changes), code)
  assert.deepEqual([...engine.facts()], before)
  return error
}

function outcomes(engine: Engine, changes: readonly Change[]): string[] {
  return engine
    .apply(changes)
    .results.map(({ outcome, revoked }) => (revoked === undefined ? outcome : `${outcome} ${revoked}`))
}

describe('what a resource may be', () => {
  for (const [permission, code] of [
    ['fs', 'FACT_INVALID'],
    ['kv', 'FACT_INVALID'],
    ['kv:alice', 'FACT_INVALID'],
    ['ai', 'FACT_INVALID'],
    ['site', 'FACT_INVALID'],
    ['manage:fs:x', 'FACT_INVALID'],
    ['manage:a', 'FACT_INVALID'],
    ['fs:x:read', 'PERMISSION_INVALID'],
    ['kv:alice:editor:get', 'PERMISSION_INVALID'],
    ['fs:/nowhere', 'REFERENCE_UNKNOWN'],
  ] as const) {
    test(`not \`${permission}\``, () => {
      const error = refused(engineOf(), add(alice.owns(permission)), code)
      if (error instanceof FactInvalidError) assert.equal(error.path, 'permission')
      refused(engineOf(), remove(alice.owns(permission)), code)
    })
  }

  for (const permission of [
    'fs:x',
    'kv:alice:editor',
    'ai:chat',
    'site:s',
    'site:s:part',
    'a',
    'a:b:c',
    'user:x',
  ]) {
    test(`but \`${permission}\``, () => {
      assert.deepEqual(outcomes(engineOf(), add(alice.owns(permission))), ['added'])
    })
  }

  test('its parent may be told by its path', () => {
    const engine = engineOf(alice.owns('fs:f', { name: 'docs' }))
    engine.apply(add(alice.owns('fs:x', { parent: 'fs:/docs' })))
    assert.deepEqual(
      engine.fact({ kind: 'resource', permission: 'fs:x' }),
      alice.owns('fs:x', { parent: 'fs:f' }),
    )
  })

  test('its parent is a resource of its namespace, not a string that is only granted', () => {
    const engine = engineOf(alice.owns('fs:f'), alice.grants('fs:ghost', bob))
    const ghost = refused(engine, add(alice.owns('fs:x', { parent: 'fs:ghost' })), 'REFERENCE_UNKNOWN')
    assert.match(ghost.message, /^resource `fs:ghost`/)
    const other = refused(engine, add(alice.owns('a:x', { parent: 'fs:f' })), 'FACT_INVALID')
    assert.equal((other as FactInvalidError).path, 'parent')
  })

  test('a path that leads nowhere is not granted, nor managed', () => {
    for (const permission of ['fs:/nowhere', 'fs:/nowhere:read', 'manage:fs:/nowhere']) {
      const error = refused(engineOf(), add(alice.grants(permission, bob)), 'REFERENCE_UNKNOWN')
      assert.equal(error.message, `path \`${permission}\` does not exist`)
    }
  })

  test('names are unique in a folder of `fs`, whether given or not, and free elsewhere', () => {
    const engine = engineOf(
      alice.owns('fs:f'),
      alice.owns('fs:x', { name: 'y', parent: 'fs:f' }),
      alice.owns('fs:a\\Cb', { parent: 'fs:f' }),
      alice.owns('a:x', { name: 'same' }),
    )
    refused(engine, add(alice.owns('fs:y', { parent: 'fs:f' })), 'NAME_TAKEN')
    refused(engine, add(alice.owns('fs:z', { parent: 'fs:f', name: 'a:b' })), 'NAME_TAKEN')
    assert.deepEqual(outcomes(engine, add(alice.owns('fs:y'))), ['added'])
    assert.deepEqual(outcomes(engine, add(alice.owns('a:y', { name: 'same' }))), ['added'])
    assert.deepEqual(outcomes(engine, add(alice.owns('a:z', { name: 'with/slash' }))), ['added'])
    for (const name of ['.', '..', 'with/slash']) {
      const error = refused(engine, add(alice.owns('fs:z', { name })), 'FACT_INVALID')
      assert.equal((error as FactInvalidError).path, 'name')
    }
  })
})

describe('trees', () => {
  test('moving a tree counts all its levels', () => {
    const chain = (prefix: string, length: number): Fact[] =>
      Array.from({ length }, (_, i) =>
        alice.owns(`a:${prefix}${i}`, i === 0 ? {} : { parent: `a:${prefix}${i - 1}` }),
      )
    const engine = engineOf(...chain('x', 60), ...chain('y', 41))
    refused(engine, add(alice.owns('a:y0', { parent: 'a:x59' })), 'TREE_INVALID')
    assert.deepEqual(outcomes(engine, add(alice.owns('a:y1', { parent: 'a:x59' }))), ['updated'])
    refused(engine, add(alice.owns('a:y0', { parent: 'a:y40' })), 'TREE_INVALID')
    refused(engine, add(alice.owns('a:x0', { parent: 'a:x0' })), 'TREE_INVALID')
  })

  test('a circle of folders that makes strings longer is refused, whichever part of it comes last', () => {
    const parts = [alice.owns('a:x', { parent: 'a:y:sub' }), alice.owns('a:y', { parent: 'a:x' })]
    const loose = [alice.owns('a:x'), alice.owns('a:y'), alice.owns('a:y:sub')]
    for (const [first, last] of [parts, parts.toReversed()])
      refused(engineOf(...loose, first!), add(last!), 'TREE_INVALID')
  })

  test('where some folder is long, the others still go into each other', () => {
    const engine = engineOf(
      ...['a:p', 'a:q:long', 'a:x', 'a:x:y', 'a:z'].map((permission) => alice.owns(permission)),
      alice.owns('a:p', { parent: 'a:q:long' }),
    )
    assert.deepEqual(outcomes(engine, add(alice.owns('a:x:y', { parent: 'a:x' }))), ['updated'])
    assert.deepEqual(outcomes(engine, add(alice.owns('a:x', { parent: 'a:z' }))), ['updated'])
  })

  const SMALL = ['a', 'a:x', 'a:x:y', 'a:y', 'a:y:x', 'a:x:y:x']
  test('a parent is refused exactly where explosions would never end', () => {
    const random = makeRandom(11)
    let refusals = 0
    for (let round = 0; round < 25; round++) {
      let facts: readonly Fact[] = SMALL.map((permission) => alice.owns(permission))
      const engine = engineOf(...facts)
      for (let step = 0; step < 6; step++) {
        const [permission, parent] = random.some(SMALL, 2, 2) as [string, string]
        const wish = alice.owns(permission, { parent })
        const after = facts.map((fact) =>
          fact.kind === 'resource' && fact.permission === permission ? wish : fact,
        )
        const isFine = !isInItself(after, permission) && SMALL.every((each) => isFinite(after, `${each}:end`))
        try {
          engine.apply(add(wish))
          assert.ok(isFine, `accepted: ${permission} in ${parent} of ${JSON.stringify(facts)}`)
          facts = after
        } catch (error) {
          if (!(error instanceof CastellanError)) throw error
          assert.equal(error.code, 'TREE_INVALID')
          assert.ok(!isFine, `refused: ${permission} in ${parent} of ${JSON.stringify(facts)}`)
          refusals++
        }
      }
    }
    assert.ok(refusals > 10)
  })

  function isFinite(facts: readonly Fact[], permission: string): boolean {
    try {
      explosion(facts, permission)
      return true
    } catch {
      return false
    }
  }

  function isInItself(facts: readonly Fact[], permission: string): boolean {
    const visited = new Set<string>()
    for (let at: string | undefined = permission; at !== undefined;) {
      if (visited.has(at)) return true
      visited.add(at)
      const found: Fact | undefined = facts.find((fact) => fact.kind === 'resource' && fact.permission === at)
      at = found?.kind === 'resource' ? found.parent : undefined
    }
    return false
  }
})

describe('what stands', () => {
  test('built-in namespaces and groups stay as they are; stating them again changes nothing', () => {
    const engine = engineOf()
    const fs = engine.fact({ kind: 'namespace', name: 'fs' })
    assert.ok(fs?.kind === 'namespace')
    assert.deepEqual(outcomes(engine, add(fs)), ['unchanged'])
    assert.match(refused(engine, add({ ...fs, description: 'mine' }), 'BUILT_IN').message, /^namespace `fs`/)
    assert.match(refused(engine, remove(fs), 'BUILT_IN').message, /^namespace `fs`/)
    assert.match(refused(engine, add(group('admin', alice).exists), 'BUILT_IN').message, /^group `admin`/)
    assert.match(refused(engine, remove(group('admin').exists), 'BUILT_IN').message, /^group `admin`/)
    assert.deepEqual(outcomes(engine, add(group('admin').exists)), ['unchanged'])
    assert.deepEqual(outcomes(engine, add(group('own', alice).exists)), ['added'])
  })

  test('users are members of `user` without a fact; groups become members with one', () => {
    const everyone = group('user')
    const engine = engineOf(group('own').exists)
    const count = [...engine.facts('member')].length
    assert.deepEqual(outcomes(engine, add(alice.joins(everyone))), ['unchanged'])
    assert.deepEqual(outcomes(engine, add(group('own').joins(everyone))), ['added'])
    assert.equal([...engine.facts('member')].length, count + 1)
    assert.match(refused(engine, remove(alice.joins(everyone)), 'BUILT_IN').message, /^group `user`/)
    assert.deepEqual(outcomes(engine, remove(group('own').joins(everyone))), ['removed 0'])
  })

  test('whoever a fact names exists', () => {
    const nobody = user('nobody')
    for (const [fact, missing] of [
      [group('g', nobody).exists, 'user `nobody`'],
      [app('g', nobody).exists, 'user `nobody`'],
      [token('g', nobody).exists, 'user `nobody`'],
      [token('g', acting(alice, app('none'))).exists, 'app `none`'],
      [nobody.owns('a:x'), 'user `nobody`'],
      [alice.joins(group('none')), 'group `none`'],
      [nobody.joins(group('admin')), 'user `nobody`'],
      [nobody.grants('a', alice), 'user `nobody`'],
      [alice.grants('a', group('none')), 'group `none`'],
      [alice.grants('a', token('none', alice)), 'token `none`'],
      [nobody.isSuspended(), 'user `nobody`'],
    ] as const) {
      const error = refused(engineOf(), add(fact), 'REFERENCE_UNKNOWN')
      assert.ok(error instanceof ReferenceUnknownError && error.message === `${missing} does not exist`)
    }
  })

  test('a token keeps its issuer, and is full only for a user', () => {
    const engine = engineOf(token('t', alice).exists)
    const issuer = refused(engine, add(token('t', bob).exists), 'FACT_INVALID')
    assert.equal((issuer as FactInvalidError).path, 'issuer')
    const full = refused(
      engine,
      add(token('u', acting(alice, editor), { full: true }).exists),
      'FACT_INVALID',
    )
    assert.equal((full as FactInvalidError).path, 'full')
    assert.deepEqual(outcomes(engine, add(token('t', alice, { full: true }).exists)), ['updated'])
    const self = refused(engine, add(alice.grants('a', alice)), 'FACT_INVALID')
    assert.equal((self as FactInvalidError).path, 'holder')
  })
})

describe('removing', () => {
  const used = (
    engine: Engine,
    changes: readonly Change[],
    code: 'IN_USE' | 'HAS_CHILDREN',
  ): readonly string[] => {
    const error = refused(engine, changes, code)
    assert.ok(error instanceof InUseError)
    return error.items
  }

  test('a namespace goes when nothing in it is granted or owned, `manage:` of it included', () => {
    const own = { kind: 'namespace', name: 'own', description: 'x' } as const
    const engine = engineOf(
      own,
      alice.owns('own:x'),
      alice.grants('own:y', bob),
      alice.grants('manage:own:z', bob),
      alice.grants('manage:manage:own', bob),
      alice.grants('a:own', bob),
    )
    const all = ['own:x', 'own:y', 'manage:own:z', 'manage:manage:own']
    assert.deepEqual(used(engine, remove(own), 'IN_USE').toSorted(), all.toSorted())
    engine.apply(remove(alice.owns('own:x')))
    assert.equal(used(engine, remove(own), 'IN_USE').length, 3)
    engine.apply(remove(alice.grants('own:y', bob), alice.grants('manage:own:z', bob)))
    assert.deepEqual(used(engine, remove(own), 'IN_USE'), ['manage:manage:own'])
    engine.apply(remove(alice.grants('manage:manage:own', bob)))
    assert.deepEqual(outcomes(engine, remove(own)), ['removed 0'])
    assert.equal(engine.fact(own), undefined)
    errorOf(() => engine.check('user:alice', 'own:x'), 'PERMISSION_UNKNOWN')
  })

  test('every grant that ends with a party is counted once', () => {
    const agent = acting(alice, editor)
    const facts = [
      token('t', alice).exists,
      token('at', agent).exists,
      group('g').exists,
      alice.joins(group('g')),
      alice.owns('a'),
      alice.grants('a:1', bob),
      alice.grants('a:2', agent),
      alice.grants('a:3', token('t', alice)),
      agent.grants('a:4', token('at', agent)),
      agent.grants('a:5', bob),
      bob.grants('a:6', alice),
      bob.grants('a:7', editor),
      system.grants('a:8', group('g')),
      alice.isSuspended(),
    ]
    const engine = engineOf(...facts)
    assert.deepEqual(outcomes(engine, [...add(bob.owns('a')), ...remove(alice.exists)]), [
      'updated',
      'removed 6',
    ])
    const left = [...engine.facts('grant')].map((fact) => (fact.kind === 'grant' ? fact.permission : ''))
    assert.deepEqual(left.toSorted(), ['a:7', 'a:8'])
    assert.deepEqual([...engine.facts('token')], [])
    assert.deepEqual([...engine.facts('suspension')], [])
    assert.deepEqual([...engine.facts('member')], [])
    assert.deepEqual(outcomes(engine, remove(editor.exists)), ['removed 1'])
    assert.deepEqual(outcomes(engine, remove(group('g').exists)), ['removed 1'])
  })

  test('an app ends with its grants, those of the apps acting for users, and their tokens', () => {
    const agent = acting(alice, editor)
    const engine = engineOf(
      token('at', agent).exists,
      token('t', alice).exists,
      alice.grants('a:1', agent),
      agent.grants('a:2', token('at', agent)),
      agent.grants('a:3', bob),
      alice.grants('a:4', token('t', alice)),
    )
    assert.deepEqual(outcomes(engine, remove(editor.exists)), ['removed 3'])
    assert.deepEqual(
      [...engine.facts('token')].map((fact) => fact.kind === 'token' && fact.id),
      ['t'],
    )
    assert.deepEqual(outcomes(engine, remove(token('t', alice).exists)), ['removed 1'])
  })

  test('what somebody owns is listed', () => {
    const engine = engineOf(
      alice.owns('a:x'),
      group('g', alice).exists,
      app('x', alice).exists,
      token('t', alice).exists,
    )
    assert.deepEqual(used(engine, remove(alice.exists), 'IN_USE').toSorted(), ['a:x', 'app:x', 'group:g'])
  })

  test('a resource goes with all in it and beneath it when asked to, each grant of them counted', () => {
    const engine = engineOf(
      alice.owns('a:x'),
      alice.owns('a:x:in'),
      alice.owns('a:y', { parent: 'a:x' }),
      alice.owns('a:y:deep'),
      alice.owns('a:z'),
      alice.grants('a:x:1', bob),
      alice.grants('manage:a:x', bob),
      alice.grants('manage:manage:a:y:2', bob),
      alice.grants('a:y:deep', bob),
      alice.grants('a:z', bob),
      alice.grants('a', bob),
    )
    assert.deepEqual(used(engine, remove(alice.owns('a:x')), 'HAS_CHILDREN').toSorted(), [
      'a:x:in',
      'a:y',
      'a:y:deep',
    ])
    const wish = { remove: { kind: 'resource', permission: 'a:x' }, recursive: true } as const
    assert.deepEqual(outcomes(engine, [wish]), ['removed 4'])
    assert.deepEqual(
      [...engine.facts('resource')].map((fact) => fact.kind === 'resource' && fact.permission),
      ['a:z'],
    )
    assert.deepEqual(
      [...engine.facts('grant')].map((fact) => (fact.kind === 'grant' ? fact.permission : '')).toSorted(),
      ['a', 'a:z'],
    )
    refused(engine, add(alice.owns('a:x')), 'ID_RETIRED')
    assert.deepEqual(outcomes(engine, add(alice.owns('a:new'))), ['added'])
  })

  test('what was undone was never removed', () => {
    const engine = engineOf()
    const brief = user('brief').exists
    engine.stage([...add(brief), ...remove(brief)]).undo()
    assert.deepEqual(outcomes(engine, add(brief)), ['added'])
    engine.stage(remove(brief)).undo()
    assert.deepEqual(outcomes(engine, add(brief)), ['unchanged'])
  })

  test('what is not there is absent', () => {
    assert.deepEqual(
      outcomes(
        engineOf(),
        remove(user('no').exists, alice.owns('a:no'), alice.grants('a', bob), alice.isSuspended()),
      ),
      ['absent 0', 'absent 0', 'absent 0', 'absent 0'],
    )
  })
})
