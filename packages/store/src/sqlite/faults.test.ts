import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Commit, Fact, Store } from '@castellan/engine'
import { startChild } from '../../test/child.ts'
import { makeFolder } from '../../test/folder.ts'
import { findSmallDisk } from '../../test/small-disk.ts'
import { Script } from '../suite/script.ts'
import { verifyStore } from '../verify.ts'
import { Database } from './database.ts'
import { backup, openSqliteReader, openSqliteStore } from './index.ts'

const PAGE = 4096

describe('a full disk', () => {
  const skip = withSmallDisk(1_000_000, () => true) === undefined && 'no disk can be mounted here'

  test('refuses the commit, keeps all before it, and goes on when there is room', { skip }, async () => {
    using disk = findSmallDisk(2_000_000)
    assert.ok(disk)
    const path = join(disk.path, 'castellan.db')
    const ballast = join(disk.path, 'ballast')
    writeFileSync(ballast, Buffer.alloc(500_000))
    const store = await openSqliteStore({ path })
    const script = new Script()
    const refused = fillUp(store, script)
    assert.ok(refused.revision > 3)
    for (let i = 0; i < 3; i++) assert.throws(() => store.commit([refused]), { code: 'STORE_FULL' })
    assertWhole(store, refused.revision - 1)
    rmSync(ballast)
    store.commit([refused])
    assertWhole(store, refused.revision)
    store.close()
    const again = await openSqliteStore({ path })
    assertWhole(again, refused.revision)
    again.close()
  })

  test('keeps nothing of a group that has only partly room', { skip }, async () => {
    using disk = findSmallDisk(2_000_000)
    assert.ok(disk)
    const store = await openSqliteStore({ path: join(disk.path, 'castellan.db') })
    const script = new Script()
    store.commit([script.add({ kind: 'user', id: 'before' })])
    const group = Array.from({ length: 100 }, () => script.add(...largeFacts(script.revision)))
    assert.throws(() => store.commit(group), { code: 'STORE_FULL' })
    assertWhole(store, 1)
    store.commit(group.slice(0, 1))
    assertWhole(store, 2)
    store.close()
  })

  test('opens no store that it cannot serve, and leaves no half one', { skip }, async () => {
    using disk = findSmallDisk(200_000)
    assert.ok(disk)
    const path = join(disk.path, 'castellan.db')
    const ballast = join(disk.path, 'ballast')
    fillDisk(ballast)
    await assert.rejects(openSqliteStore({ path }), { code: 'STORE_FULL' })
    assert.equal(existsSync(path), false)
    rmSync(ballast)
    ;(await openSqliteStore({ path })).close()
    fillDisk(ballast)
    const before = fingerprint(path)
    await assert.rejects(openSqliteStore({ path }), { code: 'STORE_FULL' })
    assert.equal(fingerprint(path), before)
    rmSync(ballast)
    ;(await openSqliteStore({ path })).close()
  })

  test('takes no half backup', { skip }, async () => {
    using disk = findSmallDisk(300_000)
    assert.ok(disk)
    using folder = makeFolder()
    const store = await openSqliteStore({ path: join(folder.path, 'castellan.db') })
    const script = new Script()
    for (let i = 0; i < 5; i++) store.commit([script.add(...largeFacts(i))])
    await assert.rejects(backup(store, join(disk.path, 'copy.db')), { code: 'STORE_FULL' })
    assert.deepEqual(readdirSync(disk.path), [])
    store.close()
  })

  test('has one code, whoever runs out of pages', () => {
    using folder = makeFolder()
    const database = new Database(join(folder.path, 'small.db'))
    database.exec('PRAGMA max_page_count = 2; CREATE TABLE t (x)')
    const insert = database.prepare('INSERT INTO t VALUES (?)')
    assert.throws(() => database.guard(() => insert.run('x'.repeat(PAGE * 3))), { code: 'STORE_FULL' })
    database.close()
  })
})

for (const way of ['at once', 'aside']) {
  test(
    `a disk that fails in the middle of a group committed ${way} costs nothing but that group`,
    { skip: process.platform === 'win32' },
    async () => {
      using folder = makeFolder()
      const path = join(folder.path, 'castellan.db')
      ;(await openSqliteStore({ path })).close()
      await using child = startChild('limited.ts', [path, way], { fileBlocksMax: 4000 })
      const [code, kept] = (await child.nextLine()).split(' ')
      await child.finish()
      assert.match(code ?? '', /^STORE_(FAILED|FULL)$/)
      const store = await openSqliteStore({ path })
      assertWhole(store, Number(kept))
      assert.ok(store.revision > 3)
      store.close()
    },
  )
}

