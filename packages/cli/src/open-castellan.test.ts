import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { EXAMPLE_FACTS } from './example-world.ts'
import { openCastellan } from './index.ts'
import { newFolder } from './testing/castellan.ts'

const world = EXAMPLE_FACTS.map((fact) => ({ add: fact }))

describe('openCastellan', () => {
  const folder = newFolder()
  after(() => folder.remove())

  for (const store of ['memory:', `sqlite:${join(folder.dir, 'whole.db')}`]) {
    test(`answers at once and changes durably: ${store.split(':')[0]}`, async () => {
      await using castellan = await openCastellan({ store })
      const { revision, results } = await castellan.apply(world, { reason: 'a world' })
      assert.equal(revision, 1)
      assert.equal(results.length, world.length)
      assert.equal(castellan.revision, 1)
      assert.equal(castellan.check('user:alice', 'a:b:c'), true)
      assert.deepEqual(
        castellan.checkEach([
          { actor: 'user:alice', permission: 'a:b' },
          { actor: 'user:bob', permission: 'a:b' },
        ]),
        [true, false],
      )
      assert.equal(castellan.explain('user:alice', 'a:b').allowed, true)
      assert.equal(castellan.scan('user:alice', 'a:b').at(-1)?.$, 'time')
      assert.deepEqual(castellan.claims('user:alice', 'a:b').pathways, [[{}, {}]])
      assert.deepEqual(
        castellan.holders('a:b').items.map(({ actor }) => actor),
        ['user:alice', 'user:ed', 'user:fred'],
      )
      assert.ok(
        castellan.permissionsOf('user:alice', 'a').items.some(({ permission }) => permission === 'a:b'),
      )
      assert.equal(castellan.preview([{ remove: { kind: 'user', id: 'bob' } }]).counts.kept, 0)
      assert.equal(castellan.rules().length, 15)
      assert.deepEqual(
        [...castellan.journal()].map(({ reason }) => reason),
        ['a world'],
      )
    })
  }

  test('keeps what was changed, and gives the same answers after opening again', async () => {
    const store = `sqlite:${join(folder.dir, 'again.db')}`
    const first = await openCastellan({ store })
    await first.apply(world)
    const reading = JSON.stringify(first.explain('user:tom', 'fs:/Drive/Handbook/welcome.md:read'))
    await first.close()
    await assert.rejects(first.apply([{ add: { kind: 'user', id: 'late' } }]), { code: 'STORE_CLOSED' })
    await using second = await openCastellan({ store })
    assert.equal(JSON.stringify(second.explain('user:tom', 'fs:/Drive/Handbook/welcome.md:read')), reading)
  })

  test('takes rules, namespaces and a clock of one’s own', async () => {
    await using castellan = await openCastellan({
      store: 'memory:',
      catalog: [{ name: 'door', description: 'doors of the office' }],
      rules: [
        {
          id: 'office-hours',
          doc: 'doors open by day',
          kind: 'implicator',
          namespaces: ['door'],
          implies: (_actor, _permission, { now }) => (new Date(now).getUTCHours() >= 8 ? {} : undefined),
        },
      ],
      now: () => Date.parse('2026-01-01T09:00:00Z'),
    })
    await castellan.apply([{ add: { kind: 'user', id: 'ed' } }])
    assert.equal(castellan.check('user:ed', 'door:front'), true)
    assert.equal(castellan.check('user:ed', 'door:front', { now: Date.parse('2026-01-01T03:00:00Z') }), false)
  })

  test('refuses a second writer with the first one’s process id', async () => {
    const store = `sqlite:${join(folder.dir, 'locked.db')}`
    await using first = await openCastellan({ store })
    await assert.rejects(
      openCastellan({ store }),
      (error: Error & { code?: string }) =>
        error.code === 'STORE_LOCKED' && error.message.includes(String(process.pid)),
    )
    assert.equal(first.revision, 0)
  })

  test('refuses what is no store, and PostgreSQL until it is there', async () => {
    await assert.rejects(openCastellan({ store: 'x.db' }), { code: 'FACT_INVALID' })
    await assert.rejects(openCastellan({ store: 'postgres://h/d' }), { code: 'STORE_MISSING' })
  })
})
