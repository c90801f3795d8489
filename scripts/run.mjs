// The launcher behind every npm script: `node scripts/run.mjs <task> [arguments]`, on any Node from 18. It makes sure
// that the dependencies are there, then runs the task on the pinned Node, which its children find first on the PATH.
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import * as os from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { root, setup, SetupError } from './setup.mjs'

const SOURCES = '--conditions=castellan-src'
/** In the order in which each finds what it builds on. */
const PACKAGES = ['engine', 'protocol', 'store', 'server', 'cli', 'client']
const TEST_FOLDERS = ['packages', 'bench', 'docs', 'examples', 'scripts']
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'reports', 'castellan-data', '.stryker-tmp'])
/** Longest one test may take, in milliseconds. Far above any, so that a test that hangs ends the run with its name. */
const TEST_MS_MAX = 600_000
/** How often to see whether npm still waits for this, in milliseconds. */
const ORPHAN_CHECK_MS = 500

const tools = {
  knip: 'node_modules/knip/bin/knip.js',
  oxfmt: 'node_modules/oxfmt/bin/oxfmt',
  oxlint: 'node_modules/oxlint/bin/oxlint',
  publint: 'node_modules/publint/src/cli.js',
  stryker: 'node_modules/@stryker-mutator/core/bin/stryker.js',
  tsc: 'node_modules/typescript/bin/tsc',
}

const steps = {
  format: [[tools.oxfmt, '--check']],
  lint: [[tools.oxlint]],
  types: [
    [tools.tsc, '-p', 'tsconfig.json'],
    [tools.tsc, '-p', 'tsconfig.pure.json'],
  ],
  unused: [[tools.knip, '--no-progress']],
  publish: [['scripts/run.mjs', 'publint']],
}

const tasks = {
  start: (args) => foreground([SOURCES, 'packages/cli/src/main.ts', 'start', ...args]),
  test: (args) => (args.length === 0 ? testAll() : testSome(args)),
  lint: (args) => sequence(steps.lint, args),
  format: (args) => foreground([tools.oxfmt, ...args]),
  types: (args) => sequence(steps.types, args),
  unused: (args) => sequence(steps.unused, args),
  build: (args) => build(root, args),
  publint: () => publint(),
  bench: (args) => foreground([SOURCES, 'bench/src/main.ts', ...args]),
  soak: (args) => foreground([SOURCES, 'scripts/soak/main.ts', ...args]),
  fuzz: (args) => foreground([SOURCES, 'packages/server/test/fuzz/main.ts', ...args]),
  'soak:service': (args) => foreground([SOURCES, 'scripts/service/main.ts', ...args]),
  mutate: (args) => foreground([tools.stryker, 'run', ...args]),
}

let node = process.execPath
await main(process.argv.slice(2))

async function main([name, ...args]) {
  const task = tasks[name]
  if (!task) {
    console.error(`castellan: no task ${name ?? ''}: one of ${Object.keys(tasks).join(', ')}`)
    process.exitCode = 2
    return
  }
  try {
    node = await setup({ wantsLibraries: name === 'test' })
    process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`
    process.chdir(root)
    process.exitCode = await task(args)
  } catch (error) {
    console.error(`castellan: ${error instanceof SetupError ? error.message : error.stack}`)
    process.exitCode = 1
  }
}

/** Everything that must hold before a change is kept. The tests run whatever the other checks said. */
async function testAll() {
  const results = await Promise.all(Object.entries(steps).map(([name, commands]) => check(name, commands)))
  for (const { output } of results)
    if (output) process.stdout.write(output.endsWith('\n') ? output : `${output}\n`)
  for (const { name, seconds, failed } of results)
    console.log(`${failed ? '✖' : '✔'} ${name} (${seconds.toFixed(1)} s)`)
  const failed = results.filter((result) => result.failed).map((result) => result.name)
  if (failed.length > 0) console.log(`✖ failed before the tests: ${failed.join(', ')}; see above`)
  console.log()
  const status = await runTests([], [])
  return status || (failed.length > 0 ? 1 : 0)
}

/** A part of the tests, without the other checks: files whose path contains one of the patterns. */
async function testSome(args) {
  const patterns = args.filter((arg) => !arg.startsWith('-'))
  const options = args.filter((arg) => arg.startsWith('-') && arg !== '--only-tests')
  return await runTests(patterns, options)
}

async function runTests(patterns, options) {
  const all = TEST_FOLDERS.flatMap((folder) => listTests(folder))
  const files =
    patterns.length === 0 ? all : all.filter((file) => patterns.some((pattern) => file.includes(pattern)))
  if (files.length === 0) {
    console.error(`castellan: no test file's path contains ${patterns.join(' or ') || '.test.ts'}`)
    return 1
  }
  // Node leaves one core free by default, which on two cores is half of the machine.
  const settings = ['--test', `--test-concurrency=${cores()}`, `--test-timeout=${TEST_MS_MAX}`]
  return await foreground([SOURCES, ...settings, ...options, ...files])
}

