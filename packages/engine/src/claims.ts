import type { Claims, Reading } from './answer.ts'
import type { JsonObject } from './fact.ts'

/** A pathway from the actor to where it is being followed, last link first. */
interface Trail {
  readonly extra: JsonObject
  readonly before: Trail | undefined
}

/**
 * For each pathway of a reading, every `extra` from the actor to the option. Pathways that claim the same are one:
 * what enforces a limit asks whether some pathway admits it, not how many.
 */
export function claimsOf(reading: Reading): Omit<Claims, 'revision'> {
  const pathways = new Map<string, readonly JsonObject[]>()
  const numbers = new Numbers()
  let truncated = false
  const pending: { reading: Reading; trail: Trail | undefined; key: string }[] = [
    { reading, trail: undefined, key: '' },
  ]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const node of at.reading) {
      if (node.$ === 'truncated') truncated = true
      else if (node.$ === 'option') {
        if (!pathways.has(at.key)) pathways.set(at.key, extrasOf(at.trail))
      } else if (node.$ === 'path') {
        const trail = { extra: node.data, before: at.trail }
        pending.push({ reading: node.reading, trail, key: `${at.key} ${numbers.of(node.data)}` })
      }
    }
  }
  return { pathways: [...pathways.values()], truncated }
}

function extrasOf(trail: Trail | undefined): readonly JsonObject[] {
  const extras: JsonObject[] = []
  for (let at = trail; at !== undefined; at = at.before) extras.push(at.extra)
  return extras.toReversed()
}

/** One number for each different extra: a pathway's own text would hold every extra on it, 16 KiB each. */
class Numbers {
  private readonly byText = new Map<string, number>()
  private readonly byExtra = new Map<JsonObject, number>()

  of(extra: JsonObject): number {
    const known = this.byExtra.get(extra)
    if (known !== undefined) return known
    const text = JSON.stringify(extra)
    const number = this.byText.get(text) ?? this.byText.size
    this.byText.set(text, number)
    this.byExtra.set(extra, number)
    return number
  }
}
