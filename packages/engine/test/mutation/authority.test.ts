import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Change, type Engine, type Fact, ForbiddenError } from '../../src/index.ts'
import { acting, add, app, errorOf, group, remove, system, token, user, world } from '../say.ts'

const alice = user('alice')
const bob = user('bob')
const ed = user('ed')
const editor = app('editor', ed)
const agent = acting(alice, editor)
const full = token('full', alice, { full: true })
const scoped = token('scoped', alice)
const agents = token('agents', agent)
const club = group('club', alice)

const BASE = [
  alice.exists,
  bob.exists,
  ed.exists,
  editor.exists,
  full.exists,
  scoped.exists,
  agents.exists,
  club.exists,
]

function engineOf(...facts: readonly Fact[]): Engine {
  return world([...BASE, ed.owns('a'), ...facts])
}

/** The permission that would have been needed; undefined when the change went through. */
function needed(engine: Engine, who: string, changes: readonly Change[]): string | undefined {
  try {
    engine.apply(changes, { as: who })
    return undefined
  } catch (error) {
    assert.ok(error instanceof ForbiddenError, String(error))
    return error.permission
  }
}

describe('changing', () => {
  test('a grant to an app that is not there is about the app, not about who may', () => {
    const grant = alice.grants('a:b', 'app:nobody')
    errorOf(() => engineOf().apply(add(grant), { as: 'user:alice' }), 'REFERENCE_UNKNOWN')
  })

  test('a holder of `castellan:apps` grants to any app, and nobody else but its owner', () => {
    const grant = alice.grants('a:b', editor)
    errorOf(() => engineOf().apply(add(grant), { as: 'user:alice' }), 'ISSUER_WRONG')
    const engine = engineOf(system.grants('castellan:apps', alice))
    assert.equal(needed(engine, 'user:alice', add(grant)), undefined)
    assert.equal(needed(engine, 'user:ed', add(ed.grants('a:b', editor))), undefined)
  })

  test('users and apps acting for them make tokens of their own, tokens none', () => {
    assert.equal(needed(engineOf(), 'user:alice', add(token('t', alice).exists)), undefined)
    assert.equal(needed(engineOf(), agent.as, add(token('t', agent).exists)), undefined)
    assert.equal(needed(engineOf(), full.as, add(token('t', alice).exists)), 'castellan:facts')
    assert.equal(needed(engineOf(), agents.as, add(token('t', agent).exists)), 'castellan:facts')
    assert.equal(needed(engineOf(), 'user:alice', add(token('t', bob).exists)), 'castellan:facts')
    assert.equal(needed(engineOf(), agent.as, add(token('t', alice).exists)), 'castellan:facts')
  })

  test('groups are made by users and their full tokens in their own name alone', () => {
    for (const who of ['user:alice', full.as])
      assert.equal(needed(engineOf(), who, add(group('new', alice).exists)), undefined)
    for (const who of [agent.as, scoped.as, editor.as, 'user:bob'])
      assert.equal(needed(engineOf(), who, add(group('new', alice).exists)), 'castellan:facts')
    assert.equal(needed(engineOf(), 'user:bob', add(group('club', bob).exists)), 'manage:group:club')
    assert.equal(needed(engineOf(), 'user:alice', add(group('club', bob).exists)), undefined)
  })

  test('putting a resource into a folder takes the strongest right on the folder', () => {
    const facts = [alice.owns('fs:mine'), bob.owns('fs:his'), alice.owns('proj:x'), bob.owns('proj:y')]
    const moved = add(alice.owns('fs:mine', { parent: 'fs:his' }))
    assert.equal(needed(engineOf(...facts), 'user:alice', moved), 'fs:his:write')
    const listing = bob.grants('fs:his:list', alice)
    assert.equal(needed(engineOf(...facts, listing), 'user:alice', moved), 'fs:his:write')
    const writing = bob.grants('fs:his:write', alice)
    assert.equal(needed(engineOf(...facts, writing), 'user:alice', moved), undefined)
    const plain = add(alice.owns('proj:x', { parent: 'proj:y' }))
    assert.equal(needed(engineOf(...facts), 'user:alice', plain), 'proj:y')
    assert.equal(needed(engineOf(...facts, bob.grants('proj:y', alice)), 'user:alice', plain), undefined)
  })

  test('staying in a folder takes no right on the folder, nor does leaving it', () => {
    const facts = [bob.owns('fs:his'), alice.owns('fs:mine', { parent: 'fs:his' })]
    const named = add(alice.owns('fs:mine', { parent: 'fs:his', name: 'new' }))
    assert.equal(needed(engineOf(...facts), 'user:alice', named), undefined)
    assert.equal(needed(engineOf(...facts), 'user:alice', add(alice.owns('fs:mine'))), undefined)
    // To see it is not to manage it; who may not see it is told what who makes a new one is told.
    const seen = engineOf(...facts, alice.grants('fs:mine:see', ed))
    assert.equal(needed(seen, 'user:ed', add(ed.owns('fs:mine'))), 'manage:fs:mine')
    assert.equal(needed(engineOf(...facts), 'user:ed', add(ed.owns('fs:mine'))), 'castellan:facts')
    assert.equal(needed(engineOf(...facts), 'user:ed', remove(alice.owns('fs:mine'))), 'manage:fs:mine')
    assert.equal(needed(engineOf(...facts), 'user:ed', add(ed.owns('fs:new'))), 'castellan:facts')
  })

  test('a token is suspended by its issuer; nobody is taken for a token of the same letters', () => {
    const lookalike = token('ob', alice)
    const engine = engineOf(lookalike.exists)
    assert.equal(needed(engine, 'user:alice', add(bob.isSuspended())), 'castellan:users')
    assert.equal(needed(engine, 'user:alice', add(editor.isSuspended())), 'castellan:apps')
    assert.equal(needed(engine, 'user:alice', add(lookalike.isSuspended())), undefined)
    assert.equal(needed(engine, 'user:alice', remove(lookalike.isSuspended())), undefined)
    assert.equal(needed(engine, 'user:bob', add(lookalike.isSuspended())), 'castellan:users')
    assert.equal(needed(engine, 'user:alice', add(token('none', alice).isSuspended())), 'castellan:users')
    assert.equal(needed(engine, editor.as, add(token('none', alice).isSuspended())), 'castellan:users')
  })

  test('a token is removed by itself, its issuer, and a full token of its issuer', () => {
    for (const who of ['user:alice', full.as, scoped.as])
      assert.equal(needed(engineOf(), who, remove(scoped.exists)), undefined)
    assert.equal(needed(engineOf(), scoped.as, remove(full.exists)), 'castellan:facts')
    assert.equal(needed(engineOf(), agent.as, remove(agents.exists)), undefined)
    for (const who of ['user:bob', agent.as, editor.as])
      assert.equal(needed(engineOf(), who, remove(scoped.exists)), 'castellan:facts')
    for (const who of ['user:alice', editor.as])
      assert.equal(needed(engineOf(), who, remove(token('none', alice).exists)), 'castellan:facts')
  })

  test('issuer and holder revoke, as themselves or through a full token', () => {
    const given = ed.grants('a:b', alice)
    const giving = alice.grants('a:b', bob)
    const tokens = alice.grants('a:b', scoped)
    const agentsOwn = alice.grants('a:b', agent)
    const engine = () => engineOf(given, giving, tokens, agentsOwn)
    assert.equal(needed(engine(), full.as, remove(given)), undefined)
    assert.equal(needed(engine(), full.as, remove(giving)), undefined)
    assert.equal(needed(engine(), scoped.as, remove(tokens)), undefined)
    assert.equal(needed(engine(), agent.as, remove(agentsOwn)), undefined)
    for (const grant of [given, giving, agentsOwn])
      assert.equal(needed(engine(), scoped.as, remove(grant)), 'manage:a:b')
    assert.equal(needed(engine(), agents.as, remove(agentsOwn)), 'manage:a:b')
    assert.equal(needed(engine(), 'user:bob', remove(tokens)), 'manage:a:b')
  })

  test('a member leaves in person or through a full token', () => {
    const membership = alice.joins(group('guest'))
    for (const who of ['user:alice', full.as])
      assert.equal(needed(engineOf(membership), who, remove(membership)), undefined)
    for (const who of [agent.as, scoped.as, 'user:bob'])
      assert.equal(needed(engineOf(membership), who, remove(membership)), 'manage:group:guest')
    assert.equal(needed(engineOf(), 'user:bob', add(bob.joins(club))), 'manage:group:club')
    assert.equal(needed(engineOf(), 'user:bob', remove(club.exists)), 'manage:group:club')
  })

  test('whoever is gone, suspended or over does nothing', () => {
    const old = token('old', alice, { full: true, expiresAt: '2026-06-01T12:00:00.000Z' })
    for (const who of ['user:nobody', old.as, 'user:bob/app:nobody'])
      errorOf(() => engineOf(old.exists).apply(add(alice.grants('a', bob)), { as: who }), 'FORBIDDEN')
  })
})

