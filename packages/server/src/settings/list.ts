/**
 * Every setting, as data: the file's shape and schema, the environment, the flags of `serve`, the reference and the
 * server's own defaults are made of this list. It loads nothing, so that the command can read it for its help.
 */

interface Described {
  /** What it is, for people: with its unit, and why there is a bound. */
  readonly doc: string
}

export interface TextSetting extends Described {
  readonly kind: 'text'
  readonly default: string
  /** Empty means that there is none. */
  readonly mayBeEmpty: boolean
}

export interface NumberSetting extends Described {
  readonly kind: 'whole' | 'number'
  readonly default: number
  readonly min: number
  readonly max: number
}

export interface ChoiceSetting<Value extends string = string> extends Described {
  readonly kind: 'choice'
  readonly default: Value
  readonly values: readonly Value[]
}

export interface SwitchSetting extends Described {
  readonly kind: 'switch'
  readonly default: boolean
}

export type Setting = TextSetting | NumberSetting | ChoiceSetting | SwitchSetting

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export const SETTINGS = {
  host: text('127.0.0.1', 'the address to listen on'),
  port: whole(7070, 0, 65_535, 'the port to listen on; 0 takes a free one'),
  publicUrl: text(
    '',
    'where others reach the server, as its documents name it; empty: the address it listens on',
  ),
  store: text('sqlite:data/castellan.db', 'where facts are kept; a path is taken from the platform folder'),

  logLevel: choice('info', LOG_LEVELS, 'the least that is logged'),
  accessLogLevel: choice(
    'debug',
    ['off', 'trace', 'debug', 'info'],
    'at which level each request is logged, one line each: with the default `logLevel` not at all',
  ),

  bodyBytesMax: whole(
    262_144,
    1_024,
    67_108_864,
    'largest body of a request, in bytes: what one caller makes us hold',
  ),
  headerBytesMax: whole(
    16_384,
    1_024,
    262_144,
    'largest head of a request, in bytes, its first line included',
  ),
  headersMs: whole(
    10_000,
    100,
    600_000,
    'for the head of a request to arrive, in milliseconds; a slower one holds a connection for nothing',
  ),
  requestMs: whole(
    30_000,
    100,
    3_600_000,
    'for a whole request to arrive, in milliseconds; not less than `headersMs`',
  ),
  idleMs: whole(
    10_000,
    100,
    3_600_000,
    'for a connection on which nothing happens between requests, in milliseconds',
  ),
  connectionsMax: whole(16_384, 1, 1_000_000, 'open connections; each takes some 20 KiB'),

  followersMax: whole(
    1_000,
    0,
    100_000,
    'who may follow the journal at once; each takes a connection, and the next one is answered 503',
  ),
  followersBytesMax: whole(
    67_108_864,
    65_536,
    10_000_000_000,
    'bytes of events that followers have not taken in, all of them together, each event once; beyond it whoever waits longest is cut off, and for 5 seconds more it is told why',
  ),
  followerStallMs: whole(
    30_000,
    100,
    3_600_000,
    'for a follower that takes nothing in, in milliseconds; up to 64 KiB are held for it, and one event',
  ),
  heartbeatMs: whole(
    15_000,
    100,
    3_600_000,
    'between two signs of life to a follower, in milliseconds; with each its right is looked at',
  ),

  rateLimitTokenPerSecond: number(0, 0, 1_000_000, 'requests of one token in a second; 0: as many as come'),
  rateLimitTokenBurst: whole(100, 1, 1_000_000, 'requests of one token at once, after a pause'),
  rateLimitAddressPerSecond: number(
    0,
    0,
    1_000_000,
    'requests from one address in a second, with or without a token; 0: as many as come',
  ),
  rateLimitAddressBurst: whole(200, 1, 1_000_000, 'requests from one address at once, after a pause'),
  rateLimitAnonymousPerSecond: number(
    50,
    0,
    1_000_000,
    'requests from one address in a second that come without a token that stands; 0: as many as come',
  ),
  rateLimitAnonymousBurst: whole(500, 1, 1_000_000, 'of these at once, after a pause'),
  trustedProxies: text(
    '',
    'proxies whose `X-Forwarded-For` says from which address a request comes: addresses and networks with commas between',
  ),

  metricsOpen: toggle(
    false,
    'whether anyone may read `/metrics`; else it takes a token that holds `castellan:metrics`',
  ),
  diskFreeBytesMin: whole(
    67_108_864,
    0,
    1_000_000_000_000,
    'room on the disk of the database, in bytes, below which `/readyz` sends requests elsewhere',
  ),

  decisionLogFile: text(
    '',
    'where a sample of the decisions is written, with the grants they rested on; a path is taken from the platform folder; empty: nowhere',
  ),
  decisionLogSample: number(0.01, 0, 1, 'what share of the decisions is written'),
  decisionLogBytesMax: whole(
    67_108_864,
    65_536,
    10_000_000_000,
    'size of one file of it, in bytes; then it is put aside as `….1`',
  ),
  decisionLogFilesMax: whole(8, 1, 1_000, 'files of it that are kept, with the one that is written'),

  stopDelayMs: whole(
    0,
    0,
    600_000,
    'how long `/readyz` says that the server is going before it takes no more connections, in milliseconds',
  ),
  stopGraceMs: whole(
    10_000,
    0,
    600_000,
    'for requests under way to end when the server stops, in milliseconds; then they are cut off',
  ),
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof SETTINGS
export type Settings = { readonly [Name in SettingName]: (typeof SETTINGS)[Name]['default'] }

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

export const SETTING_DEFAULTS = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, SETTINGS[name].default]),
) as unknown as Settings

/** What a setting is, and who said so. */
export interface SettingSeen {
  readonly name: SettingName
  readonly value: Settings[SettingName]
  readonly source: 'default' | 'file' | 'environment' | 'flag'
  /** The file, the variable or the flag; null for a default. */
  readonly from: string | null
}

/** `a whole number from 0 to 65535`. */
export function sayTakes(setting: Setting): string {
  switch (setting.kind) {
    case 'text':
      return setting.mayBeEmpty ? 'a text' : 'a text that is not empty'
    case 'whole':
      return `a whole number from ${setting.min} to ${setting.max}`
    case 'number':
      return `a number from ${setting.min} to ${setting.max}`
    case 'choice':
      return `one of ${setting.values.join(', ')}`
    case 'switch':
      return 'true or false'
  }
}

/** `logLevel` is `CASTELLAN_LOG_LEVEL`. */
export function environmentName(name: SettingName): string {
  return `CASTELLAN_${wordsOf(name, '_').toUpperCase()}`
}

/** `logLevel` is `--log-level`. */
export function flagName(name: SettingName): string {
  return `--${wordsOf(name, '-')}`
}

function wordsOf(name: SettingName, between: string): string {
  return name.replaceAll(/[A-Z]/gu, (letter) => between + letter.toLowerCase())
}

function text(value: string, doc: string): TextSetting {
  return { kind: 'text', default: value, mayBeEmpty: value === '', doc }
}

function whole(value: number, min: number, max: number, doc: string): NumberSetting {
  return { kind: 'whole', default: value, min, max, doc }
}

function number(value: number, min: number, max: number, doc: string): NumberSetting {
  return { kind: 'number', default: value, min, max, doc }
}

function toggle(value: boolean, doc: string): SwitchSetting {
  return { kind: 'switch', default: value, doc }
}

function choice<const Value extends string>(
  value: Value,
  values: readonly Value[],
  doc: string,
): ChoiceSetting<Value> {
  return { kind: 'choice', default: value, values, doc }
}
