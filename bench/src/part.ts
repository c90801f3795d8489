import type { Job } from './job.ts'
import { benchChanges } from './parts/changes.bench.ts'
import { benchCheck } from './parts/check.bench.ts'
import { benchHttp } from './parts/http.bench.ts'
import { benchLookups } from './parts/lookups.bench.ts'
import { benchMemory } from './parts/memory.bench.ts'
import { benchOpen, openOnce } from './parts/open.bench.ts'

/** The process that `main.ts` starts for one job: it takes the job, sends the rows and ends. */
const PARTS: Readonly<Record<string, (job: Job) => Promise<unknown>>> = {
  check: benchCheck,
  lookups: benchLookups,
  memory: benchMemory,
  open: benchOpen,
  'open-once': openOnce,
  changes: benchChanges,
  http: benchHttp,
}

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const part = PARTS[job.part]
if (part === undefined) throw new Error(`no part ${job.part}`)
const rows = await part(job)
process.send?.(rows)
process.disconnect?.()
