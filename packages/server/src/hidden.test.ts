import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serve, type Served } from './testing/serve.ts'

/**
 * To whoever may not see it, what is there and what is not look alike: each request is sent for both, and the answers
 * must be the same to the letter, the name aside. Of a file nobody guesses the id; of a store it says who uses what.
 */
const BOB = 'user:bob'
const ACTING = `${BOB}/app:editor`
const HOME = '11111111-1111-4111-8111-111111111111'
const FILE = '22222222-2222-4222-8222-222222222222'
const NO_FILE = '33333333-3333-4333-8333-333333333333'

const PAIRS = [
  { name: 'a file in a folder', there: `fs:${FILE}`, absent: `fs:${NO_FILE}`, right: 'read' },
  { name: 'what an app keeps for someone', there: 'kv:bob:editor', absent: 'kv:bob:nothing', right: 'get' },
  { name: 'a website', there: 'site:shop', absent: 'site:nothing', right: 'edit' },
  { name: 'a path', there: 'fs:/home/secret', absent: 'fs:/home/nothing', right: 'read' },
  { name: 'a thing of another namespace', there: 'a:xyzzy', absent: 'a:plugh', right: 'x' },
] as const

type Ask = (resource: string, right: string, issuer: string) => [method: string, path: string, body?: unknown]

const authzen = (permission: string) => {
  const [type = '', ...id] = permission.split(':')
  return { type, id: id.join(':') }
}
const enc = encodeURIComponent
const grant = (issuer: string, holder: string, permission: string) => ({
  kind: 'grant',
  issuer,
  holder,
  permission,
  extra: {},
})
const resource = (permission: string, owner: string, more = {}) => ({
  kind: 'resource',
  permission,
  owner,
  ...more,
})
const changes = (...wishes: object[]) => ({ changes: wishes })
const SELF = { type: 'user', id: 'eve' }

const ASKS: Readonly<Record<string, Ask>> = {
  check: (it, right) => ['POST', '/v1/check', { permission: `${it}:${right}` }],
  scan: (it, right) => ['POST', '/v1/scan', { permission: `${it}:${right}` }],
  'scan of several': (it, right) => ['POST', '/v1/scan', { permissions: ['ai:chat', `${it}:${right}`] }],
  explain: (it, right) => ['POST', '/v1/explain', { permission: `${it}:${right}` }],
  'explain managing': (it) => ['POST', '/v1/explain', { permission: `manage:${it}` }],
  claims: (it, right) => ['POST', '/v1/claims', { permission: `${it}:${right}` }],
  holders: (it, right) => ['POST', '/v1/holders', { permission: `${it}:${right}` }],
  permissions: (it) => ['POST', '/v1/permissions', { prefix: it }],
  'preview of a removal': (it) => [
    'POST',
    '/v1/preview',
    changes({ remove: { kind: 'resource', permission: it } }),
  ],
  'preview of a grant': (it, right, issuer) => [
    'POST',
    '/v1/preview',
    changes({ add: grant(issuer, BOB, `${it}:${right}`) }),
  ],
  'taking it': (it) => ['POST', '/v1/changes', changes({ add: resource(it, 'user:eve') })],
  'stating it': (it) => ['POST', '/v1/changes', changes({ add: resource(it, BOB) })],
  'putting something there': (it) => [
    'POST',
    '/v1/changes',
    changes({ add: resource('fs:44444444-4444-4444-8444-444444444444', 'user:eve', { parent: it }) }),
  ],
  'moving one’s own there': (it) => [
    'POST',
    '/v1/changes',
    changes({ add: resource('a:eves', 'user:eve', { parent: it }) }),
  ],
  'removing it': (it) => ['POST', '/v1/changes', changes({ remove: { kind: 'resource', permission: it } })],
  'removing it if unchanged': (it) => [
    'POST',
    '/v1/changes',
    {
      ...changes({ remove: { kind: 'resource', permission: it }, recursive: true }),
      preconditions: { ifRevision: 0 },
    },
  ],
  'a precondition': (it) => [
    'POST',
    '/v1/changes',
    { changes: [], preconditions: { ifAbsent: [{ kind: 'resource', permission: it }] } },
  ],
  'the opposite precondition': (it) => [
    'POST',
    '/v1/changes',
    { changes: [], preconditions: { ifPresent: [{ kind: 'resource', permission: it }] } },
  ],
  'revoking a grant of it': (it, right) => [
    'POST',
    '/v1/changes',
    changes({ remove: { kind: 'grant', issuer: BOB, holder: ACTING, permission: `${it}:${right}` } }),
  ],
  'granting it': (it, right) => ['POST', '/v1/grants', { holder: 'user:fred', permission: `${it}:${right}` }],
  'making it': (it) => ['POST', '/v1/resources', { permission: it }],
  'reading it': (it) => ['GET', `/v1/resources/${enc(it)}`],
  'renaming it': (it) => ['PATCH', `/v1/resources/${enc(it)}`, { name: 'x' }],
  'deleting it': (it) => ['DELETE', `/v1/resources/${enc(it)}`],
  'listing it': (it) => ['GET', `/v1/resources?parent=${enc(it)}`],
  'listing grants of it': (it, right) => ['GET', `/v1/grants?permission=${enc(`${it}:${right}`)}`],
  evaluation: (it, right) => [
    'POST',
    '/access/v1/evaluation',
    { subject: SELF, resource: authzen(it), action: { name: right } },
  ],
  'search for actions': (it) => [
    'POST',
    '/access/v1/search/action',
    { subject: SELF, resource: authzen(it) },
  ],
  'search for subjects': (it, right) => [
    'POST',
    '/access/v1/search/subject',
    { subject: { type: 'user' }, resource: authzen(it), action: { name: right } },
  ],
}

