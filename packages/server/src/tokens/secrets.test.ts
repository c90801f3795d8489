import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test, type TestContext } from 'node:test'
import { MemoryTokenSecrets } from './memory.ts'
import { hashSecret, newSecret, type TokenSecrets } from './secret.ts'
import { openSqliteTokenSecrets } from './sqlite.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-tokens-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const kinds: readonly { readonly name: string; readonly open: (t: TestContext) => TokenSecrets }[] = [
  { name: 'in memory', open: () => new MemoryTokenSecrets() },
  { name: 'in SQLite', open: (t) => openSqliteTokenSecrets({ path: join(folder(t), 'tokens.db') }) },
]

for (const { name, open } of kinds) {
  describe(`token secrets ${name}`, () => {
    test('find what was put, until it is removed', (t) => {
      const secrets = open(t)
      t.after(() => secrets.close())
      const hashes = Array.from({ length: 50 }, () => hashSecret(newSecret()))
      for (const [i, hash] of hashes.entries()) secrets.put(`t${i}`, hash)
      for (const [i, hash] of hashes.entries()) assert.equal(secrets.find(hash), `t${i}`)
      secrets.remove('t7')
      secrets.remove('t7')
      secrets.remove('unknown')
      assert.equal(secrets.find(hashes[7]!), undefined)
      assert.equal(secrets.find(hashes[8]!), 't8')
      assert.equal(secrets.find(hashSecret(newSecret())), undefined)
    })

    test('compare the whole hash, and tell apart those that begin alike', (t) => {
      const secrets = open(t)
      t.after(() => secrets.close())
      const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 1)]
      b[31] = 2
      secrets.put('a', a)
      assert.equal(secrets.find(b), undefined)
      secrets.put('b', b)
      assert.deepEqual([secrets.find(a), secrets.find(b)], ['a', 'b'])
      secrets.remove('a')
      assert.deepEqual([secrets.find(a), secrets.find(b)], [undefined, 'b'])
    })

    test('have a version that grows with every secret put or removed', (t) => {
      const secrets = open(t)
      const versions = [secrets.version]
      secrets.find(hashSecret(newSecret()))
      assert.equal(secrets.version, versions[0])
      secrets.put('t', hashSecret(newSecret()))
      versions.push(secrets.version)
      secrets.put('t', hashSecret(newSecret()))
      versions.push(secrets.version)
      secrets.remove('t')
      versions.push(secrets.version)
      secrets.close()
      versions.push(secrets.version)
      assert.deepEqual(
        versions,
        [...new Set(versions)].sort((a, b) => a - b),
      )
    })

    test('keep one secret for a token', (t) => {
      const secrets = open(t)
      t.after(() => secrets.close())
      const [old, fresh] = [hashSecret(newSecret()), hashSecret(newSecret())]
      secrets.put('t', old)
      assert.equal(secrets.find(old), 't')
      secrets.put('t', fresh)
      assert.deepEqual([secrets.find(old), secrets.find(fresh)], [undefined, 't'])
    })
  })
}

test('secrets have 256 bits and are never the same', () => {
  const secrets = new Set(Array.from({ length: 1_000 }, newSecret))
  assert.equal(secrets.size, 1_000)
  for (const secret of secrets) assert.match(secret, /^cst_[A-Za-z0-9_-]{43}$/)
})

describe('the database of token hashes', () => {
  test('survives closing, is its owner’s alone, and holds no secret', (t) => {
    const path = join(folder(t), 'tokens.db')
    const secret = newSecret()
    const first = openSqliteTokenSecrets({ path })
    first.put('t', hashSecret(secret))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600)
    assert.equal(readFileSync(`${path}-wal`).includes(secret), false)
    first.close()
    first.close()
    assert.equal(readFileSync(path).includes(secret), false)
    const second = openSqliteTokenSecrets({ path })
    assert.equal(second.find(hashSecret(secret)), 't')
    second.close()
  })

  test('of a newer version, or no database, is refused as it is', (t) => {
    const path = join(folder(t), 'tokens.db')
    openSqliteTokenSecrets({ path }).close()
    const database = new DatabaseSync(path)
    database.exec('PRAGMA user_version = 2')
    database.close()
    assert.throws(() => openSqliteTokenSecrets({ path }), { code: 'STORE_NEWER' })
    assert.throws(() => openSqliteTokenSecrets({ path: join(path, 'nowhere', 'tokens.db') }), {
      code: 'STORE_FAILED',
    })
  })

  test('looks a hash up by its index', (t) => {
    const path = join(folder(t), 'tokens.db')
    openSqliteTokenSecrets({ path }).close()
    const database = new DatabaseSync(path)
    const plan = JSON.stringify(
      database.prepare('EXPLAIN QUERY PLAN SELECT token, hash FROM token_secret WHERE selector = ?').all('x'),
    )
    database.close()
    assert.match(plan, /USING INDEX token_secret_selector/)
  })
})
