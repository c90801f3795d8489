import type { Generator } from './generate.ts'
import type { Random } from './random.ts'

/** Makes one thing of a JSON value other than it was; the value itself stays. */
export function mutate(value: unknown, random: Random, generator: Generator): unknown {
  const copy = structuredClone(value)
  const places = placesIn(copy)
  const place = random.pick(places)
  // The outermost value has no holder to change it in.
  if (place === undefined) return random.pick([null, [], 'x', 1, [copy], { body: copy }])
  const { holder, name } = place
  switch (random.int(6)) {
    case 0:
      Reflect.deleteProperty(holder, name)
      break
    case 1:
      define(
        holder,
        random.pick(['now', '__proto__', 'constructor', 'Actor', '', 'a'.repeat(500)]),
        generator.json(),
      )
      break
    case 2:
      define(holder, name, random.pick([null, true, -1, 1.5, 2 ** 53, 1e308, '', '1', [], {}, [[]]]))
      break
    case 3:
      define(holder, name, generator.json())
      break
    case 4:
      define(holder, name, changed(Reflect.get(holder, name), random))
      break
    default:
      define(holder, name, large(Reflect.get(holder, name), random))
  }
  return copy
}

interface Place {
  readonly holder: object
  readonly name: string
}

function placesIn(value: unknown): readonly [undefined, ...Place[]] {
  const found: [undefined, ...Place[]] = [undefined]
  const visit = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null) return
    for (const name of Object.keys(holder)) {
      found.push({ holder, name })
      visit(Reflect.get(holder, name))
    }
  }
  visit(value)
  return found
}

/** Assigning to `__proto__` would set a prototype. */
function define(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true })
}

/** The same kind of value, a little off. */
function changed(value: unknown, random: Random): unknown {
  if (typeof value === 'number') return value + random.pick([1, -1, 0.5, 1e6])
  if (typeof value !== 'string') return value
  const at = random.int(value.length + 1)
  const piece = random.pick([':', '\\', '/', ' ', '\u0000', '\ud800', '\n', 'é', '😀', '.', '%', "'"])
  return value.slice(0, at) + piece + value.slice(at + random.int(2))
}

/** More than anyone needs, up to around what a body may hold. */
function large(value: unknown, random: Random): unknown {
  switch (random.int(4)) {
    case 0:
      return 'x'.repeat(random.pick([257, 1_025, 20_000, 70_000]))
    case 1:
      return Array.from({ length: random.pick([64, 1_001, 1_500]) }, () => value)
    case 2:
      return nested(random.pick([20, 70, 79, 81, 200, 2_000]), random.chance(0.5))
    default:
      return Object.fromEntries(Array.from({ length: random.pick([100, 2_000]) }, (_, i) => [`k${i}`, i]))
  }
}

function nested(depth: number, isList: boolean): unknown {
  let value: unknown = 0
  for (let i = 0; i < depth; i++) value = isList ? [value] : { a: value }
  return value
}
