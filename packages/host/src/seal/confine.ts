import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { assemble, type Instruction } from './filter.ts'
import { mustSucceed, type Native, SealError } from './native.ts'
import { type Architecture, numberOf } from './system-calls.ts'

// What the two stages have in common: each function takes one power from this process, for ever.

const PR_SET_PDEATHSIG = 1
const PR_SET_NO_NEW_PRIVS = 38
const SIGKILL = 9

const SECCOMP_SET_MODE_FILTER = 1
const SECCOMP_FILTER_FLAG_TSYNC = 1

const LANDLOCK_CREATE_RULESET_VERSION = 1
const LANDLOCK_RULE_PATH_BENEATH = 1
const FILE_EXECUTE = 1
const FILE_READ = 4
const FOLDER_READ = 8
/** Rights to files that Landlock knew in its first version; one bit came with the second, third and fifth each. */
const FILES_FIRST = 0x1fff
const FILES_MOVE = 0x2000
const FILES_TRUNCATE = 0x4000
const FILES_DEVICE = 0x8000
const NETWORK_ALL = 3
const SCOPES_ALL = 3

const CAPABILITY_VERSION = 0x20080522
const WORD_BYTES = 8

/** Whose child this is dies with it: a cell in an endless loop would not see its pipes close. */
export function dieWithParent(native: Native, architecture: Architecture, parent: number): void {
  mustSucceed('prctl', native.syscall(numberOf(architecture, 'prctl'), PR_SET_PDEATHSIG, SIGKILL))
  // Had it died before, no signal would ever come.
  if (native.syscall(numberOf(architecture, 'getppid')) !== parent) throw new SealError('the host is gone')
}

/** No program that is executed from here on gains anything by being executed. */
export function gainNothing(native: Native, architecture: Architecture): void {
  mustSucceed('prctl', native.syscall(numberOf(architecture, 'prctl'), PR_SET_NO_NEW_PRIVS, 1))
}

/** @returns 0 when this kernel has no Landlock */
function landlockVersion(native: Native, architecture: Architecture): number {
  const create = numberOf(architecture, 'landlock_create_ruleset')
  return Math.max(0, native.syscall(create, 0, 0, LANDLOCK_CREATE_RULESET_VERSION))
}

/** Takes every file from this thread and its children, but for reading and executing what lies at or beneath `paths`. */
export function confineFiles(native: Native, architecture: Architecture, paths: readonly string[]): void {
  const version = landlockVersion(native, architecture)
  if (version === 0) throw new SealError('this kernel has no Landlock')
  const { attributes, size } = rulesetOf(version)
  const create = numberOf(architecture, 'landlock_create_ruleset')
  const ruleset = mustSucceed('landlock_create_ruleset', native.syscall(create, attributes, size, 0))
  for (const path of paths) allowReading(native, architecture, ruleset, path)
  mustSucceed(
    'landlock_restrict_self',
    native.syscall(numberOf(architecture, 'landlock_restrict_self'), ruleset, 0),
  )
  closeSync(ruleset)
}

function rulesetOf(version: number): { attributes: ArrayBuffer; size: number } {
  const view = new DataView(new ArrayBuffer(3 * WORD_BYTES))
  let files = FILES_FIRST
  if (version >= 2) files |= FILES_MOVE
  if (version >= 3) files |= FILES_TRUNCATE
  if (version >= 5) files |= FILES_DEVICE
  view.setBigUint64(0, BigInt(files), true)
  view.setBigUint64(WORD_BYTES, BigInt(NETWORK_ALL), true)
  view.setBigUint64(2 * WORD_BYTES, BigInt(SCOPES_ALL), true)
  // An older kernel refuses a structure with words it does not know.
  const words = version >= 6 ? 3 : version >= 4 ? 2 : 1
  return { attributes: view.buffer, size: words * WORD_BYTES }
}

function allowReading(native: Native, architecture: Architecture, ruleset: number, path: string): void {
  const file = openSync(path, 'r')
  try {
    const rule = new DataView(new ArrayBuffer(2 * WORD_BYTES))
    const rights = FILE_READ | FILE_EXECUTE | (statSync(path).isDirectory() ? FOLDER_READ : 0)
    rule.setBigUint64(0, BigInt(rights), true)
    rule.setInt32(WORD_BYTES, file, true)
    const add = numberOf(architecture, 'landlock_add_rule')
    mustSucceed('landlock_add_rule', native.syscall(add, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule.buffer, 0))
  } finally {
    closeSync(file)
  }
}

/** Puts a filter before every system call of every thread. It can be followed by others, never taken away. */
export function filterCalls(
  native: Native,
  architecture: Architecture,
  program: readonly Instruction[],
): void {
  const code = assemble(program)
  const header = new DataView(new ArrayBuffer(2 * WORD_BYTES))
  header.setUint16(0, program.length, true)
  header.setBigUint64(WORD_BYTES, native.addressOf(code), true)
  const seccomp = numberOf(architecture, 'seccomp')
  // More than zero names a thread that could not follow.
  const result = native.syscall(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, header.buffer)
  if (result !== 0) throw new SealError(`seccomp failed with ${result}`)
}

/** @param kept - numbers of capabilities, all below 32 */
export function keepCapabilities(native: Native, architecture: Architecture, kept: readonly number[]): void {
  const header = new DataView(new ArrayBuffer(WORD_BYTES))
  header.setUint32(0, CAPABILITY_VERSION, true)
  const data = new DataView(new ArrayBuffer(3 * WORD_BYTES))
  const mask = kept.reduce((bits, capability) => bits | (1 << capability), 0)
  // Effective, permitted, inheritable; then the same for those from 32 on.
  data.setUint32(0, mask, true)
  data.setUint32(4, mask, true)
  mustSucceed('capset', native.syscall(numberOf(architecture, 'capset'), header.buffer, data.buffer))
}

/** RLIMIT_* as on both architectures. */
export const LIMIT = { fileSize: 1, data: 2, core: 4, processes: 6, files: 7, lockedMemory: 8, addresses: 9 }

/** Both the soft and the hard one, so that it cannot be raised again. */
export function setLimit(native: Native, architecture: Architecture, resource: number, value: number): void {
  const limits = new DataView(new ArrayBuffer(2 * WORD_BYTES))
  limits.setBigUint64(0, BigInt(value), true)
  limits.setBigUint64(WORD_BYTES, BigInt(value), true)
  mustSucceed('prlimit64', native.syscall(numberOf(architecture, 'prlimit64'), 0, resource, limits.buffer, 0))
}

/** @returns bytes of private writable memory, and of all addresses, that this process has reserved */
export function memoryReserved(): { data: number; addresses: number } {
  const status = readFileSync('/proc/self/status', 'utf8')
  const bytesOf = (name: string) => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)
    if (found === null) throw new SealError(`/proc/self/status does not say ${name}`)
    return Number(found[1]) * 1024
  }
  return { data: bytesOf('VmData'), addresses: bytesOf('VmSize') }
}

/** @returns the files this process runs from: its binary and the libraries, wherever a distribution keeps them */
export function mappedFiles(): string[] {
  const paths = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .map((line) => line.slice(line.indexOf('/')).trimEnd())
    .filter((path) => path.startsWith('/') && !path.endsWith(' (deleted)'))
  return [...new Set(paths)]
}
