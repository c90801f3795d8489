export { backup, restore, type BackupOptions, type RestoreOptions } from './backup.ts'
export { openSqliteReader, type SqliteReader } from './reader.ts'
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from './store.ts'
