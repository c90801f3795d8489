export {
  createServer,
  SERVER_LIMITS,
  type CloseOptions,
  type ListenOptions,
  type Server,
  type ServerLimits,
  type ServerOptions,
} from './server.ts'
export { createLogger, type Logger, type LogOptions } from './edge/log.ts'
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
export { PlatformError, type PlatformErrorCode } from './platform/errors.ts'
export {
  environmentName,
  readSettings,
  SETTING_NAMES,
  settingsShape,
  type SettingName,
  type Settings,
} from './platform/settings.ts'
export { issueToken, type NewToken, type TokenWish } from './tokens/issue.ts'
export { MemoryTokenSecrets } from './tokens/memory.ts'
export { hashSecret, newSecret, type TokenSecrets } from './tokens/secret.ts'
export { openSqliteTokenSecrets } from './tokens/sqlite.ts'
