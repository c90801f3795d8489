// The process that runs one app: `node main.ts <Boot as JSON>`. It loads its runtime, seals itself, and says so; only then
// does the host send it the app.
import type { StartMessage } from '../messages.ts'
import { type App, makeApp, scriptErrorOf } from './app.ts'
import { loadRuntime, parseBoot, seal } from './boot.ts'
import { makeEndowments } from './endowments/index.ts'
import { makeLibraries } from './libraries.ts'
import { MODULES } from './modules/index.ts'
import { exit } from './exit.ts'
import { openPipes } from './pipes.ts'

const boot = parseBoot(process.argv[2])
const { ses, Buffer } = loadRuntime(boot)
let app: App | undefined

const pipes = openPipes((message, blobs) => {
  if (message.kind === 'ping') pipes.send({ kind: 'pong', at: message.at })
  else if (message.kind === 'start') start(message, blobs).catch(crash)
  else if (message.kind === 'request') app?.request(message, blobs).catch(crash)
  else if (message.kind === 'abort') app?.abort(message.id)
})

/** What nobody caught ends the cell, as it would end a program; the host starts another. */
const crash = (thrown: unknown) => {
  pipes.send({ kind: 'failed', error: scriptErrorOf(thrown) })
  // A moment for the frame to leave.
  setImmediate(() => setImmediate(() => exit(1)))
}
process.on('uncaughtException', crash)
process.on('unhandledRejection', crash)

const endowments = makeEndowments(
  ses,
  Buffer,
  (level, message) => pipes.send({ kind: 'log', level, message }),
  crash,
)
const library = makeLibraries(ses, endowments, pipes)

seal(boot)
pipes.send({ kind: 'ready' })

async function start(message: StartMessage, blobs: readonly Uint8Array[]): Promise<void> {
  try {
    const fresh = makeApp({ ses, pipes, endowments, modules: MODULES, library }, message, blobs)
    await fresh.startUp()
    app = fresh
    pipes.send({ kind: 'started' })
  } catch (thrown) {
    pipes.send({ kind: 'failed', error: scriptErrorOf(thrown) })
  }
}
