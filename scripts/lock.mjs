// Writes package-lock.json anew after a package.json changed, keeping every version that still fits. It works in an
// empty folder: beside installed packages npm forgets the binaries of other platforms, and `npm ci` then refuses.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { npm, root } from './setup.mjs'

const folder = mkdtempSync(join(tmpdir(), 'castellan-lock-'))
try {
  for (const file of ['.npmrc', 'package.json', 'package-lock.json', ...listWorkspaceManifests()]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    if (existsSync(join(root, file))) copyFileSync(join(root, file), join(folder, file))
  }
  runNpm('install', '--package-lock-only')
  runNpm('ci', '--dry-run')
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  if (/"resolved": "[a-z+]+:/.test(lock))
    throw new Error('the lock file names download addresses: see .npmrc')
  copyFileSync(join(folder, 'package-lock.json'), join(root, 'package-lock.json'))
} catch (error) {
  console.error(`castellan: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function listWorkspaceManifests() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`)
  return [...packages, 'bench/package.json'].filter((file) => existsSync(join(root, file)))
}

function runNpm(...options) {
  const { command, args, shell } = npm()
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const { status, stdout, stderr } = spawnSync(command, [...args, ...options, ...quiet], {
    cwd: folder,
    shell,
  })
  if (status !== 0) throw new Error(`npm ${options.join(' ')} failed (${status})\n${stdout}${stderr}`)
}
