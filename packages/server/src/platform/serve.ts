import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { createLogger, type Logger } from '../edge/log.ts'
import { DecisionLog } from '../observe/decision-log.ts'
import type { ReadinessCheck } from '../readiness.ts'
import { createServer, type ListenOptions } from '../server.ts'
import type { Settings } from '../settings/list.ts'
import type { Platform } from './platform.ts'

export interface PlatformServerOptions {
  /** Milliseconds since 1970, UTC; the same clock as the platform's. Default: the system's. */
  readonly now?: () => number
  /** Default: a logger on standard error, at the level of the settings. */
  readonly log?: Logger
}

export interface PlatformServer {
  /** @param where - default: as the settings say @returns the address people can open */
  listen(where?: Partial<ListenOptions>): Promise<string>
  /** Stops as the settings say, and has all that was logged on the disk. The platform stays open. */
  close(): Promise<void>
}

/** The server of a platform folder, as its settings want it. */
export function createPlatformServer(
  platform: Platform,
  options: PlatformServerOptions = {},
): PlatformServer {
  const { settings, live, tokens } = platform
  const { now = Date.now, log = createLogger({ level: settings.logLevel }) } = options
  const decisionLog = openDecisionLog(platform, now, log)
  const server = createServer({
    live,
    tokens,
    now,
    log,
    limits: settings,
    accessLogLevel: settings.accessLogLevel,
    ...(settings.publicUrl !== '' && { publicUrl: settings.publicUrl }),
    metricsOpen: settings.metricsOpen,
    checks: [diskCheck(platform)],
    ...(decisionLog !== undefined && { decisionLog }),
  })
  return {
    listen: ({ host = settings.host, port = settings.port } = {}) => server.listen({ host, port }),
    async close() {
      await server.close({ delayMs: settings.stopDelayMs, graceMs: settings.stopGraceMs })
      await decisionLog?.close()
    },
  }
}

function openDecisionLog(
  { settings, dir }: Platform,
  now: () => number,
  log: Logger,
): DecisionLog | undefined {
  const path = decisionLogPath(settings, dir)
  if (path === undefined) return undefined
  const { decisionLogSample, decisionLogBytesMax, decisionLogFilesMax } = settings
  return new DecisionLog({
    path,
    sample: decisionLogSample,
    bytesMax: decisionLogBytesMax,
    filesMax: decisionLogFilesMax,
    now,
    log,
  })
}

/** @returns undefined when the settings want none */
export function decisionLogPath(
  { decisionLogFile }: Pick<Settings, 'decisionLogFile'>,
  dir: string,
): string | undefined {
  return decisionLogFile === '' ? undefined : resolve(dir, decisionLogFile)
}

function diskCheck({ settings, database }: Platform): ReadinessCheck {
  return {
    name: 'disk',
    failing: 'the disk of the database is nearly full',
    async run() {
      const { bavail, bsize } = await statfs(dirname(database))
      const free = bavail * bsize
      if (free < settings.diskFreeBytesMin)
        throw new Error(
          `${free} bytes are free, of ${settings.diskFreeBytesMin} that \`diskFreeBytesMin\` wants`,
        )
    },
  }
}
