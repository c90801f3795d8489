import { run } from './cli.ts'
import { processIo } from './io.ts'

// A reader that has seen enough (`castellan export | head`) is no error.
process.stdout.on('error', leaveQuietly)
process.stderr.on('error', leaveQuietly)

process.exitCode = await run(process.argv.slice(2), processIo())

function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(process.exitCode ?? 0)
}
