import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findAddressed, type Addressed } from './address.ts'

function at(url: string, host = 'example.com:7070', appsHost = ''): Addressed | undefined {
  return findAddressed(url, host, { appsHost, publicUrl: () => 'https://example.com' })
}

function idAndPath(addressed: Addressed | undefined): readonly [string, string] | undefined {
  return addressed !== undefined && 'visit' in addressed ? [addressed.id, addressed.visit.path] : undefined
}

describe('beneath the server’s address', () => {
  const cases: readonly [string, readonly [string, string] | undefined][] = [
    ['/blog', ['blog', '']],
    ['/blog?x=/y', ['blog', '']],
    ['/blog/', ['blog', '/']],
    ['/blog/api/x?y', ['blog', '/api/x']],
    ['/my-app_2/a', ['my-app_2', '/a']],
    ['/Blog/', undefined],
    ['/%62log/', undefined],
    ['/__proto__/', undefined],
    ['//blog/', undefined],
    ['/', undefined],
    ['/-x/', undefined],
    [`/${'a'.repeat(64)}/`, undefined],
  ]
  for (const [url, expected] of cases)
    test(`${url.slice(0, 30)} is ${expected === undefined ? 'no app’s' : expected.join(' at ')}`, () =>
      assert.deepEqual(idAndPath(at(url)), expected))
})

describe('at an origin of its own', () => {
  test('an app has all paths, and keeps them from the server', () => {
    assert.deepEqual(idAndPath(at('/v1/check', 'blog.apps.example.com:7070', 'apps.example.com')), [
      'blog',
      '/v1/check',
    ])
    assert.deepEqual(idAndPath(at('/v1/check', 'BLOG.apps.example.com.', 'apps.example.com')), [
      'blog',
      '/v1/check',
    ])
    assert.deepEqual(idAndPath(at('/', 'a.b.apps.example.com', 'apps.example.com')), ['a.b', '/'])
  })

  test('the server’s own address sends visitors there', () => {
    assert.deepEqual(at('/blog/a?b=1', 'example.com:7070', 'apps.example.com'), {
      id: 'blog',
      redirect: 'https://blog.apps.example.com:7070/a?b=1',
    })
    assert.deepEqual(at('/blog?b=1', 'example.com', 'apps.example.com'), {
      id: 'blog',
      redirect: 'https://blog.apps.example.com/?b=1',
    })
  })

  test('a host that only ends like it is another', () => {
    assert.equal(at('/', 'blogapps.example.com', 'apps.example.com'), undefined)
    assert.equal(at('/', 'apps.example.com', 'apps.example.com'), undefined)
  })
})
