import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openEngine } from '@castellan/engine'
import { listTargets } from './request.ts'
import { runFuzz } from './run.ts'
import { FuzzError } from './sender.ts'

/** A sample of what `npm run fuzz` sends for longer. */
const REQUESTS = 800
/** Bytes that a run may leave behind, whatever it sent. Each world is gone before the next begins. */
const HEAP_GROWTH_MAX = 32_000_000

describe('whatever is sent to the server', () => {
  test('is answered in time, as the document says, and rightly after it', async (t) => {
    const { operations, valid, near, hostile, questions, heap } = await runFuzz({
      seed: 1,
      requests: REQUESTS,
    })
    t.diagnostic(`${valid} valid, ${near} nearly, ${hostile} hostile; ${questions} questions afterwards`)
    assert.ok(valid > REQUESTS / 2 && near > REQUESTS / 6 && hostile > REQUESTS / 20)
    for (const { operation } of listTargets())
      assert.ok(operations.has(operation.operationId), operation.operationId)
    assert.ok(heap[1] - heap[0] < HEAP_GROWTH_MAX, `the heap grew from ${heap[0]} to ${heap[1]} bytes`)
  })
})

describe('the fuzz notices', () => {
  const engine = Object.getPrototypeOf(openEngine()) as object
  const run = () => runFuzz({ seed: 2, requests: 400 })
  const refuses = (pattern: RegExp) => (error: unknown) =>
    error instanceof FuzzError && pattern.test(error.message)

  test('a server that fails', async (t) => {
    t.mock.method(
      engine,
      'explain' as never,
      (() => {
        throw new TypeError('nothing there')
      }) as never,
    )
    await assert.rejects(run(), refuses(/INTERNAL/))
  })

  test('an answer with a field that the document does not have', async (t) => {
    t.mock.method(
      engine,
      'explain' as never,
      (() => ({
        allowed: false,
        graph: { nodes: [], edges: [] },
        revision: 1,
        secret: 1,
      })) as never,
    )
    await assert.rejects(run(), refuses(/additional properties/))
  })

  test('a request that is refused though the document allows it', async (t) => {
    t.mock.method(
      engine,
      'explain' as never,
      (() => {
        throw Object.assign(new Error('no'), { code: 'BODY_INVALID', hint: 'none' })
      }) as never,
    )
    await assert.rejects(run(), refuses(/the document allows it/))
  })

  test('a wrong answer', async (t) => {
    const check = Reflect.get(engine, 'check') as (...asked: readonly unknown[]) => boolean
    t.mock.method(
      engine,
      'check' as never,
      function (this: unknown, ...asked: readonly unknown[]): boolean {
        return String(asked[1]).includes('sentinel') || check.apply(this, [...asked])
      } as never,
    )
    await assert.rejects(run(), refuses(/it should be false/))
  })
})