describe('what may only be read', () => {
  const cases = [
    { name: 'a read-only file', file: 0o444, folder: 0o777 },
    { name: 'a read-only folder', file: 0o666, folder: 0o555 },
    { name: 'both', file: 0o444, folder: 0o555 },
  ]
  for (const { name, ...modes } of cases) {
    test(
      `${name} is refused for writing, and can still be read`,
      { skip: process.platform === 'win32' },
      async () => {
        using folder = makeFolder()
        const path = join(folder.path, 'castellan.db')
        const store = await openSqliteStore({ path })
        store.commit([new Script().add({ kind: 'user', id: 'alice' })])
        store.close()
        rmSync(`${path}-lock`)
        const before = fingerprint(path)
        chmodSync(path, modes.file)
        chmodSync(folder.path, modes.folder)
        await asNobody(async () => {
          await assert.rejects(openSqliteStore({ path }), { code: 'STORE_READ_ONLY' })
          const reader = openSqliteReader({ path })
          assert.deepEqual([...reader.load()], [{ kind: 'user', id: 'alice' }])
          reader.close()
        })
        chmodSync(folder.path, 0o777)
        assert.equal(fingerprint(path), before)
      },
    )
  }
})

describe('a file that is not ours to open', () => {
  const files: { name: string; make: (path: string) => void; code: string }[] = [
    { name: 'text', make: (path) => writeFileSync(path, 'to whom it may concern'), code: 'STORE_CORRUPT' },
    { name: 'nothing at all', make: (path) => writeFileSync(path, ''), code: 'STORE_CORRUPT' },
    { name: 'noise', make: (path) => writeFileSync(path, noise(40_000)), code: 'STORE_CORRUPT' },
    {
      name: 'another application’s database',
      make: (path) => withSqlite(path, 'CREATE TABLE t (x)'),
      code: 'STORE_CORRUPT',
    },
    {
      name: 'another application’s database of a later version',
      make: (path) => withSqlite(path, 'CREATE TABLE t (x); PRAGMA user_version = 7'),
      code: 'STORE_CORRUPT',
    },
    {
      name: 'a database of ours without its tables',
      make: (path) =>
        withSqlite(path, 'PRAGMA application_id = 0x6373746c; PRAGMA user_version = 1; CREATE TABLE t (x)'),
      code: 'STORE_CORRUPT',
    },
    {
      name: 'a database of ours without a schema',
      make: (path) => withSqlite(path, 'PRAGMA application_id = 0x6373746c; CREATE TABLE t (x)'),
      code: 'STORE_CORRUPT',
    },
    {
      name: 'a newer database',
      make: (path) =>
        withSqlite(
          path,
          'PRAGMA application_id = 0x6373746c; PRAGMA user_version = 99; CREATE TABLE facts (y)',
        ),
      code: 'STORE_NEWER',
    },
    {
      name: 'a write-ahead log without its database',
      make: (path) => writeFileSync(`${path}-wal`, noise(5000)),
      code: 'STORE_CORRUPT',
    },
  ]
  for (const { name, make, code } of files) {
    test(`${name} is refused and left alone`, async () => {
      using folder = makeFolder()
      const path = join(folder.path, 'castellan.db')
      make(path)
      const before = fingerprint(path)
      await assert.rejects(openSqliteStore({ path }), { code })
      assert.equal(fingerprint(path), before)
      if (existsSync(path)) assert.throws(() => openSqliteReader({ path }), { code })
    })
  }

  test('a newer database that its writer left in a hurry keeps its log', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'castellan.db')
    await leaveInAHurry(path)
    // A header written to the log alone: whoever tidied up would bring it into the database.
    const database = new DatabaseSync(path)
    database.exec('PRAGMA user_version = 99')
    const [db, wal] = [readFileSync(path), readFileSync(`${path}-wal`)]
    database.close()
    writeFileSync(path, db)
    writeFileSync(`${path}-wal`, wal)
    const before = fingerprint(path)
    await assert.rejects(openSqliteStore({ path }), { code: 'STORE_NEWER' })
    assert.equal(fingerprint(path), before)
  })

  test('a missing file or folder is named', async () => {
    using folder = makeFolder()
    const path = join(folder.path, 'none.db')
    await assert.rejects(openSqliteStore({ path, create: false }), {
      code: 'STORE_MISSING',
      message: /none\.db/,
    })
    assert.throws(() => openSqliteReader({ path }), { code: 'STORE_MISSING' })
    assert.deepEqual(readdirSync(folder.path), [])
    const deep = join(folder.path, 'no', 'where', 'castellan.db')
    await assert.rejects(openSqliteStore({ path: deep }), { code: 'STORE_MISSING', message: /no\/where/ })
  })
})

