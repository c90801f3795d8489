import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { serve as serveHono, type ServerType } from '@hono/node-server'
import express from 'express'
// @ts-expect-error -- it has no types under this name
import express4 from 'express4'
import { Hono, type Context } from 'hono'
import { serve } from '../../server/src/testing/serve.ts'
import { connect } from './connect.ts'
import { guard as guardExpress } from './express.ts'
import { guard as guardHono } from './hono.ts'
import type { GuardOptions } from './guard.ts'
import { printPermission } from './permission.ts'
import { listen } from './testing/listen.ts'

/** What a request says, in whichever framework. */
interface Asked {
  readonly user: string | undefined
  readonly id: string
}

type Start = (t: TestContext, options: GuardOptions<Asked>, entered: Asked[]) => Promise<string>

const startExpress =
  (create: typeof express): Start =>
  (t, { client, actor, permission, onError }, entered) => {
    const askedOf = (request: express.Request): Asked => ({
      user: request.get('x-user'),
      id: String(request.params['id']),
    })
    const guard = guardExpress<express.Request>({
      client,
      actor: (request) => actor(askedOf(request)),
      permission: (request) => permission(askedOf(request)),
      ...(onError !== undefined && { onError: (error, request) => onError(error, askedOf(request)) }),
    })
    const app = create()
    app.get('/a/:id', guard, (request, response) => {
      entered.push(askedOf(request))
      response.send('what is guarded')
    })
    // An error handler that lets go on would let a refused request in, if the guard left refusing to it.
    app.use((_e: unknown, _r: express.Request, _s: express.Response, next: express.NextFunction) => next())
    app.use('/a/:id', (request, response) => {
      entered.push(askedOf(request))
      response.send('what comes after')
    })
    return listen(t, app)
  }