function listTests(folder) {
  if (!existsSync(join(root, folder))) return []
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listTests(path)
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}

function cores() {
  return os.availableParallelism?.() ?? os.cpus().length
}

async function build(base, args) {
  for (const name of PACKAGES) {
    const folder = join(base, 'packages', name)
    rmSync(join(folder, 'dist'), { recursive: true, force: true })
    // npm packs a licence only from the package's own folder.
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    const status = await foreground([tools.tsc, '-p', join(folder, 'tsconfig.build.json'), ...args])
    if (status !== 0) return status
  }
  return 0
}

/** Builds in a copy, since the other checks read the folders where a build would come and go. */
async function publint() {
  mkdirSync(join(root, 'dist'), { recursive: true })
  const copy = mkdtempSync(join(root, 'dist', 'publint-'))
  try {
    copyPackages(copy)
    const status = await build(copy, [])
    return (
      status ||
      (await sequence(PACKAGES.map((name) => [tools.publint, join(copy, 'packages', name), '--strict'])))
    )
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function copyPackages(to) {
  const filter = (path) => !SKIPPED_FOLDERS.has(basename(path))
  for (const name of ['tsconfig.base.json', 'tsconfig.build.json'])
    copyFileSync(join(root, name), join(to, name))
  mkdirSync(join(to, 'node_modules', '@castellan'), { recursive: true })
  for (const name of PACKAGES) {
    const folder = join(to, 'packages', name)
    cpSync(join(root, 'packages', name), folder, { recursive: true, filter })
    symlinkSync(folder, join(to, 'node_modules', '@castellan', name), 'junction')
  }
}

/** Runs each command, all of them even when one fails. */
async function sequence(commands, args = []) {
  let status = 0
  for (const command of commands) status = (await foreground([...command, ...args])) || status
  return status
}

/** Runs the commands of one check beside others: what they print is kept, and shown when one fails. */
async function check(name, commands) {
  const start = Date.now()
  let output = ''
  let failed = false
  for (const command of commands) {
    const child = spawnNode(command, ['ignore', 'pipe', 'pipe'])
    let printed = ''
    child.stdout.on('data', (chunk) => (printed += chunk))
    child.stderr.on('data', (chunk) => (printed += chunk))
    if ((await ended(child)) !== 0) {
      failed = true
      output += printed
    }
  }
  return { name, failed, output, seconds: (Date.now() - start) / 1000 }
}

async function foreground(args) {
  const child = spawnNode(args, 'inherit')
  const stopForwarding = forwardSignals(child)
  const status = await ended(child)
  stopForwarding()
  if (typeof status === 'number') return status
  // Ended by a signal: end the same way, so that whoever started this sees it.
  process.kill(process.pid, status)
  return 1
}

function forwardSignals(child) {
  const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
    // A terminal interrupts the child itself; a signal meant for this process alone is passed on.
    const listener = () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal)
    process.on(signal, listener)
    return () => process.off(signal, listener)
  })
  // npm passes a signal on to its shell only, and that shell dies of it without a word to this process.
  const parent = process.ppid
  const watch = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), ORPHAN_CHECK_MS)
  if (!process.env.npm_lifecycle_event) clearInterval(watch)
  return () => {
    clearInterval(watch)
    for (const remove of listeners) remove()
  }
}

function spawnNode(args, stdio) {
  const color = stdio !== 'inherit' && process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  return spawn(node, args, { stdio, env: { ...process.env, ...color } })
}

/** @returns {Promise<number | string>} the exit status, or the signal that ended it */
async function ended(child) {
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? signal))
  })
}
