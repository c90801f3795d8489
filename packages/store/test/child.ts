import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Another process that runs a file of this folder and talks in lines; gone at the end of its `await using` block. */
export interface Child extends AsyncDisposable {
  readonly pid: number
  readonly lines: AsyncIterable<string>
  /** The next line; throws what it printed to standard error when it ends without one. */
  nextLine(): Promise<string>
  /** Ends it as the kernel or a power cut would, and waits until it is gone. */
  kill(): Promise<void>
  /** Asks it to end by closing its standard input. */
  finish(): Promise<void>
}

export interface ChildOptions {
  /** No file may grow beyond this many blocks of 512 bytes (1,024 where the shell counts so). */
  readonly fileBlocksMax?: number
}

export function startChild(
  file: string,
  args: readonly string[],
  { fileBlocksMax }: ChildOptions = {},
): Child {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const command = [process.execPath, '--conditions=castellan-src', path, ...args] as const
  const child =
    fileBlocksMax === undefined
      ? spawn(command[0], command.slice(1))
      : spawn('sh', ['-c', `ulimit -f ${fileBlocksMax} && exec "$@"`, 'sh', ...command])
  const closed = once(child, 'close')
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const kill = () => end(child, closed, () => child.kill('SIGKILL'))
  return {
    pid: child.pid as number,
    lines: { [Symbol.asyncIterator]: () => lines },
    async nextLine() {
      const { done, value } = await lines.next()
      if (done === true) throw new Error(`${file} ended: ${errors}`)
      return value
    },
    kill,
    [Symbol.asyncDispose]: kill,
    finish: () => end(child, closed, () => child.stdin.end()),
  }
}

async function end(
  child: ChildProcessWithoutNullStreams,
  closed: Promise<unknown>,
  how: () => void,
): Promise<void> {
  how()
  child.stdout.resume()
  await closed
}
