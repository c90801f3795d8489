// A thread as `src/sqlite/aside-thread.ts`, but it ends instead of answering: `before` it has written its first group,
// or `after`.
import { workerData } from 'node:worker_threads'
import type { ThreadData } from '../src/sqlite/aside.ts'
import { Database } from '../src/sqlite/database.ts'
import { configure } from '../src/sqlite/store.ts'
import { Writing, type Rows } from '../src/sqlite/writing.ts'

const { path, port } = workerData as ThreadData
port.on('message', (rows: Rows) => {
  if (import.meta.url.endsWith('?after')) {
    const database = new Database(path)
    configure(database)
    new Writing(database).commit(rows)
  }
  process.exit()
})