describe('a damaged database', () => {
  for (const length of [1, 100, PAGE - 1, PAGE, PAGE * 3, PAGE * 10 + 17, -PAGE, -1]) {
    test(`is refused when it was cut ${length > 0 ? `to ${length}` : `by ${-length}`} bytes`, async () => {
      using folder = makeFolder()
      const path = await makeDatabase(folder.path)
      truncateSync(path, length > 0 ? length : readFileSync(path).length + length)
      const before = fingerprint(path)
      await assert.rejects(openSqliteStore({ path }), { code: /^(STORE_CORRUPT|JOURNAL_BROKEN)$/ })
      assert.equal(fingerprint(path), before)
    })
  }

  for (const [name, fill] of [
    ['ones', () => 0xff],
    ['zeros', () => 0],
    ['noise', (i: number) => (i * 7919) % 251],
  ] as const) {
    test(`is found out when any one page is overwritten with ${name}`, async () => {
      using folder = makeFolder()
      const path = await makeDatabase(folder.path)
      const whole = readFileSync(path)
      for (let page = 0; page < whole.length / PAGE; page++) {
        const damaged = Buffer.from(whole)
        for (let i = 0; i < PAGE; i++) damaged[page * PAGE + i] = fill(i)
        writeFileSync(path, damaged)
        const found = await findDamage(path)
        assert.match(found ?? `page ${page} passes`, /^(STORE_CORRUPT|JOURNAL_BROKEN|verify)/)
      }
    })
  }

  test('is found out by verifying when one letter was changed', async () => {
    using folder = makeFolder()
    const path = await makeDatabase(folder.path)
    const whole = readFileSync(path)
    const content = dump(path)
    let found = 0
    for (const word of ['holder-3', 'claim-3']) {
      for (let at = whole.indexOf(word); at >= 0; at = whole.indexOf(word, at + 1)) {
        const damaged = Buffer.from(whole)
        damaged[at + 1] = (damaged[at + 1] as number) ^ 1
        writeFileSync(path, damaged)
        // Some stand in space that is no longer used, where nothing reads them.
        if ((await findDamage(path)) === undefined) assert.deepEqual(dump(path), content)
        else found++
      }
    }
    assert.ok(found >= 4, 'at least once in the facts and once in the journal, of either word')
  })

  test('is found out by verifying when facts or journal were edited with SQL', async () => {
    using folder = makeFolder()
    const path = await makeDatabase(folder.path)
    const whole = readFileSync(path)
    const edits = [
      `UPDATE facts SET body = '{"extra":{"all":true}}' WHERE kind = 7 AND k2 = 'user:holder-3'`,
      `DELETE FROM facts WHERE kind = 7 AND k2 = 'user:holder-3'`,
      `UPDATE facts SET body = NULL WHERE kind = 7 AND k2 = 'user:holder-3'`,
      `UPDATE facts SET body = '' WHERE body IS NULL`,
      `DELETE FROM facts WHERE body IS NULL`,
      `UPDATE facts SET revision = revision + 1 WHERE kind = 7 AND k2 = 'user:holder-3'`,
      `INSERT INTO facts VALUES (7, 'system', 'user:mallory', 'a', '', 1)`,
      `INSERT INTO facts VALUES (7, 'system', 'user:mallory', 'a', NULL, 1)`,
      `INSERT INTO facts VALUES (99, 'x', '', '', '', 1)`,
      `UPDATE journal SET actor = 'user:mallory' WHERE revision = 5`,
      `DELETE FROM journal WHERE revision = 5`,
      `DELETE FROM journal WHERE revision = (SELECT max(revision) FROM journal)`,
      `DELETE FROM journal WHERE revision = 1`,
      `UPDATE journal SET revision = revision + 100 WHERE revision = (SELECT max(revision) FROM journal)`,
      `DELETE FROM journal`,
    ]
    for (const edit of edits) {
      writeFileSync(path, whole)
      withSqlite(path, edit)
      assert.match((await findDamage(path)) ?? `not found: ${edit}`, /^(STORE_CORRUPT|JOURNAL_BROKEN|verify)/)
    }
  })

  test('is not served when the end of its journal was edited', async () => {
    using folder = makeFolder()
    const path = await makeDatabase(folder.path)
    withSqlite(
      path,
      `UPDATE journal SET actor = 'user:mallory' WHERE revision = (SELECT max(revision) FROM journal)`,
    )
    await assert.rejects(openSqliteStore({ path }), { code: 'JOURNAL_BROKEN' })
  })
})

