import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openEngine } from '@castellan/engine'
import { fannedOut, spreadOut, widelyHeld } from './extras.ts'
import { openIntegerFloor } from './floors/integers.ts'
import { openStringFloor } from './floors/strings.ts'
import { openCasbin } from './peers/casbin.ts'
import { openCasl } from './peers/casl.ts'
import { openCedar } from './peers/cedar.ts'
import { listLiveGrants } from './peers/given.ts'
import { openSqlitePeer } from './peers/sqlite.ts'
import { drawQuestions } from './questions.ts'
import { factsOf } from './text.ts'
import { generateWorld } from './world.ts'

const NOW = Date.parse('2026-01-01T00:00:00.000Z')
const world = generateWorld(2000)
const integers = openIntegerFloor(world)
const live = listLiveGrants(world, integers)

for (const spread of ['uniform', 'zipf'] as const) {
  describe(`on ${spread} questions`, () => {
    const questions = drawQuestions(world, integers, spread, 3000)
    const { actors, permissions } = questions.decode(0, questions.count)
    const expected = Array.from(questions.answer, (answer) => answer === 1)

    const texts = {
      engine: openEngine({ facts: factsOf(world), now: () => NOW }),
      'the floor for strings': openStringFloor(factsOf(world)),
      'the query on sqlite': openSqlitePeer(factsOf(world)),
    }
    for (const [name, candidate] of Object.entries(texts)) {
      test(`${name} agrees with the floor for integers`, () => {
        const answers = actors.map((actor, index) => candidate.check(actor, permissions[index]!))
        assert.deepEqual(differences(answers), [])
      })
    }

    const peers = {
      casl: { open: openCasl, count: 300 },
      cedar: { open: openCedar, count: 40 },
      casbin: { open: openCasbin, count: 10 },
    }
    for (const [name, { open, count }] of Object.entries(peers)) {
      test(`${name} agrees, given live grants only`, async () => {
        const peer = await open(world, live)
        const answers = Array.from({ length: count }, (_, index) =>
          peer.prepare(questions.actor[index]!, questions.place[index]!, questions.level[index]!)(),
        )
        assert.deepEqual(differences(answers), [])
      })
    }

    test('half the answers are yes', () => {
      const share = expected.filter(Boolean).length / expected.length
      assert.ok(Math.abs(share - 0.5) < 0.05, `${share}`)
    })

    test('no question is asked twice', () => {
      assert.equal(
        new Set(actors.map((actor, index) => `${actor} ${permissions[index]}`)).size,
        questions.count,
      )
    })

    function differences(answers: readonly boolean[]): string[] {
      return answers.flatMap((answer, index) =>
        answer === expected[index] ? [] : [`${actors[index]} ${permissions[index]}: ${answer}`],
      )
    }
  })
}

describe('what is asked about in particular', () => {
  test('exactly 1,000 hold the widely held permission', () => {
    const { facts, permission } = widelyHeld()
    assert.equal(
      openEngine({ facts, now: () => NOW }).holders(permission, { limit: 1000 }).items.length,
      1000,
    )
  })

  for (const [name, make] of Object.entries({ fannedOut, spreadOut })) {
    test(`${name}: without the grant everyone who depends on it loses something`, () => {
      const { facts, revoked, losers } = make()
      const { counts } = openEngine({ facts, now: () => NOW }).preview([{ remove: revoked }])
      assert.ok(counts.lost >= losers, `${counts.lost}`)
      assert.equal(counts.gained, 0)
    })
  }
})
