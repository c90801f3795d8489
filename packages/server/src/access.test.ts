import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Fact } from '@castellan/engine'
import { ALL_ROUTES } from './app.ts'
import { printGrantId } from './grant-id.ts'
import { ADMIN_PERMISSIONS } from './platform/platform.ts'
import { serve, type Served } from './testing/serve.ts'

/**
 * Every route, asked by nobody, by a stranger, by whom it is about, by who holds the permission that opens it and by
 * an administrator. What a stranger may not see must look like what is not there.
 */

const WORLD: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'demo' },
  ...['ed', 'fred', 'alice', 'stranger', 'holder', 'admin'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'member', group: 'admin', member: 'user:admin' },
  { kind: 'group', id: 'club', owner: 'user:fred' },
  { kind: 'member', group: 'club', member: 'user:alice' },
  { kind: 'resource', permission: 'a:1', owner: 'user:ed' },
  { kind: 'token', id: 'old', issuer: 'user:fred', full: false },
  grant('user:ed', 'user:fred', 'a:1:b'),
  grant('user:fred', 'group:club', 'a:1:b'),
  ...ADMIN_PERMISSIONS.map((permission) => grant('system', 'group:admin', permission)),
]

function grant(issuer: string, holder: string, permission: string): Fact {
  return { kind: 'grant', issuer, holder, permission, extra: {} }
}

interface Case {
  readonly route: string
  /** Default: the path of the route. */
  readonly path?: string
  readonly body?: unknown
  /** Whom it is about, and what they are answered. Default: the stranger is a party as any other. */
  readonly party?: readonly [user: string, status: number]
  /** What opens it, and what its holder is answered. Default: nothing does. */
  readonly opens?: readonly [permission: string, status: number]
  readonly stranger: number
  readonly admin: number
  /** The same of what was never there: the stranger must be told the same. */
  readonly absent?: Partial<Pick<Case, 'path' | 'body'>>
}

