import { makeChance } from '@castellan/store/suite'
import { post } from '../http.ts'
import { servePlatform } from '../platform.ts'
import { callersOf, FACTS } from './operations.ts'
import { findViolation } from './oracle.ts'
import { recordHistory } from './record.ts'

export interface HistoryReport {
  readonly operations: number
  readonly commits: number
  readonly checks: number
  readonly allowed: number
}

/** Clients whose requests are under way at once. */
const CLIENTS = 32

/** A long history of the command serving a folder, over SQLite, judged by the oracle. @throws when it finds a violation */
export async function soakHistory(operations: number, seed: number): Promise<HistoryReport> {
  await using platform = await servePlatform()
  const asAdmin = (path: string, body: object) => post(platform, path, body)
  await asAdmin('/v1/changes', { changes: FACTS.map((add) => ({ add })) })
  const tokens = new Map<string, string>()
  let start = 0
  for (const caller of callersOf(FACTS)) {
    const { token, revision } = await asAdmin('/v1/tokens', { issuer: caller, full: true })
    tokens.set(caller, token as string)
    start = revision
  }
  const chance = makeChance(seed)
  const { address } = platform
  const history = await recordHistory({ address, tokens, clients: CLIENTS, operations, chance })
  const violation = findViolation(history, FACTS, start)
  if (violation !== undefined) throw new Error(`seed ${seed}: ${violation}`)
  const checks = history.filter(({ operation }) => operation.kind === 'check')
  return {
    operations: history.length,
    commits: history.filter(({ operation, outcome }) => operation.kind !== 'check' && outcome).length,
    checks: checks.length,
    allowed: checks.filter(({ outcome }) => outcome).length,
  }
}
