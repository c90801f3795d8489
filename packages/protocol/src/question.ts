import { z } from 'zod'
import { parseShape } from './shape-error.ts'

const shape = z.strictObject({ actor: z.string(), permission: z.string(), allowed: z.boolean().optional() })

/** A line of `castellan check --batch`. An `allowed` from an earlier run may stand in it and is not looked at. */
export interface BatchQuestion {
  readonly actor: string
  readonly permission: string
}

/** For `readJsonLines`. @throws {EdgeError} */
export function parseQuestion(value: unknown): BatchQuestion {
  const { actor, permission } = parseShape(shape, value, 'BODY_INVALID')
  return { actor, permission }
}
