import type { Io } from './io.ts'
import type { Screen } from './screen.ts'
import type { Target } from './target/target.ts'

/** What one run of the command works with. */
export interface Session {
  readonly io: Io
  readonly screen: Screen
  readonly flags: TargetFlags
  /** The server, database or file the question or change is for; chosen with the first call, closed at the end. */
  target(purpose: Purpose): Promise<Target>
}

/** `change` makes a missing database, and refuses what cannot keep a change; `any` is content with no facts at all. */
export type Purpose = 'read' | 'change' | 'any'

/** Where to work and as whom, as typed. */
export interface TargetFlags {
  readonly server?: string
  readonly dir?: string
  readonly store?: string
  readonly facts?: string
  /** Whose authority is checked. */
  readonly as?: string
}
