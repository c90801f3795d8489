import { isId, parseParty } from './actor.ts'
import type { Change } from './change.ts'
import { CastellanError, FactInvalidError, LimitExceededError } from './errors.ts'
import { FACT_KINDS, type Fact, type FactKey, type FactKind, type Json, type JsonObject } from './fact.ts'
import { LIMITS } from './limits.ts'
import { countCodePoints, utf8Length } from './permission.ts'

/**
 * Facts from outside, checked field by field against closed shapes. What they name is checked where the world is
 * known: permission strings and references in `plan.ts`.
 */

type Raw = Readonly<Record<string, unknown>>

const FIELDS: Readonly<Record<FactKind, readonly string[]>> = {
  namespace: ['name', 'description', 'modes', 'requestable', 'enforcedBy'],
  user: ['id', 'name'],
  group: ['id', 'owner'],
  app: ['id', 'owner', 'name'],
  token: ['id', 'issuer', 'full', 'expiresAt'],
  resource: ['permission', 'owner', 'parent', 'name'],
  member: ['group', 'member'],
  grant: ['issuer', 'holder', 'permission', 'extra', 'expiresAt', 'reason'],
  suspension: ['of'],
}

const KEY_FIELDS: Readonly<Record<FactKind, readonly string[]>> = {
  namespace: ['name'],
  user: ['id'],
  group: ['id'],
  app: ['id'],
  token: ['id'],
  resource: ['permission'],
  member: ['group', 'member'],
  grant: ['issuer', 'holder', 'permission'],
  suspension: ['of'],
}

/**
 * Parses a fact in the bulk format. null means absent.
 *
 * @returns a frozen fact with nothing in it but what the format knows
 * @throws {FactInvalidError} with the path of the field
 */
export function parseFact(value: unknown): Fact {
  const raw = parseObject(value, '')
  const kind = parseKind(raw)
  refuseOthers(raw, FIELDS[kind])
  return Object.freeze(readFact(kind, raw))
}

/** Parses what names a fact. Other fields of that kind may stand beside the key and are ignored. @throws {FactInvalidError} */
export function parseFactKey(value: unknown): FactKey {
  const raw = parseObject(value, '')
  const kind = parseKind(raw)
  refuseOthers(raw, FIELDS[kind])
  return Object.freeze({
    kind,
    ...Object.fromEntries(KEY_FIELDS[kind].map((field) => [field, readKeyField(kind, field, raw)])),
  }) as FactKey
}

/** The key of a fact. */
export function factKey(fact: Fact): FactKey {
  return Object.freeze({
    kind: fact.kind,
    ...Object.fromEntries(KEY_FIELDS[fact.kind].map((field) => [field, (fact as unknown as Raw)[field]])),
  }) as FactKey
}

/** Parses a batch: `[{"add": fact} or {"remove": key, "recursive"?: true}]`, at most 1,000. @throws {FactInvalidError} */
export function parseChanges(value: unknown): Change[] {
  if (!Array.isArray(value)) throw new FactInvalidError('changes', 'not a list')
  if (value.length > LIMITS.changesMax)
    throw new LimitExceededError('changesMax', LIMITS.changesMax, `${value.length} changes in one call`)
  return value.map((each: unknown, i) => within(`changes[${i}]`, () => parseChange(each)))
}

function parseChange(value: unknown): Change {
  const raw = parseObject(value, '')
  refuseOthers(raw, ['add', 'remove', 'recursive'])
  if (has(raw, 'add') === has(raw, 'remove'))
    throw new FactInvalidError('', 'a change has either `add` or `remove`')
  if (has(raw, 'add')) {
    if (has(raw, 'recursive')) throw new FactInvalidError('recursive', 'only a removal is recursive')
    return { add: within('add', () => parseFact(raw['add'])) }
  }
  const recursive = raw['recursive'] ?? false
  if (typeof recursive !== 'boolean') throw new FactInvalidError('recursive', 'neither true nor false')
  return { remove: within('remove', () => parseFactKey(raw['remove'])), ...(recursive && { recursive }) }
}

/** Puts a place in front of the path of what goes wrong inside. */
function within<Result>(place: string, parse: () => Result): Result {
  try {
    return parse()
  } catch (error) {
    if (error instanceof FactInvalidError)
      throw new FactInvalidError(
        error.path === '' ? place : `${place}.${error.path}`,
        problemOf(error),
        error.hint,
      )
    throw error
  }
}

function problemOf(error: FactInvalidError): string {
  return error.path === '' ? error.message : error.message.slice(error.path.length + '``: '.length)
}

