import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  context as otel,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type ContextManager,
  type Span,
  type SpanContext,
  type SpanStatus,
  type TextMapPropagator,
  type Tracer,
} from '@opentelemetry/api'
import { serve } from '../testing/serve.ts'

interface Seen {
  readonly name: string
  readonly kind: SpanKind | undefined
  readonly attributes: Attributes
  readonly status: SpanStatus
  readonly parent: SpanContext | undefined
  readonly own: SpanContext
}

/** What a recorder does, as far as a test needs it. */
class Recorder implements Tracer {
  readonly ended: Seen[] = []
  begun = 0

  getTracer(): Tracer {
    return this
  }

  startSpan(first: string, options: Parameters<Tracer['startSpan']>[1], parentContext: Context): Span {
    const parent = trace.getSpanContext(parentContext)
    const own = {
      traceId: parent?.traceId ?? 'f'.repeat(32),
      spanId: String(++this.begun).padStart(16, '0'),
      traceFlags: TraceFlags.SAMPLED,
    }
    const seen = {
      name: first,
      attributes: { ...options?.attributes },
      status: { code: SpanStatusCode.UNSET },
    }
    let isEnded = false
    const span = {
      spanContext: () => own,
      setAttribute: (key: string, value: never) => ((seen.attributes[key] = value), span),
      setAttributes: (all: Attributes) => (Object.assign(seen.attributes, all), span),
      setStatus: (status: SpanStatus) => ((seen.status = status as never), span),
      updateName: (name: string) => ((seen.name = name), span),
      end: () => {
        assert.equal(isEnded, false, 'a span ends once')
        isEnded = true
        this.ended.push({ ...seen, kind: options?.kind, parent, own })
      },
    }
    return span as unknown as Span
  }

  startActiveSpan(): never {
    throw new Error('not used')
  }

  one(name: string): Seen {
    const found = this.ended.filter((span) => span.name === name)
    assert.equal(found.length, 1, JSON.stringify(this.ended))
    return found[0]!
  }
}

/** W3C Trace Context, as far as a test needs it. */
const propagator: TextMapPropagator = {
  inject() {},
  fields: () => ['traceparent'],
  extract(parent, carrier, getter) {
    const header = getter.get(carrier, 'traceparent')
    const found = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(String(header))
    if (found === null) return parent
    const [, traceId = '', spanId = ''] = found
    return trace.setSpanContext(parent, { traceId, spanId, traceFlags: 1, isRemote: true })
  },
}

function contextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, run, self, ...args) => storage.run(active, () => run.apply(self as never, args)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const HEADERS = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` }

describe('a span', () => {
  let recorder: Recorder

  beforeEach(() => {
    recorder = new Recorder()
    trace.setGlobalTracerProvider(recorder)
    propagation.setGlobalPropagator(propagator)
    otel.setGlobalContextManager(contextManager())
  })
  afterEach(() => {
    trace.disable()
    propagation.disable()
    otel.disable()
  })

  test('is there for each request, with its route, outcome and revision', async (t) => {
    const { call, ask, live } = await serve(t)
    await ask('alice', '/v1/check', { permission: 'a:b' })
    await ask('alice', '/v1/check-each', { checks: [{ permission: 'a:b' }, { permission: 'a' }] })
    await ask('alice', '/v1/explain', { permission: 'a:b' })
    await call('GET', '/v1/grants/some-id', {})
    await call('GET', '/some-path')
    await sleep(50)
    const check = recorder.one('POST /v1/check')
    assert.equal(check.kind, SpanKind.SERVER)
    assert.deepEqual(check.attributes, {
      'http.request.method': 'POST',
      'http.route': '/v1/check',
      'http.response.status_code': 200,
      'castellan.outcome': 'allowed',
      'castellan.revision': live.engine.revision,
    })
    assert.equal(check.parent, undefined)
    assert.equal(recorder.one('POST /v1/check-each').attributes['castellan.outcome'], 'mixed')
    assert.equal(recorder.one('POST /v1/explain').attributes['http.response.status_code'], 200)
    const refused = recorder.one('GET /v1/grants/{id}')
    assert.equal(refused.attributes['castellan.code'], 'UNAUTHENTICATED')
    assert.equal(refused.status.code, SpanStatusCode.UNSET, 'a caller’s mistake is no error of the server')
    assert.equal(recorder.one('GET none').attributes['http.response.status_code'], 404)
    assert.doesNotMatch(JSON.stringify(recorder.ended), /some-id|some-path/)
  })

  test('continues the trace that the headers name', async (t) => {
    const { call, tokenOf, logged } = await serve(t)
    const token = await tokenOf('alice')
    for (const path of ['/v1/check', '/v1/explain']) {
      await call('POST', path, { token, headers: HEADERS, body: { permission: 'a:b' } })
      await sleep(20)
      const { parent, own } = recorder.one(`POST ${path}`)
      assert.equal(parent?.spanId, 'b7ad6b7169203331')
      assert.equal(own.traceId, TRACE_ID)
    }
    assert.equal(logged.filter((line) => line.includes(`"traceId":"${TRACE_ID}"`)).length, 2)
    await call('POST', '/v1/check', { token, headers: { traceparent: 'nonsense' }, body: {} })
    assert.equal(recorder.ended.at(-1)?.parent, undefined)
  })

  test('is the parent of what is begun while a request is answered', async (t) => {
    const { live, call, tokenOf } = await serve(t)
    const token = await tokenOf('root')
    const real = live.change.bind(live)
    t.mock.method(live, 'change', async (...args: Parameters<typeof real>) => {
      const inner = trace.getTracer('mine').startSpan('inner', {}, otel.active())
      await sleep(5)
      inner.end()
      return real(...args)
    })
    await call('POST', '/v1/changes', { token, body: { changes: [] } })
    await sleep(50)
    assert.equal(recorder.one('inner').parent?.spanId, recorder.one('POST /v1/changes').own.spanId)
  })

  test('ends with an error when the server fails, and when whoever asked goes away', async (t) => {
    const { live, call, tokenOf, address } = await serve(t)
    const token = await tokenOf('alice')
    t.mock.method(Object.getPrototypeOf(live.engine), 'check', () => {
      throw new TypeError('broken')
    })
    await call('POST', '/v1/check', { token, body: { permission: 'a:b' } })
    const failed = recorder.one('POST /v1/check')
    assert.equal(failed.status.code, SpanStatusCode.ERROR)
    assert.equal(failed.attributes['error.type'], 'INTERNAL')
    recorder.ended.length = 0
    for (const path of ['/v1/check', '/v1/explain']) {
      const socket = connect(Number(new URL(address).port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      )
      await sleep(50)
      socket.destroy()
      await sleep(50)
      assert.equal(recorder.one(`POST ${path}`).attributes['http.response.status_code'], undefined)
    }
  })
})

test('without a recorder no span is begun, and one that is registered later is used', async (t) => {
  const recorder = new Recorder()
  const { ask } = await serve(t)
  await ask('alice', '/v1/check', { permission: 'a:b' })
  await ask('alice', '/v1/explain', { permission: 'a:b' })
  assert.equal(recorder.begun, 0)
  trace.setGlobalTracerProvider(recorder)
  t.after(() => trace.disable())
  await ask('alice', '/v1/check', { permission: 'a:b' })
  assert.equal(recorder.ended.length, 1)
})
