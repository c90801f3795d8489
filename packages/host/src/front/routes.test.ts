import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findRoute } from './routes.ts'

const ROUTES = [
  { path: '/users', method: 'GET', script: 'list.js' },
  { path: '/users/:id', method: 'GET', script: 'get.js' },
  { path: '/users/:id', method: 'PUT', script: 'put.js' },
  { path: '/:category/:slug/images/:imageId?', method: 'GET', script: 'image.js' },
  { path: '/any', method: 'ALL', script: 'any.js' },
  { path: '/files/*', method: 'GET', script: 'files.js' },
  { path: '/__proto__/:constructor', method: 'GET', script: 'proto.js' },
]

describe('findRoute', () => {
  const cases: readonly {
    method: string
    path: string
    script: string
    params: Record<string, string>
  }[] = [
    { method: 'GET', path: 'users', script: 'list.js', params: {} },
    { method: 'HEAD', path: 'users/4', script: 'get.js', params: { id: '4' } },
    { method: 'PUT', path: 'users/4', script: 'put.js', params: { id: '4' } },
    { method: 'GET', path: 'a/b/images', script: 'image.js', params: { category: 'a', slug: 'b' } },
    {
      method: 'GET',
      path: 'a/b/images/7',
      script: 'image.js',
      params: { category: 'a', slug: 'b', imageId: '7' },
    },
    { method: 'DELETE', path: 'any', script: 'any.js', params: {} },
    { method: 'GET', path: 'files/a/b', script: 'files.js', params: { '*': 'a/b' } },
    { method: 'GET', path: '__proto__/x', script: 'proto.js', params: { constructor: 'x' } },
  ]
  for (const { method, path, script, params } of cases)
    test(`${method} /${path} is for ${script}`, () => {
      const { match } = findRoute(ROUTES, method, { names: path.split('/'), isFolder: false })
      assert.equal(match?.script, script)
      assert.deepEqual({ ...match?.params }, params)
    })

  test('says which methods a path takes when it does not take this one', () => {
    const found = findRoute(ROUTES, 'DELETE', { names: ['users', '4'], isFolder: false })
    assert.deepEqual(found, { match: undefined, methods: ['GET', 'PUT'] })
  })

  for (const path of ['user', 'users/4/5', 'a/b/images/7/8', 'a/b'])
    test(`/${path} is no route’s`, () =>
      assert.equal(findRoute(ROUTES, 'GET', { names: path.split('/'), isFolder: false }).match, undefined))
})
