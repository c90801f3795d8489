import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** With it the command starts in its first process, from the sources. */
const CONDITION = process.execArgv.filter((flag) => flag.startsWith('--conditions='))
const BIN = fileURLToPath(new URL('../../bin/castellan.js', import.meta.url))
export const WORLDS = fileURLToPath(new URL('../../../../examples/worlds/', import.meta.url))
export const COOL_GROUP = join(WORLDS, 'cool-group.yaml')

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What standard input brings; nothing when absent. */
  readonly stdin?: string | Uint8Array
}

/** Runs the command as people do, in a process of its own without a terminal. */
export async function castellan(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawnCastellan(args, options)
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.stdin ?? '')
  return finished(child)
}

export type Running = ChildProcessByStdio<Writable, Readable, Readable>

export function spawnCastellan(args: readonly string[], { cwd, env }: RunOptions = {}): Running {
  return spawn(process.execPath, [...CONDITION, BIN, ...args], {
    cwd: cwd ?? tmpdir(),
    env: { ...cleanEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

export async function finished(child: Running): Promise<Ran> {
  const [stdout, stderr, status] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve)
    }),
  ])
  return { status, stdout, stderr }
}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** The same on every machine: nothing of whoever runs the tests reaches the command. */
function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'SystemRoot', 'NODE_V8_COVERAGE', 'XDG_CACHE_HOME']
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

/** The answer of a run that should have gone well; the caller knows what was asked for. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function jsonOf<Answer = Record<string, unknown>>(ran: Ran, status = 0): Answer {
  assert.equal(ran.status, status, ran.stderr)
  assert.equal(ran.stderr, '')
  return JSON.parse(ran.stdout) as Answer
}

export interface ProblemSeen {
  readonly code: string
  readonly detail: string
  readonly hint: string
  readonly status: number
}

/** The problem document of a run that should have been refused. */
export function problemOf(ran: Ran, status: number): ProblemSeen {
  assert.equal(ran.status, status, ran.stderr + ran.stdout)
  assert.equal(ran.stdout, '')
  return JSON.parse(ran.stderr) as ProblemSeen
}

export function newFolder(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-cli-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** A server in a process of its own, until it is stopped. */
export interface Served {
  readonly address: string
  readonly pid: number
  stop(): Promise<Ran>
  kill(): Promise<void>
}

export async function serve(args: readonly string[], options: RunOptions): Promise<Served> {
  const child = spawnCastellan([...args, '--json'], options)
  child.stdin.end()
  const errors: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', resolve)
  })
  const first = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')))
    child.once('close', (code) =>
      reject(new Error(`it ended with ${code}: ${Buffer.concat(errors).toString('utf8')}`)),
    )
  })
  const { address } = JSON.parse(first) as { readonly address: string }
  assert.ok(child.pid !== undefined)
  return {
    address,
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM')
      return { status: await closed, stdout: first, stderr: Buffer.concat(errors).toString('utf8') }
    },
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
