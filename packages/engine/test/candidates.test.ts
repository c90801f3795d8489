import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  CastellanError,
  openEngine,
  type ActorKind,
  type Engine,
  type Exploder,
  type Fact,
  type Implicator,
  type Rule,
} from '../src/index.ts'
import { acting, app, errorOf, system, token, user, world } from './say.ts'
import { questionsOf, randomWorld } from './worlds.ts'

const WORLDS = 40

/** Neither can list. */
const RULES: readonly Rule[] = [
  {
    kind: 'implicator',
    id: 'anyone-reads',
    doc: 'x',
    namespaces: ['doc'],
    actors: ['user', 'app', 'token'],
    implies: (_actor, permission) => (permission.endsWith(':read') ? {} : undefined),
  } satisfies Implicator,
  {
    kind: 'exploder',
    id: 'seven-is-eight',
    doc: 'x',
    namespaces: ['proj'],
    explode: (permission) =>
      permission.startsWith('proj:8:') ? [permission.replace('proj:8:', 'proj:7:')] : [],
  } satisfies Exploder,
]

/** Ids of a namespace and what stands behind each, as facts name them. */
function namesOf(facts: readonly Fact[]): Map<string, Map<string, Set<string>>> {
  const named = new Map<string, Map<string, Set<string>>>()
  for (const fact of facts) {
    if (!('permission' in fact)) continue
    const [namespace, id, right] = fact.permission.split(':')
    if (id === undefined) continue
    const ids = named.get(namespace!) ?? new Map<string, Set<string>>()
    named.set(namespace!, ids.set(id, (ids.get(id) ?? new Set<string>()).add(right ?? '')))
  }
  return named
}

function holds(engine: Engine, actor: string, permission: string): boolean {
  try {
    return engine.check(actor, permission)
  } catch (error) {
    if (error instanceof CastellanError) return false
    throw error
  }
}

const resources = (engine: Engine, actor: string, namespace: string, right: string): string[] => [
  ...engine.candidates({ for: 'resources', actor, namespace, right }),
]
const rights = (engine: Engine, actor: string, resource: string): string[] => [
  ...engine.candidates({ for: 'rights', actor, resource }),
]
const holders = (engine: Engine, permission: string, kind: ActorKind): string[] => [
  ...engine.candidates({ for: 'holders', permission, kind }),
]

const decoded = (component: string): string => component.replaceAll('\\C', ':').replaceAll('\\\\', '\\')

