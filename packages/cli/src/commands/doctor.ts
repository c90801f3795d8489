import { existsSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { resolve } from 'node:path'
import { openSqliteReader } from '@castellan/store'
import type { SettingSeen } from '@castellan/server'
import type { Handler } from '../command.ts'
import { EXIT } from '../exit.ts'
import { findFolder, parseStore, readFolder, settingsPath } from '../folder.ts'
import type { Io } from '../io.ts'
import { findLogin, loginPath } from '../login.ts'
import { clean, count } from '../render/words.ts'
import type { TargetFlags } from '../session.ts'
import { findWriter } from '../target/database.ts'

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
  /** What to do, where something is wrong. */
  readonly todo?: string
}

const NODE_MAJOR_MIN = 26

export const doctor: Handler = async ({ screen, io, flags }) => {
  const findings = [checkNode(), ...(await checkPlace(io, flags))]
  const ok = findings.every((finding) => finding.ok)
  if (screen.json) await screen.printJson({ ok, checks: findings })
  else {
    for (const finding of findings) {
      await screen.print(
        `${finding.ok ? screen.paint('green', 'ok     ') : screen.paint('red', 'problem')} ${finding.check.padEnd(9)} ${clean(finding.detail)}`,
      )
      if (finding.todo !== undefined)
        await screen.print(`${' '.repeat(18)}${screen.paint('yellow', clean(finding.todo))}`)
    }
  }
  return ok ? EXIT.done : EXIT.denied
}

function checkNode(): Finding {
  const { node } = process.versions
  const ok = Number(node.split('.')[0]) >= NODE_MAJOR_MIN
  return {
    check: 'node',
    ok,
    detail: `Node ${node}`,
    ...(ok ? {} : { todo: `install Node ${NODE_MAJOR_MIN} or newer` }),
  }
}

async function checkPlace(io: Io, flags: TargetFlags): Promise<Finding[]> {
  if (flags.store !== undefined) return checkStore(parseStore(flags.store, io.cwd))
  const dir = flags.dir === undefined ? findFolder(io.cwd) : resolve(io.cwd, flags.dir)
  if (dir === undefined || !existsSync(settingsPath(dir))) {
    const detail = dir === undefined ? 'there is no platform folder here' : `${dir} is no platform folder`
    return [
      { check: 'folder', ok: false, detail, todo: 'make one with `castellan init`, or name it with `--dir`' },
    ]
  }
  const folder: Finding = { check: 'folder', ok: true, detail: dir }
  const [settings, address] = await checkSettings(io, dir)
  if (address === undefined) return [folder, ...settings]
  const { database } = readFolder(io, dir)
  return [
    folder,
    ...settings,
    ...checkStore(database),
    ...checkLogin(dir),
    await checkPort(address, findWriter(database) !== undefined),
  ]
}

interface Address {
  readonly host: string
  readonly port: number
}

async function checkSettings(io: Io, dir: string): Promise<readonly [Finding[], Address | undefined]> {
  const { examineSettings, findMisspelt } = await import('@castellan/server')
  const { settings, problems } = examineSettings({ file: settingsPath(dir), env: io.env })
  const misspelt = findMisspelt(io.env).map(({ name, nearest }) => ({
    check: 'settings',
    ok: false,
    detail: `the variable ${name} sets nothing`,
    todo: `did you mean ${nearest}?`,
  }))
  if (problems.length > 0) {
    const wrong = problems.map((problem) => ({ check: 'settings', ok: false, ...problemOf(problem) }))
    return [[...wrong, ...misspelt], undefined]
  }
  const valueOf = (name: string) => settings.find((setting) => setting.name === name)!.value
  return [
    [{ check: 'settings', ok: true, detail: sayOrigins(dir, settings) }, ...misspelt],
    { host: String(valueOf('host')), port: Number(valueOf('port')) },
  ]
}

function sayOrigins(dir: string, settings: readonly SettingSeen[]): string {
  const from = (source: SettingSeen['source']) =>
    settings.filter((setting) => setting.source === source).length
  const byEnvironment = from('environment')
  return `${settingsPath(dir)}: ${from('file')} set${byEnvironment === 0 ? '' : `, ${byEnvironment} by the environment`}`
}

function checkStore(database: string): Finding[] {
  const mode = existsSync(database) ? statSync(database).mode & 0o077 : 0
  try {
    const reader = openSqliteReader({ path: database })
    try {
      const writer = findWriter(database)
      const use = writer === undefined ? 'nobody writes it' : `process ${writer} writes it`
      const store: Finding = {
        check: 'store',
        ok: true,
        detail: `${database}: revision ${reader.revision}, ${use}`,
      }
      const verdict = reader.verify()
      const journal: Finding = verdict.ok
        ? {
            check: 'journal',
            ok: true,
            detail: `${count(verdict.revision, 'entry', 'entries')}, head ${verdict.head}`,
          }
        : {
            check: 'journal',
            ok: false,
            detail: `revision ${verdict.revision}: ${verdict.message}`,
            todo: 'restore a backup: `castellan restore <file>`',
          }
      const access: Finding[] =
        mode === 0
          ? []
          : [
              {
                check: 'access',
                ok: false,
                detail: `others may read or write ${database}`,
                todo: `chmod 600 ${database}`,
              },
            ]
      return [store, journal, ...access]
    } finally {
      reader.close()
    }
  } catch (error) {
    return [{ check: 'store', ok: false, ...problemOf(error) }]
  }
}

function checkLogin(dir: string): Finding[] {
  try {
    const login = findLogin(dir)
    if (login === undefined) return []
    const isOpen = process.platform !== 'win32' && (statSync(loginPath(dir)).mode & 0o077) !== 0
    if (isOpen)
      return [
        {
          check: 'login',
          ok: false,
          detail: `others may read ${loginPath(dir)}`,
          todo: `chmod 600 ${loginPath(dir)}, and revoke its token if they may have`,
        },
      ]
    return [{ check: 'login', ok: true, detail: `${login.user} at ${login.server}` }]
  } catch (error) {
    return [{ check: 'login', ok: false, ...problemOf(error) }]
  }
}

/** A port that someone listens on is right while the folder is served, and in the way when it is not. */
async function checkPort({ host, port }: Address, isServed: boolean): Promise<Finding> {
  if (port === 0) return { check: 'port', ok: true, detail: 'a free one is taken at each start' }
  const isTaken = await answers(host, port)
  if (isServed)
    return {
      check: 'port',
      ok: true,
      detail: isTaken ? `${host}:${port} answers` : 'the folder is served on another port',
    }
  if (!isTaken) return { check: 'port', ok: true, detail: `${host}:${port} is free` }
  return {
    check: 'port',
    ok: false,
    detail: `another program listens on ${host}:${port}`,
    todo: `stop it, or set another port in the settings, CASTELLAN_PORT or \`--port\``,
  }
}

const CONNECT_MS = 1_000

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS })
    const done = (isTaken: boolean) => (): void => {
      socket.destroy()
      resolve(isTaken)
    }
    socket.once('connect', done(true)).once('timeout', done(false)).once('error', done(false))
  })
}

function problemOf(error: unknown): { readonly detail: string; readonly todo?: string } {
  if (!(error instanceof Error)) return { detail: String(error) }
  return {
    detail: error.message,
    ...('hint' in error && typeof error.hint === 'string' ? { todo: error.hint } : {}),
  }
}
