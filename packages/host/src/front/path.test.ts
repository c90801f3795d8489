import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAppPath } from './path.ts'

describe('parseAppPath', () => {
  const good = [
    { path: '/', names: [], isFolder: true },
    { path: '/api/hello', names: ['api', 'hello'], isFolder: false },
    { path: '/css/', names: ['css'], isFolder: true },
    { path: '/na%20me/%C3%A9.txt', names: ['na me', 'é.txt'], isFolder: false },
    { path: '/box-art/boxes/x', names: ['box-art', 'boxes', 'x'], isFolder: false },
    { path: '/a/box', names: ['a', 'box'], isFolder: false },
    { path: '/__proto__/constructor', names: ['__proto__', 'constructor'], isFolder: false },
    { path: '/%2525', names: ['%25'], isFolder: false },
  ]
  for (const { path, names, isFolder } of good)
    test(`reads ${path}`, () => assert.deepEqual(parseAppPath(path), { names, isFolder }))

  const bad = [
    '/box',
    '/box/app.json',
    '/BOX/app.json',
    '/%62ox/app.json',
    '/b%6Fx/app.json',
    '/bo%E2%80%8Bx/app.json',
    '/%EF%BD%82%EF%BD%8F%EF%BD%98/app.json',
    '/box%20/app.json',
    '/box./app.json',
    '/box%00/app.json',
    '/./box/app.json',
    '/x/../box/app.json',
    '/x/%2e%2e/box/app.json',
    '/x/..%2fbox/app.json',
    '/x%2f..%2fbox',
    '//box/app.json',
    '/x//y',
    '/x%5c..%5cbox',
    '/box::$DATA/app.json',
    '/.env',
    '/x/.git/config',
    '/%00',
    '/a%0ab',
    `/${'a'.repeat(256)}`,
    `/${'a/'.repeat(33)}`,
  ]
  for (const path of bad)
    test(`finds nothing at ${path.slice(0, 40)}`, () =>
      assert.throws(() => parseAppPath(path), { code: 'NOT_FOUND' }))

  for (const path of ['/%', '/%zz', '/%ff', '/%c0%af..', '/%ed%a0%80'])
    test(`refuses ${path}, which is not UTF-8`, () =>
      assert.throws(() => parseAppPath(path), { code: 'REQUEST_INVALID' }))
})
