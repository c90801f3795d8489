import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Gives a folder of its own to work in, and takes it away afterwards whatever happens. */
export async function inScratchFolder<Result>(
  parent: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(parent, 'castellan-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
