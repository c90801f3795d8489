import type { Fact } from '@castellan/engine'
import { createServer, issueToken, MemoryTokenSecrets } from '@castellan/server'
import { openLive, openMemoryStore } from '@castellan/store'
import { fromTheOffice, ownDepartment } from './rules.ts'

/**
 * An AuthZEN decision point with two rules of its own, over a world in memory. It prints where it listens and the
 * token to ask it with, and goes on until it is stopped.
 */
const FACTS: readonly Fact[] = [
  { kind: 'namespace', name: 'report', description: 'reports', modes: ['read', 'write'] },
  ...['mei', 'sam', 'olga', 'portal'].map((id) => ({ kind: 'user', id }) as const),
  { kind: 'group', id: 'employees', owner: 'system' },
  { kind: 'group', id: 'auditors', owner: 'system' },
  { kind: 'member', group: 'employees', member: 'user:mei' },
  { kind: 'member', group: 'employees', member: 'user:sam' },
  { kind: 'member', group: 'auditors', member: 'user:olga' },
  ...['q1', 'q2'].map((id) => ({ kind: 'resource', permission: `report:${id}`, owner: 'user:mei' }) as const),
  // The portal enforces what is decided here: it may ask about anyone, and who may do what with reports.
  grantToPortal('castellan:check'),
  grantToPortal('manage:report'),
]

function grantToPortal(permission: string): Fact {
  return { kind: 'grant', issuer: 'system', holder: 'user:portal', permission, extra: {} }
}

const live = openLive({ store: openMemoryStore(), rules: [ownDepartment, fromTheOffice] })
await live.change(FACTS.map((add) => ({ add })))
const tokens = new MemoryTokenSecrets()
const { secret } = await issueToken(
  { live, tokens },
  { issuer: 'user:portal', permissions: ['castellan:check', 'manage:report'] },
)
const server = createServer({ live, tokens })
const address = await server.listen({ port: Number(process.env['PORT'] ?? 7070) })
console.log(`decisions at ${address} for the token ${secret}`)
process.once('SIGTERM', () => void server.close())
