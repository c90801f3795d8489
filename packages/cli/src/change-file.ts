import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text as readStream } from 'node:stream/consumers'
import type { Change, Preconditions } from '@castellan/engine'
import { usageError } from './exit.ts'
import type { Io } from './io.ts'

export interface ChangeFile {
  readonly changes: readonly Change[]
  readonly preconditions?: Preconditions
  readonly reason?: string
}

/**
 * Reads a file of changes: `{"changes": […], "preconditions"?, "reason"?}` or the list alone. Only the outer shape is
 * looked at here; facts are judged by the engine, here or on the server.
 */
export async function readChangeFile(io: Io, name: string): Promise<ChangeFile> {
  const value = parseJson(await readText(io, name), name)
  if (Array.isArray(value)) return { changes: value as Change[] }
  if (typeof value !== 'object' || value === null || !('changes' in value) || !Array.isArray(value.changes)) {
    throw usageError(
      `\`${name}\` holds no list of changes`,
      'write `[{"add": …}, {"remove": …}]` or `{"changes": […]}`',
    )
  }
  const { changes, preconditions, reason, ...rest } = value as {
    readonly changes: Change[]
    readonly preconditions?: Preconditions
    readonly reason?: string
  }
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined)
    throw usageError(
      `\`${name}\` has an unknown key \`${unknown}\``,
      'the keys are `changes`, `preconditions` and `reason`',
    )
  if (reason !== undefined && typeof reason !== 'string')
    throw usageError(`\`reason\` in \`${name}\` is not a text`, 'write it as a string')
  return {
    changes,
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(reason === undefined ? {} : { reason }),
  }
}

/** A file, or standard input for `-`. */
async function readText(io: Io, name: string): Promise<string> {
  try {
    return name === '-' ? await readStream(io.stdin) : await readFile(resolve(io.cwd, name), 'utf8')
  } catch (error) {
    throw unreadable(name, error)
  }
}

export function unreadable(name: string, error: unknown): Error {
  return usageError(
    `\`${name}\` cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    'check the name of the file',
  )
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw usageError(
      `\`${name}\` is not JSON: ${error instanceof Error ? error.message : String(error)}`,
      'correct the file',
    )
  }
}
