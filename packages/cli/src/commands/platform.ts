import {
  createPlatform,
  createPlatformServer,
  openPlatform,
  type Platform,
  type PlatformServer,
  type SettingOverrides,
} from '@castellan/server'
import { SETTING_NAMES } from '@castellan/server/settings'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import type { Handler, Input } from '../command.ts'
import { codeOf, CommandError, usageError } from '../exit.ts'
import { findFolder, isFolder, parseStore, START_FOLDER } from '../folder.ts'
import type { Io } from '../io.ts'
import { findLogin, saveLogin, type Login } from '../login.ts'
import { shellWord } from '../render/words.ts'
import type { Session, TargetFlags } from '../session.ts'

export const init: Handler = async (session, input) => {
  const { screen, io, flags } = session
  assertFolder(flags, 'init')
  if (flags.store !== undefined) throw usageError('init makes its own database', 'leave `--store` out')
  const dir = resolve(io.cwd, input.args[0] ?? flags.dir ?? START_FOLDER)
  const made = await createPlatform(dir, { now: io.now })
  if (screen.json) await screen.printJson(made)
  else {
    await screen.print(`folder  ${made.dir}`)
    await screen.print(`admin   ${made.admin}`)
    await screen.print(`token   ${made.token}`)
    screen.note('the token is shown this once: keep it')
    screen.note(`serve it with: castellan serve --dir ${shellWord(shown(io, made.dir))}`)
  }
  return undefined
}

export const serve: Handler = async (session, input) => {
  const { screen, io, flags } = session
  assertFolder(flags, 'serve')
  const overrides = overridesOf(session, input)
  const dir = flags.dir === undefined ? findFolder(io.cwd) : resolve(io.cwd, flags.dir)
  if (dir === undefined)
    throw usageError(
      'there is no platform folder here',
      'make one with `castellan init`, or give it with `--dir`',
    )
  const signal = io.untilStopped()
  const platform = await openPlatform(dir, { env: io.env, overrides, now: io.now })
  try {
    const server = createPlatformServer(platform, { now: io.now })
    const address = await listen(server, platform.settings.host, platform.settings.port)
    if (screen.json) await screen.printJson({ address, dir: platform.dir, pid: process.pid })
    else await screen.print(`listening on ${address}`)
    await untilStopped(signal, server)
  } finally {
    await platform.close()
  }
  return undefined
}

export const start: Handler = async (session, input) => {
  const { io, flags } = session
  assertFolder(flags, 'start')
  const overrides = overridesOf(session, input)
  const dir = resolve(io.cwd, flags.dir ?? START_FOLDER)
  const signal = io.untilStopped()
  const isNew = !isFolder(dir)
  if (isNew) await makeWithExample(dir, io)
  const platform = await openServed(dir, io, overrides)
  try {
    const server = createPlatformServer(platform, { now: io.now })
    const address = await listenSomewhere(
      server,
      platform,
      { isPortGiven: overrides.port !== undefined || (io.env['CASTELLAN_PORT'] ?? '') !== '' },
      session,
    )
    const login = findLogin(dir) ?? (await newLogin(platform))
    await saveLogin(dir, { ...login, server: address })
    await greet(session, { address, dir, isNew })
    await untilStopped(signal, server)
  } finally {
    await platform.close()
  }
  return undefined
}

/** Made aside and moved into place: an interrupted first start leaves no folder that looks whole and lacks the example. */
async function makeWithExample(dir: string, io: Io): Promise<void> {
  const draft = `${dir}.new`
  await rm(draft, { recursive: true, force: true })
  if (existsSync(dir))
    throw usageError(
      `\`${dir}\` is there and is no platform folder`,
      'move it away, or name another with `--dir`',
    )
  const { token, admin } = await createPlatform(draft, { now: io.now })
  const platform = await openPlatform(draft, { now: io.now })
  try {
    const { EXAMPLE_FACTS } = await import('../example-world.ts')
    await platform.live.change(
      EXAMPLE_FACTS.map((fact) => ({ add: fact })),
      { reason: 'the example world' },
    )
  } finally {
    await platform.close()
  }
  await saveLogin(draft, { server: 'http://127.0.0.1:7070', token, user: admin })
  await rename(draft, dir)
}

