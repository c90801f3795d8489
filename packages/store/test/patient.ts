import { Aside } from '../src/sqlite/aside.ts'
import { openWith, type SqliteStore } from '../src/sqlite/store.ts'

/** A store that commits nothing aside by itself while its thread is only starting. */
export function openPatientStore(path: string): Promise<SqliteStore> {
  return openWith({ path }, (file) => new Aside(file, { isPatient: true }))
}
