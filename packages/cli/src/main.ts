import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Most of a short command's time is compiling what it loads. The cache is code that will be run, so it lies where only
// this user can write, not in the folder for temporary files, which is Node's default.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'castellan', 'compiled'))
const [{ run }, { processIo }] = await Promise.all([import('./cli.ts'), import('./io.ts')])

// A reader that has seen enough (`castellan export | head`) is no error.
process.stdout.on('error', leaveQuietly)
process.stderr.on('error', leaveQuietly)

process.exitCode = await run(process.argv.slice(2), processIo())

function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(process.exitCode ?? 0)
}
