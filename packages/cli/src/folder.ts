import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CommandError, usageError } from './exit.ts'
import type { Io } from './io.ts'
import { shellWord } from './render/words.ts'

/** The folder that `castellan start` makes beside where it is run. */
export const START_FOLDER = 'castellan-data'

/** The platform folder around a place, or the one that lies in it. */
export function findFolder(cwd: string): string | undefined {
  for (let dir = cwd; ; dir = dirname(dir)) {
    if (isFolder(dir)) return dir
    if (dirname(dir) === dir) break
  }
  const beside = join(cwd, START_FOLDER)
  return isFolder(beside) ? beside : undefined
}

export function isFolder(dir: string): boolean {
  return existsSync(settingsPath(dir))
}

export function settingsPath(dir: string): string {
  return join(dir, 'settings', 'castellan.json')
}

export interface Folder {
  readonly dir: string
  /** The database of facts and journal. */
  readonly database: string
}

/**
 * Finds what is in a platform folder, as the server would, without loading the server. Everything else in the
 * settings is for the server to judge.
 */
export function readFolder(io: Io, dir: string): Folder {
  if (!isFolder(dir))
    throw usageError(`\`${dir}\` is no platform folder`, `make one with \`castellan init ${shellWord(dir)}\``)
  const store = io.env['CASTELLAN_STORE'] || findStoreSetting(settingsPath(dir)) || STORE_DEFAULT
  return { dir, database: parseStore(store, dir) }
}

const STORE_DEFAULT = 'sqlite:data/castellan.db'

function findStoreSetting(path: string): string | undefined {
  try {
    const settings: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const store: unknown =
      typeof settings === 'object' && settings !== null ? Reflect.get(settings, 'store') : undefined
    return typeof store === 'string' ? store : undefined
  } catch (error) {
    throw usageError(
      `\`${path}\` cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'correct the file; `castellan doctor` says more',
    )
  }
}

/**
 * @param from - the folder that a relative path is taken from
 * @returns the path of the file
 */
export function parseStore(store: string, from: string): string {
  const scheme = /^(?<scheme>[a-z]+):/i.exec(store)?.groups?.['scheme']?.toLowerCase()
  if (scheme === 'postgres' || scheme === 'postgresql')
    throw new CommandError(
      'NOT_THERE_YET',
      'PostgreSQL is not there yet as a store',
      'use `sqlite:<file>` until it is',
    )
  if (scheme !== 'sqlite') throw usageError(`\`${store}\` is no store`, 'as in `--store sqlite:castellan.db`')
  const file = store.slice('sqlite:'.length)
  if (file === '') throw usageError('`sqlite:` names no file', 'as in `--store sqlite:castellan.db`')
  return resolve(from, file)
}
