import { EdgeError } from './errors.ts'
import { countMembers, JsonInvalidError, parseJson } from './json.ts'
import { parseShape } from './shape-error.ts'
import {
  checkEachRequest,
  checkRequest,
  type CheckEachRequest,
  type CheckRequest,
} from './shapes/questions.ts'

/**
 * The bodies of the decision routes, read by hand: a check costs less than the shapes' machinery. What does not
 * pass here at once goes through the shape, which knows how to complain; the tests hold the two to the same answer.
 *
 * @throws {EdgeError} BODY_INVALID
 */
export function parseCheckBody(text: string): CheckRequest {
  const members = countMembers(text)
  const value = members < 0 ? undefined : parseQuietly(text)
  return isCheck(value, members) ? value : parseShape(checkRequest, parseBody(text), 'BODY_INVALID')
}

/** @throws {EdgeError} BODY_INVALID */
export function parseCheckEachBody(text: string): CheckEachRequest {
  const members = countMembers(text)
  const value = members < 0 ? undefined : parseQuietly(text)
  return isCheckEach(value, members) ? value : parseShape(checkEachRequest, parseBody(text), 'BODY_INVALID')
}

/** Any other body. @throws {EdgeError} BODY_INVALID naming the position */
export function parseBody(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonInvalidError)) throw error
    throw new EdgeError(
      'BODY_INVALID',
      `the body is not JSON at position ${error.position}: ${error.message}`,
      'send one JSON object',
      {
        position: error.position,
      },
    )
  }
}

function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @param members - names in the text; fewer in the value means that one was given twice */
function isCheck(value: unknown, members: number): value is CheckRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  let names = 0
  let asked = 0
  for (const name in value) {
    const field = (value as Record<string, unknown>)[name]
    names++
    switch (name) {
      case 'actor':
        if (typeof field !== 'string') return false
        break
      case 'permission':
        if (typeof field !== 'string') return false
        asked++
        break
      case 'permissions':
        if (!areStrings(field)) return false
        asked++
        break
      case 'atLeast':
        if (!isRevision(field)) return false
        break
      default:
        return false
    }
  }
  return asked === 1 && names === members
}

function isCheckEach(value: unknown, members: number): value is CheckEachRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  let names = 0
  let inside = -1
  for (const name in value) {
    const field = (value as Record<string, unknown>)[name]
    names++
    if (name === 'checks') inside = countQuestionNames(field)
    else if (name !== 'atLeast' || !isRevision(field)) return false
  }
  return inside >= 0 && names + inside === members
}

/** Names in a list of questions; -1 when it is none. */
function countQuestionNames(value: unknown): number {
  if (!Array.isArray(value)) return -1
  let names = 0
  for (const item of value as readonly unknown[]) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return -1
    let hasPermission = false
    for (const name in item) {
      if (name !== 'actor' && name !== 'permission') return -1
      if (typeof (item as Record<string, unknown>)[name] !== 'string') return -1
      if (name === 'permission') hasPermission = true
      names++
    }
    if (!hasPermission) return -1
  }
  return names
}

function areStrings(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  for (const item of value as readonly unknown[]) if (typeof item !== 'string') return false
  return true
}

function isRevision(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
