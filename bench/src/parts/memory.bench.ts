import { openEngine } from '@castellan/engine'
import type { Job } from '../job.ts'
import { atMost, number, type Row } from '../report.ts'
import { factsOf } from '../text.ts'
import { generateWorld } from '../world.ts'

/** Bytes a grant, of a process that does nothing else. The generator's own integers are there before and after. */
export async function benchMemory(job: Job): Promise<Row[]> {
  const world = generateWorld(job.grants, job.seed)
  const before = await liveBytes()
  const engine = openEngine({ facts: factsOf(world), now: Date.now })
  const after = await liveBytes()
  // Asked after the second look, or the engine could be gone by then.
  if (!engine.check('system', 'fs')) throw new Error('system holds everything')
  const heap = (after.heap - before.heap) / job.grants
  const buffers = (after.buffers - before.buffers) / job.grants
  const bytes = heap + buffers
  return [
    {
      measure: 'memory, bytes a grant',
      grants: number(job.grants),
      castellan: `${bytes.toFixed(0)} (heap ${heap.toFixed(0)}, buffers ${buffers.toFixed(0)})`,
      target: atMost(bytes, 400, '≤ 400'),
    },
  ]
}

/** Buffers lie outside the heap: `external` counts them. */
async function liveBytes(): Promise<{ heap: number; buffers: number }> {
  if (globalThis.gc === undefined) throw new Error('start node with --expose-gc')
  for (let times = 0; times < 4; times++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed, buffers: external }
}
