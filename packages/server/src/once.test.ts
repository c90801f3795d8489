import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fact } from '@castellan/engine'
import { StoreError } from '@castellan/engine'
import { ALL_ROUTES } from './app.ts'
import { printGrantId } from './grant-id.ts'
import { hashSecret } from './tokens/secret.ts'
import { serve, type Loose, type Served } from './testing/serve.ts'

const WORLD: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'demo' },
  ...['ed', 'fred', 'alice', 'admin'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'group', id: 'club', owner: 'user:fred' },
  { kind: 'member', group: 'club', member: 'user:alice' },
  { kind: 'token', id: 'old', issuer: 'user:fred', full: false },
  { kind: 'resource', permission: 'a:1', owner: 'user:ed' },
  grant('user:ed', 'user:fred', 'a:1:b'),
  ...['castellan:facts', 'castellan:users', 'manage'].map((permission) =>
    grant('system', 'user:admin', permission),
  ),
]

function grant(issuer: string, holder: string, permission: string): Fact {
  return { kind: 'grant', issuer, holder, permission, extra: {} }
}

const GRANT = printGrantId({ kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:1:b' })

interface Case {
  readonly route: string
  readonly path?: string
  readonly body?: Loose
  /** The same route for something else. */
  readonly other: { readonly path?: string; readonly body?: Loose }
}

/** Every route that changes something, in a way that changes something the first time. */
const CASES: readonly Case[] = [
  {
    route: 'POST /v1/changes',
    body: { changes: [{ add: { kind: 'user', id: 'zoe' } }] },
    other: { body: { changes: [{ add: { kind: 'user', id: 'yan' } }] } },
  },
  {
    route: 'POST /v1/grants',
    body: { holder: 'user:fred', permission: 'a:1:c' },
    other: { body: { holder: 'user:fred', permission: 'a:1:d' } },
  },
  {
    route: 'DELETE /v1/grants/{id}',
    path: `/v1/grants/${GRANT}`,
    other: { path: `/v1/grants/${GRANT}?reason=x` },
  },
  { route: 'POST /v1/users', body: { id: 'zoe' }, other: { body: { id: 'yan' } } },
  {
    route: 'PATCH /v1/users/{id}',
    path: '/v1/users/fred',
    body: { name: 'F' },
    other: { body: { name: 'G' } },
  },
  { route: 'POST /v1/users/{id}/suspend', path: '/v1/users/fred/suspend', other: { body: { reason: 'x' } } },
  { route: 'POST /v1/users/{id}/resume', path: '/v1/users/fred/resume', other: { body: { reason: 'x' } } },
  { route: 'DELETE /v1/users/{id}', path: '/v1/users/alice', other: { path: '/v1/users/admin' } },
  { route: 'POST /v1/groups', body: { id: 'team' }, other: { body: { id: 'team', owner: 'user:ed' } } },
  {
    route: 'PATCH /v1/groups/{id}',
    path: '/v1/groups/club',
    body: { owner: 'user:ed' },
    other: { body: { owner: 'user:alice' } },
  },
  { route: 'DELETE /v1/groups/{id}', path: '/v1/groups/club', other: { path: '/v1/groups/club?reason=x' } },
  {
    route: 'POST /v1/groups/{id}/members',
    path: '/v1/groups/club/members',
    body: { members: ['user:ed'] },
    other: { body: { members: ['user:admin'] } },
  },
  {
    route: 'DELETE /v1/groups/{id}/members/{member}',
    path: '/v1/groups/club/members/user:alice',
    other: { path: '/v1/groups/club/members/user:ed' },
  },
  { route: 'POST /v1/tokens', body: { issuer: 'user:fred' }, other: { body: { issuer: 'user:ed' } } },
  { route: 'POST /v1/tokens/{id}/suspend', path: '/v1/tokens/old/suspend', other: { body: { reason: 'x' } } },
  { route: 'POST /v1/tokens/{id}/resume', path: '/v1/tokens/old/resume', other: { body: { reason: 'x' } } },
  { route: 'DELETE /v1/tokens/{id}', path: '/v1/tokens/old', other: { path: '/v1/tokens/old?reason=x' } },
  {
    route: 'POST /v1/resources',
    body: { permission: 'a:2', owner: 'user:ed' },
    other: { body: { permission: 'a:3', owner: 'user:ed' } },
  },
  {
    route: 'PATCH /v1/resources/{permission}',
    path: '/v1/resources/a:1',
    body: { name: 'one' },
    other: { body: { name: 'two' } },
  },
  {
    route: 'DELETE /v1/resources/{permission}',
    path: '/v1/resources/a:1',
    other: { path: '/v1/resources/a:1?recursive=true' },
  },
]

function send({ call }: Served, token: string, one: Pick<Case, 'route' | 'path' | 'body'>, key?: string) {
  const [method = '', pattern = ''] = one.route.split(' ')
  return call(method, one.path ?? pattern, {
    token,
    ...(one.body !== undefined && { body: one.body }),
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  })
}

async function serving(t: TestContext) {
  const served = await serve(t, { facts: WORLD })
  return { served, token: await served.tokenOf('admin') }
}

describe('a request under an idempotency key', () => {
  for (const one of CASES) {
    test(`${one.route} is done once, and answered each time`, async (t) => {
      const { served, token } = await serving(t)
      const first = await send(served, token, one, 'k1')
      assert.ok([200, 201].includes(first.status), first.text)
      assert.equal(first.headers.get('idempotent-replayed'), null)
      // Something else happens, so that doing it again would do something.
      await served.change({ add: { kind: 'user', id: 'meanwhile' } })
      const { revision } = served.live.engine
      const again = await send(served, token, one, 'k1')
      assert.equal(served.live.engine.revision, revision)
      if (one.route === 'POST /v1/tokens') {
        assert.deepEqual(
          [again.status, again.body.code, again.body.items],
          [409, 'SECRET_SHOWN', [first.body.id]],
        )
      } else {
        assert.deepEqual([again.status, again.text], [first.status, first.text])
        assert.equal(again.headers.get('location'), first.headers.get('location'))
        assert.equal(again.headers.get('idempotent-replayed'), 'true')
      }
      const other = await send(served, token, { ...one, ...one.other }, 'k1')
      assert.deepEqual([other.status, other.body.code], [422, 'KEY_REUSED'])
      assert.equal(served.live.engine.revision, revision)
    })
  }

  test('there is a case for every route that changes something', () => {
    const changing = ALL_ROUTES.filter(({ takes }) => takes !== undefined && 'Idempotency-Key' in takes)
    assert.deepEqual(
      CASES.map(({ route }) => route).sort(),
      changing.map(({ method, path }) => `${method} ${path}`).sort(),
    )
    const others = ALL_ROUTES.filter((route) => route.method !== 'GET' && !changing.includes(route))
    assert.deepEqual([...new Set(others.map(({ tag }) => tag))].sort(), ['AuthZEN', 'Questions'])
  })

  const USER = { route: 'POST /v1/users', body: { id: 'zoe' } }

  test('that comes ten times at once is done once', async (t) => {
    const { served, token } = await serving(t)
    const before = served.live.engine.revision
    const replies = await Promise.all(Array.from({ length: 10 }, () => send(served, token, USER, 'k')))
    assert.equal(served.live.engine.revision, before + 1)
    assert.deepEqual(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size, 1)
    assert.equal(replies.filter(({ headers }) => headers.get('idempotent-replayed') === 'true').length, 9)
  })

  test('that was refused is tried again, since nothing was done', async (t) => {
    const { served } = await serving(t)
    const fred = await served.tokenOf('fred')
    for (let i = 0; i < 2; i++) assert.equal((await send(served, fred, USER, 'k')).status, 403)
    await served.change({ add: grant('system', 'user:fred', 'castellan:facts') })
    assert.equal((await send(served, fred, USER, 'k')).status, 201)
    const taken = await send(served, fred, { route: 'POST /v1/users', body: { id: 'ed' } }, 'k2')
    assert.equal(taken.body.code, 'ID_TAKEN')
    const gone = await send(served, fred, { route: 'DELETE /v1/users/{id}', path: '/v1/users/nobody' }, 'k2')
    assert.equal(gone.body.code, 'USER_UNKNOWN')
  })

  test('that comes ten times at once, and is refused, is refused ten times', async (t) => {
    const { served } = await serving(t)
    const fred = await served.tokenOf('fred')
    const replies = await Promise.all(Array.from({ length: 10 }, () => send(served, fred, USER, 'k')))
    assert.deepEqual(
      replies.map(({ body }) => body.code),
      Array.from({ length: 10 }, () => 'FORBIDDEN'),
    )
  })

  test('that changed nothing is answered the same, whatever came in between', async (t) => {
    const { served, token } = await serving(t)
    const wish = {
      route: 'POST /v1/grants',
      body: { issuer: 'user:ed', holder: 'user:fred', permission: 'a:1:b' },
    }
    const first = await send(served, token, wish, 'k')
    assert.equal(first.body.outcome, 'unchanged')
    await served.change({ remove: grant('user:ed', 'user:fred', 'a:1:b') as never })
    const again = await send(served, token, wish, 'k')
    assert.deepEqual([again.text, again.headers.get('idempotent-replayed')], [first.text, 'true'])
    assert.equal(served.live.engine.check('user:fred', 'a:1:b'), false)
  })

  test('is the caller’s own: another token’s same key is another', async (t) => {
    const { served, token } = await serving(t)
    assert.equal((await send(served, token, USER, 'k')).status, 201)
    const other = await served.tokenOf('admin')
    assert.equal((await send(served, other, USER, 'k')).body.code, 'ID_TAKEN')
    assert.equal((await send(served, other, { ...USER, body: { id: 'yan' } }, 'k')).status, 201)
  })

  test('is the same request however its body is written', async (t) => {
    const { served, token } = await serving(t)
    const written = (body: string) => send(served, token, { ...USER, body }, 'k')
    const first = await written('{"id":"zoe","name":"Z"}')
    assert.equal((await written('{ "name": "Z",\n "id": "zoe" }')).text, first.text)
    assert.equal((await written('{"id":"zoe"}')).body.code, 'KEY_REUSED')
  })

  test('is forgotten a day later', async (t) => {
    const { served, token } = await serving(t)
    await send(served, token, USER, 'k')
    served.clock.now += 86_400_000
    assert.equal((await send(served, token, USER, 'k')).body.code, 'ID_TAKEN')
  })

  test('is not answered to a token that was taken away, not even one that waited for its turn', async (t) => {
    const { served, token } = await serving(t)
    await send(served, token, USER, 'k')
    const id = served.tokens.find(hashSecret(token))!
    const wish = { route: 'DELETE /v1/tokens/{id}', path: `/v1/tokens/${id}` }
    const replies = await Promise.all([send(served, token, wish, 'end'), send(served, token, wish, 'end')])
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200, 401]))
    assert.equal((await send(served, token, USER, 'k')).status, 401)
  })

  test('must have a key that is one', async (t) => {
    const { served, token } = await serving(t)
    for (const key of ['', 'a b', 'x'.repeat(256), 'é'])
      assert.equal((await send(served, token, USER, key)).body.code, 'REQUEST_INVALID', key)
    assert.equal((await send(served, token, USER, `"${'x'.repeat(253)}"`)).status, 201)
  })

  test('keeps no secret of a token, in clear or hashed', async (t) => {
    const { served, token } = await serving(t)
    const kept: string[] = []
    const change = served.live.change.bind(served.live)
    served.live.change = (changes, options) =>
      change(changes, {
        ...options,
        ...(options?.receipt && {
          receipt: {
            ...options.receipt,
            answer: (changed) => {
              kept.push(options.receipt!.answer(changed))
              return kept.at(-1)!
            },
          },
        }),
      })
    const made = await send(served, token, { route: 'POST /v1/tokens', body: { issuer: 'user:fred' } }, 'k')
    assert.deepEqual(kept, [JSON.stringify({ token: made.body.id })])
    assert.ok(!JSON.stringify(served.live.receipt('token:x', 'k') ?? '').includes(made.body.token))
  })

  test('is kept by no store that fails, and done when it works again', async (t) => {
    const { served, token } = await serving(t)
    const change = served.live.change.bind(served.live)
    served.live.change = () => Promise.reject(new StoreError('STORE_FULL', 'full', 'make room'))
    assert.equal((await send(served, token, USER, 'k')).body.code, 'STORE_FULL')
    served.live.change = change
    const done = await send(served, token, USER, 'k')
    assert.deepEqual([done.status, done.headers.get('idempotent-replayed')], [201, null])
  })
})

