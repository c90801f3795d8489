import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** One line: processor, cores, memory, kernel, Node. */
export function machineLine(): string {
  const model = cpus()[0]?.model.trim() || 'unknown processor'
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  return `${model}, ${availableParallelism()} cores, ${gibibytes} GiB, ${type()} ${kernel()}, Node ${process.versions.node}`
}

/** The version alone: what a distributor or a host adds to it says nothing about speed. */
function kernel(): string {
  return /^\d+(?:\.\d+)*/.exec(release())?.[0] ?? release()
}

/** Processes that wanted a core, averaged over the last minute. Above the number of cores every time is too long. */
export function loadText(): string {
  return loadavg()[0]!.toFixed(1)
}