/** @returns the code of the first error on the way from opening to verifying; undefined when all is well */
async function findDamage(path: string): Promise<string | undefined> {
  for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true })
  try {
    const store = await openSqliteStore({ path })
    try {
      for (const _ of store.load()) continue
      for (const _ of store.journal(0)) continue
    } finally {
      store.close()
    }
    const reader = openSqliteReader({ path })
    try {
      const found = reader.verify()
      return found.ok ? undefined : `verify: ${found.message}`
    } finally {
      reader.close()
    }
  } catch (error) {
    const { code, stack } = error as { code?: string; stack: string }
    return code ?? stack
  }
}

function dump(path: string): unknown {
  const reader = openSqliteReader({ path })
  const content = JSON.stringify([[...reader.load()], [...reader.loadRetired()], [...reader.journal(0)]])
  reader.close()
  return content
}

async function makeDatabase(folder: string): Promise<string> {
  const path = join(folder, 'castellan.db')
  const store = await openSqliteStore({ path })
  const script = new Script()
  for (let i = 0; i < 60; i++) {
    store.commit([
      script.add({ kind: 'user', id: `user-${i}` }, { kind: 'user', id: `gone-${i}` }),
      script.add(grantOf(i), {
        kind: 'resource',
        permission: `a:${i}`,
        owner: 'user:user-0',
        name: 'x'.repeat(200),
      }),
      script.remove({ kind: 'user', id: `gone-${i}` }),
    ])
  }
  store.close()
  return path
}

function grantOf(i: number): Fact {
  return {
    kind: 'grant',
    issuer: 'user:user-0',
    holder: `user:holder-${i}`,
    permission: `a:${i}`,
    extra: { claim: `claim-${i}` },
  }
}

/** A database as its writer leaves it when it is killed. */
async function leaveInAHurry(path: string): Promise<void> {
  await using child = startChild('open.ts', [path])
  await child.nextLine()
  await child.kill()
}

/** Commits until one is refused for want of room, and hands that one back. */
function fillUp(store: Store, script: Script): Commit {
  for (;;) {
    const commit = script.add(...largeFacts(script.revision))
    try {
      store.commit([commit])
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'STORE_FULL')
      return commit
    }
  }
}

function largeFacts(tag: number): Fact[] {
  return Array.from(
    { length: 8 },
    (_, i) => ({ ...grantOf(tag * 8 + i), extra: { text: 'x'.repeat(5000) } }) as Fact,
  )
}

function assertWhole(store: Store, revision: number): void {
  assert.deepEqual(verifyStore(store), { ok: true, revision, head: store.head })
}

function fillDisk(path: string): void {
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' })
    } catch {
      continue
    }
  }
}

/** What a database and its log hold; a log without anything in it is as good as none. */
function fingerprint(path: string): string {
  const parts = [path, `${path}-wal`].map((file) => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0)))
  return parts.map((part) => createHash('sha256').update(part).digest('hex')).join(' ')
}

function withSqlite(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

function withSmallDisk<Result>(bytes: number, body: (path: string) => Result): Result | undefined {
  using disk = findSmallDisk(bytes)
  return disk === undefined ? undefined : body(disk.path)
}

function noise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * i * 31 + i * 7) % 256))
}

/** Root may write everything; so for a moment this process is somebody else. */
async function asNobody(body: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return await body()
  process.seteuid?.(65_534)
  try {
    await body()
  } finally {
    process.seteuid?.(0)
  }
}