describe('a server that is killed after the commit and before the answer', () => {
  const CHILD = fileURLToPath(new URL('../test/killed-server.ts', import.meta.url))
  const FLAGS = process.execArgv.filter((flag) => flag.startsWith('--conditions='))

  /** Serves a folder in a process of its own, which dies by SIGKILL right after its nth commit from then on. */
  async function start(t: TestContext, dir: string, commits: number) {
    const child = spawn(process.execPath, [...FLAGS, CHILD, dir, String(commits)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const { address, token } = JSON.parse(line) as { address: string; token: string }
    const call = async (path: string, body?: unknown, key?: string) => {
      const response = await fetch(address + path, {
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          ...(key !== undefined && { 'idempotency-key': key }),
        },
      })
      return { status: response.status, headers: response.headers, body: (await response.json()) as Loose }
    }
    return { child, call }
  }

  for (const aside of ['at once', 'aside']) {
    test(`answers what it did, and does it no second time: committing ${aside}`, async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'castellan-once-'))
      t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
      const folder = `${dir}/${aside === 'aside' ? 'aside' : 'here'}`
      const first = await start(t, folder, 1)
      const wish = { id: 'zoe', name: 'Zoe' }
      const exited = once(first.child, 'exit')
      await assert.rejects(first.call('/v1/users', wish, 'k'))
      assert.deepEqual(await exited, [null, 'SIGKILL'])
      const second = await start(t, folder, 100)
      const before = (await second.call('/v1/journal')).body
      assert.equal(before.items.at(-1).effects[0].after.id, 'zoe')
      const again = await second.call('/v1/users', wish, 'k')
      assert.deepEqual(
        [again.status, again.headers.get('idempotent-replayed'), again.body],
        [201, 'true', { user: { id: 'zoe', name: 'Zoe', suspended: false }, revision: before.revision }],
      )
      assert.equal((await second.call('/v1/users', wish)).body.code, 'ID_TAKEN')
      assert.equal((await second.call('/v1/users', { id: 'yan' }, 'k')).body.code, 'KEY_REUSED')
      assert.equal((await second.call('/v1/journal')).body.revision, before.revision)
      second.child.kill('SIGKILL')
      await sleep(10)
    })
  }
})
