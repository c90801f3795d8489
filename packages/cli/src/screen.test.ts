import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import type { Io } from './io.ts'
import { openScreen } from './screen.ts'

function ioOf(
  isTTY: boolean,
  env: Record<string, string> = {},
): Io & { read(name: 'stdout' | 'stderr'): string } {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() }
  Object.assign(streams.stdout, { isTTY })
  Object.assign(streams.stderr, { isTTY })
  return {
    stdin: new PassThrough(),
    ...streams,
    env,
    cwd: '/',
    now: () => 0,
    untilStopped: () => new AbortController().signal,
    read: (name) => String(streams[name].read() ?? ''),
  }
}

describe('a screen', () => {
  const cases = [
    { name: 'paints on a terminal', isTTY: true, env: {}, painted: true },
    { name: 'does not paint in a pipe', isTTY: false, env: {}, painted: false },
    { name: 'honours NO_COLOR, whatever it says', isTTY: true, env: { NO_COLOR: '0' }, painted: false },
    { name: 'takes an empty NO_COLOR for none', isTTY: true, env: { NO_COLOR: '' }, painted: true },
    { name: 'does not paint on a dumb terminal', isTTY: true, env: { TERM: 'dumb' }, painted: false },
  ]
  for (const { name, isTTY, env, painted } of cases) {
    test(name, () => {
      assert.equal(openScreen(ioOf(isTTY, env), false).paint('red', 'x') !== 'x', painted)
    })
  }

  test('keeps remarks away from machine output', () => {
    const io = ioOf(true)
    const screen = openScreen(io, true)
    screen.note('a remark')
    screen.progress('50 %')
    screen.endProgress()
    assert.equal(io.read('stderr'), '')
  })

  test('shows progress only where standard error is a terminal', () => {
    const [piped, terminal] = [ioOf(false), ioOf(true)]
    openScreen(piped, false).progress('50 %')
    openScreen(terminal, false).progress('50 %')
    assert.equal(piped.read('stderr'), '')
    assert.match(terminal.read('stderr'), /50 %/)
  })
})
