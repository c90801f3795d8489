import type * as Ffi from 'node:ffi'

/** The C library of this process, as far as the seal needs it. */
export interface Native {
  /** @returns what the kernel answered: negative is an error number */
  syscall(number: number, ...args: readonly NativeArgument[]): number
  /** Where bytes lie, for a structure that points to them. They must stay referenced as long. */
  addressOf(bytes: ArrayBuffer): bigint
  /** By glibc and musl for every thread, which a bare system call would not do. */
  setGroups(): number
  setGid(gid: number): number
  setUid(uid: number): number
}

/** Bytes are passed by their address. They must stay referenced until the call returns. */
type NativeArgument = number | bigint | ArrayBuffer

const ARGUMENTS_MAX = 6

/** @returns undefined where this Node cannot call native code, or was told not to */
export function openNative(): Native | undefined {
  const ffi = findFfi()
  if (ffi === undefined) return undefined
  try {
    return nativeOf(ffi)
  } catch {
    return undefined
  }
}

function findFfi(): typeof Ffi | undefined {
  try {
    // Not imported: an import of what is not there would end the process before anyone could ask.
    return process.getBuiltinModule('node:ffi')
  } catch {
    return undefined
  }
}

function nativeOf(ffi: typeof Ffi): Native {
  const library = new ffi.DynamicLibrary(null)
  const word = 'int64'
  const bare = library.getFunction('syscall', {
    arguments: Array.from<'int64'>({ length: ARGUMENTS_MAX + 1 }).fill(word),
    return: word,
  })
  const errno = library.getFunction('__errno_location', { arguments: [], return: 'pointer' })
  const setGroups = library.getFunction('setgroups', { arguments: [word, word], return: 'int32' })
  const setResGid = library.getFunction('setresgid', {
    arguments: ['uint32', 'uint32', 'uint32'],
    return: 'int32',
  })
  const setResUid = library.getFunction('setresuid', {
    arguments: ['uint32', 'uint32', 'uint32'],
    return: 'int32',
  })
  const wordOf = (value: NativeArgument) =>
    value instanceof ArrayBuffer ? ffi.getRawPointer(value) : BigInt(value)
  const outcome = (result: number) => (result === -1 ? -(ffi.getInt32(errno()) || 1) : result)
  const syscall = (number: number, ...args: readonly NativeArgument[]) => {
    const words = args.map((arg) => BigInt.asIntN(64, wordOf(arg)))
    while (words.length < ARGUMENTS_MAX) words.push(0n)
    const [a, b, c, d, e, f] = words as [bigint, bigint, bigint, bigint, bigint, bigint]
    return outcome(Number(bare(BigInt(number), a, b, c, d, e, f)))
  }
  return {
    syscall,
    addressOf: (bytes) => ffi.getRawPointer(bytes),
    setGroups: () => outcome(setGroups(0n, 0n)),
    setGid: (gid) => outcome(setResGid(gid, gid, gid)),
    setUid: (uid) => outcome(setResUid(uid, uid, uid)),
  }
}

/** The seal is not in place, and the process that failed to put it there must not live on. */
export class SealError extends Error {
  override readonly name = 'SealError'
}

/** @throws {SealError} unless a native call went well */
export function mustSucceed(what: string, result: number): number {
  if (result < 0) throw new SealError(`${what} failed with error number ${-result}`)
  return result
}
