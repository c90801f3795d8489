import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CellError } from './broker/cell-error.ts'
import type { AppRequest } from './front/request.ts'
import { LIMIT_DEFAULTS, type AppLimits } from './limits.ts'
import { AppRuntime, type AppEvent, type Snapshot } from './runtime.ts'
import { FakePool } from './testing/fake-pool.ts'

const REQUEST: AppRequest = {
  script: 'a.js',
  method: 'GET',
  url: '/app/a',
  path: '/app/a',
  protocol: 'http',
  hostname: 'localhost',
  headers: {},
  cookies: {},
  query: {},
  params: {},
  body: { type: 'none' },
}

interface World {
  readonly pool: FakePool
  readonly runtime: AppRuntime
  readonly events: AppEvent[]
  version: number
  snapshots: number
  lacking: Snapshot['lacking']
  readonly clock: { now: number }
  get(): Promise<string>
}

function makeWorld(limits: Partial<AppLimits> = {}): World {
  const pool = new FakePool()
  const events: AppEvent[] = []
  const clock = { now: 1_000_000 }
  const world: World = {
    clock,
    pool,
    events,
    version: 1,
    snapshots: 0,
    lacking: [],
    runtime: new AppRuntime({
      pool,
      monotonic: () => clock.now,
      onEvent: (event) => events.push(event),
      snapshot: () => snapshotOf(world, limits),
      limits: () => ({ ...LIMIT_DEFAULTS, ...limits }),
    }),
    async get() {
      const from = { signal: new AbortController().signal, authorization: undefined }
      const { head } = await world.runtime.run(REQUEST, [], from)
      return String(head.headers['x-version'])
    },
  }
  return world
}

function snapshotOf(world: World, limits: Partial<AppLimits>): Snapshot {
  world.snapshots++
  const app = { id: 'app', name: 'App', version: String(world.version), description: '', env: {} }
  return {
    start: { kind: 'start', app, files: [], granted: [], startupScripts: [], defaultInclude: [] },
    sources: [],
    handle: { id: 'app', packageFolder: '', dataFolder: '', databases: new Map(), limits: LIMIT_DEFAULTS },
    limits: { ...LIMIT_DEFAULTS, ...limits },
    lacking: world.lacking,
  }
}

function failure(message: string): CellError {
  return new CellError('CELL_FAILED', message, { message })
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
}

describe('a request', () => {
  test('starts the app, and waits for it', async () => {
    const world = makeWorld()
    const answer = world.get()
    await settle()
    world.pool.cells[0]!.answer()
    assert.equal(await answer, '1')
  })

  test('waits its turn when the app has as much to do as it may', async () => {
    const world = makeWorld({ inFlightMax: 2 })
    const answers = [world.get(), world.get(), world.get()]
    await settle()
    const cell = world.pool.cells[0]!
    assert.equal(cell.held.length, 2)
    cell.answer()
    await settle()
    assert.equal(cell.held.length, 2)
    cell.answer()
    cell.answer()
    assert.deepEqual(await Promise.all(answers), ['1', '1', '1'])
  })

  test('that waits has no snapshot made: what its cell was started with stays what is compared', async () => {
    const world = makeWorld({ inFlightMax: 1 })
    const first = world.get()
    await settle()
    const before = world.snapshots
    const second = world.get()
    await settle()
    assert.equal(world.snapshots, before)
    world.pool.cells[0]!.answer()
    await settle()
    world.pool.cells[0]!.answer()
    await Promise.all([first, second])
  })

  test('is refused when too many wait, and when it waited too long', async () => {
    const world = makeWorld({ inFlightMax: 1, queueMax: 1, queueMs: 20 })
    const first = world.get()
    await settle()
    const waiting = world.get()
    await assert.rejects(world.get(), { code: 'APP_BUSY' })
    await assert.rejects(waiting, { code: 'APP_BUSY' })
    world.pool.cells[0]!.answer()
    assert.equal(await first, '1')
  })

  test('that nobody waits for any more leaves the queue', async () => {
    const world = makeWorld({ inFlightMax: 1 })
    const first = world.get()
    await settle()
    const gone = new AbortController()
    const second = world.runtime.run(REQUEST, [], { signal: gone.signal, authorization: undefined })
    gone.abort()
    await assert.rejects(second, { code: 'APP_BUSY' })
    world.pool.cells[0]!.answer()
    await first
    await settle()
    assert.equal(world.pool.cells[0]!.held.length, 0)
  })

  test('to an app that lacks what is mandatory is answered that it does not run', async () => {
    const world = makeWorld()
    world.lacking = ['db']
    await assert.rejects(world.get(), { code: 'APP_DOWN' })
    assert.equal(world.pool.cells.length, 0)
  })

  test('of a script that required what is not granted is told so', async () => {
    const world = makeWorld()
    const answer = world.get()
    await settle()
    const script = { message: 'not granted', code: 'MODULE_NOT_GRANTED', permission: 'module:fs' }
    world.pool.cells[0]!.held.shift()!.reject(new CellError('SCRIPT_FAILED', 'x', script))
    await assert.rejects(answer, { code: 'MODULE_NOT_GRANTED', permission: 'module:fs' })
  })

  test('is told nothing of what a script threw', async () => {
    const world = makeWorld()
    const answer = world.get()
    await settle()
    world.pool.cells[0]!.held.shift()!.reject(
      new CellError('SCRIPT_FAILED', 'x', { message: 'password is 7' }),
    )
    await assert.rejects(answer, (error: Error) => !error.message.includes('7'))
  })
})

