// Opens the store named by the first argument, says `open` or the code and message of the refusal, and keeps it open
// until standard input ends.
import { openSqliteStore } from '@castellan/store'

try {
  const store = await openSqliteStore({ path: process.argv[2] as string })
  process.stdout.write(`open ${store.revision}\n`)
  for await (const _ of process.stdin) continue
  store.close()
} catch (error) {
  const { code, message } = error as { code: string; message: string }
  process.stdout.write(`${code} ${message}\n`)
}
