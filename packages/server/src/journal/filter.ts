import { isAtOrBeneath, parseActor, parseParty, type Fact, type JournalEntry } from '@castellan/engine'
import { isCodedError, type EntryFilter } from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import type { Questions } from '../live.ts'

export type IsMeant = (entry: JournalEntry) => boolean

/**
 * What tells the entries that a filter means from the others. Costs what an entry has effects.
 *
 * @throws {ActorInvalidError | PermissionInvalidError}
 */
export function entryTest(engine: Questions, caller: Caller, filter: EntryFilter): IsMeant {
  const { actor, party, kind } = filter
  if (actor !== undefined) parseActor(actor)
  if (party !== undefined) parseParty(party)
  const permission =
    filter.permission === undefined ? undefined : canonicalOf(engine, caller, filter.permission)
  const isAnyEffect = party === undefined && permission === undefined && kind === undefined
  const isMeantFact = (fact: Fact | null): boolean =>
    fact !== null &&
    (kind === undefined || fact.kind === kind) &&
    (party === undefined || partiesOf(fact).some((each) => isParty(each, party))) &&
    (permission === undefined || isOf(fact, permission))
  return (entry) =>
    (actor === undefined || entry.actor === actor) &&
    (isAnyEffect || entry.effects.some(({ before, after }) => isMeantFact(before) || isMeantFact(after)))
}

/** A namespace that is declared no longer is in the journal all the same. */
function canonicalOf(engine: Questions, caller: Caller, permission: string): string {
  try {
    return engine.canonical(permission, { viewer: caller.actor })
  } catch (error) {
    if (isCodedError(error) && error.code === 'PERMISSION_UNKNOWN') return permission
    throw error
  }
}

function isOf(fact: Fact, permission: string): boolean {
  return (fact.kind === 'grant' || fact.kind === 'resource') && isAtOrBeneath(fact.permission, permission)
}

/** An app acting for a user is itself, and both of them. */
function isParty(found: string, wanted: string): boolean {
  return found === wanted || (found.includes('/') && found.split('/').includes(wanted))
}

function partiesOf(fact: Fact): readonly string[] {
  switch (fact.kind) {
    case 'namespace':
      return []
    case 'user':
      return [`user:${fact.id}`]
    case 'group':
    case 'app':
      return [`${fact.kind}:${fact.id}`, fact.owner]
    case 'token':
      return [`token:${fact.id}`, fact.issuer]
    case 'resource':
      return [fact.owner]
    case 'member':
      return [`group:${fact.group}`, fact.member]
    case 'grant':
      return [fact.issuer, fact.holder]
    case 'suspension':
      return [fact.of]
  }
}
