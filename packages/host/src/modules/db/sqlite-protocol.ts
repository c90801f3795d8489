import type { FrameLimits } from '../../frames.ts'
import type { Result, Wire } from './values.ts'

/** What passes between the host and the process that runs an app's SQLite. */
export type SqliteCommand = {
  readonly file: string
  /** Largest that the file may grow, in bytes. */
  readonly fileBytesMax: number
} & (
  | { readonly do: 'begin' | 'commit' | 'rollback' }
  | {
      readonly do: 'run'
      readonly sql: string
      readonly values: readonly Wire[]
      readonly names?: readonly string[] | undefined
      /** On the connection that only reads, which sees nothing of the transaction that is open. */
      readonly isRead: boolean
      readonly rowsMax: number
      readonly bytesMax: number
    }
)

export type SqliteAnswer =
  | { readonly ok: Result }
  | { readonly error: { readonly code: string; readonly message: string } }

export const SQLITE_FRAMES: FrameLimits = { frameBytesMax: 96 * 1024 * 1024, blobsMax: 100_000 }
