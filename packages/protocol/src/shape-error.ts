import type { z } from 'zod'
import { EdgeError } from './errors.ts'

/**
 * Applies a shape.
 *
 * @param code - BODY_INVALID or QUERY_INVALID
 * @throws {EdgeError} naming the first thing that is wrong and where
 */
export function parseShape<Output>(
  shape: z.ZodType<Output>,
  value: unknown,
  code: 'BODY_INVALID' | 'QUERY_INVALID',
): Output {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  throw shapeError(result.error.issues, code)
}

function shapeError(issues: readonly z.core.$ZodIssue[], code: 'BODY_INVALID' | 'QUERY_INVALID'): EdgeError {
  const { path, problem } = deepest(issues, [])
  const where = printPath(path)
  return new EdgeError(
    code,
    where === '' ? problem : `\`${where}\`: ${problem}`,
    code === 'BODY_INVALID'
      ? 'compare the body with the shape of this route'
      : 'compare the query with what this route takes',
    where === '' ? {} : { path: where },
  )
}

interface Found {
  readonly path: readonly PropertyKey[]
  readonly problem: string
}

/** Of a union the branch that went furthest is the one that was meant. */
function deepest(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[]): Found {
  const issue = issues[0]
  if (issue === undefined) return { path: prefix, problem: 'it does not fit' }
  const path = [...prefix, ...issue.path]
  if (issue.code === 'unrecognized_keys')
    return { path: [...path, issue.keys[0] ?? ''], problem: 'is not a name this takes' }
  if (issue.code !== 'invalid_union' || issue.errors.length === 0)
    return { path, problem: lowerFirst(issue.message) }
  return issue.errors
    .map((branch) => deepest(branch, path))
    .reduce((best, next) => (rank(next) > rank(best) ? next : best))
}

function rank(found: Found): number {
  return found.path.length
}

/** `changes[3].add.holder`. */
export function printPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((before, step) => {
    if (typeof step === 'number') return `${before}[${step}]`
    const name = String(step).slice(0, 60)
    return before === '' ? name : `${before}.${name}`
  }, '')
}

function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1)
}
