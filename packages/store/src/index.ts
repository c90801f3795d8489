export { canonicalJson } from './canonical.ts'
export { GENESIS, hashEntry, verifyJournal } from './journal.ts'
export type { HashedCommit, JournalPosition, Verification, VerifyOptions, VerifyProblem } from './journal.ts'
export {
  openLive,
  type Changed,
  type CommitListener,
  type CommittedGroup,
  type FollowOptions,
  type Live,
  type LiveOptions,
  type Questions,
} from './live.ts'
export { openMemoryStore } from './memory/index.ts'
export { backup, openSqliteReader, openSqliteStore, restore } from './sqlite/index.ts'
export type {
  BackupOptions,
  RestoreOptions,
  SqliteReader,
  SqliteStore,
  SqliteStoreOptions,
} from './sqlite/index.ts'
export { verifyStore, type StoreReader, type VerifyStoreOptions } from './verify.ts'