function readFact(kind: FactKind, raw: Raw): Fact {
  switch (kind) {
    case 'namespace':
      return {
        kind,
        name: readKeyField(kind, 'name', raw),
        description: readText(raw, 'description') ?? '',
        ...optional('modes', readModes(raw)),
        ...optional('requestable', readBoolean(raw, 'requestable')),
        ...optional('enforcedBy', readText(raw, 'enforcedBy')),
      }
    case 'user':
      return { kind, id: readKeyField(kind, 'id', raw), ...optional('name', readText(raw, 'name')) }
    case 'group':
      return { kind, id: readKeyField(kind, 'id', raw), owner: readParty(raw, 'owner', OWNERS, 'system') }
    case 'app':
      return {
        kind,
        id: readKeyField(kind, 'id', raw),
        owner: readParty(raw, 'owner', OWNERS, 'system'),
        ...optional('name', readText(raw, 'name')),
      }
    case 'token':
      return {
        kind,
        id: readKeyField(kind, 'id', raw),
        issuer: readParty(raw, 'issuer', ['user', 'user-app']),
        full: readBoolean(raw, 'full') ?? false,
        ...optional('expiresAt', readInstant(raw)),
      }
    case 'resource':
      return {
        kind,
        permission: readKeyField(kind, 'permission', raw),
        owner: readParty(raw, 'owner', OWNERS, 'system'),
        ...optional('parent', readString(raw, 'parent')),
        ...optional('name', readText(raw, 'name')),
      }
    case 'member':
      return { kind, group: readKeyField(kind, 'group', raw), member: readKeyField(kind, 'member', raw) }
    case 'grant':
      return {
        kind,
        issuer: readKeyField(kind, 'issuer', raw),
        holder: readKeyField(kind, 'holder', raw),
        permission: readKeyField(kind, 'permission', raw),
        extra: parseExtra(raw['extra'] ?? {}),
        ...optional('expiresAt', readInstant(raw)),
        ...optional('reason', readText(raw, 'reason')),
      }
    case 'suspension':
      return { kind, of: readKeyField(kind, 'of', raw) }
  }
}

const OWNERS = ['system', 'user'] as const

/** A field of a key: an id, a party of the kinds that fit there, or a permission string left to be made canonical. */
function readKeyField(kind: FactKind, field: string, raw: Raw): string {
  switch (field) {
    case 'id':
    case 'group':
      return readId(raw, field)
    case 'name':
      return readNamespaceName(raw)
    case 'member':
      return readParty(raw, field, ['user', 'group'])
    case 'issuer':
      return readParty(raw, field, ['system', 'user', 'user-app'])
    case 'holder':
      return readParty(raw, field, ['user', 'group', 'app', 'token', 'user-app'])
    case 'of':
      return readParty(raw, field, ['user', 'app', 'token'])
    default: {
      const text = readString(raw, field)
      if (text === undefined) throw new FactInvalidError(field, `a ${kind} needs it`)
      return text
    }
  }
}

function readId(raw: Raw, field: string): string {
  const id = readString(raw, field)
  if (id === undefined || !isId(id))
    throw new FactInvalidError(
      field,
      id === undefined ? 'it is missing' : 'an id is 1 to 256 characters of `A-Z a-z 0-9 . _ @ + = ~ -`',
    )
  return id
}

function readNamespaceName(raw: Raw): string {
  const name = readString(raw, 'name')
  if (name === undefined) throw new FactInvalidError('name', 'it is missing')
  if (!/^[^\s:\\/\p{C}]{1,64}$/u.test(name))
    throw new FactInvalidError('name', 'a namespace is 1 to 64 characters, without spaces, `:`, `/` and `\\`')
  return name
}

function readParty(raw: Raw, field: string, kinds: readonly string[], byDefault?: string): string {
  const text = readString(raw, field) ?? byDefault
  if (text === undefined) throw new FactInvalidError(field, 'it is missing')
  let kind: string
  try {
    ;({ kind } = parseParty(text))
  } catch (error) {
    if (error instanceof CastellanError) throw new FactInvalidError(field, error.message, error.hint)
    throw error
  }
  if (!kinds.includes(kind))
    throw new FactInvalidError(
      field,
      `\`${text}\` cannot stand here; it takes ${kinds.map((each) => (each === 'user-app' ? 'user:<id>/app:<id>' : each === 'system' ? each : `${each}:<id>`)).join(', ')}`,
    )
  return text
}

function readModes(raw: Raw): readonly string[] | undefined {
  const modes = raw['modes'] ?? undefined
  if (modes === undefined) return undefined
  if (!Array.isArray(modes) || modes.length === 0 || modes.length > LIMITS.modesMax)
    throw new FactInvalidError('modes', `not a list of 1 to ${LIMITS.modesMax} modes`)
  for (const [i, mode] of modes.entries()) {
    if (typeof mode !== 'string' || !isId(mode))
      throw new FactInvalidError(`modes[${i}]`, 'a mode is written like an id')
    if (modes.indexOf(mode) !== i)
      throw new FactInvalidError(`modes[${i}]`, `\`${mode}\` stands in the ladder twice`)
  }
  return Object.freeze([...(modes as string[])])
}

