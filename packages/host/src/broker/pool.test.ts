import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { operation } from '../modules/operation.ts'
import { TestPool } from '../testing/pool.ts'

const answer = (expression: string): string =>
  `module.exports = async function () { await gingee(async ($g) => { $g.response.send(${expression}) }) }`

const echo = operation({
  op: 'cache.get',
  key: 'cache',
  shape: z.strictObject({ key: z.string() }),
  run: async ({ args: { key } }) => {
    return { value: JSON.stringify(`value of ${key}`) }
  },
})

describe('an app in a sealed cell', () => {
  test('answers, and the kernel says that it is sealed', async () => {
    await using pool = new TestPool()
    const cell = await pool.start({ 'a.js': answer('{ hello: $g.request.query.a, app: $g.app.name }') })
    assert.deepEqual(await pool.value(cell, 'a.js'), { hello: '1', app: 'App' })
    const status = readFileSync(`/proc/${cell.pid}/status`, 'utf8')
    assert.match(status, /^Seccomp:\t2$/m)
    assert.match(status, /^NoNewPrivs:\t1$/m)
    assert.match(status, /^CapEff:\t0+$/m)
    if (process.getuid?.() === 0) assert.doesNotMatch(status, /^Uid:\t0/m)
  })

  test('answers when its handler is not waited for, and says who threw', async () => {
    await using pool = new TestPool()
    const cell = await pool.start({
      'later.js': `module.exports = async function () { gingee(async ($g) => { await new Promise((go) => setTimeout(go, 5)); $g.response.send('late', 201, 'text/x') }) }`,
      'throws.js': `module.exports = async function () { await gingee(async () => { throw new Error('on purpose') }) }`,
      'twice.js': `module.exports = async function () { await gingee(async ($g) => { $g.response.send('1'); $g.response.send('2') }) }`,
    })
    const { head, body } = await pool.ask(cell, 'later.js')
    assert.deepEqual([head.status, Buffer.from(body!).toString()], [201, 'late'])
    await assert.rejects(pool.ask(cell, 'throws.js'), { code: 'SCRIPT_FAILED', message: 'on purpose' })
    assert.equal(await pool.value(cell, 'twice.js'), 1)
    assert.ok(pool.log.some(({ message }) => message.includes('sent already')))
  })

  test('requires its own files, and shares `$g` with what runs before', async () => {
    await using pool = new TestPool()
    const cell = await pool.start(
      {
        'api/a.js': `const lib = require('../lib/one'); module.exports = async function () { await gingee(($g) => $g.response.send([lib.two, $g.user, require('../data.json').n])) }`,
        'lib/one.js': `exports.two = require('./two.js') + 1`,
        'lib/two.js': `module.exports = 1`,
        'data.json': '{"n":3}',
        'auth.js': `module.exports = async function () { await gingee(($g) => { $g.user = 'alice' }) }`,
      },
      { defaultInclude: ['auth.js'] },
    )
    assert.deepEqual(await pool.value(cell, 'api/a.js'), [2, 'alice', 3])
  })

  test('that fails to start is not started', async () => {
    await using pool = new TestPool()
    const start = pool.start(
      {
        'setup.js': `module.exports = async function () { await gingee(async () => { throw new Error('no table') }) }`,
      },
      { startupScripts: ['setup.js'] },
    )
    await assert.rejects(start, { code: 'CELL_FAILED', message: 'no table' })
  })

  test('requires what was granted, and is told where to have the rest granted', async () => {
    await using pool = new TestPool({ granted: new Set(['cache']), operations: [echo] })
    const cell = await pool.start({
      'granted.js': `const cache = require('cache'); module.exports = async function () { await gingee(async ($g) => $g.response.send(String(await cache.get('k')))) }`,
      'not.js': `module.exports = async function () { await gingee(async ($g) => { require('fs') }) }`,
      'caught.js': `module.exports = async function () { await gingee(async ($g) => { try { require('fs') } catch (e) { $g.response.send({ code: e.code, permission: e.permission, app: e.app }) } }) }`,
    })
    await assert.rejects(
      pool.ask(cell, 'not.js'),
      (error: { script?: { code?: string; permission?: string } }) => {
        assert.deepEqual([error.script?.code, error.script?.permission], ['MODULE_NOT_GRANTED', 'module:fs'])
        return true
      },
    )
    assert.deepEqual(await pool.value(cell, 'caught.js'), {
      code: 'MODULE_NOT_GRANTED',
      permission: 'module:fs',
      app: 'app',
    })
    assert.equal(await pool.value(cell, 'granted.js'), 'value of k')
  })

  test('loses a module that it holds at the moment of the revocation', async () => {
    await using pool = new TestPool({ granted: new Set(['cache']), operations: [echo] })
    const cell = await pool.start({
      'a.js': `const cache = require('cache'); module.exports = async function () { await gingee(async ($g) => { try { await cache.get('k'); $g.response.send('may') } catch (e) { $g.response.send(e.code) } }) }`,
    })
    assert.equal(await pool.value(cell, 'a.js'), 'may')
    pool.granted.delete('cache')
    assert.equal(await pool.value(cell, 'a.js'), 'MODULE_NOT_GRANTED')
    assert.deepEqual(pool.denied, ['app module:cache cache.get'])
  })
})

describe('a hostile app', () => {
  const bombs: Readonly<Record<string, { readonly script: string; readonly why: readonly string[] }>> = {
    'an endless loop': { script: 'for (;;) {}', why: ['cpu'] },
    'a regular expression without end': { script: `/^(a+)+$/.test('a'.repeat(50) + 'b')`, why: ['cpu'] },
    'a storm of microtasks': {
      script: 'const go = () => Promise.resolve().then(go); go(); await new Promise(() => {})',
      why: ['cpu', 'memory'],
    },
    'a heap without end': {
      script: `const all = []; for (;;) all.push(new Array(1000).fill({}))`,
      why: ['memory', 'crashed'],
    },
    'a timer that throws': {
      script: `setTimeout(() => { throw new Error('late') }, 1); await new Promise(() => {})`,
      why: ['crashed'],
    },
    'a rejection that nobody handles': {
      script: `Promise.reject(new Error('nobody')); await new Promise(() => {})`,
      why: ['crashed'],
    },
  }
  for (const [name, { script, why }] of Object.entries(bombs))
    test(`with ${name} ends alone`, async () => {
      await using pool = new TestPool()
      const cell = await pool.start(
        { 'a.js': `module.exports = async function () { await gingee(async ($g) => { ${script} }) }` },
        {},
        { silentMs: 1_000 },
      )
      await assert.rejects(pool.ask(cell, 'a.js'), { code: 'CELL_ENDED' })
      const end = await cell.ended
      assert.ok(why.includes(end.why), `${end.why}: ${end.detail}`)
    })

  test('with buffers without end gets an error, or ends alone', async () => {
    await using pool = new TestPool()
    const cell = await pool.start({
      'a.js': `module.exports = async function () { await gingee(async ($g) => { const all = []; try { for (;;) all.push(new Uint8Array(16e6).fill(1)) } catch (e) { all.length = 0; $g.response.send(e.name) } }) }`,
    })
    assert.equal(
      await pool
        .value(cell, 'a.js')
        .catch((error: unknown) =>
          (error as { code: string }).code === 'CELL_ENDED' ? 'RangeError' : error,
        ),
      'RangeError',
    )
  })
})