const startHono: Start = async (t, { client, actor, permission, onError }, entered) => {
  const askedOf = (context: Context): Asked => ({
    user: context.req.header('x-user'),
    id: context.req.param('id') ?? '',
  })
  const guard = guardHono<Context>({
    client,
    actor: (context) => actor(askedOf(context)),
    permission: (context) => permission(askedOf(context)),
    ...(onError !== undefined && { onError: (error, context) => onError(error, askedOf(context)) }),
  })
  const app = new Hono()
  app.get('/a/:id', guard, (context) => {
    entered.push(askedOf(context))
    return context.text('what is guarded')
  })
  const server: ServerType = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  if (!server.listening) await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const FRAMEWORKS: readonly { readonly name: string; readonly start: Start }[] = [
  { name: 'Express 5', start: startExpress(express) },
  { name: 'Express 4', start: startExpress(express4 as typeof express) },
  { name: 'Hono', start: startHono },
]

for (const { name, start } of FRAMEWORKS) {
  describe(`a route that is guarded, in ${name}`, () => {
    const OPTIONS = {
      actor: ({ user }: Asked) => (user === undefined ? undefined : `user:${user}`),
      permission: ({ id }: Asked) => printPermission(['a', id]),
    }

    /** Asks for `/a/<id>` as somebody, of an app whose guard is as wished. */
    async function setUp(
      t: TestContext,
      wish: Partial<GuardOptions<Asked>> & Pick<GuardOptions<Asked>, 'client'>,
    ) {
      const entered: Asked[] = []
      const errors: unknown[] = []
      const onError = (error: unknown) => void errors.push(error)
      const address = await start(t, { ...OPTIONS, onError, ...wish }, entered)
      const get = async (user?: string, id = 'b') => {
        const response = await fetch(`${address}/a/${encodeURIComponent(id)}`, {
          headers: user === undefined ? {} : { 'x-user': user },
        })
        const text = await response.text()
        const type = response.headers.get('content-type') ?? ''
        const problem = type === 'application/problem+json' ? JSON.parse(text) : undefined
        return { status: response.status, headers: response.headers, text, problem }
      }
      return { get, entered, errors }
    }

    async function setUpServed(t: TestContext, wish: Partial<GuardOptions<Asked>> = {}) {
      const served = await serve(t)
      const client = connect({
        server: served.address,
        token: await served.tokenOf('service'),
        timeoutMs: 2_000,
      })
      return { served, ...(await setUp(t, { client, ...wish })) }
    }

    test('is entered by who holds the permission', async (t) => {
      const { get, entered, errors } = await setUpServed(t)
      const { status, text } = await get('alice')
      assert.deepEqual({ status, text }, { status: 200, text: 'what is guarded' })
      assert.deepEqual({ entered, errors }, { entered: [{ user: 'alice', id: 'b' }], errors: [] })
    })

    test('answers 403 to anyone else, naming the permission', async (t) => {
      const { get, entered, errors } = await setUpServed(t)
      const { status, problem } = await get('bob')
      assert.equal(status, 403)
      assert.deepEqual(
        { code: problem.code, status: problem.status, permission: problem.permission, type: problem.type },
        { code: 'FORBIDDEN', status: 403, permission: 'a:b', type: 'urn:castellan:problem:forbidden' },
      )
      assert.deepEqual({ entered, errors }, { entered: [], errors: [] })
    })

    test('answers 401 to nobody', async (t) => {
      const { get, entered } = await setUpServed(t)
      const { status, problem, headers } = await get()
      assert.deepEqual({ status, code: problem.code }, { status: 401, code: 'UNAUTHENTICATED' })
      assert.equal(headers.get('www-authenticate'), 'Bearer')
      assert.deepEqual(entered, [])
    })

    test('is shut at the request after a revoke', async (t) => {
      const { get, served, entered } = await setUpServed(t)
      assert.equal((await get('alice')).status, 200)
      await served.change({ remove: { kind: 'member', group: 'cool_group', member: 'user:alice' } })
      assert.equal((await get('alice')).status, 403)
      assert.equal(entered.length, 1)
    })

    test('takes an id for one component, whatever is in it', async (t) => {
      const { get, entered } = await setUpServed(t)
      // As text in a template this would be `a:b:other`, which alice holds.
      const { status, problem } = await get('alice', 'b:other')
      assert.deepEqual(
        { status, permission: problem.permission },
        { status: 403, permission: String.raw`a:b\Cother` },
      )
      assert.deepEqual(entered, [])
    })

    test('answers 403 where the id cannot be in a permission', async (t) => {
      const { get, entered, errors } = await setUpServed(t)
      assert.equal((await get('ed', 'x'.repeat(3_000))).status, 403)
      assert.deepEqual({ entered, errors }, { entered: [], errors: [] })
    })

    test('waits for an actor and a permission that come later', async (t) => {
      const { get, entered } = await setUpServed(t, {
        actor: async ({ user }) => (user === 'nobody' ? null : `user:${user}`),
        permission: async ({ id }) => `a:${id}`,
      })
      assert.deepEqual(
        [(await get('alice')).status, (await get('bob')).status, (await get('nobody')).status],
        [200, 403, 401],
      )
      assert.equal(entered.length, 1)
    })

    const throwing = () => {
      throw new Error('a session is broken')
    }
    const rejecting = async () => throwing()
    const broken: readonly { name: string; wish: object }[] = [
      { name: 'the actor throws', wish: { actor: throwing } },
      { name: 'the actor rejects', wish: { actor: rejecting } },
      { name: 'the permission throws', wish: { permission: throwing } },
      { name: 'the permission rejects', wish: { permission: rejecting } },
      ...[true, 1, '', {}, ['user:ed']].map((value) => ({
        name: `the actor is ${JSON.stringify(value)}`,
        wish: { actor: () => value },
      })),
      ...[undefined, null, true, 1, '', {}, [], ['a']].map((value) => ({
        name: `the permission is ${JSON.stringify(value)}`,
        wish: { permission: () => value },
      })),
    ]
    test('answers 500 where the guard itself fails', async (t) => {
      for (const { name, wish } of broken) {
        const client = { check: async () => true }
        const { get, entered, errors } = await setUp(t, { client, ...wish })
        const { status, problem, text } = await get('ed')
        assert.deepEqual({ status, code: problem?.code }, { status: 500, code: 'GUARD_FAILED' }, name)
        assert.ok(!text.includes('session'), 'why is not the caller’s to know')
        assert.deepEqual({ entered, errors: errors.length }, { entered: [], errors: 1 }, name)
      }
    })

    const undecided: readonly { name: string; check: GuardOptions<Asked>['client']['check'] }[] = [
      { name: 'a client that throws', check: throwing },
      { name: 'a client that rejects', check: rejecting },
    ]
    test('answers 503 where nothing is decided', async (t) => {
      for (const { name, check } of undecided) {
        const { get, entered, errors } = await setUp(t, { client: { check } })
        const { status, problem, headers } = await get('ed')
        assert.deepEqual({ status, code: problem?.code }, { status: 503, code: 'UNDECIDED' }, name)
        assert.equal(headers.get('retry-after'), '1')
        assert.deepEqual({ entered, errors: errors.length }, { entered: [], errors: 1 }, name)
      }
    })

    test('answers 503 while the server is gone, and refuses', async (t) => {
      const { get, served, entered, errors } = await setUpServed(t)
      await served.server.close({ graceMs: 0 })
      assert.equal((await get('alice')).status, 503)
      assert.deepEqual({ entered, errors: errors.length }, { entered: [], errors: 1 })
    })

    test('answers 503 where the service may not ask', async (t) => {
      const served = await serve(t)
      const client = connect({ server: served.address, token: await served.tokenOf('bob') })
      const { get, entered } = await setUp(t, { client })
      assert.equal((await get('alice')).status, 503)
      assert.deepEqual(entered, [])
    })

    test('takes nothing but true for a yes', async (t) => {
      for (const value of ['true', 1, {}, undefined]) {
        const { get, entered } = await setUp(t, { client: { check: async () => value } })
        assert.equal((await get('ed')).status, 403)
        assert.deepEqual(entered, [])
      }
    })

    test('refuses all the same when whoever is told fails', async (t) => {
      const { get, entered } = await setUp(t, { client: { check: rejecting }, onError: throwing })
      assert.equal((await get('ed')).status, 503)
      assert.deepEqual(entered, [])
    })

    test('says on the console why it refuses, where nobody else is told', async (t) => {
      const { mock } = t.mock.method(console, 'error', () => {})
      const { get } = await setUp(t, { client: { check: rejecting }, onError: undefined as never })
      assert.equal((await get('ed')).status, 503)
      assert.match(String(mock.calls[0]?.arguments[1]), /a session is broken/)
    })
  })
}

test('a refusal in Hono keeps the headers that were set before it', async () => {
  const app = new Hono()
  app.use(async (context, next) => {
    context.header('x-earlier', 'kept')
    await next()
  })
  const client = { check: async () => false }
  app.get('/', guardHono({ client, actor: () => 'user:bob', permission: () => 'a:b' }), (context) =>
    context.text('in'),
  )
  const response = await app.request('/')
  assert.deepEqual([response.status, response.headers.get('x-earlier')], [403, 'kept'])
})

test('a refusal in Express comes to nothing where someone answered meanwhile', async (t) => {
  const guard = guardExpress({
    client: { check: async () => false },
    actor: () => 'user:bob',
    permission: () => 'a:b',
  })
  const ended: unknown[] = []
  const guarding: Promise<void>[] = []
  const address = await listen(t, (request, response) => {
    guarding.push(guard(request, response, (error) => ended.push(error ?? 'in')))
    response.end('too late')
  })
  assert.equal(await (await fetch(address)).text(), 'too late')
  await Promise.all(guarding)
  assert.deepEqual(ended, [])
})

test('what goes wrong behind a guard of Express reaches its error handler, not the console of the process', async () => {
  const guard = guardExpress({
    client: { check: async () => true },
    actor: () => 'user:ed',
    permission: () => 'a:b',
  })
  const told: unknown[] = []
  const next = (error?: unknown): void => {
    told.push(error)
    if (told.length === 1) throw new Error('behind it')
  }
  const response = { statusCode: 200, headersSent: false, setHeader: () => {}, end: () => {} }
  await guard({}, response, next)
  assert.match(String(told[1]), /behind it/)
})
