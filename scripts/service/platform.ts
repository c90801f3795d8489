import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createPlatform } from '@castellan/server'

const COMMAND = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))

/** A new platform folder, served by the command in a process of its own over SQLite; gone at the end of its block. */
export interface ServedPlatform extends AsyncDisposable {
  readonly address: string
  readonly pid: number
  /** Of the user `admin`. */
  readonly token: string
}

/** @param settings - as for the environment, without `CASTELLAN_` */
export async function servePlatform(
  settings: Readonly<Record<string, string>> = {},
): Promise<ServedPlatform> {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-soak-'))
  const { token } = await createPlatform(join(dir, 'platform'))
  const env = Object.entries(settings).map(([name, value]) => [`CASTELLAN_${name}`, value] as const)
  const child = spawn(
    process.execPath,
    ['--conditions=castellan-src', COMMAND, 'serve', '--dir', join(dir, 'platform'), '--port', '0', '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...Object.fromEntries(env) } },
  )
  const closed = once(child, 'close')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { address } = JSON.parse(line) as { readonly address: string }
  return {
    address,
    pid: pidOf(child),
    token,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await closed
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the server has no process')
  return pid
}