/** Whoever starts twice is told where it runs already. */
async function openServed(dir: string, io: Io, overrides: SettingOverrides): Promise<Platform> {
  try {
    return await openPlatform(dir, { env: io.env, overrides, now: io.now })
  } catch (error) {
    const login = codeOf(error) === 'STORE_LOCKED' ? findLogin(dir) : undefined
    if (login === undefined || !(error instanceof Error)) throw error
    throw new CommandError(
      'UNREACHABLE',
      error.message,
      `it is served already, at ${login.server}: ask it, or stop it first`,
      error,
    )
  }
}

async function newLogin(platform: Platform): Promise<Login> {
  const { issueToken } = await import('@castellan/server')
  const { secret } = await issueToken(
    platform,
    { issuer: 'user:admin', full: true },
    { reason: 'castellan start' },
  )
  return { server: '', token: secret, user: 'user:admin' }
}

function assertFolder({ server, facts, as }: TargetFlags, command: string): void {
  if (server !== undefined || facts !== undefined || as !== undefined)
    throw usageError(`${command} works on a platform folder`, 'give it with `--dir`, without the other flags')
}

/** The settings given as flags, as they were typed. */
export function overridesOf({ io, flags }: Session, input: Input): SettingOverrides {
  const typed = SETTING_NAMES.flatMap((name) => {
    const text = input.text(name)
    return text === undefined || name === 'store' ? [] : [[name, text]]
  })
  return {
    ...(Object.fromEntries(typed) as SettingOverrides),
    ...(flags.store === undefined ? {} : { store: `sqlite:${parseStore(flags.store, io.cwd)}` }),
  }
}

async function listen(server: PlatformServer, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new CommandError(
      'UNREACHABLE',
      `cannot listen on ${host}:${port}: ${sayListenError(error)}`,
      'choose another with `--port`; 0 takes a free one',
      error,
    )
  }
}

function sayListenError(error: Error): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'another process listens there'
    case 'EACCES':
      return 'this user may not'
    default:
      return error.message
  }
}

/** A newcomer whose port is taken gets another; whoever asked for one is told. */
async function listenSomewhere(
  server: PlatformServer,
  { settings: { host, port } }: Platform,
  { isPortGiven }: { readonly isPortGiven: boolean },
  { screen }: Session,
): Promise<string> {
  try {
    return await listen(server, host, port)
  } catch (error) {
    const isTaken = error instanceof CommandError && codeOf(error.cause) === 'EADDRINUSE'
    if (!isTaken || isPortGiven) throw error
    screen.note(`port ${port} is taken, so this takes a free one`)
    return listen(server, host, 0)
  }
}

/** What to try first: each is one line, and needs no flag beside the folder. */
const TRY = [
  'npx castellan explain user:alice a:b',
  'npx castellan preview revoke a:b --from user:fred',
  'npx castellan holders a:b',
]

async function greet(
  { screen, io }: Session,
  { address, dir, isNew }: { readonly address: string; readonly dir: string; readonly isNew: boolean },
): Promise<void> {
  if (screen.json) return screen.printJson({ address, dir, isNew, pid: process.pid, try: TRY })
  await screen.print(
    `${screen.paint('bold', 'castellan')} is serving ${shown(io, dir)}${isNew ? ', made with an example world,' : ''} at ${screen.paint('cyan', address)}`,
  )
  await screen.print('')
  await screen.print('Try in another terminal:')
  for (const command of TRY) await screen.print(`  ${screen.paint('cyan', command)}`)
  return undefined
}

async function untilStopped(signal: AbortSignal, server: PlatformServer): Promise<void> {
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await server.close()
}

function shown(io: Io, dir: string): string {
  const short = relative(io.cwd, dir)
  return short === '' ? '.' : short.startsWith('..') ? dir : `./${short}`
}
