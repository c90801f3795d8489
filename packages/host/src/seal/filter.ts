import { type Architecture, numberOf } from './system-calls.ts'

/** One instruction of a classic BPF program: code, jump if true, jump if false, operand. */
export type Instruction = readonly [code: number, yes: number, no: number, operand: number]

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const EPERM = 1
const ENOSYS = 38

const ERRNO = 0x00050000
const INSTRUCTION_BYTES = 8

// The codes of the few instructions used: load a word, compare, mask, answer.
const LOAD = 0x20
const EQUAL = 0x15
const AT_LEAST = 0x35
const MASK = 0x54
const RETURN = 0x06

// Where `struct seccomp_data` keeps what a filter may look at. Both architectures are little-endian.
const AT_NUMBER = 0
const AT_ARCHITECTURE = 4
const lowOf = (argument: number) => 16 + 8 * argument
const highOf = (argument: number) => lowOf(argument) + 4

/** Numbers from here on are calls of the x32 kind, which would slip past the table. */
const X32_FROM = 0x40000000

/** MAP_SHARED … MAP_PRIVATE, MAP_GROWSDOWN, MAP_HUGETLB. */
const MAP_KIND = 0xf | 0x100 | 0x40000
const MAP_PRIVATE = 0x2

/** The calls of a running Node that hold no power beyond its own memory, threads at rest, and open pipes. */
const ALLOWED = [
  // The most frequent first: a filter is read from the top.
  'read',
  'write',
  'epoll_wait',
  'epoll_pwait',
  'futex',
  'writev',
  'madvise',
  'mprotect',
  'munmap',
  'epoll_ctl',
  'epoll_pwait2',
  'clock_gettime',
  'getpid',
  'gettid',
  'brk',
  'clock_getres',
  'clock_nanosleep',
  'close',
  'exit',
  'exit_group',
  'getcpu',
  'getrandom',
  'getrusage',
  'gettimeofday',
  'membarrier',
  'mremap',
  'nanosleep',
  'pkey_mprotect',
  'poll',
  'ppoll',
  'readv',
  'restart_syscall',
  'rseq',
  'rt_sigaction',
  'rt_sigprocmask',
  'rt_sigreturn',
  'sched_getaffinity',
  // V8's locks ask for them when they are contended, and say so on stderr when they are refused.
  'sched_getparam',
  'sched_getscheduler',
  'sched_yield',
  'set_robust_list',
  'sigaltstack',
  'time',
]

/** What a caller is told does not exist, so that it takes another way instead of giving up. */
const ABSENT = ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register']

/** The filter of the first stage: libuv opens an io_uring before the second could stop it. */
export function ringFilter(architecture: Architecture): Instruction[] {
  const rings = ABSENT.filter((name) => name.startsWith('io_uring'))
  return [
    ...requireArchitecture(architecture),
    ...rings.flatMap((name) => when(architecture, name, ERRNO | ENOSYS)),
    [RETURN, 0, 0, ALLOW],
  ]
}

/**
 * The filter of the second stage: a list of what is allowed, and EPERM for the rest rather than death, since a new Node or
 * C library will want one call more.
 *
 * @param pid - the only process that may be signalled, which is how a process aborts itself
 */
export function sealFilter(architecture: Architecture, pid: number): Instruction[] {
  const allowed = ALLOWED.filter((name) => architecture.numbers.has(name))
  return [
    ...requireArchitecture(architecture),
    ...allowed.flatMap((name) => when(architecture, name, ALLOW)),
    ...mapPrivately(architecture),
    ...signalItself(architecture, pid),
    ...readLimits(architecture),
    ...ABSENT.flatMap((name) => when(architecture, name, ERRNO | ENOSYS)),
    [RETURN, 0, 0, ERRNO | EPERM],
  ]
}

/** @returns the program as the kernel reads it */
export function assemble(program: readonly Instruction[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES))
  for (const [index, [code, yes, no, operand]] of program.entries()) {
    const at = index * INSTRUCTION_BYTES
    view.setUint16(at, code, true)
    view.setUint8(at + 2, yes)
    view.setUint8(at + 3, no)
    view.setUint32(at + 4, operand >>> 0, true)
  }
  return view.buffer
}

function requireArchitecture({ audit }: Architecture): Instruction[] {
  return [
    [LOAD, 0, 0, AT_ARCHITECTURE],
    [EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, AT_NUMBER],
    [AT_LEAST, 0, 1, X32_FROM],
    [RETURN, 0, 0, ERRNO | EPERM],
  ]
}

function when(architecture: Architecture, name: string, answer: number): Instruction[] {
  return [
    [EQUAL, 0, 1, numberOf(architecture, name)],
    [RETURN, 0, 0, answer],
  ]
}

/** Shared memory is not counted by RLIMIT_DATA, nor is a stack that grows. */
function mapPrivately(architecture: Architecture): Instruction[] {
  return [
    [EQUAL, 0, 5, numberOf(architecture, 'mmap')],
    [LOAD, 0, 0, lowOf(3)],
    [MASK, 0, 0, MAP_KIND],
    [EQUAL, 0, 1, MAP_PRIVATE],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, ERRNO | EPERM],
  ]
}

function signalItself(architecture: Architecture, pid: number): Instruction[] {
  return [
    [EQUAL, 0, 4, numberOf(architecture, 'tgkill')],
    [LOAD, 0, 0, lowOf(0)],
    [EQUAL, 0, 1, pid],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, ERRNO | EPERM],
  ]
}

/** `prlimit64` asks and sets in one call; without a new limit it only asks. */
function readLimits(architecture: Architecture): Instruction[] {
  return [
    [EQUAL, 0, 6, numberOf(architecture, 'prlimit64')],
    [LOAD, 0, 0, lowOf(2)],
    [EQUAL, 0, 3, 0],
    [LOAD, 0, 0, highOf(2)],
    [EQUAL, 0, 1, 0],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, ERRNO | EPERM],
  ]
}
