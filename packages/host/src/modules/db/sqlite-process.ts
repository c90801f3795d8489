// The process that runs an app's SQLite. A statement is native code, which cannot be stopped other than by ending its
// process; so it has one. It is told which file to open, and which statement to run.

import { constants, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { serve } from '../helper/serve.ts'
import { SQLITE_FRAMES, type SqliteAnswer, type SqliteCommand } from './sqlite-protocol.ts'
import { fromWire, toWire, type Wire } from './values.ts'

interface Opened {
  readonly main: DatabaseSync
  /** Reads what is committed while a transaction is open on the other. */
  readonly reader: DatabaseSync
}

const databases = new Map<string, Opened>()
/** Set while this process itself begins and ends a transaction: an app's statement may not. */
let isOwn = false

serve(
  SQLITE_FRAMES,
  ({ head, blobs }) => {
    const out: Uint8Array[] = []
    const answer = obey(head as SqliteCommand, blobs, out)
    return Promise.resolve({ head: answer, blobs: out })
  },
  () => {
    for (const { main, reader } of databases.values()) {
      reader.close()
      main.close()
    }
  },
)

function obey(command: SqliteCommand, blobs: readonly Uint8Array[], out: Uint8Array[]): SqliteAnswer {
  try {
    const opened = databases.get(command.file) ?? open(command)
    if (command.do === 'run') return { ok: run(command, opened, blobs, out) }
    isOwn = true
    opened.main.exec({ begin: 'BEGIN IMMEDIATE', commit: 'COMMIT', rollback: 'ROLLBACK' }[command.do])
    return { ok: { columns: [], rows: [], count: 0 } }
  } catch (error) {
    return { error: told(error) }
  } finally {
    isOwn = false
  }
}

function open({ file, fileBytesMax }: SqliteCommand): Opened {
  const options = {
    timeout: 2_000,
    defensive: true,
    allowExtension: false,
    limits: {
      length: 32 * 1024 * 1024,
      sqlLength: 1024 * 1024,
      attach: 0,
      likePatternLength: 1_000,
      exprDepth: 500,
    },
  }
  const main = new DatabaseSync(file, options)
  main.exec('PRAGMA journal_mode = WAL')
  const { page_size: pageBytes } = main.prepare('PRAGMA page_size').get() as { page_size: number }
  const reader = new DatabaseSync(file, { ...options, readOnly: true })
  for (const database of [main, reader]) {
    // What sorts or groups too much meets the bound of memory, not the disk.
    database.exec('PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
    if (database === main)
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`)
    database.setAuthorizer(authorize)
  }
  const opened = { main, reader }
  databases.set(file, opened)
  return opened
}

function run(
  { sql, values, names, isRead, rowsMax, bytesMax }: Extract<SqliteCommand, { do: 'run' }>,
  { main, reader }: Opened,
  blobs: readonly Uint8Array[],
  out: Uint8Array[],
): { columns: string[]; rows: Wire[][]; count: number } {
  const database = isRead ? reader : main
  const statement = database.prepare(sql)
  // The statement is as long as what was read of it; anything after that would never run.
  if (!isBlank(sql.slice(statement.sourceSQL.length)))
    throw new Refusal('DB_ONE_STATEMENT', 'one statement in a call')
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const columns = statement.columns().map(({ name }) => name)
  const given = values.map((value) => toSqlite(fromWire(value, blobs, (bytes) => bytes)))
  const before = changesOf(main)
  const rows: Wire[][] = []
  let bytes = 0
  for (const row of iterate(statement, given, names)) {
    const wires = row.map((value) => fromSqlite(value, out))
    bytes += wires.reduce((sum: number, wire) => sum + sizeOf(wire, out), 0)
    rows.push(wires)
    if (rows.length > rowsMax) throw new Refusal('DB_TOO_MANY_ROWS', `more than ${rowsMax} rows`)
    if (bytes > bytesMax) throw new Refusal('DB_TOO_LARGE', `more than ${bytesMax} bytes`)
  }
  return { columns, rows, count: isRead ? 0 : Number(changesOf(main) - before) }
}

function iterate(
  statement: StatementSync,
  values: readonly SQLInputValue[],
  names: readonly string[] | undefined,
): Iterable<readonly unknown[]> {
  const rows: unknown =
    names === undefined
      ? statement.iterate(...values)
      : statement.iterate(Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])))
  return rows as Iterable<readonly unknown[]>
}

function changesOf(database: DatabaseSync): bigint {
  isOwn = true
  try {
    const statement = database.prepare('SELECT total_changes() AS n')
    statement.setReadBigInts(true)
    return (statement.get() as { n: bigint }).n
  } finally {
    isOwn = false
  }
}

function toSqlite(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'bigint' || value instanceof Uint8Array)
    return value
  // A whole number is one in every column: as a double it would be `5.0` in a text column.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (value instanceof Date) return value.toISOString()
  return JSON.stringify(value)
}

function fromSqlite(value: unknown, out: Uint8Array[]): Wire {
  if (typeof value !== 'bigint') return toWire(value, out)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

function sizeOf(wire: Wire, out: readonly Uint8Array[]): number {
  if (typeof wire === 'string') return wire.length
  if (typeof wire === 'object' && wire !== null && 'b' in wire) return out[wire.b]?.length ?? 0
  return 8
}

const { SQLITE_OK, SQLITE_DENY, SQLITE_IGNORE } = constants

/** Every kind of thing that a statement may do is here; what is not is denied. */
const ALLOWED = new Set([
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_TEMP_INDEX,
  constants.SQLITE_CREATE_TEMP_TABLE,
  constants.SQLITE_CREATE_TEMP_TRIGGER,
  constants.SQLITE_CREATE_TEMP_VIEW,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_DELETE,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TABLE,
  constants.SQLITE_DROP_TEMP_INDEX,
  constants.SQLITE_DROP_TEMP_TABLE,
  constants.SQLITE_DROP_TEMP_TRIGGER,
  constants.SQLITE_DROP_TEMP_VIEW,
  constants.SQLITE_DROP_TRIGGER,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_DROP_VTABLE,
  constants.SQLITE_INSERT,
  constants.SQLITE_READ,
  constants.SQLITE_SELECT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_REINDEX,
  constants.SQLITE_ANALYZE,
  constants.SQLITE_RECURSIVE,
])
const FUNCTIONS_DENIED = new Set(['load_extension', 'fts3_tokenizer', 'rbu_fossil_delta', 'rbu_tmp_insert'])
const VIRTUAL_TABLES = new Set(['fts5', 'fts4', 'rtree'])
/** Those that tell. */
const PRAGMAS = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
  'foreign_key_check',
  'integrity_check',
  'quick_check',
  'compile_options',
  'data_version',
])
/** Those that an app may also set. */
const PRAGMAS_SETTABLE = new Set(['foreign_keys', 'defer_foreign_keys', 'user_version', 'application_id'])
/** Those that an app may read, and whose setting is the host's: an app that sets one goes on as if it had. */
const PRAGMAS_HOST = new Set([
  'journal_mode',
  'synchronous',
  'cache_size',
  'busy_timeout',
  'encoding',
  'page_size',
  'page_count',
  'freelist_count',
  'temp_store',
  'mmap_size',
  'auto_vacuum',
  'wal_autocheckpoint',
  'optimize',
])

function authorize(action: number, first: string | null, second: string | null): number {
  if (isOwn || ALLOWED.has(action)) return SQLITE_OK
  switch (action) {
    case constants.SQLITE_FUNCTION:
      return FUNCTIONS_DENIED.has((second ?? '').toLowerCase()) ? SQLITE_DENY : SQLITE_OK
    case constants.SQLITE_CREATE_VTABLE:
      return VIRTUAL_TABLES.has((second ?? '').toLowerCase()) ? SQLITE_OK : SQLITE_DENY
    case constants.SQLITE_PRAGMA: {
      const name = (first ?? '').toLowerCase()
      if (PRAGMAS.has(name) || PRAGMAS_SETTABLE.has(name)) return SQLITE_OK
      if (PRAGMAS_HOST.has(name)) return second === null ? SQLITE_OK : SQLITE_IGNORE
      return SQLITE_DENY
    }
    default:
      return SQLITE_DENY
  }
}

class Refusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const SQLITE_READONLY = 8

/** What apps look for, by the names that SQLite has for them. */
const CODES = new Map([
  [5, 'SQLITE_BUSY'],
  [13, 'SQLITE_FULL'],
  [18, 'SQLITE_TOOBIG'],
  [19, 'SQLITE_CONSTRAINT'],
  [23, 'SQLITE_AUTH'],
  [275, 'SQLITE_CONSTRAINT_CHECK'],
  [787, 'SQLITE_CONSTRAINT_FOREIGNKEY'],
  [1299, 'SQLITE_CONSTRAINT_NOTNULL'],
  [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY'],
  [2067, 'SQLITE_CONSTRAINT_UNIQUE'],
])

/** What SQLite says of a statement speaks of the app's own tables; anything else is not for the app. */
function told(error: unknown): { code: string; message: string } {
  if (error instanceof Refusal) return { code: error.code, message: error.message }
  if (!(error instanceof Error)) return { code: 'DB_FAILED', message: 'the statement failed' }
  if ('errcode' in error && typeof error.errcode === 'number') {
    const code = (error.errcode & 0xff) === SQLITE_READONLY ? 'DB_READ_ONLY' : CODES.get(error.errcode)
    return { code: code ?? 'SQLITE_ERROR', message: error.message }
  }
  return { code: 'DB_FAILED', message: error.message }
}

function isBlank(rest: string): boolean {
  return /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/.test(rest)
}
