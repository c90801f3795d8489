import type { Fact, FactKey, GrantFact, JournalEntry } from '@castellan/engine'
import { corruptError } from '../errors.ts'
import type { Row, Value } from './database.ts'

/** Most grants carry no claims: one object for all of them saves a hundred megabytes in a million. */
const NO_CLAIMS = Object.freeze({})

/** What the key does not say of a fact: JSON of its other fields, '' when there are none or only an empty `extra`. */
export function toBody(fact: Fact): string {
  switch (fact.kind) {
    case 'namespace': {
      const { kind: _kind, name: _name, ...rest } = fact
      return JSON.stringify(rest)
    }
    case 'user':
    case 'group':
    case 'app':
    case 'token': {
      const { kind: _kind, id: _id, ...rest } = fact
      return toText(rest)
    }
    case 'resource': {
      const { kind: _kind, permission: _permission, ...rest } = fact
      return toText(rest)
    }
    case 'member': {
      const { kind: _kind, group: _group, member: _member, ...rest } = fact
      return toText(rest)
    }
    case 'grant': {
      const { kind: _kind, issuer: _issuer, holder: _holder, permission: _permission, ...rest } = fact
      const text = JSON.stringify(rest)
      return text === '{"extra":{}}' ? '' : text
    }
    case 'suspension': {
      const { kind: _kind, of: _of, ...rest } = fact
      return toText(rest)
    }
  }
}

function toText(rest: object): string {
  const text = JSON.stringify(rest)
  return text === '{}' ? '' : text
}

/** @param row - the parts of the key, those that are there, and whatever follows them */
export function toFact(kind: Fact['kind'], row: Row, body: Value | undefined): Fact {
  // By place: to take a row apart is slow where a million are.
  const k1 = row[0] as string
  const rest = body === '' ? undefined : parse(body as string)
  switch (kind) {
    case 'namespace':
      return { kind, name: k1, ...rest } as Fact
    case 'user':
    case 'group':
    case 'app':
    case 'token':
      return { kind, id: k1, ...rest } as Fact
    case 'resource':
      return { kind, permission: k1, ...rest } as Fact
    case 'member':
      return { kind, group: k1, member: row[1] as string, ...rest }
    case 'grant': {
      const holder = row[1] as string
      const permission = row[2] as string
      if (rest === undefined) return { kind, issuer: k1, holder, permission, extra: NO_CLAIMS }
      return { kind, issuer: k1, holder, permission, ...rest } as GrantFact
    }
    case 'suspension':
      return { kind, of: k1, ...rest }
  }
}

/** @param row - k1, k2, k3 */
export function toKey(kind: Fact['kind'], row: Row): FactKey {
  const [k1, k2, k3] = row as readonly [string, string, string]
  switch (kind) {
    case 'namespace':
      return { kind, name: k1 }
    case 'user':
    case 'group':
    case 'app':
    case 'token':
      return { kind, id: k1 }
    case 'resource':
      return { kind, permission: k1 }
    case 'member':
      return { kind, group: k1, member: k2 }
    case 'grant':
      return { kind, issuer: k1, holder: k2, permission: k3 }
    case 'suspension':
      return { kind, of: k1 }
  }
}

/** @param row - revision, time, actor, reason, effects, previous, hash */
export function toEntry(row: Row): JournalEntry {
  const [revision, time, actor, reason, effects, previous, hash] = row as readonly [
    number,
    number,
    string,
    string | null,
    string,
    string,
    string,
  ]
  return { revision, time, actor, reason, effects: parse(effects) as JournalEntry['effects'], previous, hash }
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    throw corruptError('the database holds a text that is no JSON', error)
  }
  throw corruptError('the database holds a text of another shape')
}
