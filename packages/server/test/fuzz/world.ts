import type { Change, Fact } from '@castellan/engine'
import { openLive, openMemoryStore, type Live } from '@castellan/store'
import {
  ADMIN_PERMISSIONS,
  createLogger,
  createServer,
  issueToken,
  MemoryTokenSecrets,
  type NewToken,
} from '../../src/index.ts'
import { BODY_BYTES_MAX } from './request.ts'

/** Nothing the fuzz makes or removes has this in its name: here it is seen whether the server still answers rightly. */
const KEPT = 'sentinel'

const FILE = 'fs:24729b88-a4c5-4990-ad4e-272b87895732'

/** Whoever deletes a resource of this name ends it with all that is beneath. */
const AUDITING: Fact = {
  kind: 'grant',
  issuer: 'system',
  holder: `user:${KEPT}_owner`,
  permission: 'castellan:check',
  extra: {},
}

const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'a', description: 'demo', modes: ['read', 'write'] },
  { kind: 'namespace', name: 'b', description: 'demo' },
  ...['root', 'ed', 'fred', 'alice', 'bob', 'gone'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'group', id: 'cool_group', owner: 'user:fred' },
  { kind: 'group', id: 'inner', owner: 'user:alice' },
  { kind: 'app', id: 'editor', owner: 'user:ed' },
  { kind: 'resource', permission: 'a', owner: 'user:ed' },
  { kind: 'resource', permission: FILE, owner: 'user:ed', name: 'ed' },
  {
    kind: 'resource',
    permission: `${FILE.slice(0, -1)}3`,
    owner: 'user:ed',
    parent: FILE,
    name: 'notes.txt',
  },
  { kind: 'member', group: 'cool_group', member: 'user:alice' },
  { kind: 'member', group: 'cool_group', member: 'group:inner' },
  { kind: 'grant', issuer: 'user:ed', holder: 'user:fred', permission: 'a:b', extra: { limit: 1 } },
  { kind: 'grant', issuer: 'user:fred', holder: 'group:cool_group', permission: 'a:b', extra: {} },
  { kind: 'grant', issuer: 'user:ed', holder: 'user:ed/app:editor', permission: `${FILE}:read`, extra: {} },
  ...ADMIN_PERMISSIONS.map(
    (permission) =>
      ({ kind: 'grant', issuer: 'system', holder: 'user:root', permission, extra: {} }) as const,
  ),
  { kind: 'suspension', of: 'user:gone' },

  { kind: 'namespace', name: KEPT, description: 'what is judged by' },
  { kind: 'user', id: `${KEPT}_owner` },
  { kind: 'user', id: `${KEPT}_holder` },
  { kind: 'resource', permission: `${KEPT}:x`, owner: `user:${KEPT}_owner` },
  {
    kind: 'grant',
    issuer: `user:${KEPT}_owner`,
    holder: `user:${KEPT}_holder`,
    permission: `${KEPT}:x:read`,
    extra: {},
  },
  AUDITING,
]

/** What is known of the part that is out of reach. */
export const KNOWN = [
  { actor: `user:${KEPT}_owner`, permission: `${KEPT}:x:write`, allowed: true },
  { actor: `user:${KEPT}_holder`, permission: `${KEPT}:x:read:more`, allowed: true },
  { actor: `user:${KEPT}_holder`, permission: `${KEPT}:x:write`, allowed: false },
  { actor: 'user:nobody', permission: `${KEPT}:x`, allowed: false },
] as const

export interface Caller {
  readonly name: string
  /** What follows `Authorization: `; undefined sends none. */
  readonly authorization: string | undefined
  /** Whether it was let in when the world began; requests may change that. */
  readonly isKnown: boolean
  /** Of the token it has, where that is one of ours. */
  readonly tokenId?: string
  /** Whether a request made it. */
  readonly isMade?: boolean
}

export interface Fuzzed extends AsyncDisposable {
  readonly port: number
  readonly live: Live
  readonly now: number
  readonly callers: readonly Caller[]
  /** May ask about anyone, and is out of reach. */
  readonly auditor: string
  readonly auditorActor: string
  /** Gives the auditor what it needs, should it have lost it. */
  readonly restoreAuditor: () => Promise<unknown>
  /** False for what names anything that is out of reach. */
  readonly isReachable: (value: string) => boolean
  /** Lines of the log that tell of a fault of the server's own. */
  readonly faults: readonly string[]
}

/** When it is in the world, in milliseconds since 1970. */
const NOW = Date.UTC(2026, 0, 1)

/** A server over a world of callers with different rights. */
export async function openWorld(): Promise<Fuzzed> {
  const now = () => NOW
  const live = openLive({ store: openMemoryStore(), now })
  await live.change(FACTS.map((add): Change => ({ add })))
  const tokens = new MemoryTokenSecrets()
  const faults: string[] = []
  const log = createLogger({ level: 'error', destination: { write: (line) => void faults.push(line) } })
  const server = createServer({ live, tokens, log, now, limits: LIMITS })
  const address = new URL(await server.listen({ port: 0 }))
  const issue = async (
    issuer: string,
    wish: { full?: boolean; permissions?: string[]; expiresAt?: string },
  ) => issueToken({ live, tokens }, { issuer, ...wish })
  const full = async (user: string) => issue(`user:${user}`, { full: true })
  const auditor = await issue(`user:${KEPT}_owner`, { full: true })
  const known = async (name: string, token: Promise<NewToken>, isKnown = true): Promise<Caller> => {
    const { secret, id } = await token
    return { name, authorization: `Bearer ${secret}`, isKnown, tokenId: id }
  }
  const first = await known('root', full('root'))
  const expired = issue('user:ed', { full: true, expiresAt: '2025-01-01T00:00:00Z' })
  const scoped = issue('user:ed', { permissions: ['a:b', 'manage:a:b'] })
  const app = issue('user:ed/app:editor', { permissions: [`${FILE}:read`] })
  return {
    port: Number(address.port),
    live,
    now: NOW,
    faults,
    auditor: auditor.secret,
    auditorActor: `token:${auditor.id}`,
    restoreAuditor: () => live.change([{ add: AUDITING }]),
    isReachable: (value) => {
      // A grant's id names its parties as well; the first caller stays, or all are refused in the end.
      const names = `${value} ${Buffer.from(value, 'base64url').toString()}`
      return ![KEPT, 'root', auditor.id, first.tokenId!].some((part) => names.includes(part))
    },
    callers: [
      first,
      await known('ed', full('ed')),
      await known('fred', full('fred')),
      await known('alice', full('alice')),
      await known('bob', full('bob')),
      await known('a scoped token', scoped),
      await known('an app', app),
      await known('someone suspended', full('gone'), false),
      await known('an expired token', expired, false),
      { name: 'nobody', authorization: undefined, isKnown: false },
      { name: 'a stranger', authorization: `Bearer cst_${'A'.repeat(43)}`, isKnown: false },
      { name: 'another scheme', authorization: 'Basic cm9vdDpyb290', isKnown: false },
    ],
    async [Symbol.asyncDispose]() {
      await server.close({ graceMs: 1_000 })
      await live.close()
    },
  }
}

/** Short, so that what never comes to an end is seen to be cut off. */
const LIMITS = { headersMs: 600, requestMs: 900, idleMs: 600, bodyBytesMax: BODY_BYTES_MAX }
