// The thread that `aside.ts` starts: takes groups one by one, answers each when it is on the disk, ends when told.
import { workerData } from 'node:worker_threads'
import { problemOf, type ThreadAnswer, type ThreadData, type ThreadSays } from './aside.ts'
import { Database } from './database.ts'
import { configure } from './store.ts'
import { Writing, type Rows } from './writing.ts'

const { path, port, closed } = workerData as ThreadData
// However it ends: whoever waits for it must not wait for ever.
process.on('exit', letGo)
const database = new Database(path)
configure(database)
const writing = new Writing(database)
port.on('message', (rows: Rows | null) => {
  if (rows !== null) return port.postMessage(answerOf(rows))
  database.close()
  letGo()
  port.close()
})
port.postMessage('ready' satisfies ThreadSays)

function answerOf(rows: Rows): ThreadAnswer {
  const start = performance.now()
  try {
    writing.commit(rows)
    return { ms: performance.now() - start }
  } catch (error) {
    return { ms: performance.now() - start, problem: problemOf(error) }
  }
}

function letGo(): void {
  Atomics.store(closed, 0, 1)
  Atomics.notify(closed, 0)
}