describe('candidates', () => {
  for (const { name, rules } of [
    { name: 'with the built-in rules', rules: [] },
    { name: 'with rules that cannot list', rules: RULES },
  ]) {
    test(`leave out nothing that a check allows, ${name}`, (t) => {
      const seen = { resources: 0, rights: 0, holders: 0 }
      for (let seed = 0; seed < WORLDS; seed++) {
        const world = randomWorld(seed)
        const engine = openEngine({ facts: world.facts, rules, now: () => world.now })
        const { actors, permissions } = questionsOf(world.facts)
        for (const [namespace, ids] of namesOf(world.facts)) {
          const asked = new Set(['read', 'x', ...[...ids.values()].flatMap((each) => [...each])])
          for (const actor of actors.filter((each) => each !== 'system')) {
            const candidates = new Map(
              [...asked].map((right) => [right, new Set(resources(engine, actor, namespace, right))]),
            )
            for (const [id, named] of ids) {
              const found = rights(engine, actor, `${namespace}:${id}`)
              for (const right of asked) {
                if (right === '' || !holds(engine, actor, `${namespace}:${id}:${right}`)) continue
                seen.resources++
                assert.ok(
                  candidates.get(right)!.has(decoded(id)),
                  `${seed}: ${actor} holds ${namespace}:${id}:${right}`,
                )
                const modes = engine.catalog().find((each) => each.name === namespace)?.modes ?? []
                if (!named.has(right) && !modes.includes(right)) continue
                seen.rights++
                assert.ok(
                  found.includes(decoded(right)),
                  `${seed}: ${actor} holds ${namespace}:${id}:${right}`,
                )
              }
            }
          }
        }
        for (const permission of permissions) {
          for (const kind of ['user', 'app', 'token'] as const) {
            const candidates = new Set(holders(engine, permission, kind))
            for (const actor of actors) {
              if (!actor.startsWith(`${kind}:`) || actor.includes('/') || !holds(engine, actor, permission))
                continue
              seen.holders++
              assert.ok(candidates.has(actor), `${seed}: ${actor} holds ${permission}`)
            }
          }
        }
      }
      t.diagnostic(JSON.stringify(seen))
      for (const count of Object.values(seen)) assert.ok(count > 100)
    })
  }

  const [alice, bob] = [user('alice'), user('bob')]
  const drive = [
    alice.exists,
    bob.exists,
    bob.owns('doc:folder'),
    ...Array.from({ length: 50 }, (_, i) => bob.owns(`doc:f${i}`, i < 3 ? { parent: 'doc:folder' } : {})),
  ]

  test('look no further than what an actor holds and what is in it', () => {
    const engine = world([...drive, bob.grants('doc:folder:read', alice), bob.grants('doc:f9:see', alice)])
    assert.deepEqual(resources(engine, 'user:alice', 'doc', 'write').sort(), ['f9', 'folder'])
    assert.deepEqual(resources(engine, 'user:alice', 'doc', 'see').sort(), ['f0', 'f1', 'f2', 'f9', 'folder'])
    assert.equal(resources(engine, 'user:bob', 'doc', 'write').length, 51)
    errorOf(() => resources(engine, 'user:alice', 'nowhere', 'see'), 'PERMISSION_UNKNOWN')
    assert.deepEqual(holders(engine, 'doc:f9:see', 'user').sort(), ['user:alice', 'user:bob'])
  })

  const covered: readonly {
    readonly name: string
    readonly facts: readonly Fact[]
    readonly asked: string
  }[] = [
    {
      name: 'an id that is named like a weaker mode',
      facts: [system.grants('doc:write', alice), system.grants('doc:see:x', bob)],
      asked: 'doc:see:x',
    },
    {
      name: 'what is in a resource beneath what is held',
      facts: [
        system.grants('proj:top', alice),
        bob.owns('proj:top:folder'),
        bob.owns('proj:in:it', { parent: 'proj:top:folder' }),
      ],
      asked: 'proj:in:it',
    },
    {
      name: 'what is in a resource that lies within another',
      facts: [
        system.grants('proj:above:g', alice),
        bob.owns('proj:above'),
        bob.owns('proj:folder', { parent: 'proj:above' }),
        bob.owns('proj:folder:g'),
        bob.owns('proj:in', { parent: 'proj:folder:g' }),
      ],
      asked: 'proj:in:x',
    },
  ]
  for (const { name, facts, asked } of covered) {
    test(`find ${name}`, () => {
      const engine = world([alice.exists, bob.exists, ...facts])
      const [namespace, id, right] = asked.split(':') as [string, string, string]
      assert.equal(engine.check('user:alice', asked), true)
      assert.ok(resources(engine, 'user:alice', namespace, right).includes(id))
    })
  }

  test('name nothing of a folder that is not held there', () => {
    const facts = [
      ...drive.map((fact) =>
        'permission' in fact ? { ...fact, permission: fact.permission.replace('doc', 'proj') } : fact,
      ),
      system.grants('proj:folder:secret', bob),
      system.grants('proj:folder:deploy', alice),
      { ...alice.owns('proj:mine', { parent: 'proj:folder' }) },
    ].map((fact) => ('parent' in fact ? { ...fact, parent: 'proj:folder' } : fact))
    const engine = world(facts)
    assert.equal(engine.check('user:alice', 'proj:mine:secret'), true, 'what she owns she holds')
    assert.deepEqual(rights(engine, 'user:alice', 'proj:mine'), ['deploy'])
    assert.deepEqual(rights(engine, 'user:alice', 'doc:nothing'), ['see', 'read', 'write'])
  })

  test('are holders of the kind that is looked for, and apps acting for users are none', () => {
    const editor = app('editor', bob)
    const engine = world([
      ...drive,
      editor.exists,
      token('t', bob, { full: true }).exists,
      bob.grants('doc:folder', editor),
      bob.grants('doc:folder', acting(bob, editor)),
    ])
    assert.deepEqual(holders(engine, 'doc:folder', 'user'), ['user:bob'])
    assert.deepEqual(holders(engine, 'doc:folder', 'app'), ['app:editor'])
    assert.deepEqual(holders(engine, 'doc:folder', 'token'), ['token:t'])
  })

  test('are all of a kind where a rule speaks of what the permission becomes, or of what it was', () => {
    const anyone = {
      kind: 'implicator',
      id: 'anyone',
      doc: 'x',
      namespaces: ['proj'],
      implies: (_actor, permission) => (permission === 'proj:x' ? {} : undefined),
    } satisfies Implicator
    const moved: Rule = {
      kind: 'rewriter',
      id: 'moved',
      doc: 'x',
      namespaces: ['a'],
      rewrite: ([, ...rest]) => ['proj', ...rest],
    }
    const engine = world([alice.exists, bob.exists], { rules: [anyone, moved] })
    assert.equal(engine.check('user:alice', 'a:x'), true)
    for (const permission of ['a:x', 'proj:x'])
      assert.deepEqual(holders(engine, permission, 'user').sort(), ['user:alice', 'user:bob'])
    const back: Rule = { ...moved, namespaces: ['proj'], rewrite: ([, ...rest]) => ['a', ...rest] }
    assert.deepEqual(holders(world(drive, { rules: [back] }), 'proj:x', 'user').sort(), [
      'user:alice',
      'user:bob',
    ])
    assert.deepEqual(holders(engine, 'doc:folder', 'user'), [])
  })
})
