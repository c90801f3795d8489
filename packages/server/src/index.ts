export {
  createServer,
  type CloseOptions,
  type ListenOptions,
  type Server,
  type ServerLimits,
  type ServerOptions,
} from './server.ts'
export { createLogger, type Logger, type LogOptions } from './edge/log.ts'
export {
  DecisionLog,
  type DecisionLogOptions,
  type LoggedDecision,
  type LoggedGrant,
  type LoggedLoss,
} from './observe/decision-log.ts'
export type { CheckSeen, ReadinessCheck } from './readiness.ts'
export { findGrantKey, printGrantId } from './grant-id.ts'
export type { Changer, Live, Questions } from './live.ts'
export {
  ADMIN_PERMISSIONS,
  createPlatform,
  openPlatform,
  type NewPlatform,
  type OpenPlatformOptions,
  type Platform,
} from './platform/platform.ts'
export {
  createPlatformServer,
  decisionLogPath,
  type PlatformServer,
  type PlatformServerOptions,
} from './platform/serve.ts'
export { PlatformError, type PlatformErrorCode } from './platform/errors.ts'
export type { SettingName, Settings, SettingSeen } from './settings/list.ts'
export {
  examineSettings,
  findMisspelt,
  readSettings,
  type SettingOverrides,
  type SettingsReport,
  type SettingSources,
} from './settings/read.ts'
export { settingsSchema, settingsShape } from './settings/shape.ts'
export { issueToken, type NewToken, type TokenWish } from './tokens/issue.ts'
export { MemoryTokenSecrets } from './tokens/memory.ts'
export { hashSecret, newSecret, type TokenSecrets } from './tokens/secret.ts'
export { openSqliteTokenSecrets } from './tokens/sqlite.ts'