const GRANT_ID = printGrantId({ kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:1:b' })
const NO_GRANT_ID = printGrantId({
  kind: 'grant',
  issuer: 'user:ed',
  holder: 'user:fred',
  permission: 'a:1:c',
})
const ABOUT_ALICE = { actor: 'user:alice', permission: 'a:1:b' }
const ABOUT_NOBODY = { actor: 'user:nobody', permission: 'a:1:b' }

const [ALICE, NOBODY] = ['alice', 'nobody'].map((id) => ({ type: 'user', id }))
const DOING = { resource: { type: 'a', id: '1' }, action: { name: 'b' } }

const asked: Omit<Case, 'route'> = {
  body: ABOUT_ALICE,
  party: ['alice', 200],
  opens: ['castellan:check', 200],
  stranger: 403,
  admin: 200,
  absent: { body: ABOUT_NOBODY },
}

const CASES: readonly Case[] = [
  { ...asked, route: 'POST /v1/check' },
  {
    ...asked,
    route: 'POST /v1/check-each',
    body: { checks: [ABOUT_ALICE] },
    absent: { body: { checks: [ABOUT_NOBODY] } },
  },
  { ...asked, route: 'POST /v1/scan' },
  { ...asked, route: 'POST /v1/explain' },
  { ...asked, route: 'POST /v1/claims' },
  {
    ...asked,
    route: 'POST /v1/permissions',
    body: { actor: 'user:alice' },
    absent: { body: { actor: 'user:no' } },
  },
  {
    ...asked,
    route: 'POST /access/v1/evaluation',
    body: { subject: ALICE, ...DOING },
    absent: { body: { subject: NOBODY, ...DOING } },
  },
  {
    ...asked,
    route: 'POST /access/v1/evaluations',
    body: { subject: ALICE, evaluations: [DOING] },
    // Each is answered for itself.
    stranger: 200,
    absent: { body: { subject: NOBODY, evaluations: [DOING] } },
  },
  {
    ...asked,
    route: 'POST /access/v1/search/resource',
    body: { subject: ALICE, resource: { type: 'a' }, action: { name: 'b' } },
    absent: { body: { subject: NOBODY, resource: { type: 'a' }, action: { name: 'b' } } },
  },
  {
    ...asked,
    route: 'POST /access/v1/search/action',
    body: { subject: ALICE, resource: DOING.resource },
    absent: { body: { subject: NOBODY, resource: DOING.resource } },
  },
  {
    route: 'POST /access/v1/search/subject',
    body: { subject: { type: 'user' }, ...DOING },
    party: ['ed', 200],
    opens: ['manage:a:1', 200],
    stranger: 403,
    admin: 200,
  },
  {
    route: 'POST /v1/holders',
    body: { permission: 'a:1:b' },
    party: ['ed', 200],
    opens: ['manage:a:1', 200],
    stranger: 403,
    admin: 200,
  },
  {
    route: 'POST /v1/preview',
    body: { changes: [{ remove: grant('user:ed', 'user:fred', 'a:1:b') }] },
    party: ['ed', 200],
    opens: ['manage:a:1', 200],
    stranger: 403,
    admin: 200,
  },
  {
    route: 'POST /v1/changes',
    body: { changes: [{ add: { kind: 'user', id: 'new' } }] },
    party: ['fred', 403],
    opens: ['castellan:facts', 200],
    stranger: 403,
    admin: 200,
  },
  // Anyone grants in their own name; whether it has an effect is another matter.
  {
    route: 'POST /v1/grants',
    body: { holder: 'user:alice', permission: 'a:1:b' },
    stranger: 201,
    admin: 201,
  },
  {
    route: 'GET /v1/grants',
    path: '/v1/grants?issuer=user:ed',
    party: ['ed', 200],
    opens: ['castellan:grants', 200],
    stranger: 403,
    admin: 200,
    absent: { path: '/v1/grants?issuer=user:nobody' },
  },
  {
    route: 'GET /v1/grants/{id}',
    path: `/v1/grants/${GRANT_ID}`,
    party: ['fred', 200],
    opens: ['manage:a:1', 200],
    stranger: 404,
    admin: 200,
    absent: { path: `/v1/grants/${NO_GRANT_ID}` },
  },
  {
    route: 'DELETE /v1/grants/{id}',
    path: `/v1/grants/${GRANT_ID}`,
    party: ['fred', 200],
    opens: ['manage:a:1', 200],
    stranger: 403,
    admin: 200,
  },
  {
    route: 'POST /v1/users',
    body: { id: 'new' },
    opens: ['castellan:facts', 201],
    stranger: 403,
    admin: 201,
  },
  { route: 'GET /v1/users', opens: ['castellan:users', 200], stranger: 200, admin: 200 },
  {
    route: 'GET /v1/users/{id}',
    path: '/v1/users/fred',
    party: ['fred', 200],
    opens: ['castellan:users', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/users/nobody' },
  },
  {
    route: 'PATCH /v1/users/{id}',
    path: '/v1/users/fred',
    body: { name: 'Fred' },
    party: ['fred', 403],
    opens: ['castellan:facts', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/users/nobody' },
  },
  {
    route: 'POST /v1/users/{id}/suspend',
    path: '/v1/users/fred/suspend',
    party: ['fred', 403],
    opens: ['castellan:users', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/users/nobody/suspend' },
  },
  {
    route: 'POST /v1/users/{id}/resume',
    path: '/v1/users/fred/resume',
    party: ['fred', 403],
    opens: ['castellan:users', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/users/nobody/resume' },
  },
  {
    route: 'DELETE /v1/users/{id}',
    path: '/v1/users/alice',
    party: ['alice', 403],
    opens: ['castellan:facts', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/users/nobody' },
  },
  { route: 'POST /v1/groups', body: { id: 'new' }, stranger: 201, admin: 201 },
  { route: 'GET /v1/groups', opens: ['manage:group', 200], stranger: 200, admin: 200 },
  {
    route: 'GET /v1/groups/{id}',
    path: '/v1/groups/club',
    party: ['alice', 200],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing' },
  },
  {
    route: 'PATCH /v1/groups/{id}',
    path: '/v1/groups/club',
    body: { owner: 'user:ed' },
    party: ['alice', 403],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing' },
  },
  {
    route: 'DELETE /v1/groups/{id}',
    path: '/v1/groups/club',
    party: ['fred', 200],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing' },
  },
  {
    route: 'GET /v1/groups/{id}/members',
    path: '/v1/groups/club/members',
    party: ['alice', 200],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing/members' },
  },
  {
    route: 'POST /v1/groups/{id}/members',
    path: '/v1/groups/club/members',
    body: { members: ['user:ed'] },
    party: ['alice', 403],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing/members' },
  },
  {
    route: 'GET /v1/groups/{id}/members/{member}',
    path: '/v1/groups/club/members/user:alice',
    party: ['alice', 200],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing/members/user:alice' },
  },
  {
    route: 'DELETE /v1/groups/{id}/members/{member}',
    path: '/v1/groups/club/members/user:alice',
    party: ['alice', 200],
    opens: ['manage:group:club', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/groups/nothing/members/user:alice' },
  },
  // Every token here is the caller's own, and tokens make no tokens.
  { route: 'POST /v1/tokens', body: {}, opens: ['castellan:facts', 201], stranger: 403, admin: 201 },
  {
    route: 'GET /v1/tokens',
    path: '/v1/tokens?issuer=user:fred',
    party: ['fred', 200],
    opens: ['castellan:users', 200],
    stranger: 403,
    admin: 200,
    absent: { path: '/v1/tokens?issuer=user:nobody' },
  },
  {
    route: 'GET /v1/tokens/{id}',
    path: '/v1/tokens/old',
    party: ['fred', 200],
    opens: ['castellan:users', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/tokens/nothing' },
  },
  {
    route: 'POST /v1/tokens/{id}/suspend',
    path: '/v1/tokens/old/suspend',
    party: ['fred', 200],
    opens: ['castellan:users', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/tokens/nothing/suspend' },
  },
  {
    route: 'POST /v1/tokens/{id}/resume',
    path: '/v1/tokens/old/resume',
    party: ['fred', 200],
    opens: ['castellan:users', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/tokens/nothing/resume' },
  },
  {
    route: 'DELETE /v1/tokens/{id}',
    path: '/v1/tokens/old',
    party: ['fred', 200],
    opens: ['castellan:facts', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/tokens/nothing' },
  },
  {
    route: 'POST /v1/resources',
    body: { permission: 'a:2', owner: 'user:ed' },
    party: ['ed', 403],
    opens: ['castellan:facts', 201],
    stranger: 403,
    admin: 201,
    absent: { body: { permission: 'a:1', owner: 'user:ed' } },
  },
  {
    route: 'GET /v1/resources',
    path: '/v1/resources?owner=user:ed',
    party: ['ed', 200],
    opens: ['castellan:facts', 200],
    stranger: 403,
    admin: 200,
    absent: { path: '/v1/resources?owner=user:nobody' },
  },
  {
    route: 'GET /v1/resources/{permission}',
    path: '/v1/resources/a:1',
    party: ['ed', 200],
    opens: ['manage:a:1', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/resources/a:9' },
  },
  {
    route: 'PATCH /v1/resources/{permission}',
    path: '/v1/resources/a:1',
    body: { name: 'one' },
    party: ['ed', 200],
    opens: ['manage:a:1', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/resources/a:9' },
  },
  {
    route: 'DELETE /v1/resources/{permission}',
    path: '/v1/resources/a:1',
    party: ['ed', 200],
    opens: ['manage:a:1', 200],
    stranger: 404,
    admin: 200,
    absent: { path: '/v1/resources/a:9' },
  },
  { route: 'GET /v1/facts', opens: ['castellan:check', 200], stranger: 403, admin: 200 },
  { route: 'GET /v1/journal', opens: ['castellan:journal', 200], stranger: 403, admin: 200 },
  { route: 'GET /v1/watch', opens: ['castellan:journal', 200], stranger: 403, admin: 200 },
  { route: 'GET /v1/me', stranger: 200, admin: 200 },
  { route: 'GET /v1/namespaces', stranger: 200, admin: 200 },
  { route: 'GET /v1/rules', stranger: 200, admin: 200 },
  { route: 'GET /metrics', opens: ['castellan:metrics', 200], stranger: 403, admin: 200 },
]

describe('who may call what', () => {
  for (const one of CASES) {
    test(one.route, async (t) => {
      const { route, party = ['stranger', one.stranger], opens, stranger, admin, absent } = one
      assert.equal(await statusOf(t, one, undefined), 401, `${route} without a token`)
      assert.equal(await statusOf(t, one, 'stranger'), stranger, `${route} by a stranger`)
      assert.equal(await statusOf(t, one, party[0]), party[1], `${route} by ${party[0]}`)
      assert.equal(
        await statusOf(t, one, 'holder', opens?.[0]),
        opens?.[1] ?? stranger,
        `${route} by a holder`,
      )
      assert.equal(await statusOf(t, one, 'admin'), admin, `${route} by an administrator`)
      if (absent === undefined) return
      const served = await serve(t, { facts: WORLD })
      const token = await served.tokenOf('stranger')
      const hidden = await call(served, one, token)
      const missing = await call(served, { ...one, ...absent }, token)
      assert.deepEqual(withoutId(hidden), withoutId(missing), `${route} tells a stranger what is there`)
    })
  }

  test('has a case for every route', () => {
    const routes = ALL_ROUTES.filter(({ isOpen }) => isOpen !== true).map(
      ({ method, path }) => `${method} ${path}`,
    )
    assert.deepEqual(CASES.map(({ route }) => route).sort(), routes.sort())
  })
})

async function statusOf(
  t: TestContext,
  one: Case,
  user: string | undefined,
  permission?: string,
): Promise<number> {
  const held = permission === undefined ? [] : [grant('system', 'user:holder', permission)]
  const served = await serve(t, { facts: [...WORLD, ...held] })
  return (await call(served, one, user === undefined ? undefined : await served.tokenOf(user))).status
}

async function call({ call }: Served, { route, path, body }: Case, token: string | undefined) {
  const [method = '', pattern = ''] = route.split(' ')
  // A stream would not end; HEAD is answered as GET is.
  const asked = pattern === '/v1/watch' ? 'HEAD' : method
  return call(asked, path ?? pattern, {
    ...(token !== undefined && { token }),
    ...(body !== undefined && { body }),
  })
}

/** What a caller is told, but for the id of the request, and the name they asked by themselves. */
function withoutId({ status, body }: Awaited<ReturnType<Served['call']>>): unknown {
  return { status, body: { ...body, requestId: '' } }
}
