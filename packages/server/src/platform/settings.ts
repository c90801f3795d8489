import { readFileSync } from 'node:fs'
import { JsonInvalidError, parseJson, printPath } from '@castellan/protocol'
import { z } from '@hono/zod-openapi'
import { findPublicUrl } from '../public-url.ts'
import { PlatformError } from './errors.ts'

/** `settings/castellan.json`. Every key has a default, so `{}` is a whole file. */
export const settingsShape = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('the address to listen on'),
  port: z.int().min(0).max(65_535).default(7070).describe('the port to listen on; 0 takes a free one'),
  publicUrl: z
    .string()
    .refine(
      (text) => text === '' || findPublicUrl(text) !== undefined,
      'Expected a URL, without query or user',
    )
    .default('')
    .describe('where others reach the server, as its documents name it; empty: the address it listens on'),
  store: z
    .string()
    .min(1)
    .default('sqlite:data/castellan.db')
    .describe('where facts are kept; a path is taken from the platform folder'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('the least that is logged'),
})

export type Settings = z.output<typeof settingsShape>
export type SettingName = keyof Settings

export const SETTING_NAMES = Object.keys(settingsShape.shape) as readonly SettingName[]

/** `logLevel` is `CASTELLAN_LOG_LEVEL`. */
export function environmentName(name: SettingName): string {
  return `CASTELLAN_${name.replaceAll(/[A-Z]/gu, (letter) => `_${letter}`).toUpperCase()}`
}

export interface SettingSources {
  /** The file. */
  readonly file: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Flags: they win over the environment, which wins over the file. */
  readonly overrides?: Partial<Settings>
}

/** @throws {PlatformError} SETTINGS_INVALID, naming the setting and where it came from */
export function readSettings({ file, env = {}, overrides = {} }: SettingSources): Settings {
  const settings: Record<string, unknown> = { ...parseSettings(readSettingsFile(file), `\`${file}\``) }
  for (const name of SETTING_NAMES) {
    const text = env[environmentName(name)]
    // An empty variable is how shells unset one for a single command.
    if (text !== undefined && text !== '')
      settings[name] = parseOne(name, fromText(name, text), `\`${environmentName(name)}\``)
    if (overrides[name] !== undefined) settings[name] = parseOne(name, overrides[name], `\`${name}\``)
  }
  return settings as Settings
}

function readSettingsFile(file: string): unknown {
  const text = readFileSync(file, 'utf8')
  try {
    return parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonInvalidError)) throw error
    const before = text.slice(0, error.position)
    const place = `line ${before.split('\n').length}, column ${error.position - before.lastIndexOf('\n')}`
    throw new PlatformError(
      'SETTINGS_INVALID',
      `\`${file}\` is not JSON at ${place}: ${error.message}`,
      'correct the file',
      { cause: error },
    )
  }
}

function parseSettings(value: unknown, source: string): Settings {
  const result = settingsShape.safeParse(value)
  if (result.success) return result.data
  throw settingError(result.error.issues[0]!, source)
}

function parseOne(name: SettingName, value: unknown, source: string): unknown {
  const result = settingsShape.shape[name].safeParse(value)
  if (result.success) return result.data
  throw settingError({ ...result.error.issues[0]!, path: [name] }, source)
}

function settingError(issue: z.core.$ZodIssue, source: string): PlatformError {
  if (issue.code === 'unrecognized_keys') {
    const [name = ''] = issue.keys
    const path = printPath([...issue.path, name])
    const nearest = SETTING_NAMES.find(
      (known) => known.toLowerCase() === name.toLowerCase().replaceAll(/[-_]/gu, ''),
    )
    const hint =
      nearest === undefined ? `the settings are ${SETTING_NAMES.join(', ')}` : `did you mean \`${nearest}\`?`
    return new PlatformError('SETTINGS_INVALID', `${source}: \`${path}\` is no setting`, hint, { path })
  }
  const path = printPath(issue.path)
  const name = SETTING_NAMES.find((known) => known === path)
  const doc =
    name === undefined ? 'one JSON object of settings' : (settingsShape.shape[name].description ?? '')
  return new PlatformError(
    'SETTINGS_INVALID',
    `${source}: \`${path}\` is not valid: ${issue.message.slice(0, 1).toLowerCase()}${issue.message.slice(1)}`,
    `it is ${doc}`,
    { path },
  )
}

/** An environment holds text only. */
function fromText(name: SettingName, text: string): unknown {
  return name === 'port' && /^[0-9]{1,5}$/u.test(text) ? Number(text) : text
}
