import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testStore } from '../suite/index.ts'
import { openSqliteStore } from './index.ts'

testStore('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-store-'))
  return {
    open: () => openSqliteStore({ path: join(folder, 'castellan.db') }),
    isDurable: true,
    remove: () => rmSync(folder, { recursive: true }),
  }
})
