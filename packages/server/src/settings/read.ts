import { readFileSync } from 'node:fs'
import { findNearest } from '@castellan/engine'
import { JsonInvalidError, parseJson, printPath } from '@castellan/protocol'
import type { z } from 'zod'
import { PlatformError } from '../platform/errors.ts'
import { findDisagreements } from './agree.ts'
import {
  environmentName,
  flagName,
  sayTakes,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
  type Settings,
  type SettingSeen,
} from './list.ts'
import { settingsShape } from './shape.ts'

export interface SettingSources {
  /** The file. */
  readonly file: string
  readonly env?: Environment
  /** Flags: they win over the environment, which wins over the file. A text is read as the environment's are. */
  readonly overrides?: SettingOverrides
}

type Environment = Readonly<Record<string, string | undefined>>
export type SettingOverrides = { readonly [Name in SettingName]?: Settings[Name] | string }

export interface SettingsReport {
  /** In the order of the list. */
  readonly settings: readonly SettingSeen[]
  /** What stops the start, each with the setting it is about. */
  readonly problems: readonly PlatformError[]
}

/** @throws {PlatformError} SETTINGS_INVALID, naming the setting and where it came from */
export function readSettings(sources: SettingSources): Settings {
  const { settings, problems } = examineSettings(sources)
  if (problems[0] !== undefined) throw problems[0]
  return Object.fromEntries(settings.map(({ name, value }) => [name, value])) as unknown as Settings
}

/** Every setting with where it came from, and everything that is wrong with them. Throws nothing. */
export function examineSettings({ file, env = {}, overrides = {} }: SettingSources): SettingsReport {
  const problems: PlatformError[] = []
  const inFile = readSettingsFile(file, problems)
  const settings = SETTING_NAMES.map((name): SettingSeen => {
    const found = [
      { source: 'flag', from: flagName(name), given: overrides[name] },
      // An empty variable is how shells unset one for a single command.
      { source: 'environment', from: environmentName(name), given: env[environmentName(name)] || undefined },
      { source: 'file', from: file, given: Object.hasOwn(inFile, name) ? inFile[name] : undefined },
    ] as const
    const said = found.filter(({ given }) => given !== undefined)
    for (const { source, from, given } of said) {
      if (source !== 'file') problems.push(...problemsOf(name, valueOf(name, given), from))
    }
    const [first] = said
    if (first === undefined) return { name, value: SETTINGS[name].default, source: 'default', from: null }
    const { source, from, given } = first
    return {
      name,
      value: (source === 'file' ? given : valueOf(name, given)) as Settings[SettingName],
      source,
      from,
    }
  })
  // Of what is not right in itself nobody can say whether it fits the rest.
  return { settings, problems: problems.length > 0 ? problems : findDisagreements(settings) }
}

/** Variables that look like a setting's and are none, each with the one that was probably meant. */
export function findMisspelt(env: Environment): { readonly name: string; readonly nearest: string }[] {
  const known = SETTING_NAMES.map(environmentName)
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith('CASTELLAN_') || known.includes(name) || OTHER_VARIABLES.has(name)) return []
    const nearest = findNearest(name, known)
    return nearest === undefined ? [] : [{ name, nearest }]
  })
}

/** What the command reads besides. */
const OTHER_VARIABLES = new Set(['CASTELLAN_SERVER', 'CASTELLAN_TOKEN'])

function readSettingsFile(file: string, problems: PlatformError[]): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseSettingsFile(file)
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    problems.push(error)
    return {}
  }
  const result = settingsShape.safeParse(value)
  if (!result.success)
    problems.push(...result.error.issues.flatMap((issue) => problemsIn(issue, file, value)))
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}

function parseSettingsFile(file: string): unknown {
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

function problemsOf(name: SettingName, value: unknown, from: string): PlatformError[] {
  if (settingsShape.shape[name].safeParse(value).success) return []
  return [wrongValue(name, value, `\`${from}\``)]
}

/** An issue of the whole file may name several unknown settings. */
function problemsIn(issue: z.core.$ZodIssue, file: string, value: unknown): PlatformError[] {
  const source = `\`${file}\``
  if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownSetting(name, source))
  const path = printPath(issue.path)
  const name = SETTING_NAMES.find((known) => known === path)
  if (name !== undefined)
    return [wrongValue(name, (value as Record<string, unknown>)[name], `${source}: \`${name}\``)]
  const where = path === '' ? source : `${source}: \`${path}\``
  const said = `${issue.message.slice(0, 1).toLowerCase()}${issue.message.slice(1)}`
  return [
    new PlatformError('SETTINGS_INVALID', `${where}: ${said}`, 'write one JSON object of settings', { path }),
  ]
}

function wrongValue(name: SettingName, value: unknown, source: string): PlatformError {
  const given = (JSON.stringify(value) ?? 'nothing').slice(0, GIVEN_SHOWN)
  return new PlatformError(
    'SETTINGS_INVALID',
    `${source} takes ${sayTakes(SETTINGS[name])}, not \`${given}\``,
    `it is ${SETTINGS[name].doc}`,
    { path: name },
  )
}

/** Characters of a wrong value that are shown. */
const GIVEN_SHOWN = 60

function unknownSetting(name: string, source: string): PlatformError {
  const path = printPath([name])
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/gu, '')
  const nearest =
    SETTING_NAMES.find((known) => plain(known) === plain(name)) ?? findNearest(name, SETTING_NAMES)
  const hint =
    nearest === undefined ? `the settings are ${SETTING_NAMES.join(', ')}` : `did you mean \`${nearest}\`?`
  return new PlatformError('SETTINGS_INVALID', `${source}: \`${path}\` is no setting`, hint, { path })
}

/** The environment and flags hold text only. What is no number stays text, and is refused as such. */
function valueOf(name: SettingName, given: unknown): unknown {
  if (typeof given !== 'string') return given
  const setting: Setting = SETTINGS[name]
  switch (setting.kind) {
    case 'whole':
      return /^[0-9]{1,15}$/u.test(given) ? Number(given) : given
    case 'number':
      return /^[0-9]{1,15}(?:\.[0-9]{1,15})?$/u.test(given) ? Number(given) : given
    case 'switch':
      return given === 'true' ? true : given === 'false' ? false : given
    default:
      return given
  }
}
