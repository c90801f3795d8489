import { compareText, FACT_KINDS, keyParts, type Fact, type ResourceFact } from '@castellan/engine'

/** By kind and then by key, so that the same facts always make the same file. */
export function* inOrder(facts: Iterable<Fact>): Generator<Fact> {
  const byKind = Map.groupBy(facts, (fact) => fact.kind)
  yield* parentsFirst(FACT_KINDS.flatMap((kind) => (byKind.get(kind) ?? []).toSorted(compareKeys)))
}

function compareKeys(a: Fact, b: Fact): number {
  const [partsA, partsB] = [keyParts(a), keyParts(b)]
  return (
    compareText(partsA[0], partsB[0]) ||
    compareText(partsA[1], partsB[1]) ||
    compareText(partsA[2], partsB[2])
  )
}

/** Passes facts on in their order, but for resources, which come after what they lie in. */
export function* parentsFirst(facts: Iterable<Fact>): Generator<Fact> {
  const resources = new Map<string, ResourceFact>()
  let areDone = false
  for (const fact of facts) {
    if (fact.kind === 'resource') {
      resources.set(fact.permission, fact)
      continue
    }
    if (!areDone && resources.size > 0) {
      yield* climb(resources)
      areDone = true
    }
    yield fact
  }
  if (!areDone) yield* climb(resources)
}

function* climb(resources: ReadonlyMap<string, ResourceFact>): Generator<Fact> {
  const done = new Set<ResourceFact>()
  for (const resource of resources.values()) {
    const line: ResourceFact[] = []
    for (
      let at: ResourceFact | undefined = resource;
      at !== undefined && !done.has(at);
      at = at.parent === undefined ? undefined : resources.get(at.parent)
    ) {
      done.add(at)
      line.push(at)
    }
    yield* line.toReversed()
  }
}
