import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  castellan,
  COOL_GROUP,
  jsonOf,
  newFolder,
  problemOf,
  serve,
  type Ran,
  type Served,
} from './testing/castellan.ts'

interface Done {
  readonly revision: number
  readonly revoked: number
  readonly results: readonly { readonly outcome: string; readonly effective?: boolean }[]
}

describe('on a database', () => {
  const folder = newFolder()
  const facts = join(folder.dir, 'facts.jsonl')
  let store = ''
  let number = 0

  const run = (...args: string[]): Promise<Ran> =>
    castellan([...args, '--store', store, '--json'], { cwd: folder.dir })
  const outcomes = (ran: Ran): string[] => jsonOf<Done>(ran).results.map(({ outcome }) => outcome)
  const holds = async (actor: string, permission: string): Promise<boolean> =>
    (await run('check', actor, permission)).status === 0

  before(async () => {
    writeFileSync(facts, (await castellan(['export', '--facts', COOL_GROUP])).stdout)
  })

  beforeEach(async () => {
    store = `sqlite:world${++number}.db`
    jsonOf(await run('import', facts))
  })

  after(() => folder.remove())

  test('a grant gives, again it changes nothing, revoked it ends', async () => {
    assert.deepEqual(
      jsonOf<Done>(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:fred')).results,
      [{ outcome: 'added', effective: true }],
    )
    assert.equal(await holds('user:bob', 'a:b'), true)
    assert.deepEqual(outcomes(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:fred')), [
      'unchanged',
    ])
    assert.deepEqual(
      outcomes(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:fred', '--extra', '{"n":1}')),
      ['updated'],
    )
    assert.equal(jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob')).revoked, 1)
    assert.equal(await holds('user:bob', 'a:b'), false)
  })

  test('revoking what nobody granted is done, and no commit', async () => {
    const { revision } = jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob'))
    const done = jsonOf<Done>(await run('revoke', 'a:zzz', '--from', 'user:fred'))
    assert.deepEqual(done, { revision, results: [], revoked: 0 })
  })

  test('a grant keeps its claims, its expiry and its reason', async () => {
    jsonOf(
      await run(
        'grant',
        'a:b',
        '--to',
        'user:bob',
        '--as',
        'user:ed',
        '--extra',
        '{"hosts":["x"]}',
        '--expires',
        '7d',
        '--reason',
        'a trial',
      ),
    )
    assert.deepEqual(jsonOf(await run('claims', 'user:bob', 'a:b'))['pathways'], [[{ hosts: ['x'] }]])
    const { items } = jsonOf<{ items: { reason: string; actor: string }[] }>(
      await run('journal', '--limit', '1'),
    )
    assert.equal(items[0]?.reason, 'a trial')
    assert.equal(items[0]?.actor, 'user:ed')
    const line = (await castellan(['export', '--store', store], { cwd: folder.dir })).stdout
      .split('\n')
      .find((text) => text.includes('a trial'))
    const grant = JSON.parse(line ?? '') as { expiresAt: string }
    const days = (Date.parse(grant.expiresAt) - Date.now()) / 86_400_000
    assert.ok(days > 6.9 && days <= 7)
  })

  test('a grant of what its issuer does not hold is made, and said to be without effect', async () => {
    assert.deepEqual(
      jsonOf<Done>(await run('grant', 'a:b', '--to', 'user:alice', '--as', 'user:bob')).results,
      [{ outcome: 'added', effective: false }],
    )
    const ran = await castellan(
      ['grant', 'a:x', '--to', 'user:alice', '--as', 'user:bob', '--store', store],
      { cwd: folder.dir },
    )
    assert.equal(ran.status, 0)
    assert.match(ran.stderr, /no effect yet: user:bob does not hold a:x/)
  })

  test('revoking as a user takes back what that user gave, and nothing of others', async () => {
    jsonOf(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:ed'))
    jsonOf(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:fred'))
    assert.equal(
      jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob', '--as', 'user:fred')).revoked,
      1,
    )
    assert.equal(await holds('user:bob', 'a:b'), true)
    assert.equal(jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob')).revoked, 1)
    assert.equal(await holds('user:bob', 'a:b'), false)
  })

  test('one issuer can be picked', async () => {
    jsonOf(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:ed'))
    jsonOf(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:fred'))
    assert.equal(
      jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob', '--issuer', 'user:ed')).revoked,
      1,
    )
    assert.equal(
      jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob', '--issuer', 'user:ed')).revoked,
      0,
    )
  })

  test('acting as a user has that user’s authority and no more', async () => {
    assert.equal(
      problemOf(await run('revoke', 'a:b', '--from', 'user:fred', '--as', 'user:bob'), 1).code,
      'FORBIDDEN',
    )
    assert.equal(
      problemOf(await run('group', 'add', 'cool_group', 'user:bob', '--as', 'user:bob'), 1).code,
      'FORBIDDEN',
    )
    assert.deepEqual(outcomes(await run('group', 'add', 'cool_group', 'user:bob', '--as', 'user:fred')), [
      'added',
    ])
    assert.equal(problemOf(await run('check', 'user:fred', 'a:b', '--as', 'user:bob'), 3).code, 'FORBIDDEN')
    assert.equal(problemOf(await run('export', '--as', 'user:bob'), 1).code, 'FORBIDDEN')
  })

  test('asking as a user hides the links that user is no party to', async () => {
    interface Explained {
      readonly graph: { readonly edges: readonly { readonly via: string }[] }
    }
    const seen = async (...as: string[]): Promise<string[]> =>
      jsonOf<Explained>(await run('explain', 'user:alice', 'a:b', ...as)).graph.edges.map(({ via }) => via)
    assert.deepEqual(await seen(), ['user-group', 'user'])
    assert.deepEqual(await seen('--as', 'user:alice'), ['user-group', 'hidden'])
    const { stdout } = await castellan(
      ['explain', 'user:alice', 'a:b', '--store', store, '--as', 'user:alice'],
      { cwd: folder.dir },
    )
    assert.match(stdout, /hidden from you/)
    assert.doesNotMatch(stdout, /user:ed/)
  })

  test('groups are made, filled, emptied, left and deleted', async () => {
    assert.deepEqual(outcomes(await run('group', 'create', 'team', '--owner', 'user:fred')), ['added'])
    assert.deepEqual(
      outcomes(await run('group', 'add', 'team', 'user:alice', 'user:bob', 'group:cool_group')),
      ['added', 'added', 'added'],
    )
    assert.deepEqual(outcomes(await run('group', 'remove', 'team', 'user:alice')), ['removed'])
    assert.deepEqual(outcomes(await run('group', 'remove', 'team', 'user:alice')), ['absent'])
    assert.deepEqual(outcomes(await run('group', 'leave', 'team', '--as', 'user:bob')), ['removed'])
    assert.deepEqual(jsonOf(await run('group', 'show', 'group:team'))['members'], ['group:cool_group'])
    assert.deepEqual(outcomes(await run('group', 'delete', 'team')), ['removed'])
    assert.equal(problemOf(await run('group', 'show', 'team'), 2).code, 'USAGE')
  })

  test('an unknown member leaves nothing half-done', async () => {
    const problem = problemOf(await run('group', 'add', 'cool_group', 'user:bob', 'user:nobody'), 2)
    assert.equal(problem.code, 'REFERENCE_UNKNOWN')
    assert.match(problem.detail, /nobody/)
    assert.deepEqual(jsonOf(await run('group', 'show', 'cool_group'))['members'], ['user:alice'])
  })

  test('users are made and removed, unless something of theirs stands in the way', async () => {
    assert.deepEqual(outcomes(await run('user', 'create', 'carol', '--name', 'Carol')), ['added'])
    const { items } = jsonOf<{ items: { id: string; name?: string }[] }>(await run('user', 'list'))
    assert.deepEqual(
      items.find((user) => user.id === 'carol'),
      { id: 'carol', name: 'Carol', suspended: false },
    )
    assert.deepEqual(outcomes(await run('user', 'remove', 'carol')), ['removed'])
    assert.equal(problemOf(await run('user', 'create', 'carol'), 1).code, 'ID_RETIRED')
    assert.equal(problemOf(await run('user', 'remove', 'fred'), 1).code, 'IN_USE')
  })

  test('resources are made, moved, given away and deleted', async () => {
    const [top, inner] = [
      'fs:e0000000-0000-4000-8000-000000000001',
      'fs:e0000000-0000-4000-8000-000000000002',
    ]
    jsonOf(await run('resource', 'create', top, '--owner', 'user:ed', '--name', 'top'))
    jsonOf(await run('resource', 'create', inner, '--owner', 'user:ed', '--parent', top, '--name', 'inner'))
    assert.equal(await holds('user:ed', 'fs:/top/inner:write'), true)
    jsonOf(await run('resource', 'give', inner, '--to', 'user:fred'))
    assert.equal(await holds('user:fred', `${inner}:write`), true)
    jsonOf(await run('resource', 'move', inner, '--top', '--name', 'outer'))
    assert.equal(await holds('user:ed', `${inner}:write`), false)
    assert.equal(await holds('user:fred', 'fs:/outer:write'), true)
    jsonOf(await run('resource', 'move', inner, '--into', top))
    assert.equal(problemOf(await run('resource', 'delete', top), 1).code, 'HAS_CHILDREN')
    assert.equal(problemOf(await run('resource', 'delete', top, '--recursive'), 2).code, 'USAGE')
    assert.deepEqual(outcomes(await run('resource', 'delete', top, '--recursive', '--yes')), ['removed'])
    assert.deepEqual(jsonOf(await run('resource', 'list', 'fs'))['items'], [])
  })

  test('the suspended hold nothing until they are resumed', async () => {
    assert.deepEqual(outcomes(await run('suspend', 'user:fred')), ['added'])
    assert.equal(await holds('user:alice', 'a:b'), false)
    assert.deepEqual(outcomes(await run('resume', 'user:fred')), ['removed'])
    assert.equal(await holds('user:alice', 'a:b'), true)
  })

  test('a token holds what it was made with, until it is revoked', async () => {
    const scoped = jsonOf<{ id: string; token: string }>(
      await run('token', 'create', '--for', 'user:fred', '--permission', 'a:b'),
    )
    assert.match(scoped.token, /^cst_[A-Za-z0-9_-]{43}$/)
    assert.equal(await holds(`token:${scoped.id}`, 'a:b:c'), true)
    assert.equal(await holds(`token:${scoped.id}`, 'user:fred'), false)
    assert.doesNotMatch((await run('token', 'list')).stdout, /cst_/)
    jsonOf(await run('token', 'revoke', scoped.id))
    assert.equal(await holds(`token:${scoped.id}`, 'a:b:c'), false)
    assert.equal(problemOf(await run('token', 'create', '--for', 'user:fred'), 2).code, 'USAGE')
  })

  test('a file of changes is one commit, all of it or nothing', async () => {
    const changes = join(folder.dir, 'changes.json')
    writeFileSync(
      changes,
      JSON.stringify([
        { add: { kind: 'user', id: 'dora' } },
        { add: { kind: 'member', group: 'cool_group', member: 'user:dora' } },
      ]),
    )
    const preview = jsonOf<{ gained: unknown }>(await run('preview', 'change', changes))
    assert.ok(JSON.stringify(preview.gained).includes('user:dora'))
    assert.equal(await holds('user:dora', 'a:b'), false)
    assert.deepEqual(outcomes(await run('change', changes)), ['added', 'added'])
    assert.equal(await holds('user:dora', 'a:b'), true)
    writeFileSync(
      changes,
      JSON.stringify({
        changes: [
          { add: { kind: 'user', id: 'emil' } },
          { remove: { kind: 'group', id: 'nope' } },
          { add: { kind: 'member', group: 'nope', member: 'user:emil' } },
        ],
      }),
    )
    assert.equal(problemOf(await run('change', changes), 2).code, 'REFERENCE_UNKNOWN')
    assert.equal(
      jsonOf<{ items: { id: string }[] }>(await run('user', 'list')).items.some(({ id }) => id === 'emil'),
      false,
    )
  })

  test('a revoke can refuse to take from others', async () => {
    assert.equal(
      problemOf(await run('revoke', 'a:b', '--from', 'user:fred', '--on-dependants', 'refuse'), 1).code,
      'DEPENDANTS',
    )
    assert.equal(await holds('user:alice', 'a:b'), true)
  })

  test('a preview says what then happens, for every link', async () => {
    for (const change of [
      ['revoke', 'a:b', '--from', 'user:fred'],
      ['revoke', 'a:b', '--from', 'group:cool_group'],
      ['group', 'remove', 'cool_group', 'user:alice'],
      ['suspend', 'user:ed'],
    ]) {
      const before = await holders()
      const { lost, counts } = jsonOf<{
        lost: { actor: string; permission: string }[]
        counts: { lost: number }
      }>(await run('preview', ...change))
      jsonOf(await run(...change))
      const left = await holders()
      const gone = before.filter((actor) => !left.includes(actor))
      assert.deepEqual(
        lost
          .filter(({ permission }) => permission === 'a:b')
          .map(({ actor }) => actor)
          .toSorted(),
        gone.toSorted(),
        change.join(' '),
      )
      assert.equal(counts.lost, lost.length)
      store = `sqlite:world${++number}.db`
      jsonOf(await run('import', facts))
    }
  })

  async function holders(): Promise<string[]> {
    return jsonOf<{ items: { actor: string }[] }>(await run('holders', 'a:b')).items.map(({ actor }) => actor)
  }
})

describe('a change of facts in memory', () => {
  test('is refused, since it would be lost', async () => {
    const problem = problemOf(
      await castellan(['grant', 'a:b', '--to', 'user:bob', '--facts', COOL_GROUP, '--json']),
      2,
    )
    assert.match(problem.detail, /would be lost/)
  })

  test('can be previewed', async () => {
    const { gained } = jsonOf<{ gained: unknown }>(
      await castellan([
        'preview',
        'grant',
        'a:b',
        '--to',
        'user:bob',
        '--as',
        'user:ed',
        '--facts',
        COOL_GROUP,
        '--json',
      ]),
    )
    assert.deepEqual(gained, [{ actor: 'user:bob', permission: 'a:b' }])
  })
})

describe('on a server', () => {
  const folder = newFolder()
  let served: Served
  let token = ''
  const run = (...args: string[]): Promise<Ran> =>
    castellan([...args, '--json'], {
      env: { CASTELLAN_SERVER: served.address, CASTELLAN_TOKEN: token },
      cwd: folder.dir,
    })

  before(async () => {
    const dir = join(folder.dir, 'platform')
    token = jsonOf<{ token: string }>(await castellan(['init', dir, '--json'])).token
    served = await serve(['serve', '--dir', dir, '--port', '0'], {})
    writeFileSync(
      join(folder.dir, 'facts.jsonl'),
      (await castellan(['export', '--facts', COOL_GROUP])).stdout,
    )
    jsonOf(await run('import', 'facts.jsonl'))
  })

  after(async () => {
    await served.stop()
    folder.remove()
  })

  test('a grant without an issuer is the caller’s', async () => {
    jsonOf(await run('grant', 'user:admin', '--to', 'user:bob'))
    jsonOf(await run('check', 'user:bob', 'user:admin'))
    assert.equal(jsonOf<Done>(await run('revoke', 'user:admin', '--from', 'user:bob')).revoked, 1)
    jsonOf(await run('check', 'user:bob', 'user:admin'), 1)
  })

  test('acting as a user has that user’s authority, and leaves no token behind', async () => {
    assert.deepEqual(
      jsonOf<Done>(await run('grant', 'a:b', '--to', 'user:bob', '--as', 'user:fred')).results,
      [{ outcome: 'added', effective: true }],
    )
    assert.equal(
      problemOf(await run('group', 'add', 'cool_group', 'user:bob', '--as', 'user:bob'), 1).code,
      'FORBIDDEN',
    )
    assert.equal(
      problemOf(await run('revoke', 'a:b', '--from', 'user:fred', '--as', 'user:bob'), 1).code ===
        'FORBIDDEN',
      true,
    )
    assert.equal(
      jsonOf<Done>(await run('revoke', 'a:b', '--from', 'user:bob', '--as', 'user:fred')).revoked,
      1,
    )
    const { items } = jsonOf<{ items: unknown[] }>(
      await castellan(['token', 'list', '--dir', join(folder.dir, 'platform'), '--json']),
    )
    assert.equal(items.length, 1)
  })

  test('a member leaves, an owner adds', async () => {
    jsonOf(await run('group', 'leave', 'cool_group', '--as', 'user:alice'))
    jsonOf(await run('check', 'user:alice', 'a:b'), 1)
    jsonOf(await run('group', 'add', 'cool_group', 'user:alice', '--as', 'user:fred'))
    jsonOf(await run('check', 'user:alice', 'a:b'))
  })

  test('importing again changes nothing', async () => {
    const { added, updated } = jsonOf<{ added: number; updated: number }>(await run('import', 'facts.jsonl'))
    assert.deepEqual({ added, updated }, { added: 0, updated: 0 })
  })

  test('a bad line of an import is named', async () => {
    writeFileSync(
      join(folder.dir, 'bad.jsonl'),
      '{"kind":"user","id":"zoe"}\n{"kind":"member","group":"nope","member":"user:zoe"}\n',
    )
    const problem = problemOf(await run('import', 'bad.jsonl'), 2)
    assert.equal(problem.code, 'LINE_INVALID')
    jsonOf(await run('check', 'user:zoe', 'user:zoe'), 1)
  })
})