describe('asking', () => {
  const about = (caller: string, actor: string, ...facts: readonly Fact[]): string | undefined => {
    try {
      engineOf(...facts).authorizeQuestion(caller, { about: 'actor', actor })
      return undefined
    } catch (error) {
      assert.ok(error instanceof ForbiddenError, String(error))
      return error.permission
    }
  }

  test('about oneself and what is one’s own', () => {
    assert.equal(about(full.as, 'user:alice'), undefined)
    assert.equal(about(full.as, scoped.as), undefined)
    assert.equal(about('user:alice', agent.as), undefined)
    assert.equal(about('user:alice', agents.as), undefined)
    assert.equal(about(agent.as, agents.as), undefined)
    assert.equal(about('user:ed', editor.as), undefined)
    assert.equal(about(editor.as, editor.as), undefined)
  })

  test('not about others, or those who are not there', () => {
    for (const [caller, actor] of [
      [scoped.as, 'user:alice'],
      [scoped.as, full.as],
      [agents.as, agent.as],
      ['user:alice', 'token:nobody'],
      ['user:alice', 'user:nobody'],
      ['user:alice', 'group:club'],
      ['user:alice', editor.as],
      ['user:ali', agents.as],
      [editor.as, 'user:ed'],
    ] as const)
      assert.equal(about(caller, actor, user('ali').exists), 'castellan:check', `${caller} about ${actor}`)
  })

  test('previews take `manage:` of what is named, or what the change takes', () => {
    const preview = (caller: string, changes: readonly Change[]): string | undefined => {
      try {
        engineOf(ed.owns('proj:x')).authorizeQuestion(caller, { about: 'preview', changes })
        return undefined
      } catch (error) {
        assert.ok(error instanceof ForbiddenError, String(error))
        return error.permission
      }
    }
    // Making a grant is free, seeing what it would do is not.
    assert.equal(preview('user:alice', add(alice.grants('a:b', bob))), 'manage:a:b')
    assert.equal(preview('user:ed', add(ed.grants('a:b', bob))), undefined)
    assert.equal(preview('user:alice', remove(alice.grants('a:b', bob))), 'manage:a:b')
    assert.equal(preview('user:alice', add(alice.owns('proj:x'))), 'manage:proj:x')
    assert.equal(preview('user:ed', add(alice.owns('proj:x'))), undefined)
    assert.equal(preview('user:ed', remove(ed.owns('proj:x'))), undefined)
    assert.equal(preview('user:alice', add(bob.joins(club))), undefined)
    assert.equal(preview('user:bob', add(bob.joins(club))), 'manage:group:club')
    assert.equal(preview('user:bob', remove(club.exists)), 'manage:group:club')
    assert.equal(preview('user:bob', add(alice.isSuspended())), 'castellan:users')
    assert.equal(preview('system', add(alice.isSuspended())), undefined)
  })
})
