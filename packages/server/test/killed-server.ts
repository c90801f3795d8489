// A server over SQLite in a folder, for `src/once.test.ts`: SIGKILL comes after so many commits, before they are answered.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CommitDone, Store } from '@castellan/engine'
import { openLive } from '@castellan/store'
import { openSqliteStore } from '@castellan/store/sqlite'
import { createServer } from '../src/server.ts'
import { issueToken } from '../src/tokens/issue.ts'
import { openSqliteTokenSecrets } from '../src/tokens/sqlite.ts'

const [dir = '', commits = ''] = process.argv.slice(2)
mkdirSync(dir, { recursive: true })
const store = await openSqliteStore({ path: join(dir, 'castellan.db') })
let left = Infinity
const count = (): void => {
  if (--left === 0) process.kill(process.pid, 'SIGKILL')
}
const killing: Store = new Proxy(store, {
  get(target, name) {
    const value: unknown = Reflect.get(target, name, target)
    if (name === 'commit')
      return (...args: Parameters<Store['commit']>) => {
        target.commit(...args)
        count()
      }
    if (name === 'commitAside')
      return (...[group, done, receipts]: Parameters<NonNullable<Store['commitAside']>>) => {
        const killed: CommitDone = (...outcome) => {
          count()
          done(...outcome)
        }
        target.commitAside!(group, killed, receipts)
      }
    return typeof value === 'function' ? (value as () => unknown).bind(target) : value
  },
})
const live = openLive({ store: killing, holdMsMax: dir.endsWith('aside') ? 0 : Infinity })
const tokens = openSqliteTokenSecrets({ path: join(dir, 'tokens.db') })
const file = join(dir, 'token')
if (!existsSync(file)) {
  await live.change([
    { add: { kind: 'user', id: 'admin' } },
    ...['castellan:facts', 'castellan:journal'].map((permission) => ({
      add: { kind: 'grant', issuer: 'system', holder: 'user:admin', permission, extra: {} } as const,
    })),
  ])
  const { secret } = await issueToken({ live, tokens }, { issuer: 'user:admin', full: true })
  writeFileSync(file, secret)
}
left = Number(commits)
const address = await createServer({ live, tokens }).listen({ port: 0 })
process.stdout.write(`${JSON.stringify({ address, token: readFileSync(file, 'utf8') })}\n`)