function readBoolean(raw: Raw, field: string): boolean | undefined {
  const value = raw[field] ?? undefined
  if (value !== undefined && typeof value !== 'boolean')
    throw new FactInvalidError(field, 'neither true nor false')
  return value
}

function readString(raw: Raw, field: string): string | undefined {
  const value = raw[field] ?? undefined
  if (value !== undefined && typeof value !== 'string') throw new FactInvalidError(field, 'not a string')
  return value
}

function readText(raw: Raw, field: string): string | undefined {
  const text = readString(raw, field)
  return text === undefined ? undefined : parseText(text, field)
}

/** Words for people: a name, a description, a reason. @throws {FactInvalidError | LimitExceededError} */
export function parseText(text: string, field: string): string {
  if (text === '' && field === 'name') throw new FactInvalidError(field, 'it is empty')
  if (/[\p{Cc}\p{Cs}]/u.test(text))
    throw new FactInvalidError(field, 'it has a control character or a lone surrogate')
  if (countCodePoints(text) > LIMITS.textMax)
    throw new LimitExceededError('textMax', LIMITS.textMax, `\`${field}\` is too long`)
  return text
}

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** RFC 3339 with any offset; kept in UTC with milliseconds, so that equal instants are equal texts. */
function readInstant(raw: Raw): string | undefined {
  const text = readString(raw, 'expiresAt')
  if (text === undefined) return undefined
  const parts = INSTANT.exec(text)
  const time = parts === null ? NaN : Date.parse(text)
  // Date.parse takes 30 February for 2 March; an instant that does not exist is refused.
  const isReal =
    parts !== null &&
    Number(parts[3]) <= new Date(Date.UTC(Number(parts[1]), Number(parts[2]), 0)).getUTCDate()
  // An offset can lead out of the four digits that a year has: what is kept must be readable again.
  const kept = Number.isNaN(time) ? '' : new Date(time).toISOString()
  if (!INSTANT.test(kept) || !isReal)
    throw new FactInvalidError(
      'expiresAt',
      `\`${text.slice(0, 40)}\` is no instant`,
      'write it as in `2027-01-01T00:00:00Z`',
    )
  return kept
}

/** A copy that nobody else can change, of at most 16 KiB. */
export function parseExtra(value: unknown): JsonObject {
  const raw = parseObject(value, 'extra')
  const copy = copyJson(raw, 'extra', 0) as JsonObject
  const bytes = utf8Length(JSON.stringify(copy))
  if (bytes > LIMITS.extraBytesMax)
    throw new LimitExceededError('extraBytesMax', LIMITS.extraBytesMax, `\`extra\` has ${bytes} bytes`)
  return copy
}

function copyJson(value: unknown, path: string, depth: number): Json {
  if (depth > LIMITS.extraDepthMax)
    throw new LimitExceededError('extraDepthMax', LIMITS.extraDepthMax, '`extra` is nested too deep')
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new FactInvalidError(path, 'a lone surrogate')
    return value
  }
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? 0 : value
  if (Array.isArray(value))
    return Object.freeze(value.map((each: unknown, i) => copyJson(each, `${path}[${i}]`, depth + 1)))
  const raw = parseObject(value, path)
  // Defined rather than assigned: `__proto__` is a key like any other.
  const copy: Record<string, Json> = {}
  for (const key of Object.keys(raw)) {
    if (!key.isWellFormed()) throw new FactInvalidError(path, 'a lone surrogate in a key')
    Object.defineProperty(copy, key, {
      value: copyJson(raw[key], `${path}.${key}`, depth + 1),
      enumerable: true,
    })
  }
  return Object.freeze(copy)
}

function parseObject(value: unknown, path: string): Raw {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FactInvalidError(path, 'not an object')
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw new FactInvalidError(path, 'not a plain object')
  return value as Raw
}

function parseKind(raw: Raw): FactKind {
  const kind = has(raw, 'kind') ? raw['kind'] : undefined
  const known = FACT_KINDS.find((each) => each === kind)
  if (known === undefined)
    throw new FactInvalidError(
      'kind',
      kind === undefined
        ? 'it is missing'
        : typeof kind === 'string'
          ? `no facts of kind \`${kind.slice(0, 40)}\``
          : 'not a string',
      `write one of ${FACT_KINDS.join(', ')}`,
    )
  return known
}

function refuseOthers(raw: Raw, fields: readonly string[]): void {
  for (const key of Object.keys(raw)) {
    if (key !== 'kind' && !fields.includes(key))
      throw new FactInvalidError(
        key.slice(0, 40),
        'it is not a field of this kind',
        `write any of ${fields.join(', ')}`,
      )
  }
}

function has(raw: Raw, field: string): boolean {
  return Object.hasOwn(raw, field)
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value }
}

/** Equal facts, whatever the order of the keys in `extra`. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (
    typeof a !== 'object' ||
    typeof b !== 'object' ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && sameJson((a as Raw)[key], (b as Raw)[key]))
}
