// A tiny process that confines itself and then becomes a cell: `node launcher.ts <Launch as JSON>`.
import { firstStage, type Sealing } from './stages.ts'

/** How a launcher becomes a cell. */
export interface Launch {
  readonly sealing: Sealing
  /** Options for Node, the entry, and its arguments. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const launch = JSON.parse(process.argv[2] ?? '') as Launch
firstStage(launch.sealing)
process.execve!(process.execPath, [process.execPath, ...launch.args], launch.env)
