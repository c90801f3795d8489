import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Fact } from '../../src/index.ts'
import { isOwner } from '../../src/rules/is-owner.ts'
import { isSystem } from '../../src/rules/is-system.ts'
import { modes } from '../../src/rules/modes.ts'
import { resourceTree } from '../../src/rules/resource-tree.ts'
import { userSelf } from '../../src/rules/user-self.ts'
import { app, group, token, user, world } from '../say.ts'
import { indexOf } from './cast.ts'

/** The built-in rules, each asked by itself. */

const [ann, bob, cyd] = [user('ann'), user('bob'), user('cyd')]
const PEOPLE = [ann, bob, cyd].map((each) => each.exists)

describe('fs-path', () => {
  const facts: Fact[] = [
    ...PEOPLE,
    ann.owns('fs:top', { name: 'home' }),
    ann.owns('fs:mid', { name: 'notes', parent: 'fs:top' }),
    ann.owns('fs:low', { parent: 'fs:mid' }),
    bob.owns('fs:other', { name: 'other' }),
    ann.grants('fs:mid:see', bob),
  ]
  const engine = world(facts)

  test('leads from folder to folder, by name or id', () => {
    for (const [path, found] of [
      ['fs:/home', 'fs:top'],
      ['fs:/home/notes', 'fs:mid'],
      ['fs:/home/notes/low', 'fs:low'],
      ['fs:/home/notes/low:read', 'fs:low:read'],
      ['manage:fs:/home/notes:read', 'manage:fs:mid:read'],
      ['fs:/other:write', 'fs:other:write'],
    ] as const)
      assert.equal(engine.canonical(path), found)
  })

  test('leads nowhere once a segment is not there, whatever comes after it', () => {
    for (const path of [
      'fs:/nowhere/home',
      'fs:/home/home',
      'fs:/home/nowhere/notes',
      'fs:/home/notes/notes',
      'fs:/nowhere',
      'fs:/',
      'fs:/home/',
      'fs:/home//notes',
      'fs://home',
      'fs:/notes',
      'fs:/top',
    ])
      assert.equal(engine.canonical(path), path)
    assert.equal(engine.canonical('fs:home/notes'), 'fs:home/notes')
    assert.equal(engine.canonical('fs'), 'fs')
  })

  test('is told from an id by how it begins, also where another rule may rewrite ids', () => {
    const silent = {
      kind: 'rewriter',
      id: 'silent',
      doc: 'x',
      namespaces: ['fs'],
      rewrite: () => undefined,
    } as const
    const asked = world(facts, { rules: [silent] })
    for (const id of ['fs:xhome', 'fs:home', 'fs:xhome/notes', 'fs']) assert.equal(asked.canonical(id), id)
    assert.equal(asked.canonical('fs:/home/notes'), 'fs:mid')
  })

  test('leads whoever may see what is there, and nobody else', () => {
    const seen = (viewer: string, path: string): string => engine.canonical(path, { viewer })
    for (const viewer of [ann.as, bob.as]) assert.equal(seen(viewer, 'fs:/home/notes:read'), 'fs:mid:read')
    assert.equal(seen(cyd.as, 'fs:/home/notes:read'), 'fs:/home/notes:read')
    assert.equal(seen(bob.as, 'fs:/home'), 'fs:/home')
    assert.equal(seen(bob.as, 'fs:/home/notes/low:read'), 'fs:low:read')
    assert.equal(seen(ann.as, 'fs:/home'), 'fs:top')
  })
})

