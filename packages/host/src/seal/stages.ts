import {
  confineFiles,
  dieWithParent,
  filterCalls,
  gainNothing,
  keepCapabilities,
  LIMIT,
  mappedFiles,
  memoryReserved,
  setLimit,
} from './confine.ts'
import { ringFilter, sealFilter } from './filter.ts'
import { mustSucceed, type Native, openNative, SealError } from './native.ts'
import { type Architecture, findArchitecture } from './system-calls.ts'

/** What a cell may be before it holds any code of an app. */
export interface Sealing {
  /** Files and folders of the runtime, which may be read until the second stage. */
  readonly reads: readonly string[]
  /** Whom the cell becomes when the host is root; undefined: it stays who the host is, without capabilities. */
  readonly uid: number | undefined
  /** How much it may reserve beyond what its runtime took, in bytes. */
  readonly memoryBytes: number
  /** Its parent, with which it dies. */
  readonly host: number
}

/** The most files that a cell may have open; its runtime has about fifteen. */
const FILES_MAX = 64
/** Addresses that may be reserved but not used, such as guard pages, for each byte of memory. */
const ADDRESSES_PER_BYTE = 2
const ADDRESSES_SPARE_BYTES = 268_435_456

const CAP_DAC_READ_SEARCH = 2
const CAP_SETGID = 6
const CAP_SETUID = 7

/**
 * Confines this process before it becomes a cell by `execve`. Threads that Node starts in the cell inherit all of it, and
 * the io_uring that libuv would open, and that would lead round any later filter, is never made.
 *
 * @throws {SealError} and then nothing may be started from here
 */
export function firstStage({ reads, uid, host }: Sealing): void {
  const { native, architecture } = findMeans()
  dieWithParent(native, architecture, host)
  setLimit(native, architecture, LIMIT.core, 0)
  setLimit(native, architecture, LIMIT.files, FILES_MAX)
  gainNothing(native, architecture)
  // What the next stage needs to become someone else and, until then, to read a runtime under somebody's home.
  if (process.getuid?.() === 0)
    keepCapabilities(
      native,
      architecture,
      uid === undefined ? [] : [CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID],
    )
  // Its own folder in /proc says how much memory it has reserved.
  const own = [process.execPath, `/proc/${process.pid}`, ...mappedFiles()]
  confineFiles(native, architecture, [...own, ...reads])
  filterCalls(native, architecture, ringFilter(architecture))
}

/**
 * Takes from this process, whose runtime is loaded, all but its memory and its open pipes.
 *
 * @throws {SealError} and then no code of an app may run here
 */
export function secondStage({ uid, memoryBytes, host }: Sealing): void {
  const { native, architecture } = findMeans()
  const reserved = memoryReserved()
  if (uid !== undefined) {
    mustSucceed('setgroups', native.setGroups())
    mustSucceed('setresgid', native.setGid(uid))
    mustSucceed('setresuid', native.setUid(uid))
    setLimit(native, architecture, LIMIT.processes, 0)
    // The kernel forgets it when a process becomes someone else.
    dieWithParent(native, architecture, host)
  }
  setLimit(native, architecture, LIMIT.fileSize, 0)
  setLimit(native, architecture, LIMIT.lockedMemory, 0)
  setLimit(native, architecture, LIMIT.data, reserved.data + memoryBytes)
  setLimit(
    native,
    architecture,
    LIMIT.addresses,
    reserved.addresses + ADDRESSES_PER_BYTE * memoryBytes + ADDRESSES_SPARE_BYTES,
  )
  confineFiles(native, architecture, [])
  filterCalls(native, architecture, sealFilter(architecture, process.pid))
}

function findMeans(): { native: Native; architecture: Architecture } {
  const architecture = findArchitecture(process.platform, process.arch)
  const native = architecture && openNative()
  if (architecture === undefined || native === undefined)
    throw new SealError('a process cannot be sealed here')
  return { native, architecture }
}
