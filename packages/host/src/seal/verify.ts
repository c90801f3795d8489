import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Looks at a process from outside, as the kernel tells of it: what a cell says of itself is no proof.
 *
 * @param uid - who it has to be; undefined: anyone, without capabilities
 * @returns what is missing from the seal; empty when it holds
 */
export function findBreaches(pid: number, uid: number | undefined): string[] {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`)
  return [...threads.flatMap((folder) => breachesOf(folder, uid)), ...strangeDescriptors(pid)]
}

function breachesOf(folder: string, uid: number | undefined): string[] {
  const status = parseStatus(readFileSync(`${folder}/status`, 'utf8'))
  const wanted: [field: string, value: string][] = [
    ['Seccomp', '2'],
    ['NoNewPrivs', '1'],
    ['CapInh', NO_CAPABILITIES],
    ['CapPrm', NO_CAPABILITIES],
    ['CapEff', NO_CAPABILITIES],
    ['CapAmb', NO_CAPABILITIES],
  ]
  if (uid !== undefined) {
    const everyone = Array.from({ length: 4 }, () => uid).join('\t')
    wanted.push(['Uid', everyone], ['Gid', everyone], ['Groups', ''])
  }
  const breaches = wanted.filter(([field, value]) => status.get(field) !== value)
  const filters = Number(status.get('Seccomp_filters') ?? FILTERS)
  return [
    ...breaches.map(([field]) => `${field} is ${status.get(field)}`),
    ...(filters < FILTERS ? [`only ${filters} filters are in place`] : []),
  ]
}

const NO_CAPABILITIES = '0'.repeat(16)
/** One for each stage. */
const FILTERS = 2

function parseStatus(text: string): Map<string, string> {
  const fields = text.split('\n').map((line) => /^(\w+):\t?(.*)$/.exec(line))
  return new Map(fields.filter((field) => field !== null).map(([, name, value]) => [name!, value!.trim()]))
}

/** A cell has its three pipes, and what Node's event loop is made of. */
function strangeDescriptors(pid: number): string[] {
  const descriptors = listDescriptors(pid)
  const strange = descriptors.filter(
    ([descriptor, target]) =>
      !/^(?:pipe:|anon_inode:\[event)/.test(target) && !(descriptor <= 2 && target.startsWith('socket:')),
  )
  return strange.map(([descriptor, target]) => `descriptor ${descriptor} is ${target}`)
}

function listDescriptors(pid: number): [number, string][] {
  const folder = `/proc/${pid}/fd`
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    // Whether it may be looked at is up to the kernel: not for a process that changed its user, unless one is root.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return []
    throw error
  }
  return names.map((name) => [Number(name), readlinkSync(`${folder}/${name}`)])
}
