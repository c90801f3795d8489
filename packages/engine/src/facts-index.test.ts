import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { NONE } from './columns.ts'
import type { Fact, GrantFact, NamespaceFact } from './fact.ts'
import { FactsIndex } from './facts-index.ts'

const NAMESPACES = ['n', 'm'] as const
const LADDERS = [undefined, ['r', 'w'], ['a', 'r'], ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l']]
/** More beside each other than are found by walking, some of them modes, some not, and changing. */
const COMPONENTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'r', 'w']
const ABOVE = ['n', 'n:a', 'm:r']
const STRINGS = ABOVE.flatMap((each) => COMPONENTS.map((component) => `${each}:${component}`))

type Step =
  | { readonly put: string }
  | { readonly remove: string }
  | { readonly name: (typeof NAMESPACES)[number]; readonly modes: readonly string[] | undefined }
  | 'pack'
  | 'load'

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ put: fc.constantFrom(...STRINGS) }) },
  { weight: 16, arbitrary: fc.record({ remove: fc.constantFrom(...STRINGS) }) },
  {
    weight: 2,
    arbitrary: fc.record({ name: fc.constantFrom(...NAMESPACES), modes: fc.constantFrom(...LADDERS) }),
  },
  { weight: 1, arbitrary: fc.constantFrom('pack', 'load') },
)

const grant = (permission: string): GrantFact => {
  return { kind: 'grant', issuer: 'user:a', holder: 'user:b', permission, extra: {} }
}
const namespace = (name: string, modes: readonly string[] | undefined): NamespaceFact => {
  return { kind: 'namespace', name, description: '', ...(modes && { modes }) }
}

describe('an index', () => {
  test('finds the strings that facts name, those above them, and no others', () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 20, maxLength: 400, size: 'max' }), (history) => {
        let index = new FactsIndex()
        const given = new Set<string>()
        const ladders = new Map<string, readonly string[]>()
        const facts = (): Fact[] => [
          ...[...ladders].map(([name, modes]) => namespace(name, modes)),
          ...[...given].map(grant),
        ]
        for (const step of history) {
          if (step === 'pack') index.pack()
          else if (step === 'load') {
            index = new FactsIndex()
            index.load(facts().toReversed())
          } else if ('put' in step) {
            index.put(grant(step.put))
            given.add(step.put)
          } else if ('remove' in step) {
            if (given.delete(step.remove)) index.remove(grant(step.remove))
          } else {
            index.put(namespace(step.name, step.modes))
            ladders.set(step.name, step.modes ?? [])
          }
        }
        assertStrings(index, given, new Set(ladders.keys()))
        for (const each of given) index.remove(grant(each))
        assertStrings(index, new Set(), new Set(ladders.keys()))
      }),
      { numRuns: 200 },
    )
  })
})

function assertStrings(index: FactsIndex, given: ReadonlySet<string>, declared: ReadonlySet<string>): void {
  const named = new Set([...declared, ...[...given].flatMap(prefixes)])
  for (const each of new Set(STRINGS.flatMap(prefixes))) {
    const node = index.findNode(each)
    assert.equal(node !== NONE, named.has(each), each)
    if (node !== NONE) assert.equal(index.permissionOf(node), each)
  }
}

function prefixes(permission: string): string[] {
  const parts = permission.split(':')
  return parts.map((_, last) => parts.slice(0, last + 1).join(':'))
}
