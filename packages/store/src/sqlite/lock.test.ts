import assert from 'node:assert/strict'
import { linkSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { startChild } from '../../test/child.ts'
import { makeFolder } from '../../test/folder.ts'
import { openSqliteStore } from './index.ts'

describe('one writer', () => {
  test('another process is refused, with the process id of the writer', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const store = await openSqliteStore({ path })
    await using child = startChild('open.ts', [path])
    const line = await child.nextLine()
    await child.finish()
    store.close()
    assert.match(line, /^STORE_LOCKED /)
    assert.match(line, new RegExp(` by process ${process.pid}$`))
  })

  test('a second writer in this process is refused alike, and costs the first nothing', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    const store = await openSqliteStore({ path })
    for (let i = 0; i < 3; i++) {
      await assert.rejects(openSqliteStore({ path }), {
        code: 'STORE_LOCKED',
        message: new RegExp(`this process, ${process.pid}`),
      })
    }
    // Closing any descriptor of a file drops the locks a process has on it: the refused must not have done so.
    await using child = startChild('open.ts', [path])
    assert.match(await child.nextLine(), /^STORE_LOCKED /)
    await child.finish()
    store.close()
    ;(await openSqliteStore({ path })).close()
  })

  test('the writer of another process is named, and a killed one leaves no lock', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    await using child = startChild('open.ts', [path])
    assert.equal(await child.nextLine(), 'open 0')
    await assert.rejects(openSqliteStore({ path }), {
      code: 'STORE_LOCKED',
      message: new RegExp(`process ${child.pid}$`),
    })
    await child.kill()
    ;(await openSqliteStore({ path })).close()
  })

  test('a writer that ends makes room for the next', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    await using child = startChild('open.ts', [path])
    await child.nextLine()
    await child.finish()
    ;(await openSqliteStore({ path })).close()
    assert.deepEqual(readdirSync(folder.path).sort(), ['castellan.db', 'castellan.db-lock'])
  })

  test('one file is one store, by whatever path', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    symlinkSync(path, join(folder.path, 'link.db'))
    symlinkSync('link.db', join(folder.path, 'link-to-link.db'))
    mkdirSync(join(folder.path, 'real'))
    symlinkSync('real', join(folder.path, 'linked'))
    symlinkSync(folder.path, join(folder.path, 'real', 'back'))
    // Opened through a link that leads nowhere yet: made where it points.
    const store = await openSqliteStore({ path: join(folder.path, 'link.db') })
    assert.equal(store.path, path)
    const paths = [
      path,
      relative(process.cwd(), path),
      join(folder.path, 'link-to-link.db'),
      join(folder.path, 'linked', 'back', 'castellan.db'),
      `${folder.path}/real/../castellan.db`,
    ]
    for (const other of paths)
      await assert.rejects(openSqliteStore({ path: other }), { code: 'STORE_LOCKED' })
    store.close()
  })

  test('a hard link, which SQLite would take for another database, is refused', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    ;(await openSqliteStore({ path })).close()
    linkSync(path, join(folder.path, 'again.db'))
    for (const name of ['castellan.db', 'again.db']) {
      await assert.rejects(openSqliteStore({ path: join(folder.path, name) }), {
        code: 'STORE_FAILED',
        message: /2 names/,
      })
    }
  })

  test('a loop of links and a folder are refused by name', async () => {
    using folder = makeFolder()
    symlinkSync('b.db', join(folder.path, 'a.db'))
    symlinkSync('a.db', join(folder.path, 'b.db'))
    await assert.rejects(openSqliteStore({ path: join(folder.path, 'a.db') }), {
      code: 'STORE_FAILED',
      message: /loop/,
    })
    await assert.rejects(openSqliteStore({ path: folder.path }), {
      code: 'STORE_FAILED',
      message: /not a file/,
    })
  })

  test('a process id that nobody could write down is no obstacle', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    mkdirSync(`${path}-pid`)
    const store = await openSqliteStore({ path })
    await assert.rejects(openSqliteStore({ path }), { code: 'STORE_LOCKED', message: /another process/ })
    store.close()
  })
})
