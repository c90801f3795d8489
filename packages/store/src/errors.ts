import { StoreError } from '@castellan/engine'

/** The errors that more than one store has, so that they read the same everywhere. */
export function closedError(): StoreError {
  return new StoreError('STORE_CLOSED', 'the store is closed', 'open it again')
}

export function journalBrokenError(message: string): StoreError {
  return new StoreError(
    'JOURNAL_BROKEN',
    message,
    'restore a backup, and compare its head with the one it was made with',
  )
}

export function corruptError(what: string, cause?: unknown): StoreError {
  return new StoreError('STORE_CORRUPT', what, 'restore a backup; the damaged file was left as it is', cause)
}
