// Stands in for `node:test` while mutants are tested: it only notes what to run.
const names = []
const collected = []

export function describe(name, body) {
  names.push(name)
  body()
  names.pop()
}

export function test(name, body) {
  collected.push({ name: [...names, name].join(' > '), body })
}

/** The tests noted since the last call, which may have ended in the middle of a file. */
export function takeCollected() {
  names.length = 0
  return collected.splice(0)
}