describe('app-name and site-name', () => {
  const engine = world([
    ...PEOPLE,
    app('editor', ann, 'Editor').exists,
    app('Editor2', ann, 'editor').exists,
    app('x', ann, 'twin').exists,
    app('y', ann, 'twin').exists,
    app('z', ann, 'a:b').exists,
    ann.owns('site:s1', { name: 'blog' }),
    ann.owns('site:blog2', { name: 's1' }),
    ann.owns('site:s3', { name: 'same' }),
    ann.owns('site:s4', { name: 'same' }),
    ann.owns('site:a\\Cb'),
    ann.owns('site:s5', { name: 'a:b' }),
    ann.owns('site:s6', { name: 'c:d' }),
  ])

  test('take an id for itself first, then a name that one alone bears', () => {
    for (const [text, found] of [
      ['app:Editor', 'app:editor'],
      ['app:Editor:open:now', 'app:editor:open:now'],
      ['app:editor', 'app:editor'],
      ['app:editor:x', 'app:editor:x'],
      ['app:twin', 'app:twin'],
      ['app:nobody', 'app:nobody'],
      ['app:a\\Cb', 'app:z'],
      ['app', 'app'],
      ['site:blog', 'site:s1'],
      ['site:blog:read', 'site:s1:read'],
      ['site:blog:read:x', 'site:s1:read:x'],
      ['site:s1', 'site:s1'],
      ['site:s1:read', 'site:s1:read'],
      ['site:same', 'site:same'],
      ['site:nobody', 'site:nobody'],
      ['site:a\\Cb', 'site:a\\Cb'],
      ['site:c\\Cd', 'site:s6'],
      ['site', 'site'],
      ['manage:site:blog', 'manage:site:s1'],
      ['manage:app:Editor', 'manage:app:editor'],
    ] as const)
      assert.equal(engine.canonical(text), found)
  })
})

describe('is-owner', () => {
  const club = group('club', ann)
  const index = indexOf([
    ...PEOPLE,
    club.exists,
    group('manage', bob).exists,
    group('gone', cyd).exists,
    app('x', ann).exists,
    token('t', ann).exists,
    ann.owns('proj:p'),
    bob.owns('proj:p:in'),
    cyd.owns('a'),
    ann.owns('group:club'),
  ])
  index.remove({ kind: 'group', id: 'gone' })
  const holds = (who: string, permission: string): boolean => {
    const data = isOwner.implies(who, permission, index)
    if (data !== undefined) assert.deepEqual(data, {})
    return data !== undefined
  }

  test('gives what one owns, all beneath it, and `manage:` of it', () => {
    for (const [permission, owners] of [
      ['proj:p', [ann]],
      ['proj:p:x', [ann]],
      ['proj:p:in', [ann, bob]],
      ['proj:p:in:x:y', [ann, bob]],
      ['proj:pp', []],
      ['proj', []],
      ['manage:proj:p', [ann]],
      ['manage:proj:p:in:x', [ann, bob]],
      ['manage:proj', []],
      ['manage:manage:proj:p', []],
      ['manage', []],
      ['a', [cyd]],
      ['a:1', [cyd]],
      ['ab', []],
      ['none:x', []],
    ] as const) {
      const expected = owners.map((each) => each.as)
      const asked = [ann, bob, cyd].map((each) => each.as).filter((each) => holds(each, permission))
      assert.deepEqual(asked, expected, permission)
      assert.deepEqual([...isOwner.holdersOf(permission, index)], expected, permission)
    }
    assert.equal(holds('user:nobody', 'a'), false)
  })

  test('gives `manage:` of the groups one owns, and not the groups', () => {
    const ofGroup = (permission: string): string[] => [...isOwner.holdersOf(permission, index)]
    assert.deepEqual(ofGroup('manage:group:club'), ['user:ann', 'user:ann'])
    assert.deepEqual(ofGroup('manage:group:manage'), ['user:bob'])
    assert.deepEqual(ofGroup('manage:group:admin'), ['system'])
    for (const none of [
      'manage:group:gone',
      'manage:group:nobody',
      'manage:group',
      'group:manage',
      'manage:app:x',
    ])
      assert.deepEqual(ofGroup(none), [], none)
    assert.equal(holds('user:bob', 'manage:group:manage'), true)
    assert.equal(holds('user:bob', 'manage:group:manage:x'), true)
    assert.equal(holds('user:bob', 'group:manage'), false)
    assert.equal(holds('user:ann', 'manage:group:manage'), false)
    assert.equal(holds('user:cyd', 'manage:group:gone'), false)
    assert.equal(holds('user:nobody', 'manage:group:nobody'), false)
  })

  test('lists what covers all that', () => {
    const lists = (who: string): string[] => [...isOwner.permissionsOf(who, index)].toSorted()
    assert.deepEqual(lists('user:ann'), [
      'group:club',
      'manage:group:club',
      'manage:group:club',
      'manage:proj:p',
      'proj:p',
    ])
    assert.deepEqual(lists('user:bob'), ['manage:group:manage', 'manage:proj:p:in', 'proj:p:in'])
    assert.deepEqual(lists('user:cyd'), ['a', 'manage:a'])
    for (const who of ['user:nobody', 'system', 'app:x', 'token:t']) assert.deepEqual(lists(who), [])
  })
})

