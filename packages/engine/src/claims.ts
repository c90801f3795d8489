import type { Claims, Reading } from './answer.ts'
import type { JsonObject } from './fact.ts'

/**
 * For each pathway of a reading, every `extra` from the actor to the option. Pathways that claim the same are one:
 * what enforces a limit asks whether some pathway admits it, not how many.
 */
export function claimsOf(reading: Reading): Omit<Claims, 'revision'> {
  const pathways = new Map<string, readonly JsonObject[]>()
  let truncated = false
  const pending: { reading: Reading; extras: readonly JsonObject[] }[] = [{ reading, extras: [] }]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const node of at.reading) {
      if (node.$ === 'truncated') truncated = true
      else if (node.$ === 'option') pathways.set(JSON.stringify(at.extras), at.extras)
      else if (node.$ === 'path') pending.push({ reading: node.reading, extras: [...at.extras, node.data] })
    }
  }
  return { pathways: [...pathways.values()], truncated }
}
