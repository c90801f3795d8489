import { spawn } from 'node:child_process'
import type { Job } from './job.ts'

const MEBIBYTES_MAX = 12_288

/** Runs a job in a process of its own, so that nothing another job left behind weighs on it. @returns what it sends */
export function runJob<Result>(job: Job): Promise<Result> {
  const flags = [...process.execArgv, '--expose-gc', `--max-old-space-size=${MEBIBYTES_MAX}`]
  const program = new URL('part.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [...new Set(flags), program, JSON.stringify(job)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  return new Promise((resolve, reject) => {
    let result: { readonly value: Result } | undefined
    child.on('message', (value) => {
      result = { value: value as Result }
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0 && result !== undefined) resolve(result.value)
      else reject(new Error(`${job.part} at ${job.grants} grants ended with ${code}`))
    })
  })
}