describe('a reload', () => {
  test('loses no request: those under way end where they began, later ones begin in the new cell', async () => {
    const world = makeWorld()
    const before = world.get()
    await settle()
    world.version = 2
    const reloaded = world.runtime.reload('code')
    const during = world.get()
    assert.equal((await reloaded).outcome, 'reloaded')
    const after = world.get()
    await settle()
    const [old, fresh] = world.pool.cells
    assert.equal(old!.held.length, 2)
    assert.equal(fresh!.held.length, 1)
    old!.answer()
    old!.answer()
    fresh!.answer()
    assert.deepEqual(await Promise.all([before, during, after]), ['1', '1', '2'])
    assert.equal((await old!.ended).why, 'drained')
  })

  test('hands those who waited for room to the new cell', async () => {
    const world = makeWorld({ inFlightMax: 1 })
    const first = world.get()
    await settle()
    const second = world.get()
    world.version = 2
    await world.runtime.reload('wider')
    await settle()
    world.pool.cells[1]!.answer()
    assert.equal(await second, '2')
    world.pool.cells[0]!.answer()
    assert.equal(await first, '1')
  })

  for (const reason of ['code', 'wider'] as const)
    test(`for ${reason} that fails keeps the version before`, async () => {
      const world = makeWorld()
      await world.runtime.start()
      world.pool.failures.push(failure('a startup script threw'))
      const outcome = await world.runtime.reload(reason)
      assert.deepEqual(outcome, { outcome: 'kept', error: { message: 'a startup script threw' } })
      const answer = world.get()
      await settle()
      world.pool.cells[0]!.answer()
      assert.equal(await answer, '1')
    })

  test('for a revocation that fails stops the app rather than run with what was revoked', async () => {
    const world = makeWorld()
    const under = world.get()
    await settle()
    world.pool.failures.push(failure('fs is required'))
    assert.equal((await world.runtime.reload('narrower')).outcome, 'stopped')
    await assert.rejects(world.get(), { code: 'APP_DOWN' })
    world.pool.cells[0]!.answer()
    assert.equal(await under, '1')
    assert.equal((await world.pool.cells[0]!.ended).why, 'drained')
    assert.equal((await world.runtime.reload('wider')).outcome, 'reloaded')
    const answer = world.get()
    await settle()
    world.pool.cells[1]!.answer()
    await answer
  })

  test('runs one at a time, and of many wanted meanwhile once more, with the newest state', async () => {
    const world = makeWorld()
    await world.runtime.start()
    const reloads = [2, 3, 4, 5].map((version) => {
      world.version = version
      return world.runtime.reload('code')
    })
    await Promise.all(reloads)
    assert.deepEqual(
      world.pool.cells.map((cell) => cell.version),
      ['1', '2', '5'],
    )
  })

  test('a revocation among those that were put together is not forgotten', async () => {
    const world = makeWorld()
    await world.runtime.start()
    const first = world.runtime.reload('code')
    const [second, third] = [world.runtime.reload('narrower'), world.runtime.reload('wider')]
    world.pool.failures.push(failure('no'))
    await first
    assert.equal((await second).outcome, 'stopped')
    assert.equal((await third).outcome, 'stopped')
  })

  test('of an app that does not run starts nothing', async () => {
    const world = makeWorld()
    assert.equal((await world.runtime.reload('code')).outcome, 'idle')
    assert.equal(world.pool.cells.length, 0)
  })

  test('that overtakes a start leaves one cell', async () => {
    const world = makeWorld()
    const gate = Promise.withResolvers<void>()
    world.pool.gate = gate.promise
    const answer = world.get()
    await settle()
    world.pool.gate = Promise.resolve()
    world.version = 2
    await world.runtime.reload('code')
    gate.resolve()
    await settle()
    assert.deepEqual(
      world.pool.cells.map((cell) => cell.isDraining),
      [false, true],
    )
    world.pool.cells[0]!.answer()
    assert.equal(await answer, '2')
  })
})

describe('a cell that ends', () => {
  test('is replaced at once the first time, after a pause the next', async () => {
    const world = makeWorld()
    for (const pauseMs of [0, 250, 500]) {
      world.clock.now += pauseMs
      const answer = world.get()
      await settle()
      world.pool.cells.at(-1)!.crash()
      await assert.rejects(answer, { code: 'SCRIPT_FAILED' })
    }
    assert.equal(world.pool.cells.length, 3)
    world.clock.now += 499
    await assert.rejects(world.get(), { code: 'APP_DOWN' })
    world.clock.now += 1
    const answer = world.get()
    await settle()
    world.pool.cells.at(-1)!.answer()
    await answer
  })

  test('takes with it what it had begun, and nobody who waits', async () => {
    const world = makeWorld({ inFlightMax: 1 })
    const [begun, waiting] = [world.get(), world.get()]
    await settle()
    world.pool.cells[0]!.crash('memory')
    await assert.rejects(begun, { code: 'SCRIPT_FAILED' })
    await settle()
    world.pool.cells[1]!.answer()
    assert.equal(await waiting, '1')
    assert.ok(world.events.some((event) => event.event === 'ended' && event.why === 'memory'))
  })
})

describe('an app that nobody asks for', () => {
  test('rests after its time, and not while a request is under way', async () => {
    const world = makeWorld({ idleMs: 100 })
    const answer = world.get()
    await settle()
    world.clock.now += 1_000
    world.runtime.rest()
    assert.equal(world.pool.cells[0]!.isDraining, false)
    world.pool.cells[0]!.answer()
    await answer
    world.clock.now += 99
    world.runtime.rest()
    assert.equal(world.pool.cells[0]!.isDraining, false)
    world.clock.now += 1
    world.runtime.rest()
    assert.equal(world.pool.cells[0]!.isDraining, true)
    assert.equal(world.runtime.status.state, 'idle')
  })
})
