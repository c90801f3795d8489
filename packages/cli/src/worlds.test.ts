import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { FACT_KINDS, openEngine, parseFact, type Fact } from '@castellan/engine'
import { readFactsFile } from '@castellan/protocol'
import { EXAMPLE_FACTS } from './example-world.ts'
import { castellan, COOL_GROUP, jsonOf, newFolder, problemOf, WORLDS } from './testing/castellan.ts'

describe('the example worlds', () => {
  const names = readdirSync(WORLDS).filter((name) => name.endsWith('.yaml'))

  test('meet all their expectations', async () => {
    const files = names.map((name) => join(WORLDS, name))
    const { ok, passed } = jsonOf<{ ok: boolean; passed: number }>(
      await castellan(['test', ...files, '--json']),
    )
    assert.equal(ok, true)
    assert.ok(passed >= 40)
  })

  test('are together what `castellan start` begins with', () => {
    const facts = ['cool-group.yaml', 'shared-drive.yaml'].flatMap(factsOf)
    const inOrder = facts.toSorted((a, b) => FACT_KINDS.indexOf(a.kind) - FACT_KINDS.indexOf(b.kind))
    assert.deepEqual(EXAMPLE_FACTS, inOrder)
  })

  test('give the worked example of the model exactly', async () => {
    const file = 'fs:24729b88-a4c5-4990-ad4e-272b87895732'
    const ran = await castellan([
      'scan',
      'user:ed3',
      `${file}:read`,
      '--facts',
      join(WORLDS, 'shared-file.yaml'),
      '--json',
    ])
    const explosion = {
      $: 'explode',
      from: `${file}:read`,
      to: [`${file}:read`, `${file}:write`, file, 'fs'],
    }
    const option = (permission: string): object => ({
      $: 'option',
      permission,
      source: 'implied',
      by: 'is-owner',
      data: {},
    })
    const { reading } = jsonOf<{ reading: unknown[] }>(ran)
    assert.deepEqual(zeroTimes(reading), [
      explosion,
      {
        $: 'path',
        via: 'user',
        has_terminal: true,
        permission: `${file}:read`,
        data: {},
        holder_username: 'ed3',
        issuer_username: 'admin',
        reading: [
          explosion,
          option(`${file}:read`),
          option(`${file}:write`),
          option(file),
          { $: 'time', value: 0 },
        ],
      },
      { $: 'time', value: 0 },
    ])
  })

  test('lose a permission with any one link of its only chain', () => {
    const facts = factsOf('cool-group.yaml')
    const links = facts.filter(
      (fact) => fact.kind === 'grant' || fact.kind === 'member' || fact.kind === 'resource',
    )
    assert.equal(links.length, 4)
    for (const link of links) {
      const engine = openEngine({ facts: facts.filter((fact) => fact !== link) })
      assert.equal(engine.check('user:alice', 'a:b:c'), false)
    }
    assert.equal(openEngine({ facts }).check('user:alice', 'a:b:c'), true)
  })
})

describe('castellan test', () => {
  const folder = newFolder()
  after(() => folder.remove())

  function file(name: string, text: string): string {
    const path = join(folder.dir, name)
    writeFileSync(path, text)
    return path
  }

  test('shows each failed expectation with its explanation and ends with 1', async () => {
    const world = file(
      'wrong.yaml',
      `${readFileSync(COOL_GROUP, 'utf8')}  - { actor: user:bob, permission: 'a:b', allowed: true }\n  - holders: { 'a:b': [user:ed] }\n`,
    )
    const ran = await castellan(['test', world])
    assert.equal(ran.status, 1)
    assert.match(ran.stdout, /failed .*wrong\.yaml:24: user:bob holds a:b\n {2}user:bob does not hold a:b/)
    assert.match(ran.stdout, /castellan grant a:b --to user:bob --as user:ed/)
    assert.match(ran.stdout, /failed .*a:b is held by exactly user:ed\n {2}user:alice holds a:b/)
    assert.match(ran.stdout, /7 expectations passed, 2 failed/)
  })

  test('names the file, line and column of what is no world and ends with 2', async () => {
    const problem = problemOf(
      await castellan(['test', file('broken.yaml', 'users: [alice]\ngroups: 7\n'), '--json']),
      2,
    )
    assert.equal(problem.code, 'WORLD_INVALID')
    assert.match(problem.detail, /broken\.yaml: line 2, column 9/)
  })

  test('ends with 2 when the file is not there', async () => {
    assert.equal(
      problemOf(await castellan(['test', join(folder.dir, 'none.yaml'), '--json']), 2).code,
      'USAGE',
    )
  })
})

function factsOf(name: string): readonly Fact[] {
  return readFactsFile({ name, content: readFileSync(join(WORLDS, name)) }, parseFact).facts
}

function zeroTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, item: unknown) =>
    typeof item === 'object' && item !== null && Reflect.get(item, '$') === 'time'
      ? { $: 'time', value: 0 }
      : item,
  )
}
