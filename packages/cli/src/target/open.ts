import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { unreadable } from '../change-file.ts'
import { usageError } from '../exit.ts'
import { findFolder, parseStore, readFolder } from '../folder.ts'
import type { Io } from '../io.ts'
import { findLogin, type Login } from '../login.ts'
import type { Purpose, TargetFlags } from '../session.ts'
import type { Target } from './target.ts'

/**
 * Chooses what a command works on; the only place that does. What was typed comes before what is set in the
 * environment, and that before where the command stands.
 */
export async function openTarget(io: Io, flags: TargetFlags, purpose: Purpose): Promise<Target> {
  const typed = (['server', 'dir', 'store', 'facts'] as const).filter((name) => flags[name] !== undefined)
  if (typed.length > 1)
    throw usageError(
      `${typed.map((name) => `\`--${name}\``).join(' and ')} name different things to work on`,
      'give one of them',
    )
  if (flags.facts !== undefined) return openFacts(io, flags.facts, flags.as)
  if (flags.store !== undefined) return openStore(io, flags.store, flags.as, purpose)
  if (flags.dir !== undefined) return openFolder(io, resolve(io.cwd, flags.dir), flags.as, purpose)
  const server = flags.server ?? setting(io, 'CASTELLAN_SERVER')
  if (server !== undefined) return openServer(io, server, flags.as)
  const folder = findFolder(io.cwd)
  if (folder !== undefined) return openFolder(io, folder, flags.as, purpose)
  if (purpose === 'any') return openNothing(io)
  throw usageError(
    'there is nothing to work on here: no platform folder, no server',
    'run `castellan start` first, or add `--server`, `--dir`, `--store` or `--facts`',
  )
}

/** The database that a command replaces or looks into, whatever state it is in. */
export function databasePath(io: Io, flags: TargetFlags): string {
  if (flags.server !== undefined || flags.facts !== undefined)
    throw usageError('this works on a database', 'give it with `--dir` or `--store`')
  if (flags.store !== undefined) return parseStore(flags.store, io.cwd)
  const folder = flags.dir === undefined ? findFolder(io.cwd) : resolve(io.cwd, flags.dir)
  if (folder === undefined)
    throw usageError(
      'there is no platform folder here',
      'give one with `--dir`, or a database with `--store`',
    )
  return readFolder(io, folder).database
}

async function openStore(io: Io, store: string, as: string | undefined, purpose: Purpose): Promise<Target> {
  const path = parseStore(store, io.cwd)
  const { openSnapshot, openWritable } = await import('./database.ts')
  const { DirectTarget } = await import('./direct.ts')
  return new DirectTarget(
    purpose === 'change'
      ? await openWritable(io, path, store, { create: true })
      : openSnapshot(io, path, store),
    as,
  )
}

async function openFacts(io: Io, name: string, as: string | undefined): Promise<Target> {
  const content = await readFile(resolve(io.cwd, name)).catch((error: unknown) => {
    throw unreadable(name, error)
  })
  const [{ openEngine, parseFact }, { readFactsFile }, { DirectTarget }] = await Promise.all([
    import('@castellan/engine'),
    import('@castellan/protocol'),
    import('./direct.ts'),
  ])
  const { facts } = readFactsFile({ name, content }, parseFact)
  return new DirectTarget(
    { place: name, engine: openEngine({ facts, now: io.now }), close: () => undefined },
    as,
  )
}

/** The built-in rules are the same everywhere. */
async function openNothing(io: Io): Promise<Target> {
  const [{ openEngine }, { DirectTarget }] = await Promise.all([
    import('@castellan/engine'),
    import('./direct.ts'),
  ])
  return new DirectTarget(
    { place: 'nothing', engine: openEngine({ now: io.now }), close: () => undefined },
    undefined,
  )
}

async function openServer(io: Io, address: string, as: string | undefined): Promise<Target> {
  const url = parseAddress(address)
  const login = loginFor(io, url)
  const token = setting(io, 'CASTELLAN_TOKEN') ?? login?.token
  const { HttpTarget } = await import('./http.ts')
  return new HttpTarget({
    server: { url, token },
    now: io.now,
    ...(token !== login?.token || login === undefined ? {} : { user: login.user }),
    ...(as === undefined ? {} : { as }),
  })
}

/** A login counts for the server it was made for, and for no other: a token goes to nobody else. */
function loginFor(io: Io, url: URL): Login | undefined {
  const folder = findFolder(io.cwd)
  const login = folder === undefined ? undefined : findLogin(folder)
  return login !== undefined && parseAddress(login.server).origin === url.origin ? login : undefined
}

function parseAddress(address: string): URL {
  const url = URL.parse(address)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw usageError(`\`${address}\` is no address of a server`, 'as in `--server http://127.0.0.1:7070`')
  return url
}

/**
 * A platform folder is worked on directly while nobody serves it. While someone does, the server is asked, with the
 * saved login. What only reads can be read from the files all the same when there is no login or no answer.
 */
async function openFolder(io: Io, dir: string, as: string | undefined, purpose: Purpose): Promise<Target> {
  const { database } = readFolder(io, dir)
  const [{ findWriter, openSnapshot, openWritable }, { DirectTarget }] = await Promise.all([
    import('./database.ts'),
    import('./direct.ts'),
  ])
  const snapshot = (): Target => new DirectTarget(openSnapshot(io, database, dir), as)
  const login = findLogin(dir)
  if (findWriter(database) === undefined || login === undefined) {
    return purpose === 'change'
      ? new DirectTarget(await openWritable(io, database, dir, { create: false }), as)
      : snapshot()
  }
  // Whoever can read the files may read as anyone; a server would have to be asked with a token of that user.
  if (purpose !== 'change' && as !== undefined) return snapshot()
  const { HttpTarget } = await import('./http.ts')
  // The folder says where its server is, and whoever made the folder said so: a token from the environment was meant
  // for another server, and goes nowhere because of where one stands.
  const target = new HttpTarget({
    server: { url: parseAddress(login.server), token: login.token },
    now: io.now,
    user: login.user,
    beside: async () => new DirectTarget(openSnapshot(io, database, dir), undefined),
    ...(as === undefined ? {} : { as }),
  })
  try {
    await target.revision()
    return target
  } catch {
    // Whoever writes it is no server, or not the one of the login; the store says which process it is.
    return purpose === 'change'
      ? new DirectTarget(await openWritable(io, database, dir, { create: false }), as)
      : snapshot()
  }
}

function setting(io: Io, name: string): string | undefined {
  const value = io.env[name]
  return value === undefined || value === '' ? undefined : value
}
