import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { factsOf } from './text.ts'
import { generateWorld, SYSTEM, WHOLE } from './world.ts'

const world = generateWorld(5000)
const { parties } = world

describe('a generated world', () => {
  const isUser = (party: number) => party >= parties.firstUser && party < parties.everyone
  const shares = [
    { name: 'users, handed on or not', wanted: 0.65, isOne: isUser },
    {
      name: 'groups',
      wanted: 0.25,
      isOne: (party: number) => party >= parties.everyone && party < parties.firstApp,
    },
    { name: 'apps', wanted: 0.1, isOne: (party: number) => party >= parties.firstApp },
  ]
  for (const { name, wanted, isOne } of shares) {
    test(`gives ${wanted * 100} % of its grants to ${name}`, () => {
      assert.equal(world.holder.filter(isOne).length / world.grants, wanted)
    })
  }

  test('has folders exactly 6 deep', () => {
    assert.equal(Math.max(...Array.from({ length: world.files }, (_, file) => depthOf(file))), 6)
  })

  test('hands on in chains of up to 8 grants', () => {
    assert.equal(longestChain(), 8)
  })

  test('has groups whose sizes fall as 1 / n', () => {
    const sizes = world.usersIn.map((users) => users.length)
    assert.ok(sizes[0]! > 1.8 * sizes[1]! || sizes[0] === world.users >> 1)
    assert.ok(Math.abs(sizes[3]! / sizes[7]! - 2) < 0.2)
  })

  test('has an owner for every file, who owns what is in it as well', () => {
    for (let file = 0; file < world.files; file++) {
      assert.ok(isUser(world.owner[file]!))
      const folder = world.parent[file]!
      if (folder >= 0) assert.equal(world.owner[file], world.owner[folder])
    }
  })

  test('is the same again from the same seed, and another from another', () => {
    const texts = (seed: number) => JSON.stringify([...factsOf(generateWorld(500, seed))])
    assert.equal(texts(1), texts(1))
    assert.notEqual(texts(1), texts(2))
  })

  test('states no fact twice and names nothing before it was stated', () => {
    const stated = new Set<string>(['system', 'group:user'])
    for (const fact of factsOf(world)) {
      const { names, key } = read(fact)
      for (const name of names) assert.ok(stated.has(name), `${name} in ${key}`)
      assert.ok(!stated.has(key), key)
      stated.add(key)
    }
  })
})

function depthOf(file: number): number {
  let depth = 0
  for (let at = file; at >= 0; at = world.parent[at]!) depth++
  return depth
}

/** Grants from one user to the next, each of what its issuer was given. */
function longestChain(): number {
  const lengths = new Map<string, number>()
  let longest = 0
  for (let grant = 0; grant < world.grants; grant++) {
    const issuer = world.issuer[grant]!
    const place = world.place[grant]!
    if (issuer === SYSTEM || world.owner[place] === issuer) {
      lengths.set(`${world.holder[grant]} ${place}`, 1)
      continue
    }
    if (world.level[grant]! > WHOLE || world.holder[grant]! >= parties.everyone) continue
    const before = lengths.get(`${issuer} ${place}`)
    if (before === undefined) continue
    lengths.set(`${world.holder[grant]} ${place}`, before + 1)
    longest = Math.max(longest, before + 1)
  }
  return longest
}

type Fact = ReturnType<typeof factsOf> extends Generator<infer Item> ? Item : never

function read(fact: Fact): { names: readonly string[]; key: string } {
  switch (fact.kind) {
    case 'user':
      return { names: [], key: `user:${fact.id}` }
    case 'group':
    case 'app':
      return { names: [fact.owner], key: `${fact.kind}:${fact.id}` }
    case 'resource':
      return {
        names: fact.parent === undefined ? [fact.owner] : [fact.owner, fact.parent],
        key: fact.permission,
      }
    case 'member':
      return { names: [`group:${fact.group}`, fact.member], key: `${fact.member} in ${fact.group}` }
    case 'grant':
      return {
        names: [fact.issuer, ...fact.holder.split('/')],
        key: `${fact.issuer} ${fact.holder} ${fact.permission}`,
      }
    default:
      throw new Error(`no ${fact.kind} was expected`)
  }
}
