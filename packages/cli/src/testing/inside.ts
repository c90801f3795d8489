import { PassThrough, Readable } from 'node:stream'
import { run } from '../cli.ts'
import type { Ran } from './castellan.ts'

/** Runs the command within this process: for many runs, where starting one each would take most of the time. */
export async function inside(
  args: readonly string[],
  { stdin = new Uint8Array(), cwd = '/' }: { readonly stdin?: Uint8Array; readonly cwd?: string } = {},
): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const texts = [collect(stdout), collect(stderr)] as const
  const status = await run(args, {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout,
    stderr,
    env: {},
    cwd,
    now: () => Date.parse('2026-06-01T00:00:00Z'),
    untilStopped: () => new AbortController().signal,
  })
  stdout.end()
  stderr.end()
  return { status, stdout: await texts[0], stderr: await texts[1] }
}

async function collect(stream: PassThrough): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}