describe('what one may not see and what is not there', () => {
  const callers = [
    { caller: 'someone else', wish: { issuer: 'user:eve', full: true } },
    { caller: 'a scoped token of someone else', wish: { issuer: 'user:eve', permissions: ['ai:chat'] } },
    { caller: 'another app acting for the owner', wish: { issuer: `${BOB}/app:viewer`, permissions: [] } },
    { caller: 'a scoped token of the owner', wish: { issuer: BOB, permissions: ['ai:chat'] } },
  ]
  for (const { caller, wish } of callers) {
    test(`look alike to ${caller}, whatever is asked`, async (t) => {
      const served = await open(t)
      const { issuer } = wish
      const token = await served.tokenOf('', wish)
      for (const { name, there, absent, right } of PAIRS) {
        for (const [ask, requestOf] of Object.entries(ASKS)) {
          const look = async (it: string): Promise<string> => {
            const [method, path, body] = requestOf(it, right, issuer)
            const reply = await served.call(method, path, { token, ...(body !== undefined && { body }) })
            return withoutNames(`${reply.status} ${reply.text}`, it)
          }
          assert.equal(await look(there), await look(absent), `${ask}: ${name}`)
        }
      }
    })
  }
})

async function open(t: Parameters<typeof serve>[0]): Promise<Served> {
  const owned = [
    { permission: `fs:${HOME}`, name: 'home' },
    { permission: `fs:${FILE}`, parent: `fs:${HOME}`, name: 'secret' },
    { permission: 'kv:bob:editor' },
    { permission: 'site:shop' },
    { permission: 'a:folder' },
    { permission: 'a:xyzzy', parent: 'a:folder' },
  ]
  return serve(t, {
    facts: [
      { kind: 'namespace', name: 'a', description: 'demo' },
      ...['bob', 'eve', 'fred'].map((id) => ({ kind: 'user', id }) as const),
      ...['editor', 'viewer'].map((id) => ({ kind: 'app', id, owner: 'system' }) as const),
      ...owned.map((each) => ({ kind: 'resource', owner: BOB, ...each }) as const),
      { kind: 'resource', permission: 'a:eves', owner: 'user:eve' },
      { kind: 'grant', issuer: BOB, holder: ACTING, permission: 'kv:bob:editor', extra: {} },
      { kind: 'grant', issuer: BOB, holder: ACTING, permission: `fs:${FILE}:read`, extra: {} },
      { kind: 'grant', issuer: BOB, holder: 'user:fred', permission: 'site:shop', extra: {} },
    ],
  })
}

/** What must differ: the name itself, and what is of each answer alone. */
function withoutNames(text: string, it: string): string {
  const id = it.slice(it.indexOf(':') + 1)
  const last = id.slice(Math.max(id.lastIndexOf(':'), id.lastIndexOf('/')) + 1)
  return text
    .replaceAll(/"id":"W[\w-]+"/g, '"id":')
    .replaceAll(/"(requestId|revision|value)":("[^"]*"|[\d.]+)/g, '"$1":')
    .replaceAll(last, '…')
}
