import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '@castellan/engine'
import { serve } from '../testing/serve.ts'

describe('GET /readyz', () => {
  test('says of each check that it holds, to anyone', async (t) => {
    const { call, live } = await serve(t)
    const { status, body } = await call('GET', '/readyz')
    assert.equal(status, 200)
    assert.deepEqual(body, {
      status: 'ok',
      checks: ['accepting', 'store', 'journal'].map((name) => ({ name, ok: true })),
      revision: live.engine.revision,
    })
  })

  test('says which check fails, and the reason to the log alone, once', async (t) => {
    const secretPath = '/var/lib/castellan/secret.db'
    const { call, live, logged } = await serve(t)
    t.mock.method(live, 'probe', () =>
      Promise.reject(new StoreError('STORE_FULL', `${secretPath} is full`, 'make room')),
    )
    const { status, body, text } = await call('GET', '/readyz')
    assert.equal(status, 503)
    assert.equal(body.status, 'failed')
    assert.deepEqual(body.checks, [
      { name: 'accepting', ok: true },
      { name: 'store', ok: false, detail: 'changes cannot be made durable' },
      { name: 'journal', ok: true },
    ])
    assert.doesNotMatch(text, /secret/)
    await sleep(600)
    assert.equal((await call('GET', '/readyz')).status, 503)
    const lines = logged.filter((line) => line.includes('not ready'))
    assert.equal(lines.length, 1)
    assert.match(lines[0]!, new RegExp(secretPath))
    t.mock.restoreAll()
    await sleep(600)
    assert.equal((await call('GET', '/readyz')).status, 200)
    assert.equal(logged.filter((line) => line.includes('ready again')).length, 1)
  })

  test('fails when the index is not at the revision of the journal', async (t) => {
    const { call, live } = await serve(t)
    t.mock.getter(live, 'durableRevision', () => live.engine.revision - 1)
    const { status, body } = await call('GET', '/readyz')
    assert.equal(status, 503)
    assert.deepEqual(body.checks[2], {
      name: 'journal',
      ok: false,
      detail: 'the facts in memory are not those of the journal',
    })
  })

  test('fails first of all when the server stops, while what is asked is still answered', async (t) => {
    const { call, server, ask, address } = await serve(t)
    await ask('alice', '/v1/check', { permission: 'a:b' })
    assert.equal((await call('GET', '/readyz')).status, 200)
    const closed = server.close({ delayMs: 500 })
    const { status, body } = await call('GET', '/readyz')
    assert.equal(status, 503)
    assert.deepEqual(body.checks[0], { name: 'accepting', ok: false, detail: 'the server is stopping' })
    assert.equal((await call('GET', '/healthz')).status, 200, 'it lives')
    assert.equal((await ask('alice', '/v1/check', { permission: 'a:b' })).body.allowed, true)
    await closed
    await assert.rejects(fetch(address))
  })

  test(
    'asks checks of whoever embeds the server, and waits for none for ever',
    { timeout: 20_000 },
    async (t) => {
      let asked = 0
      const { call } = await serve(t, {
        checks: [
          { name: 'mine', failing: 'mine is not well', run: () => asked++ },
          { name: 'slow', failing: 'it does not answer', run: () => new Promise(() => {}) },
        ],
      })
      const { body } = await call('GET', '/readyz')
      assert.deepEqual(body.checks.slice(3), [
        { name: 'mine', ok: true },
        { name: 'slow', ok: false, detail: 'it does not answer' },
      ])
      assert.equal(asked, 1)
    },
  )

  test('makes its checks seldom, however often it is asked', async (t) => {
    let asked = 0
    const { call } = await serve(t, { checks: [{ name: 'mine', failing: '', run: () => asked++ }] })
    await Promise.all(Array.from({ length: 50 }, () => call('GET', '/readyz')))
    assert.ok(asked <= 3, `${asked} times`)
  })
})
