import type { Change, Fact, FactKey } from '@castellan/engine'

/** A change as a sentence that could follow "if": `user:ed grants a:b to user:fred`. */
export function sayChange(change: Change): string {
  if ('add' in change) return sayFact(change.add)
  return sayRemoval(change.remove, change.recursive === true)
}

function sayFact(fact: Fact): string {
  switch (fact.kind) {
    case 'namespace':
      return `namespace ${fact.name} is declared`
    case 'user':
    case 'token':
      return `${fact.kind}:${fact.id} exists`
    case 'group':
    case 'app':
      return `${fact.kind}:${fact.id} exists, owned by ${fact.owner}`
    case 'member':
      return `${fact.member} is a member of group:${fact.group}`
    case 'resource':
      return `${fact.permission} is owned by ${fact.owner}${fact.parent === undefined ? '' : `, in ${fact.parent}`}`
    case 'grant':
      return `${fact.issuer} grants ${fact.permission} to ${fact.holder}`
    case 'suspension':
      return `${fact.of} is suspended`
  }
}

function sayRemoval(key: FactKey, recursive: boolean): string {
  switch (key.kind) {
    case 'namespace':
      return `namespace ${key.name} is no longer declared`
    case 'user':
    case 'group':
    case 'app':
    case 'token':
      return `${key.kind}:${key.id} is removed`
    case 'member':
      return `${key.member} leaves group:${key.group}`
    case 'resource':
      return `${key.permission} is deleted${recursive ? ' with everything in it' : ''}`
    case 'grant':
      return `${key.issuer} no longer grants ${key.permission} to ${key.holder}`
    case 'suspension':
      return `${key.of} is resumed`
  }
}

/** The command that makes this change, for people to copy; undefined where only `castellan change` can. */
export function commandFor(change: Change, as?: string): string | undefined {
  const words =
    'add' in change ? commandToAdd(change.add) : commandToRemove(change.remove, change.recursive === true)
  if (words === undefined) return undefined
  const acting = as === undefined || as === 'system' ? [] : ['--as', as]
  return ['castellan', ...words, ...acting].map(shellWord).join(' ')
}

function commandToAdd(fact: Fact): readonly string[] | undefined {
  switch (fact.kind) {
    case 'grant':
      return ['grant', fact.permission, '--to', fact.holder]
    case 'member':
      return ['group', 'add', fact.group, fact.member]
    case 'user':
      return ['user', 'create', fact.id]
    case 'suspension':
      return ['suspend', fact.of]
    case 'resource':
      return ['resource', 'give', fact.permission, '--to', fact.owner]
    default:
      return undefined
  }
}

function commandToRemove(key: FactKey, recursive: boolean): readonly string[] | undefined {
  switch (key.kind) {
    case 'grant':
      return ['revoke', key.permission, '--from', key.holder, '--issuer', key.issuer]
    case 'member':
      return ['group', 'remove', key.group, key.member]
    case 'user':
      return ['user', 'remove', key.id]
    case 'group':
      return ['group', 'delete', key.id]
    case 'suspension':
      return ['resume', key.of]
    case 'resource':
      return ['resource', 'delete', key.permission, ...(recursive ? ['--recursive'] : [])]
    default:
      return undefined
  }
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) && !word.startsWith('~') ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}

/** Text that others wrote, as it may be shown: what would steer a terminal is spelled out. */
export function clean(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  )
}
