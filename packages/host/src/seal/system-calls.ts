/** What the kernel calls an architecture, for which we know its numbers. */
export interface Architecture {
  /** AUDIT_ARCH_*, as a filter sees it. */
  readonly audit: number
  /** By the name of the system call. */
  readonly numbers: ReadonlyMap<string, number>
}

// name: [x86-64, arm64]; undefined where an architecture has no such call.
const NUMBERS: Readonly<Record<string, readonly [number | undefined, number | undefined]>> = {
  brk: [12, 214],
  capset: [126, 91],
  clock_getres: [229, 114],
  clock_gettime: [228, 113],
  clock_nanosleep: [230, 115],
  clone: [56, 220],
  clone3: [435, 435],
  close: [3, 57],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  epoll_wait: [232, undefined],
  exit: [60, 93],
  exit_group: [231, 94],
  futex: [202, 98],
  getcpu: [309, 168],
  getpid: [39, 172],
  getppid: [110, 173],
  getrandom: [318, 278],
  getrusage: [98, 165],
  gettid: [186, 178],
  gettimeofday: [96, 169],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  kill: [62, 129],
  landlock_add_rule: [445, 445],
  landlock_create_ruleset: [444, 444],
  landlock_restrict_self: [446, 446],
  madvise: [28, 233],
  membarrier: [324, 283],
  mmap: [9, 222],
  mprotect: [10, 226],
  mremap: [25, 216],
  munmap: [11, 215],
  nanosleep: [35, 101],
  pkey_mprotect: [329, 288],
  poll: [7, undefined],
  ppoll: [271, 73],
  prctl: [157, 167],
  prlimit64: [302, 261],
  read: [0, 63],
  readv: [19, 65],
  restart_syscall: [219, 128],
  rseq: [334, 293],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  sched_getaffinity: [204, 123],
  sched_getparam: [143, 121],
  sched_getscheduler: [145, 120],
  sched_yield: [24, 124],
  seccomp: [317, 277],
  set_robust_list: [273, 99],
  sigaltstack: [131, 132],
  tgkill: [234, 131],
  time: [201, undefined],
  write: [1, 64],
  writev: [20, 66],
}

const X64: Architecture = { audit: 0xc000003e, numbers: numbersOf(0) }
const ARM64: Architecture = { audit: 0xc00000b7, numbers: numbersOf(1) }

/** @returns undefined for one whose numbers we do not know: a cell cannot be sealed there */
export function findArchitecture(platform: string, arch: string): Architecture | undefined {
  if (platform !== 'linux') return undefined
  if (arch === 'x64') return X64
  return arch === 'arm64' ? ARM64 : undefined
}

function numbersOf(column: 0 | 1): ReadonlyMap<string, number> {
  const known = Object.entries(NUMBERS).map(([name, row]) => [name, row[column]] as const)
  return new Map(known.filter((row): row is readonly [string, number] => row[1] !== undefined))
}

/** @throws {RangeError} for a call this architecture does not have */
export function numberOf({ numbers }: Architecture, name: string): number {
  const number = numbers.get(name)
  if (number === undefined) throw new RangeError(`no system call \`${name}\``)
  return number
}
