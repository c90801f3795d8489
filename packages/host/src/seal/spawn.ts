import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Boot } from '../cell/boot.ts'
import type { Launch } from './launcher.ts'
import type { Sealing } from './stages.ts'

/** Where the files of a cell are. */
export interface CellRuntime {
  readonly launcher: string
  readonly entry: string
  readonly libraries: Omit<Boot, 'sealing'>
  /** Files and folders that it reads while it loads. */
  readonly reads: readonly string[]
  /** Where compiled code is kept; undefined: it is compiled each time. */
  readonly cacheFolder: string | undefined
}

export interface SpawnOptions {
  /** Undefined: not sealed, with Node's own permissions only. */
  readonly sealing: Pick<Sealing, 'uid' | 'memoryBytes'> | undefined
  readonly memoryBytes: number
}

/** Least memory for V8 to begin with, and what of a budget it may use before it must clean up. */
const HEAP_SHARE = 0.8
const MEBIBYTE = 1_048_576

/** Sources as they are, or what was built of them. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

export function findRuntime(cacheFolder?: string): CellRuntime {
  const sources = fileURLToPath(new URL('..', import.meta.url))
  const own = createRequire(import.meta.url)
  const fromBuffer = createRequire(own.resolve('buffer/'))
  const libraries = {
    ses: join(dirname(own.resolve('ses/package.json')), 'dist', 'ses.umd.min.js'),
    buffer: own.resolve('buffer/'),
    base64: fromBuffer.resolve('base64-js'),
    ieee754: fromBuffer.resolve('ieee754'),
  }
  return {
    launcher: join(sources, 'seal', `launcher${EXTENSION}`),
    entry: join(sources, 'cell', `main${EXTENSION}`),
    libraries,
    reads: [
      sources,
      join(sources, '..', 'package.json'),
      dirname(dirname(libraries.ses)),
      dirname(libraries.buffer),
      dirname(libraries.base64),
      dirname(libraries.ieee754),
      ...(cacheFolder === undefined ? [] : [cacheFolder]),
    ],
    cacheFolder,
  }
}

/** Starts a cell. Its pipes are the first three descriptors, and the third goes both ways. */
export function spawnCell(runtime: CellRuntime, { sealing, memoryBytes }: SpawnOptions): ChildProcess {
  const env = envOf(runtime)
  const full: Sealing | undefined =
    sealing === undefined ? undefined : { ...sealing, reads: runtime.reads, host: process.pid }
  const boot: Boot = { ...runtime.libraries, ...(full === undefined ? {} : { sealing: full }) }
  const args = [...optionsOf(runtime, memoryBytes), runtime.entry, JSON.stringify(boot)]
  const launch: Launch | undefined = full === undefined ? undefined : { sealing: full, args, env }
  const command =
    launch === undefined
      ? args
      : ['--no-warnings', '--v8-pool-size=0', runtime.launcher, JSON.stringify(launch)]
  return spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'pipe'], env, cwd: '/' })
}

function optionsOf({ reads }: CellRuntime, memoryBytes: number): string[] {
  return [
    '--no-warnings',
    '--disable-sigusr1',
    '--no-addons',
    '--permission',
    '--allow-ffi',
    ...reads.map((path) => `--allow-fs-read=${path}`),
    '--allow-fs-read=/proc',
    '--max-semi-space-size=1',
    '--v8-pool-size=1',
    `--max-old-space-size=${Math.max(1, Math.floor((memoryBytes * HEAP_SHARE) / MEBIBYTE))}`,
  ]
}

function envOf({ cacheFolder }: CellRuntime): Record<string, string> {
  return {
    // No file: what cannot be read would end Node at its start.
    OPENSSL_CONF: '',
    NODE_DISABLE_COLORS: '1',
    ...(process.env['TZ'] === undefined ? {} : { TZ: process.env['TZ'] }),
    ...(cacheFolder === undefined ? {} : { NODE_COMPILE_CACHE: cacheFolder }),
  }
}
