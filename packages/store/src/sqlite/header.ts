import { StoreError } from '@castellan/engine'
import { corruptError } from '../errors.ts'
import type { Database } from './database.ts'

/** `cstl`, in the header of every database of ours. */
export const APPLICATION_ID = 0x6373746c
/** How many migrations made the schema. Written with them in one transaction. */
export const SCHEMA_VERSION = 2
/** The oldest schema whose facts and journal are read as they are: what came later does not concern them. */
export const READABLE_VERSION = 1

/**
 * Refuses what is not ours to read, before anything is written.
 *
 * @returns the version of its schema, 1 to `SCHEMA_VERSION`
 */
export function checkHeader(database: Database): number {
  const file = `\`${database.path}\``
  if (database.read('PRAGMA application_id') !== APPLICATION_ID) {
    throw corruptError(`${file} is not a castellan database`)
  }
  const version = Number(database.read('PRAGMA user_version'))
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      'STORE_NEWER',
      `${file} has schema ${version}, this version knows ${SCHEMA_VERSION}`,
      'use the version of castellan that wrote it, or a later one; nothing was touched',
    )
  }
  if (version < 1) throw corruptError(`${file} has no schema`)
  return version
}
