import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { afterwards } from './model.ts'
import { holdsAll } from './oracle.ts'
import { DisagreementError, problemOf, runAgreement } from './agree.ts'
import { questionsOf, randomWorld } from './worlds.ts'

/** Another one asks about other worlds: `CASTELLAN_SEED=77 npm test agree`. */
const SEED = Number(process.env['CASTELLAN_SEED'] ?? 1)
const WORLDS = Number(process.env['CASTELLAN_WORLDS'] ?? 500)

describe('9. case 15: random worlds', () => {
  test(`the engine agrees with the oracle on ${WORLDS} worlds from seed ${SEED}, before and after every change`, (context) => {
    const agreement = runAgreement({ worlds: WORLDS, seed: SEED })
    context.diagnostic(JSON.stringify(agreement))
    assert.equal(agreement.worlds, WORLDS)
    assert.ok(
      agreement.allowed > agreement.questions / 50,
      'too little is allowed for the worlds to tell anything',
    )
    assert.ok(agreement.batches > WORLDS)
  })

  test('the same seed makes the same world', () => {
    assert.deepEqual(randomWorld(7), randomWorld(7))
    assert.notDeepEqual(randomWorld(7).facts, randomWorld(8).facts)
  })

  test('the worlds have everything in them', () => {
    const worlds = Array.from({ length: 200 }, (_, n) => randomWorld(n))
    const text = JSON.stringify(worlds)
    for (const each of [
      '"suspension"',
      '"expiresAt"',
      '"full":true',
      '"parent"',
      'group:user',
      '/app:',
      '__proto__',
      '"recursive"',
      'manage:',
      '\\\\C',
    ]) {
      assert.ok(text.includes(each), each)
    }
    const held = worlds.flatMap((world) => {
      const holds = holdsAll(world.facts, world.now)
      const { actors, permissions } = questionsOf(world.facts)
      return actors.filter((actor) => permissions.some((permission) => holds(actor, permission)))
    })
    for (const kind of [/^user:[^/]+$/, /^user:.*\/app:/, /^app:/, /^token:/])
      assert.ok(
        held.some((actor) => kind.test(actor)),
        String(kind),
      )
  })

  test('the model refuses folders that are tangled in several ways at once', () => {
    const resource = (permission: string, parent?: string) =>
      ({ kind: 'resource', permission, owner: 'system', ...(parent !== undefined && { parent }) }) as const
    const facts = [
      { kind: 'namespace', name: 'doc', description: 'tangled' } as const,
      resource('doc:1:2'),
      resource('doc:write', 'doc:1:2'),
    ]
    const start = performance.now()
    const after = afterwards({ facts, retired: new Set() }, [{ add: resource('doc', 'doc:write') }])
    assert.equal(after, 'TREE_INVALID')
    // Length by length it takes half a minute and 3 GB.
    assert.ok(performance.now() - start < 5000, 'too slow')
  })

  test('a disagreement names its seed and can be replayed from what it prints', () => {
    const world = randomWorld(3)
    const error = new DisagreementError(world, { about: 'check', detail: 'x' })
    const printed = JSON.parse(error.message.slice(error.message.indexOf('{'))) as typeof world
    assert.match(error.message, /seed 3/)
    assert.equal(problemOf(printed), undefined)
  })
})
