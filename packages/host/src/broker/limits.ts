/** What the host takes from any cell. What an app may ask for less of is in `AppLimits`. */
export interface CellLimits {
  /** Memory beyond the runtime's own, in bytes: heap and buffers. Default 134_217_728. */
  readonly memoryBytes: number
  /** Share of one core over ten seconds, above which it is slowed. Default 0.5. */
  readonly cpuShare: number
  /** Until the process is ready and sealed, in milliseconds. Default 10_000. */
  readonly bootMs: number
  /** One call of the host, in milliseconds. Default 60_000. */
  readonly callMs: number
  /** Calls under way; no more are read before one is answered. Default 256. */
  readonly callsOutstanding: number
  /** Calls taken in a second, on average; the rest waits in the pipe. Default 20_000. */
  readonly callsPerSecond: number
  /** One frame from a cell: a response with its body, or a call. Default 33_554_432. */
  readonly frameBytes: number
  /** The JSON of one frame from a cell, which takes the host's own time to parse. Default 1_048_576. */
  readonly headBytes: number
  /** Binary values in one frame. Default 64. */
  readonly blobs: number
  /** What waits for a cell to be read, in bytes, before its next call is taken. Default 16_777_216. */
  readonly unreadBytes: number
  /** Lines in the log in a second; the rest is counted and dropped. Default 100. */
  readonly logLinesPerSecond: number
  /** Things said that make no sense, before the cell is killed. Default 3. */
  readonly strikes: number
}

export const CELL_LIMITS: CellLimits = {
  memoryBytes: 134_217_728,
  cpuShare: 0.5,
  bootMs: 10_000,
  callMs: 60_000,
  callsOutstanding: 256,
  callsPerSecond: 20_000,
  frameBytes: 33_554_432,
  headBytes: 1_048_576,
  blobs: 64,
  unreadBytes: 16_777_216,
  logLinesPerSecond: 100,
  strikes: 3,
}
