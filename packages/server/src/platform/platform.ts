import {
  chmodSync,
  existsSync,
  fsyncSync,
  openSync,
  closeSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Change, EngineOptions } from '@castellan/engine'
import { openLive, type Live } from '@castellan/store'
import { openSqliteStore } from '@castellan/store/sqlite'
import { issueToken } from '../tokens/issue.ts'
import type { TokenSecrets } from '../tokens/secret.ts'
import { openSqliteTokenSecrets } from '../tokens/sqlite.ts'
import { PlatformError } from './errors.ts'
import type { Settings } from '../settings/list.ts'
import { readSettings, type SettingOverrides } from '../settings/read.ts'

const SETTINGS = 'settings'
const SETTINGS_FILE = 'castellan.json'
const DATA = 'data'

export interface NewPlatform {
  /** Absolute. */
  readonly dir: string
  readonly admin: string
  /** Shown this once; only its hash is kept. */
  readonly token: string
}

export interface Platform {
  readonly dir: string
  /** The file of facts and journal. */
  readonly database: string
  readonly settings: Settings
  readonly live: Live
  readonly tokens: TokenSecrets
  close(): Promise<void>
}

export interface OpenPlatformOptions extends Pick<EngineOptions, 'rules' | 'catalog' | 'now'> {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly overrides?: SettingOverrides
}

/** What lets members of `admin` do an operator's work; each can be revoked, or granted to others. */
export const ADMIN_PERMISSIONS = [
  'castellan:check',
  'castellan:facts',
  'castellan:grants',
  'castellan:users',
  'castellan:apps',
  'castellan:journal',
  'castellan:metrics',
  // Of everything, declared now or later: who holds it, what a change would do, and revoking.
  'manage',
] as const

/**
 * Makes a platform folder: settings, databases, the user `admin` and a full token for it.
 *
 * @param dir - empty or not there
 * @throws {PlatformError} PLATFORM_EXISTS, PLATFORM_FAILED
 */
export async function createPlatform(
  dir: string,
  options: Pick<EngineOptions, 'now'> = {},
): Promise<NewPlatform> {
  const root = resolve(dir)
  const isOurs = claim(root)
  try {
    const token = await fill(join(root, DATA), options)
    // The settings make the folder a platform. They come last and whole: before that it opens as none.
    writeSettings(root)
    return { dir: root, admin: ADMIN, token }
  } catch (error) {
    for (const name of [SETTINGS, `${SETTINGS}-new`, DATA])
      rmSync(join(root, name), { recursive: true, force: true })
    if (isOurs) rmdirSync(root)
    throw error
  }
}

const ADMIN = 'user:admin'

/** Opens a platform folder for serving. @throws {PlatformError} {StoreError} */
export async function openPlatform(
  dir: string,
  { env, overrides, ...engineOptions }: OpenPlatformOptions = {},
): Promise<Platform> {
  const root = resolve(dir)
  const file = join(root, SETTINGS, SETTINGS_FILE)
  if (!existsSync(file)) {
    throw new PlatformError(
      'PLATFORM_MISSING',
      `\`${root}\` is no platform folder`,
      'make one with `castellan init <dir>`',
    )
  }
  const settings = readSettings({
    file,
    ...(env !== undefined && { env }),
    ...(overrides !== undefined && { overrides }),
  })
  const database = databaseOf(settings, root)
  const store = await openSqliteStore({ path: database, create: false })
  try {
    const tokens = openSqliteTokenSecrets({ path: tokensOf(database) })
    const live = openLive({ store, ...engineOptions })
    return { dir: root, database, settings, live, tokens, close: () => closeBoth(live, tokens) }
  } catch (error) {
    store.close()
    throw error
  }
}

async function closeBoth(live: Live, tokens: TokenSecrets): Promise<void> {
  await live.close()
  tokens.close()
}

/** Takes an empty folder for ours. @returns whether the folder is new */
function claim(root: string): boolean {
  try {
    const isOurs = mkdirSync(root, { recursive: true, mode: 0o700 }) !== undefined
    const found = readdirSync(root)
    if (found.length > 0) throw existsError(root, found)
    mkdirSync(join(root, DATA), { mode: 0o700 })
    chmodSync(root, 0o700)
    return isOurs
  } catch (error) {
    if (error instanceof PlatformError) throw error
    // Two who try at once both find it empty; one of them makes `data`.
    if (codeOf(error) === 'EEXIST' && existsSync(join(root, DATA))) throw existsError(root, [DATA])
    throw new PlatformError(
      'PLATFORM_FAILED',
      `\`${root}\` cannot be made: ${messageOf(error)}`,
      'choose a folder you may write to',
      { cause: error },
    )
  }
}

function existsError(root: string, found: readonly string[]): PlatformError {
  if (existsSync(join(root, SETTINGS, SETTINGS_FILE))) {
    return new PlatformError(
      'PLATFORM_EXISTS',
      `\`${root}\` is a platform folder already`,
      'serve it with `castellan serve --dir`, or choose another folder',
    )
  }
  const isHalf = found.every((name) => [DATA, `${SETTINGS}-new`].includes(name))
  return new PlatformError(
    'PLATFORM_EXISTS',
    `\`${root}\` is not empty`,
    isHalf
      ? 'it looks like an init that was interrupted: remove the folder and try again'
      : 'choose an empty folder, or one that is not there yet',
  )
}

async function fill(data: string, options: Pick<EngineOptions, 'now'>): Promise<string> {
  const database = join(data, 'castellan.db')
  const store = await openSqliteStore({ path: database })
  const live = openLive({ store, ...options })
  const tokens = openSqliteTokenSecrets({ path: tokensOf(database) })
  try {
    await live.change(firstFacts(), { reason: 'init' })
    const { secret } = await issueToken({ live, tokens }, { issuer: ADMIN, full: true }, { reason: 'init' })
    chmodSync(database, 0o600)
    return secret
  } finally {
    await closeBoth(live, tokens)
  }
}

function firstFacts(): Change[] {
  const grants = ADMIN_PERMISSIONS.map(
    (permission) =>
      ({ kind: 'grant', issuer: 'system', holder: 'group:admin', permission, extra: {} }) as const,
  )
  return [
    { add: { kind: 'user', id: 'admin' } },
    { add: { kind: 'member', group: 'admin', member: ADMIN } },
    ...grants.map((grant) => ({ add: grant })),
  ]
}

function writeSettings(root: string): void {
  const draft = join(root, `${SETTINGS}-new`)
  mkdirSync(draft, { mode: 0o700 })
  const file = join(draft, SETTINGS_FILE)
  writeFileSync(
    file,
    `${JSON.stringify({ host: '127.0.0.1', port: 7070, store: 'sqlite:data/castellan.db' }, null, 2)}\n`,
    { mode: 0o600, flush: true },
  )
  sync(draft)
  renameSync(draft, join(root, SETTINGS))
  sync(root)
  sync(dirname(root))
}

/** Makes what stands in a folder durable. Windows has no such thing, and needs none. */
function sync(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function databaseOf({ store }: Settings, root: string): string {
  return resolve(root, store.slice('sqlite:'.length))
}

function tokensOf(database: string): string {
  return join(dirname(database), 'tokens.db')
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