test('user-self gives every user what is called like them, and all beneath it', () => {
  const index = indexOf([...PEOPLE, user('undefined').exists])
  for (const [permission, holder] of [
    ['user:ann', 'user:ann'],
    ['user:ann:mail', 'user:ann'],
    ['user:bob', 'user:bob'],
    ['user:annie', undefined],
    ['user', undefined],
    ['app:ann', undefined],
    ['group:ann:x', undefined],
    ['manage:user:ann', undefined],
  ] as const) {
    assert.deepEqual([...userSelf.holdersOf(permission, index)], holder === undefined ? [] : [holder])
    for (const who of ['user:ann', 'user:bob'])
      assert.deepEqual(userSelf.implies(who, permission, index), who === holder ? {} : undefined)
  }
  assert.deepEqual([...userSelf.permissionsOf('user:ann', index)], ['user:ann'])
})

test('is-system gives `system` every namespace and is in no list', () => {
  const index = indexOf([])
  assert.deepEqual(isSystem.implies('system', 'a:1', index), {})
  assert.deepEqual([...isSystem.holdersOf('a:1', index)], [])
  assert.deepEqual([...isSystem.permissionsOf('system', index)], [...index.namespaces.keys()])
})

test('modes name every stronger one, weakest first, where the last component is a mode', () => {
  const index = indexOf([])
  for (const [permission, stronger] of [
    ['doc:1:see', ['doc:1:read', 'doc:1:write']],
    ['doc:1:read', ['doc:1:write']],
    ['doc:see', ['doc:read', 'doc:write']],
    ['doc:see:read', ['doc:see:write']],
    ['doc:1:write', []],
    ['doc:1', []],
    ['doc:1:seen', []],
    ['doc', []],
    ['other', []],
    ['other:x', ['other:y']],
    ['x', []],
    ['proj:1:see', []],
    ['none:see', []],
    ['fs:1:see', ['fs:1:list', 'fs:1:read', 'fs:1:write']],
  ] as const)
    assert.deepEqual(modes.explode(permission, index), stronger, permission)
})

test('a ladder may have a mode that is called like its namespace', () => {
  const index = indexOf([
    { kind: 'namespace', name: 'see', description: 'like its mode', modes: ['see', 'run'] },
  ])
  assert.deepEqual(modes.explode('see', index), [])
  assert.deepEqual(modes.explode('see:see', index), ['see:run'])
})

test('the resource tree leads one step up from each resource on the string, the deepest first', () => {
  const long = 'n'.repeat(200)
  const index = indexOf([
    ann.owns('proj:top'),
    ann.owns('proj:p', { parent: 'proj:top' }),
    ann.owns('proj:p:in', { parent: 'proj:side' }),
    ann.owns('proj:side'),
    ann.owns(`proj:${long}:${long}:${long}`),
    ann.owns('proj:s', { parent: `proj:${long}:${long}:${long}` }),
  ])
  for (const [permission, above] of [
    ['proj:top', []],
    ['proj', []],
    ['proj:p', ['proj:top']],
    ['proj:p:x', ['proj:top:x']],
    ['proj:p:in', ['proj:side', 'proj:top:in']],
    ['proj:p:in:x:y', ['proj:side:x:y', 'proj:top:in:x:y']],
    ['proj:pp:in', []],
    ['none:x', []],
  ] as const)
    assert.deepEqual(resourceTree.explode(permission, index), above, permission)
  // What would be longer than any permission was granted to nobody.
  const whole = `proj:${long}:${long}:${long}`
  assert.equal(whole.length, 607)
  const rest = `:${'x'.repeat(200)}:${'x'.repeat(215)}`
  assert.deepEqual(resourceTree.explode(`proj:s${rest}`, index), [`${whole}${rest}`])
  assert.deepEqual(resourceTree.explode(`proj:s${rest}x`, index), [])
})
